-- expect: error yielded
coroutine.yield(1)
