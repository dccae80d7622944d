-- expect: ok
-- result: true
return string.dump == nil
