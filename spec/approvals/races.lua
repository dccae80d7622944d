--- Taking a decision back against acting on it, at the last moment: one of the two, never both.
--
--   build/keel lua spec/approvals/races.lua [--n N] [--seed N]
package.path = "./?.lua;" .. package.path
local home = require "spec.support.home"
local json = require "json"
local loop = require "loop"

local races = {}

local text = home.agent([[
  local v = ctx.approve{ subject = "s" .. input.n, proposal = { n = input.n }, undo = "1s" }
  if v.approved then ctx.skill.mail{ op = "send", key = input.n } end
  return v.outcome]], 'uses = { "mail" },')

local function sent(h)
  local keys = {}
  for line in (h:read "var/outbox.jsonl" or ""):gmatch "[^\n]+" do keys[json.decode(line).key] = true end
  return keys
end

--- One race: the clock comes to the end of the time, and somebody takes it back, in any order.
local function race(h, n)
  local e = h.engine
  local run = h:run("a", { n = n })
  local item = e:inbox()[1]
  assert(e:decide(item.id, { state = "approved" }))
  assert(e:drain())
  h.now = h.now + 998 + math.random(0, 3)
  local outcome
  local function take_back()
    local got, err = e:recall(item.id, {})
    outcome = { ok = got ~= nil, number = err and err.number }
  end
  local first = math.random() < 0.5
  if first then loop.spawn(take_back) end
  e:fire()
  for _ = 1, math.random(0, 4) do loop.turn(false) end
  if not first then loop.spawn(take_back) end
  h.now = h.now + math.random(0, 3)
  e:fire()
  assert(e:drain())
  h.now = h.now + 2000
  e:fire()
  assert(e:drain())
  return run, item, outcome
end

--- options: n, seed. Returns { recalled, acted, faults }.
function races.run(options)
  math.randomseed(options.seed)
  local h = home.make { agents = { a = text } }
  h:open()
  local result, outcomes = { recalled = 0, acted = 0, faults = {} }, {}
  for i = 1, options.n do
    local n = "k" .. i
    local run, item, outcome = race(h, n)
    outcomes[n] = outcome
    if outcome.ok then
      result.recalled = result.recalled + 1
      if h.engine:approval(item.id).state ~= "open" then table.insert(result.faults, n .. " was taken back and is not open") end
      assert(h.engine:decide(item.id, { state = "rejected" }))
      h.now = h.now + 1001
      h.engine:fire()
      assert(h.engine:drain())
    else
      if outcome.number ~= "K1070" then table.insert(result.faults, n .. ": " .. tostring(outcome.number)) end
    end
    if h.engine:describe(run.run).state ~= "done" then table.insert(result.faults, n .. " did not end") end
  end
  local keys = sent(h)
  for n, outcome in pairs(outcomes) do
    if outcome.ok and keys[n] then table.insert(result.faults, n .. " was taken back and done") end
    if not outcome.ok and not keys[n] then table.insert(result.faults, n .. " was neither taken back nor done") end
    if keys[n] then result.acted = result.acted + 1 end
  end
  h:remove()
  return result
end

if arg and arg[0] and arg[0]:find "races%.lua$" then
  local options = { n = 10000, seed = 1 }
  for i = 1, #arg, 2 do options[arg[i]:gsub("^%-%-", "")] = math.tointeger(tonumber(arg[i + 1])) end
  local result = races.run(options)
  for _, fault in ipairs(result.faults) do print("FAILED " .. fault) end
  print(("%d taken back, %d done"):format(result.recalled, result.acted))
  print(("%d passed, %d failed"):format(options.n - #result.faults, #result.faults))
  os.exit(#result.faults == 0 and 0 or 1)
end

return races
