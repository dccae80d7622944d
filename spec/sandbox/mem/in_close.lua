-- expect: memory
-- options: --memory 8388608
-- While closing.
do local x <close> = setmetatable({}, { __close = function() local t = {} while true do t = { t } end end }) end
return "alive"
