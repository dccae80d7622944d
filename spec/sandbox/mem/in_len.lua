-- expect: memory
-- options: --memory 8388608
-- In a length that insert asks for.
pcall(table.insert, setmetatable({}, { __len = function() local t = {} while true do t = { t } end end }), 1)
return "alive"
