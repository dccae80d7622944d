-- expect: error cannot be replayed
for k in pairs({ [print] = 1 }) do end
