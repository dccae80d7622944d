-- expect: instructions
repeat until false
