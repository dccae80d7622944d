-- expect: ok
-- result: true
return load == nil and loadstring == nil and loadfile == nil and dofile == nil and require == nil
