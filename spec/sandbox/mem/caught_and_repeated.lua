-- Out of memory is final too: pcall must not give a second chance.
-- expect: memory
local keep = {}
while true do
  pcall(function() while true do keep[#keep + 1] = ("x"):rep(10000) .. #keep end end)
end
