-- expect: ok
-- result: "  42|0x2a|3.142|x   |\"q\\\"\"|%"
return ("%4d|%#x|%.3f|%-4s|%q|%%"):format(42, 42, 3.14159, "x", 'q"')
