-- expect: error invalid value
table.concat({}, "", 1, math.maxinteger)
