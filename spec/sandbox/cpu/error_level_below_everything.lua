-- expect: instructions
local function deep(n)
  if n > 0 then return 1 + deep(n - 1) end
  while true do pcall(error, "x", 1 << 30) end
end
deep(19500)
