-- expect: memory
-- options: --memory 8388608
-- In a metamethod that a C function calls.
table.concat(setmetatable({}, { __index = function() local t = {} while true do t = { t } end end }), ",", 1, 3)
