-- `keel events` and `keel emit`, with and without a served engine.
local homes = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"

local agent = homes.agent

describe("keel events", function()
  local home, served

  after_each(function()
    if served then served:stop("KILL") end
    served = nil
    home:remove()
  end)

  local function make(agents)
    home = homes.make { agents = agents }
  end

  local function run(...)
    return keel { "--home", home.path, "--no-color", ... }
  end

  local function json_of(...)
    local done = run("--json", ...)
    local value = json.decode(done.out)
    assert(value, done.out .. done.err)
    return value, done.code
  end

  it("lists what came, where it went, and how often it came again", function()
    make { a = agent("return 1", 'on = { event = "mail.*" },'), picky = agent("return 1",
      'on = { event = "mail.received" }, input = { type = "object", required = { "n" } },') }
    local sent = json_of("emit", "mail.sent", "{}", "--key", "s1")
    assert.same({ true, 0 }, { sent.new, sent.queued })
    local got, code = json_of("emit", "mail.received", "{}", "--key", "r1")
    assert.same({ true, 2, 1 }, { got.new, code, #got.runs })
    json_of("emit", "mail.received", "{}", "--key", "r1")
    assert.equal(got.id, json_of("events")[1].id)
    assert.same({ 2, 1 }, { #json_of("events", "--type", "mail.*"), #json_of("events", "list", "--type", "mail.sent") })
    assert.same({ 1, 1, 0, 2 }, { #json_of("events", "--state", "dead"), #json_of("events", "--agent", "picky"),
      #json_of("events", "--state", "queued"), #json_of("events", "--state", "started", "--agent", "a") })
    assert.equal(1, #json_of("events", "--limit", "1"))
    assert.equal(0, #json_of("events", "--since", "2100-01-01T00:00:00Z"))
    local shown = json_of("events", "show", got.id)
    assert.same({ "a", "started", "done" }, { shown.deliveries[1].agent, shown.deliveries[1].state, shown.deliveries[1].run_state })
    assert.same({ "picky", "dead", "K1011" }, { shown.deliveries[2].agent, shown.deliveries[2].state, shown.deliveries[2].reason.number })
    assert.equal(1, shown.duplicates)
    assert.same({}, shown.payload)
    local text = run("events").out
    assert.match("picky dead %(K1011%)", text)
    assert.match("a started %(done%)", text)
    assert.match("deliveries", run("events", "show", got.id).out)
  end)

  it("tries again what is dead, once its agent is mended, and drops what is not wanted", function()
    make { a = agent("return input.n", 'on = { event = "go" }, input = { type = "object", required = { "n" } },') }
    local one, two = json_of("emit", "go", "{}"), json_of("emit", "go", '{"m":1}')
    local still = run("events", "retry", "--all")
    assert.equal(2, still.code)
    assert.match("2 deliveries tried again, 2 of them dead still", still.out)
    assert.match("K1011", still.err)
    home:write("agents/a.lua", agent("return 7", 'on = { event = "go" },'))
    assert.same({ retried = 1, dead = 0 }, (json_of("events", "retry", one.id)))
    assert.equal(7, json_of("runs")[1].output)
    assert.equal("dropped", json_of("events", "drop", two.id).deliveries[1].state)
    assert.same({ retried = 0, dead = 0 }, (json_of("events", "retry", "--agent", "a")))
    assert.same({ "K1015", 2 }, { json_of("events", "drop", two.id).error.number, select(2, json_of("events", "drop", two.id)) })
  end)

  it("says what it does not understand", function()
    make {}
    local function number(...) return json_of(...).error.number end
    assert.equal("K1004", number("events", "burn"))
    assert.equal("K1003", number("events", "retry"))
    assert.equal("K1003", number("events", "show"))
    assert.equal("K1003", number("events", "drop"))
    assert.equal("K1007", number("events", "show", "evt_none"))
    assert.equal("K1007", number("events", "retry", "evt_none"))
    assert.equal("K1004", number("events", "--state", "lost"))
    assert.equal("K1004", number("events", "--since", "soon"))
    assert.same({}, json_of "events")
    assert.match("no events", run("events").out)
  end)

  it("does the same through a served engine, which does not wait for what is held back", function()
    make { a = agent("return input.n", 'on = { event = "go", throttle = "2/h" }, input = { type = "object", required = { "n" } },'),
      b = agent("return input.n", 'on = { event = "go", coalesce = "400ms" },') }
    served = assert(server.start(home))
    local first = served:json([[emit go '{"n":1}']])
    assert.same({ 1, 1 }, { #first.runs, first.queued }) -- b gathers
    local dead, code = served:json([[emit go '{}']])
    assert.same({ 2, 1 }, { code, dead.queued })
    served:json([[emit go '{"n":3}']])
    local held = served:json([[emit go '{"n":4}']])
    assert.equal(2, held.queued) -- a may not before the hour is over
    assert.equal(1, #served:json("events --state dead"))
    local again
    again, code = served:json("events retry --all")
    assert.same({ retried = 1, dead = 0, code = 0 }, { retried = again.retried, dead = again.dead, code = code })
    server.eventually(function() return #served:json("runs --agent b") >= 1 and #served:json("events --agent b --state queued") == 0 end,
      "b's window is over")
    assert.is_true(#served:json("runs --agent b") < 4)
    local dropped = served:json("events drop " .. held.id)
    assert.same({ "dropped", "started" }, { dropped.deliveries[1].state, dropped.deliveries[2].state })
  end)

  it("hears from a served engine what is dead still", function()
    make { a = agent("return 1", 'on = { event = "go" }, input = { type = "object", required = { "n" } },') }
    served = assert(server.start(home))
    for _ = 1, 3 do served:json("emit go '{}'") end
    local answer, code = served:json("events retry --all")
    assert.same({ 3, 3, 2 }, { answer.retried, answer.dead, code })
    answer, code = served:json("events retry --agent a")
    assert.same({ 3, 3, 2 }, { answer.retried, answer.dead, code })
  end)
end)
