-- expect: error cannot be replayed
for k in pairs({ [coroutine.create(print)] = 1 }) do end
