-- A limit is not an error: pcall must not see it.
-- expect: instructions
while true do
  pcall(function() while true do end end)
end
