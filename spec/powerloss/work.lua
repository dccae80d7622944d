--- What is going on when the power goes: an engine that works, in several lives, and tells
--- what it was told to be durable (rename("ack:..."), see record.c).
--
--   build/keel lua spec/powerloss/work.lua HOME ROUNDS
package.path = "./?.lua;" .. package.path
local engine = require "engine"
local json = require "json"
local loop = require "loop"

local work = {}

work.agent = [[
return agent { version = 1, about = "does three things and tells", uses = { "mail" },
  run = function(ctx, input)
    for n = 1, 3 do
      local step = ctx.step{ name = "work", run = function() return { n = n } end }
      ctx.records.put{ type = "stage", key = input.id, value = { n = step.n } }
      ctx.skill.mail{ op = "send", key = input.id .. "/" .. n, n = n }
    end
    ctx.memory.remember{ kind = "fact", key = input.id, text = "run " .. input.id .. " went to its end" }
    ctx.emit("work.done", { id = input.id }, { key = input.id })
    return { id = input.id, n = 3 }
  end }]]

work.listener = [[
return agent { version = 1, about = "hears of it", on = { event = "work.done", key = "id" },
  run = function(ctx, event)
    ctx.records.put{ type = "heard", key = event.id, value = true }
    return event.id
  end }]]

work.config = [[return { zone = "UTC", adapters = { mail = "outbox" } }]]

local function ack(what)
  os.rename("ack:" .. json.encode(what), "")
end

--- Three records with one stamp in one transaction: all of them are there or none.
local function stamp(e, round, bytes)
  local tx = e.store:tx()
  for _, key in ipairs { "a", "b", "c" } do
    tx:add("record.put", { type = "stamp", key = key, value_json = { round = round, filling = ("x"):rep(bytes) }, now = round,
      run = 0, seq = 0 })
  end
  assert(e:commit(tx))
  ack { stamp = round }
end

function work.main(home, rounds)
  local round = 0
  for life = 1, 3 do
    local e <close> = assert(engine.open { home = home })
    ack { life = life }
    for n = 1, rounds do
      round = round + 1
      local id = ("r%d"):format(round)
      assert(e:emit("nobody.listens", { id = id }, { key = id }))
      ack { event = id }
      local run = assert(e:start("works", { id = id }, { key = id }))
      ack { begun = id }
      if n % 3 ~= 0 then
        assert(e:drain())
        ack { done = id, output = e:describe(run.run).output }
      end
      stamp(e, round, round % 2 == 0 and 60000 or 300)
      if n % 5 == 0 then
        assert(e:drain())
        loop.sleep(130) -- the log is moved into the file, and begins anew with the next commit
      end
    end
    assert(e:drain())
  end
end

if arg and arg[0] and arg[0]:find("work%.lua$") then work.main(arg[1], math.tointeger(tonumber(arg[2]))) end

return work
