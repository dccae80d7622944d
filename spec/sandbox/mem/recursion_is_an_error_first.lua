-- expect: ok
-- result: true
local function f() return 1 + f() end
local ok, why = pcall(f)
return not ok and why:find("stack overflow") ~= nil
