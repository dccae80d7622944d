-- expect: instructions
local function deep(n) if n > 0 then return 1 + deep(n - 1) end
  while true do pcall(error, "x", 15000) end end
deep(15000)
