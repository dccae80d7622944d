-- expect: error thread
return coroutine.create(print)
