-- expect: memory
-- options: --memory 8388608
-- In a metamethod that a C function calls.
print(setmetatable({}, { __tostring = function() local t = {} while true do t = { t } end end }))
