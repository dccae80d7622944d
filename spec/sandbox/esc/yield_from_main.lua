-- expect: error yield from outside a coroutine
coroutine.yield(1)
