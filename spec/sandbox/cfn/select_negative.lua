-- expect: error out of range
select(-1)
