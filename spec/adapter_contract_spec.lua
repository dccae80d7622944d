--- Adapters of one role take the same arguments and give the same: replacing one is one line.
local file = require "file"
local home = require "spec.support.home"
local outcome = require "outcome"
local service = require "spec.support.service"

local body = [[ local r, err = ctx.skill.it(input.args)
  return { ok = r ~= nil, key = r and r.key, sent = r and r.sent, code = err and err.code } ]]

local function lines_of(h, path, pattern) return select(2, (h:read(path) or ""):gsub(pattern, "")) end

local function files_of(h, path) return #(file.list(h.path .. path) or {}) end

--- The ops that docs/adapters.md shows for a service: %s is its address.
local mapped = {
  newsletter = [[{ use = "http_json", base_url = "%s", hosts = { "127.0.0.1" }, keys = true, ops = {
    schedule = { path = "/issues", probe = "/issues/{key}", undo = "unschedule", args = { send_at = "instant!", subject = "text!", body = "text!" } },
    unschedule = { path = "/issues/{key}/cancel", risk = "reversible", args = {} },
    status = { path = "/issues/{key}", method = "GET", args = {} } } }]],
  payments = [[{ use = "http_json", base_url = "%s", hosts = { "127.0.0.1" }, keys = true, ops = {
    refund = { path = "/refunds", risk = "irreversible", probe = "/refunds/{key}", args = { order = "name!", amount = "sum!", currency = "name!" } } } }]],
  billing = [[{ use = "http_json", base_url = "%s", hosts = { "127.0.0.1" }, keys = true, ops = {
    draft = { path = "/drafts", probe = "/drafts/{key}", undo = "void_draft", risk = "reversible" },
    void_draft = { path = "/drafts/{key}/void", risk = "reversible" } } }]],
}

--- adapter -> how many traces of effects are left in its world
local traces = {
  outbox = function(h) return lines_of(h, "var/outbox.jsonl", '"key":"[^"]*:[^"]*1"') end,
  maildir = function(h) return files_of(h, "/mail/.Sent/new") end,
  folder = function(h) return files_of(h, "/papers") end,
  ics = function(h) return lines_of(h, "work.ics", "BEGIN:VEVENT") end,
  http_json = function(_, world) return world:count "made" end,
}

--- role -> { args; undone: the args of the op that takes it back; wrong: of a wrong type; adapters = { name -> its line } }
local roles = {
  mail = { args = { op = "send", key = "k:1", to = "ana@fernline.example", subject = "Olá", body = "Hi\n.\nthere" }, wrong = { subject = 5 },
    adapters = { outbox = '"outbox"', maildir = '{ use = "maildir", path = "mail", from = "mira@studio.example" }' } },
  docs = { args = { op = "create", key = "docs:P-1", title = "A project" }, undone = { op = "delete_if_empty", key = "docs:P-1" }, wrong = { title = 5 },
    adapters = { outbox = '"outbox"', folder = '{ use = "folder", path = "papers" }' } },
  calendar = { args = { op = "create", key = "meeting:1", from = "2026-03-05T10:00:00Z", to = "2026-03-05T11:00:00Z", title = "Kickoff" }, undone = { op = "delete", key = "meeting:1" },
    wrong = { from = "on Thursday" }, adapters = { outbox = '"outbox"', ics = '{ use = "ics", path = "work.ics" }' } },
  newsletter = { args = { op = "schedule", key = "issue:1", send_at = "2026-03-05T10:00:00Z", subject = "March", body = "Hi" }, undone = { op = "unschedule", key = "issue:1" },
    wrong = { send_at = "soon" }, adapters = { outbox = '"outbox"', http_json = mapped.newsletter } },
  payments = { args = { op = "refund", key = "refund:1", order = "O-1", amount = "12.50", currency = "EUR" }, wrong = { amount = true },
    adapters = { outbox = '"outbox"', http_json = mapped.payments } },
  billing = { args = { op = "draft", key = "invoice:1", amount = "90.00", currency = "EUR" }, undone = { op = "void_draft", key = "invoice:1" },
    adapters = { outbox = '"outbox"', http_json = mapped.billing } },
}

local function with(args, more)
  local out = {}
  for key, value in pairs(args) do out[key] = value end
  for key, value in pairs(more) do out[key] = value end
  return out
end

