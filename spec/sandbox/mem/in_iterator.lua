-- expect: memory
-- options: --memory 8388608
-- In an iterator, with a closing value behind it.
local close = setmetatable({}, { __close = function() while true do end end })
for _ in function() local t = {} while true do t = { t } end end, nil, nil, close do end
