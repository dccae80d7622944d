-- expect: memory
-- options: --memory 8388608
-- While closing because of an error.
local mt = { __close = function() local t = {} while true do t = { t } end end }
pcall(function() local x <close> = setmetatable({}, mt) error "x" end)
return "alive"
