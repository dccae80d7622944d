--- Scripts made by chance: scripts.make(seed, name) gives the same script everywhere.
--
-- { name, source, blocks = list of texts, events = what it waits for, racing, undos }
-- `blocks` are the parts of its run function, in order; scripts.join puts them together.
local commands = require "spec.determinism.commands"
local pure = require "spec.determinism.pure"

local scripts = {}

local function sorted(t)
  local list = {}
  for name, value in pairs(t) do
    if type(value) == "function" then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local pure_names, command_names = sorted(pure), {}
for _, name in ipairs(sorted(commands)) do
  for _ = 1, commands.weights[name] do command_names[#command_names + 1] = name end
end

--- splitmix64, so that a seed means the same whoever else throws dice.
local function chance_of(seed)
  local state = (seed ~ 0x2545f4914f6cdd1d) * 0xd1342543de82ef95
  state = (state ~ (state >> 32)) * 0xaf251af3b0f025b5
  local r = {}
  local function draw()
    state = state + 0x9e3779b97f4a7c15
    local z = state
    z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
    z = (z ~ (z >> 27)) * 0x94d049bb133111eb
    return z ~ (z >> 31)
  end
  function r.pick(list) return list[1 + math.abs(draw() >> 1) % #list] end
  return setmetatable(r, { __call = function(_, low, high) return low + (draw() >> 1) % (high - low + 1) end })
end
scripts.chance = chance_of

-- Everything a script sees goes through `mix` into one number, in the order in which the
-- script sees it: of a table in the order of its traversal. Long texts are sampled.
local head = [[
return agent { version = 1, uses = { "shape", "mail" }, caps = { instructions = 40000000 },
 run = function(ctx, input)
local h = 5381
local function add(s)
  local n = #s
  for i = 1, n, n > 80 and n // 40 or 1 do h = (h * 33 + s:byte(i)) & 0xffffffffffff end
  h = (h ~ n * 40503) & 0xffffffffffff
end
local function mix1(v, depth)
  local kind = math.type(v) or type(v)
  add(kind)
  if kind ~= "table" then return add(kind == "float" and (v ~= v and "nan" or ("%.17g"):format(v)) or tostring(v)) end
  if depth > 4 then return end
  local ok, why = pcall(function()
    local n = 0
    for k, x in pairs(v) do
      mix1(k, depth + 1) mix1(x, depth + 1)
      n = n + 1
      if n > 60 then break end
    end
  end)
  if not ok then add(tostring(why)) end
end
local function mix(...)
  for i = 1, select("#", ...) do mix1((select(i, ...)), 0) end
  return ...
end
mix(input)
]]
scripts.kid = [[
return agent { version = 1, run = function(ctx, input)
  local v = ctx.step{ name = "kid", args = input, run = function() return input.n * 2 end }
  if input.n % 5 == 0 then error({ code = "five", message = "no " .. input.n }) end
  ctx.sleep("1s")
  return { v = v, w = input.w:rep(2), at = ctx.now() % 1000 }
end }
]]

scripts.skill = [[
return skill { version = 1, about = "shapes words", effect = "pure", input = { type = "object" },
  ["local"] = function(input)
    if input.n < 0 then error("negative " .. input.n) end
    table.sort(input.words, function(a, b) return #a < #b end)
    local t = {}
    for i, w in ipairs(input.words) do t[w] = i * input.n end
    return t
  end }
]]

--- The source of blocks; each stands in a scope of its own.
function scripts.join(blocks)
  local out = { head }
  for _, block in ipairs(blocks) do
    out[#out + 1] = block:find("^return ") and block or "do\n" .. block .. "\nend"
  end
  return table.concat(out, "\n") .. "\n end }\n"
end

--- `name` is also a part of the names of its events, records and memories.
function scripts.make(seed, name)
  local r = chance_of(seed)
  local s = { name = name, seed = seed, events = {}, blocks = {}, kinds = {} }
  for n = 1, r(5, 11) do
    if r(1, 3) > 1 then
      s.kinds[#s.kinds + 1] = r.pick(pure_names)
      s.blocks[#s.blocks + 1] = "mix(pcall(function()\n" .. pure[s.kinds[#s.kinds]](r) .. "\nend))"
    end
    s.kinds[#s.kinds + 1] = r.pick(command_names)
    s.blocks[#s.blocks + 1] = commands[s.kinds[#s.kinds]](r, n, s):gsub("@([be])%f[%W]", "--[[%1]]")
  end
  if r(1, 6) == 1 then
    s.blocks[#s.blocks + 1] = ([[if h %% 4 > 0 then error(%s) end]]):format(r.pick { "'over ' .. h", "{ code = 'ended', message = 'h ' .. h }" })
  end
  s.blocks[#s.blocks + 1] = "return { h = h, at = ctx.now() % 1000000 }"
  s.source = scripts.join(s.blocks)
  return s
end

return scripts
