--- Many approvals: what it takes to open a home where they wait, to do what is due about all of
--- them at once, and what rules of policy add to an effect.
--
--   build/keel lua spec/approvals/many.lua [--n N]
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local home = require "spec.support.home"
local agent = home.agent

local function ms_of(fn)
  local began = clock.mono_us()
  fn()
  return (clock.mono_us() - began) / 1000
end

--- n open questions of one run that sleeps, each with a fact, a reminder and a deadline.
local function put(h, n)
  local e = h.engine
  local run = h:run "a"
  local id, tx = e:rows("run.get", { run = run.run })[1].id, nil
  for i = 1, n do
    tx = tx or e.store:tx()
    local request = assert(e:approval_request({ subject = "s" .. i, proposal = { n = i }, within = "2h", otherwise = "skip", remind = "1h",
      facts = { { records = "r", key = "k" .. i % 100 } } }, h.now))
    e:ask_approval({ tx = tx, run = { id = id, run = run.run, agent = "a", setup = {} }, seq = 100 + i, now = h.now }, request)
    if i % 500 == 0 or i == n then
      assert(e:commit(tx))
      tx = nil
    end
  end
end

local function on(h, ms)
  h.now = h.now + ms
  return ms_of(function()
    h.engine:fire()
    assert(h.engine:drain())
  end)
end

local function many(n)
  local h = home.make { agents = { a = agent 'ctx.sleep("90d")' } }
  h:open()
  put(h, n)
  local open = ms_of(function()
    h:reopen()
    assert(h.engine:drain())
  end)
  local reminded, ended = on(h, 3600000), on(h, 3600000)
  local left = #h.engine:inbox { all = true }
  print(("%d open approvals: opened in %.0f ms, all reminded of in %.0f ms, all ended in %.0f ms, %d left"):format(n, open,
    reminded, ended, left))
  h:remove()
  return left
end

--- What `n` effects of one run take.
local function effects(n, policy, asked)
  local h = home.make { config = ('return { zone = "UTC", adapters = { mail = "outbox" }, policy = { %s } }'):format(policy),
    agents = { a = agent(([[%s for i = 1, %d do ctx.skill.mail{ op = "send", key = "k" .. i, to = "ana", n = i } end]]):format(asked or "", n),
      'uses = { "mail" },') } }
  h:open()
  local took = ms_of(function() assert(h:run("a").state == "done") end)
  h:remove()
  return took
end

local function fastest(...)
  local best = math.huge
  for _ = 1, 3 do best = math.min(best, effects(...)) end
  return best
end

local n = arg[1] == "--n" and math.tointeger(tonumber(arg[2])) or 10000
local left = many(n)
local rules = ('{ effect = "billing.*", where = { eur = { [">"] = 5 } }, say = "ask" },'):rep(20)
local plain, ruled = fastest(500, ""), fastest(500, rules)
print(("an effect takes %.3f ms, behind twenty rules %.3f ms: %.2f times"):format(plain / 500, ruled / 500, ruled / plain))
os.exit(left == 0 and 0 or 1)
