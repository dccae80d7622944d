-- expect: instructions
-- Nothing of the script runs after its end.
while true do pcall(pcall, pcall, pcall, error) end
