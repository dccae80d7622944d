-- The libraries are the same under the same seed in every process and every build, and
-- not under another seed: a state that is copied is hashed anew.
-- expect: ok
-- options: --seed 7 --runs 2
-- same: true
local out = {}
for _, name in ipairs { "string", "table", "math" } do
  local first
  for k in pairs(_G[name]) do first = first or k end
  out[#out + 1] = first
end
for k, v in pairs(_G) do assert(rawequal(rawget(_G, k), v)) end
for _, name in ipairs { "string", "table", "math", "utf8", "coroutine" } do
  local n = 0
  for k, v in pairs(_G[name]) do n = n + 1 assert(rawequal(rawget(_G[name], k), v)) end
  out[#out + 1] = n
end
out[#out + 1] = math.random(0)
out[#out + 1] = tostring {}
return out
