-- expect: ok
-- result: [false,"late"]
local co = coroutine.create(function()
  local x <close> = setmetatable({}, { __close = function() error("late", 0) end })
  coroutine.yield()
end)
coroutine.resume(co)
local ok, why = coroutine.close(co)
return { ok, why }
