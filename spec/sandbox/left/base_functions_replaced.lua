-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = type(pairs) .. type(error) .. type(pcall) .. type(tostring)
pairs, error, pcall, tostring = nil, nil, function() return true end, nil
return was
