-- expect: error cannot iterate
for k in next, { [print] = 1 } do return 1 end
