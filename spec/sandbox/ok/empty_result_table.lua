-- expect: ok
-- result: {}
return {}
