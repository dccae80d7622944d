-- expect: ok
-- options: --runs 3
local a = tostring({})
for i = 1, 100 do local x = { {} } end
return a .. tostring({}) .. tostring(function() end) .. tostring(coroutine.create(print))
