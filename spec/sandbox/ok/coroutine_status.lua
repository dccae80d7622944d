-- expect: ok
-- result: ["suspended","running","normal","dead"]
local out, outer = {}
local co
co = coroutine.create(function()
  out[2] = coroutine.status(co)
  coroutine.wrap(function() out[3] = coroutine.status(co) end)()
end)
out[1] = coroutine.status(co)
coroutine.resume(co)
out[4] = coroutine.status(co)
return out
