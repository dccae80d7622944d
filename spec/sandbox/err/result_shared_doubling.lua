-- 2^40 paths through 40 tables.
-- expect: error|instructions|memory
local t = {}
for i = 1, 40 do t = { t, t } end
return t
