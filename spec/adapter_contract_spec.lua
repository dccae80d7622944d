--- Adapters of one role take the same arguments and give the same: replacing one is one line.
local file = require "file"
local home = require "spec.support.home"

local function body(op)
  return ([[ local r, err = ctx.skill.it(input.args) return { ok = r ~= nil, key = r and r.key, sent = r and r.sent, code = err and err.code, op = %q } ]]):format(op)
end

--- role -> { args, adapters = { name -> line of config.lua }, undone = args of what takes it back }
local roles = {
  mail = { args = { op = "send", key = "k:1", to = "ana@fernline.example", subject = "Olá", body = "Hi\n.\nthere" },
    adapters = { outbox = '"outbox"', maildir = '{ use = "maildir", path = "mail", from = "mira@studio.example" }' } },
  docs = { args = { op = "create", key = "docs:P-1", title = "A project" }, undone = { op = "delete_if_empty", key = "docs:P-1" },
    adapters = { outbox = '"outbox"', folder = '{ use = "folder", path = "papers" }' } },
  calendar = { args = { op = "create", key = "meeting:1", from = "2026-03-05T10:00:00Z", to = "2026-03-05T11:00:00Z", title = "Kickoff" }, undone = { op = "delete", key = "meeting:1" },
    adapters = { outbox = '"outbox"', ics = '{ use = "ics", path = "work.ics" }' } },
}

--- What of the world an effect left: the number of its traces.
local function traces(h, adapter)
  local places = { outbox = "var/outbox.jsonl", ics = "work.ics" }
  if places[adapter] then return select(2, (h:read(places[adapter]) or ""):gsub(adapter == "ics" and "BEGIN:VEVENT" or '"key":"[^"]*:[^"]*1"', "")) end
  local list = file.list(h.path .. (adapter == "folder" and "/papers" or "/mail/.Sent/new")) or {}
  return #list
end

for role, of in pairs(roles) do
  for adapter, line in pairs(of.adapters) do
    describe(("%s by %s"):format(role, adapter), function()
      local h

      before_each(function()
        h = home.make { agents = { a = home.agent(body(role), 'uses = { "it" }, policy = { { effect = "it.*", say = "auto" } },') },
          config = ('return { zone = "UTC", owner = "Mira", adapters = { it = %s } }'):format(line) }
        h:open()
      end)
      after_each(function() h:remove() end)

      it("does it once for a key, and says so in the same way", function()
        for _ = 1, 3 do
          local run = h:run("a", { args = of.args })
          assert.equal("done", run.state)
          assert.same({ ok = true, key = of.args.key, sent = true, op = role }, run.output)
        end
        assert.equal(1, traces(h, adapter))
      end)

      it("tells where an effect is by its key, before and after", function()
        local cmd = { args = of.args, engine = h.engine, name = "it", run = { run = "run_x", setup = {} }, now = h.now }
        local made = require("adapter." .. adapter).open(h.engine, "it", h.engine.settings.adapters.it)
        local op = made:op(of.args.op)
        if op.probe then assert.equal("not", (op.probe(cmd, of.args.key))) end
        h:run("a", { args = of.args })
        made = require("adapter." .. adapter).open(h.engine, "it", h.engine.settings.adapters.it)
        op = made:op(of.args.op)
        if op.probe then assert.equal("happened", (op.probe(cmd, of.args.key))) end
        assert.is_true(op.effect == "idempotent" or op.probe ~= nil)
      end)

      if of.undone then
        it("takes it back", function()
          h:run("a", { args = of.args })
          local run = h:run("a", { args = of.undone })
          assert.equal("done", run.state)
          assert.is_true(run.output.ok)
          if adapter ~= "outbox" then assert.equal(0, traces(h, adapter)) end
        end)
      end

      if adapter ~= "outbox" then
        it("names the op, and the argument, that is meant", function()
          local run = h:run("a", { args = { op = of.args.op .. "d", key = "x" } })
          assert.equal("failed", run.state)
          local wrong = {}
          for key, value in pairs(of.args) do wrong[key] = value end
          wrong.titel, wrong.subjekt = "x", "y"
          run = h:run("a", { args = wrong })
          assert.equal("failed", run.state)
          assert.truthy(require("outcome").error(run, h.engine).message:find("takes no", 1, true))
        end)
      end
    end)
  end
end
