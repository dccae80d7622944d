-- expect: ok
-- result: ["cannot resume non-suspended coroutine","cannot resume non-suspended coroutine",false]
-- a coroutine gets hold of the engine's thread, and can do nothing to it
local main = coroutine.running()
local out = {}
local co = coroutine.wrap(function()
  out[1] = select(2, coroutine.resume(main, 1))
  local inner = coroutine.wrap(function() out[2] = select(2, coroutine.resume(main)) end)
  inner()
  out[3] = pcall(coroutine.close, main)
end)
co()
return out
