-- expect: instructions|ok
-- A handler that overflows the stack, a few times.
local function h(e) return h(e) + 1 end
local ok, e
for _ = 1, 3 do ok, e = xpcall(error, h, 1) end
return ok, e
