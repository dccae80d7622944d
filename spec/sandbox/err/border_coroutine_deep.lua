-- expect: error value%[1%]%[1%] is a thread
return { { coroutine.create(print) } }
