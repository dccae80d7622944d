--- What changes between asking and acting: memory, records, the script, the arguments, the
--- decision as it is stored, the engine itself. Nothing may go out that nobody approved.
--
--   build/keel lua spec/approvals/mutations.lua [--n N] [--seed N]
--
-- Each round: an agent asks, something is changed at random, the owner answers at random, and
-- what is in the outbox in the end must be, argument by argument and as often, what was
-- approved.
package.path = "./?.lua;" .. package.path
local home = require "spec.support.home"
local json = require "json"

local mutations = {}

local agent = home.agent

--- The agents: `named` asks for exactly what it will do, and reads anew before it does it;
--- `gated` is asked for by the policy; `shown` asks for a value and builds what it does from it.
local function agents(body)
  return {
    named = agent(([[
      local to = ctx.memory.get{ kind = "fact", key = "to" }.text
      local v = ctx.approve{ subject = "s" .. input.n, effect = "mail", undo = "5s",
        proposal = { op = "send", key = input.n, to = to, body = "%s" } }
      if not v.approved then return v.outcome end
      local args = v.value
      if input.again then args.to = ctx.memory.get{ kind = "fact", key = "to" }.text end
      if input.sum then args.sum = (ctx.records.get{ type = "r", key = "sum" } or {}).n end
      local sent, err = ctx.skill.mail(args)
      return sent and "sent" or err.code]]):format(body), 'uses = { "mail" },'),
    gated = agent(([[
      local to = ctx.memory.get{ kind = "fact", key = "to" }.text
      local sent, err = ctx.skill.mail{ op = "post", key = input.n, to = to, body = "%s" }
      return sent and "sent" or err.code]]):format(body), 'uses = { "mail" },'),
    shown = agent(([[
      local to = ctx.memory.get{ kind = "fact", key = "to" }.text
      local v = ctx.approve{ subject = "s" .. input.n, proposal = { effect = "mail.post", key = input.n, to = to, body = "%s" } }
      if not v.approved then return v.outcome end
      if input.again then v.value.to = ctx.memory.get{ kind = "fact", key = "to" }.text end
      local sent, err = ctx.skill.mail{ op = "post", key = input.n, to = v.value.to, body = v.value.body }
      return sent and "sent" or err.code]]):format(body), 'uses = { "mail" },'),
    sets_to = agent 'ctx.memory.remember{ kind = "fact", key = "to", text = input.to }',
    sets_sum = agent 'ctx.records.put{ type = "r", key = "sum", value = { n = input.n } }',
  }
end

local function write_agents(h, body)
  for name, text in pairs(agents(body)) do h:write("agents/" .. name .. ".lua", text) end
end

--- How each thing is changed: fn(h, n) before the answer (or while it may be taken back).
local changes = {}

function changes.memory(h, n) h:run("sets_to", { to = "other" .. n }) end
function changes.records(h, n) h:run("sets_sum", { n = n }) end
function changes.script(h, n)
  write_agents(h, "changed " .. n)
  h:reopen()
end
function changes.restart(h) h:reopen() end
function changes.nothing() end

local change_names = { "memory", "records", "script", "restart", "nothing" }

--- A decision whose value is not the one that was decided, as a hand in the file would leave it.
local function forge(h, item)
  local e = h.engine
  local value = { op = "send", key = "forged", to = "thief", body = "forged" }
  assert(e:commit(e.store:tx():add("approval.decide", { id = item.id, state = "edited", value_codec = value,
    value_digest = e.value_digest(item, item.proposal), by = "Mira", now = h.now, digest = item.digest })))
  e:wake(e:approval(item.id).run_id)
end

--- What an effect was, in the form of what is approved.
local function args_of(row)
  local args = { op = row.op, key = row.key }
  for name, value in pairs(row.body) do args[name] = value end
  return json.pack(args)
end

--- Whether the approved value lets these arguments out: what was only shown names the effect.
local function lets_out(one, args, row)
  if one.packed == args then return true end
  if one.effect then return false end
  local saw = { effect = "mail." .. row.op, key = row.key }
  for name, value in pairs(row.body) do saw[name] = value end
  return json.pack(saw) == one.packed
end

local function judge(h, approved, faults, round)
  local rows, used = {}, {}
  for line in (h:read "var/outbox.jsonl" or ""):gmatch "[^\n]+" do rows[#rows + 1] = json.decode(line) end
  for _, row in ipairs(rows) do
    local args, found, exact = args_of(row), nil, false
    for i, one in ipairs(approved) do
      if not used[i] and not exact and lets_out(one, args, row) then found, exact = i, one.packed == args end
    end
    if found then used[found] = true else faults[#faults + 1] = ("round %d: nobody approved %s"):format(round, args) end
  end
  return #rows
end

--- options: n, seed. Returns { mutations, effects, asked_again, faults }.
function mutations.run(options)
  math.randomseed(options.seed)
  local h = home.make { config = 'return { zone = "UTC", policy = { { effect = "mail.post", say = "ask" } } }' }
  write_agents(h, "hello")
  h:open()
  h:run("sets_to", { to = "ana" })
  local result = { mutations = 0, effects = 0, asked_again = 0, faults = {} }
  local approved = {}
  local kinds = { "named", "gated", "shown" }
  for n = 1, options.n do
    h.now = h.now + 1000
    h:run(kinds[n % 3 + 1], { n = "k" .. n, again = math.random() < 0.5, sum = math.random() < 0.3 })
    local rounds = 0
    local item = h.engine:inbox()[1]
    while item and rounds < 4 do
      rounds = rounds + 1
      if rounds > 1 then result.asked_again = result.asked_again + 1 end
      changes[change_names[math.random(#change_names)]](h, n)
      result.mutations = result.mutations + (rounds == 1 and 1 or 0)
      local chance = math.random()
      if chance < 0.1 then
        forge(h, item)
      elseif chance < 0.3 then
        assert(h.engine:decide(item.id, { state = "rejected" }))
      else
        local value
        if chance > 0.8 then
          value = {}
          for name, part in pairs(item.proposal) do value[name] = part end
          value.body = "edited " .. n
        end
        assert(h.engine:decide(item.id, { state = value and "edited" or "approved", value = value, digest = item.digest }))
        approved[#approved + 1] = { packed = json.pack(value or item.proposal), effect = item.effect }
        changes[change_names[math.random(#change_names)]](h, n)
      end
      h.now = h.now + 6000
      h.engine:fire()
      assert(h.engine:drain())
      item = h.engine:inbox()[1]
    end
    if item then
      h.engine:decide(item.id, { state = "rejected" })
      h.now = h.now + 6000
      h.engine:fire()
      assert(h.engine:drain())
    end
    if n % 100 == 0 or n == options.n then result.effects = judge(h, approved, result.faults, n) end
  end
  h:remove()
  return result
end

if arg and arg[0] and arg[0]:find "mutations%.lua$" then
  local options = { n = 1000, seed = 1 }
  for i = 1, #arg, 2 do options[arg[i]:gsub("^%-%-", "")] = math.tointeger(tonumber(arg[i + 1])) end
  local result = mutations.run(options)
  for _, fault in ipairs(result.faults) do print("FAILED " .. fault) end
  print(("%d mutations, %d effects, %d asked again"):format(result.mutations, result.effects, result.asked_again))
  print(("%d passed, %d failed"):format(result.mutations - #result.faults, #result.faults))
  os.exit(#result.faults == 0 and 0 or 1)
end

return mutations
