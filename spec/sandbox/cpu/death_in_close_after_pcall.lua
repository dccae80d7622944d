-- expect: instructions
-- Nothing of the script runs after its end.
pcall(function()
  local x <close> = setmetatable({}, { __close = function() print 'ghost' end })
  while true do end
end)
return 'alive'
