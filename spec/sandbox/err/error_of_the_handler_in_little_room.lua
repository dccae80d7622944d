-- expect: memory|ok
-- options: --memory 120000
-- The words for an error in a handler, where they hardly fit.
local keep = {}
for i = 1, 2000 do
  keep[i] = { xpcall(error, function(e) error(e) end, i) }
end
return #keep
