-- options: --runs 2
-- expect: ok
-- result: "done"
parked = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() while true do end end })
  coroutine.yield()
end)
coroutine.resume(parked)
return "done"
