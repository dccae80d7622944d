-- expect: ok
-- result: true
local f = coroutine.wrap(function() error("inside") end)
local ok, why = pcall(f)
return not ok and why:find("inside$") ~= nil and why:find(":%d+:") ~= nil
