-- expect: ok
-- result: {"x":1}
return setmetatable({ x = 1 }, {
  __index = function() while true do end end, __pairs = function() while true do end end,
  __len = function() while true do end end, __tostring = function() while true do end end,
})