local function conforms(role, of, adapter, line)
  local h, world

  local function left() return traces[adapter](h, world) end

  --- The adapter as a new process would open it.
  local function opened()
    h.engine.outbox_keys = nil
    return require("adapter." .. adapter).open(h.engine, "it", h.engine.settings.adapters.it)
  end

  local function cmd(args) return { args = args, engine = h.engine, name = "it", run = { run = "run_x", setup = {} }, now = h.now } end

  before_each(function()
    world = adapter == "http_json" and service.start() or nil
    h = home.make { agents = { a = home.agent(body, 'uses = { "it" }, policy = { { effect = "it.*", say = "auto" } },') },
      config = ('return { zone = "UTC", owner = "Mira", adapters = { it = %s } }'):format(world and line:format(world.base_url) or line) }
    h:open()
  end)
  after_each(function()
    h:remove()
    if world then world:stop() end
  end)

  it("does it once for a key, and says so in the same way", function()
    for _ = 1, 3 do
      local run = h:run("a", { args = of.args })
      assert.equal("done", run.state)
      assert.same({ ok = true, key = of.args.key, sent = true }, run.output)
    end
    assert.equal(1, left())
    assert.is_true(h:run("a", { args = with(of.args, { key = of.args.key:gsub("1$", "11") }) }).output.ok)
    assert.equal(2, left())
  end)

  it("tells by the key whether it happened, before and after, also after a restart", function()
    local op = opened():op(of.args.op)
    assert.equal("not", (op.probe(cmd(of.args), of.args.key)))
    h:run("a", { args = of.args })
    local answer, result = opened():op(of.args.op).probe(cmd(of.args), of.args.key)
    assert.equal("happened", answer)
    assert.same({ of.args.key, true }, { result.key, result.sent })
    assert.equal("not", (opened():op(of.args.op).probe(cmd(of.args), of.args.key .. "0")))
    assert.equal("idempotent", op.effect)
  end)

  if of.undone then
    it("takes it back, as often as asked", function()
      h:run("a", { args = of.args })
      for _ = 1, 2 do
        local run = h:run("a", { args = of.undone })
        assert.equal("done", run.state)
        assert.same({ ok = true, key = of.args.key, sent = true }, run.output)
      end
      if adapter ~= "outbox" then assert.equal(0, left()) end -- there, taking back is a line of its own
    end)
  end

  if of.undone and adapter ~= "outbox" then
    it("undoes it for the engine, with what came of it", function()
      local op = opened():op(of.args.op)
      local result = assert(op.perform(cmd(of.args), of.args.key))
      for _ = 1, 2 do
        local undone, err = op.undo(cmd(of.args), of.args.key, result)
        assert.is_nil(err)
        assert.same({ of.args.key, true }, { undone.key, undone.sent })
      end
      assert.equal(0, left())
      -- by the engine and by the agent it is the same effect
      assert.is_true(h:run("a", { args = of.undone }).output.ok)
      assert.equal(0, left())
    end)
  end

  if adapter ~= "outbox" then
    local function why(args)
      local run = h:run("a", { args = args })
      assert.equal("failed", run.state)
      return outcome.error(run, h.engine).message
    end

    it("names the op that is meant", function()
      assert.match("has no op '" .. of.args.op .. "d', did you mean '" .. of.args.op .. "'", why { op = of.args.op .. "d", key = "x" }, 1, true)
      assert.match("has no op '5'", why { op = 5, key = "x" }, 1, true)
      assert.match("has no op 'nil'", why { key = "x" }, 1, true)
      assert.equal(0, left())
    end)

    if of.wrong then
      it("names the argument that is wrong, and does nothing", function()
        assert.match("takes no 'zzz'", why(with(of.args, { zzz = "x" })), 1, true)
        local field = next(of.wrong)
        local said = why(with(of.args, of.wrong))
        assert.match("'" .. field .. "' is ", said, 1, true)
        assert.match("it must be ", said, 1, true)
        assert.equal(0, left())
      end)
    end
  end

  if adapter == "http_json" then
    it("does not do it twice when the answer was lost", function()
      world:lose_next()
      local run = h:run("a", { args = of.args })
      for _ = 1, 20 do -- it waits for its second try
        if run.state ~= "waiting" then break end
        h.now = h.now + 60000
        assert(h.engine:drain())
        run = h.engine:describe(run.run)
      end
      assert.equal("done", run.state)
      assert.same({ ok = true, key = of.args.key, sent = true }, run.output)
      assert.equal(1, left())
    end)
  end
end

for role, of in pairs(roles) do
  for adapter, line in pairs(of.adapters) do
    describe(("%s by %s"):format(role, adapter), function() conforms(role, of, adapter, line) end)
  end
end

describe("an adapter that is none", function()
  it("is refused by its name, a part of another too", function()
    for _, name in ipairs { "nonesuch", "contract", "mail_ops", "imap_client" } do
      local h = home.make { agents = { a = home.agent(body, 'uses = { "it" },') }, config = ('return { zone = "UTC", adapters = { it = "%s" } }'):format(name) }
      h:open()
      local run = h:run("a", { args = { op = "send", key = "k:1" } })
      assert.equal("failed", run.state)
      assert.match("'" .. name .. "'", outcome.error(run, h.engine).message, 1, true)
      h:remove()
    end
  end)
end)

describe("a newsletter by http_json", function()
  it("is looked up by its key", function()
    local world = service.start()
    finally(function() world:stop() end)
    local h = home.make { agents = { a = home.agent([[ local r, err = ctx.skill.letters(input) return { state = r and r.state, code = err and err.code, status = err and err.message } ]],
      'uses = { "letters" }, policy = { { effect = "letters.*", say = "auto" } },') },
      config = ('return { zone = "UTC", owner = "Mira", adapters = { letters = %s } }'):format(mapped.newsletter:format(world.base_url)) }
    h:open()
    assert.equal("invalid_request", h:run("a", { op = "status", key = "issue:1" }).output.code)
    h:run("a", { op = "schedule", key = "issue:1", send_at = "2026-03-05T10:00:00Z", subject = "March", body = "Hi" })
    assert.equal("made", h:run("a", { op = "status", key = "issue:1" }).output.state)
    h:run("a", { op = "unschedule", key = "issue:1" })
    assert.equal("cancel", h:run("a", { op = "status", key = "issue:1" }).output.state)
    h:remove()
  end)

  it("takes the types that there are, and no others, for its arguments", function()
    local config, err = require("settings").from_source([[return { zone = "UTC", adapters = { n = { use = "http_json", base_url = "http://127.0.0.1/", ops = { a = { args = { b = "texte" } } } } } }]],
      "config.lua", function() end)
    assert.is_nil(config)
    assert.match("instant", err.message)
  end)
end)
