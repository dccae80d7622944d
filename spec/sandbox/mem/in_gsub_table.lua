-- expect: memory
-- options: --memory 8388608
-- In a lookup that gsub makes.
("x"):gsub(".", setmetatable({}, { __index = function() local t = {} while true do t = { t } end end }))
