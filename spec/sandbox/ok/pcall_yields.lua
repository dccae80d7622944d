-- expect: ok
-- result: [1,2,"caught"]
local co = coroutine.wrap(function()
  local _, e = pcall(function() coroutine.yield(1); coroutine.yield(2); error("caught", 0) end)
  coroutine.yield(e)
end)
return { co(), co(), co() }
