-- expect: ok
-- result: true
return os == nil
