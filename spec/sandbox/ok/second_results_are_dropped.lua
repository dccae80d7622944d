-- expect: ok
-- result: 1
return 1, 2, 3
