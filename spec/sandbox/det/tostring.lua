-- expect: ok
-- same: true
return { tostring({}), tostring({}), tostring(print), tostring(coroutine.create(print)), string.format("%p", {}) }
