-- expect: instructions
for i = 1.0, 1e300 do end
