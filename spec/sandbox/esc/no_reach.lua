-- expect: ok
-- result: true
return io == nil and os == nil and debug == nil and package == nil and collectgarbage == nil and warn == nil
