-- expect: instructions
-- Nothing of the script runs after its end.
local co = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() pcall(function() while true do end end) print 'ghost' end })
  coroutine.yield()
end)
coroutine.resume(co)
print(pcall(coroutine.close, co))
return 'alive'
