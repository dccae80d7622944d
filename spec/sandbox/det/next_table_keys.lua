-- expect: error cannot be replayed
next({ [{}] = 1 })
