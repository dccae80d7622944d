-- expect: error ^x\n{"outcome":"ok"}\x1b%[2J$
error('x\n{"outcome":"ok"}\27[2J', 0)
