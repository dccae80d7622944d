-- expect: ok
-- result: "yesnononoyesyesyesnoset"
-- A comparison as the key of a table that is no local variable.
local t = { [true] = "yes", [false] = "no" }
local function f(x, y) return t[x < y] .. t[x == y] .. t[not (x ~= y)] end
local function g(x, y) t[x > y] = "set" return t[true] end
T = t
return f(1, 2) .. f(1, 1) .. T[1 < 2] .. T[2 < 1] .. g(2, 1)
