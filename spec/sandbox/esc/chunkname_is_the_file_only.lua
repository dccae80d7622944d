-- expect: ok
-- result: true
local _, why = pcall(error, "x", 1)
local _, at = pcall(function() error("y") end)
return #at < 120 and at:find(":%d+: y$") ~= nil
