-- expect: error cannot be replayed
for k in pairs({ [{}] = 1 }) do end
