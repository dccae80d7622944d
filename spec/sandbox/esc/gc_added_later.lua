-- expect: ok
-- result: 0
local n, mt = 0, {}
mt.__gc = nil
for i = 1, 1000 do
  setmetatable({}, mt)
  mt.__gc = function() n = n + 1 end
  mt = {}
end
for i = 1, 20000 do local s = ("x"):rep(1000) .. i end
return n
