-- expect: error running
coroutine.close(coroutine.running())
