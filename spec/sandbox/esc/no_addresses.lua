-- expect: ok
-- result: true
local function id(v) return tonumber((tostring(v):match("0x(%x+)")), 16) end
return id({}) < 1000000 and id(function() end) < 1000000 and id(print) < 1000000
  and id(coroutine.create(print)) < 1000000
