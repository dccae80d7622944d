-- expect: memory
-- options: --memory 8388608
-- The handler does not see it.
return xpcall(function() local t = {} while true do t = { t } end end, function() return "seen" end)
