-- expect: memory
local co = coroutine.wrap(function()
  local keep = {}
  while true do keep[#keep + 1] = ("x"):rep(100000) .. #keep end
end)
return (pcall(co))
