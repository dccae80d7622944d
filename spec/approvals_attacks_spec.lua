-- Questions whose time, run or clock is not what they were made for.
local home = require "spec.support.home"
local agent = home.agent

describe("an approval, attacked", function()
  local h, e
  after_each(function() h:remove() end)

  local function with(agents, config)
    h = home.make { agents = agents, config = config }
    e = h:open()
    return e
  end

  local function on(ms) return h:pass(ms) end

  local function only() return h:question() end

  local function state_of(run) return e:describe(run.run).state end

  local function told()
    local list = {}
    for _, event in ipairs(e:rows("event.list", { limit = 50 })) do table.insert(list, 1, event.type) end
    return list
  end

  it("is not open again for a run that was cancelled, or that gave it up", function()
    with { a = agent 'ctx.approve{ subject = "s", proposal = 1, undo = "1h" }',
      b = agent [[ctx.any{ function() ctx.approve{ subject = "s", proposal = 1, undo = "1h" } end,
        function() ctx.wait{ event = "go" } end } ctx.sleep("1d") return "over"]] }
    local run = h:run "a"
    local id = only().id
    e:decide(id, { state = "approved" })
    assert(e:cancel(run.run, {}))
    assert(e:drain())
    h:run "b"
    local other = only().id
    e:decide(other, { state = "approved" })
    e:emit("go", {})
    assert(e:drain())
    for _, one in ipairs { id, other } do
      local item, err = e:recall(one, {})
      assert.same({ nil, "K1070" }, { item, err and err.number })
      assert.match("nobody waits for it", err.message)
      assert.same({ "approved", nil }, { e:approval(one).state, e:rows("approval.get", { id = one })[1].due })
    end
    assert.equal(0, #e:inbox { all = true })
    on(3600000)
    assert.is_nil(e:next_approval())
  end)

  it("goes on and is reminded of after a deadline that left it standing", function()
    with { a = agent 'ctx.approve{ subject = "s", proposal = 1, within = "1h", remind = { "30m", "2h" } }' }
    h:run "a"
    for _ = 1, 5 do on(1800000) end
    assert.same({ "approval.reminder", "approval.held", "approval.reminder" }, told())
    assert(e:snooze(only().id, 3600000, {}))
    on(3600000)
    assert.same({ 3, nil }, { #told(), only().snoozed_until })
    assert.is_nil(e:next_approval())
  end)

  it("comes once, with all that fell due while the machine slept", function()
    with { a = agent [[return ctx.approve{ subject = "s", proposal = 1, within = "3h", otherwise = "reject", remind = { "1h", "2h" },
      escalate = { { after = "90m", to = "Ana" } } }.outcome]] }
    local run = h:run "a"
    on(10 * 3600000)
    assert.same({ "rejected", { "approval.expired" } }, { e:describe(run.run).output, told() })
  end)

  it("is not forgotten when the clock goes back while it may be taken back", function()
    with { a = agent 'return ctx.approve{ subject = "s", proposal = 1, undo = "10s" }.outcome' }
    local run = h:run "a"
    e:decide(only().id, { state = "approved" })
    local start = h.now
    h.now = start + 10000
    local tend = e.wake
    e.wake = function(...) -- between the alarm and the look
      h.now = start
      return tend(...)
    end
    e:fire()
    e.wake = nil
    assert(e:drain())
    assert.equal("waiting", state_of(run))
    on(10000)
    assert.equal("done", state_of(run))
  end)

  it("is asked anew once when what is written is not what was decided, wherever the clock stands", function()
    with({ a = agent('return ctx.skill.mail{ op = "send", key = "k", to = "ana" } and "sent"', 'uses = { "mail" },') },
      'return { zone = "UTC", adapters = { mail = "outbox" }, policy = { { effect = "mail.send", say = "ask" } } }')
    local run = h:run "a"
    local first = e:rows("approval.get", { id = only().id })[1]
    h.now = h.now - 86400000
    assert(e:commit(e.store:tx():add("approval.decide", { id = first.id, state = "edited", value_codec = { op = "send", key = "k", to = "eve" },
      value_digest = e.value_digest(first, first.proposal), by = "Mira", now = h.now, digest = first.digest })))
    e:wake(first.run_id)
    assert(e:drain())
    local second = only()
    assert.are_not.equal(first.id, second.id)
    e:wake(first.run_id)
    assert(e:drain())
    assert.equal(second.id, only().id)
    assert(e:decide(second.id, { state = "approved" }))
    assert(e:drain())
    assert.same({ "sent", 0 }, { e:describe(run.run).output, #e:inbox { all = true } })
  end)

  it("is decided once by two who decide at the same moment", function()
    with { a = agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome' }
    local run, said = h:run "a", {}
    local id = only().id
    for i, state in ipairs { "approved", "rejected" } do
      e:task(function()
        local item, err = e:decide(id, { state = state })
        said[i] = item and item.state or err.number
      end, 0)
    end
    assert(e:drain())
    assert.same({ { "approved", "K1014" }, "approved" }, { said, e:describe(run.run).output })
  end)

  it("has another digest for every other value, and the same for the same one", function()
    local function digest(value) return e.digest_of("s", value, nil) end
    with {}
    local json = require "json"
    local values = { 1, 1.0, "1", true, "true", json.null, {}, json.array {}, { a = {} }, { a = json.array {} }, { json.array {} }, { {} },
      2^53, math.tointeger(2^53), math.maxinteger, math.mininteger, 0.0, -0.0, 0, { a = 1, b = 2 }, { a = 2, b = 1 }, { a = 1 }, { 1, 2 }, { 2, 1 },
      "\u{e9}", "e\u{301}", { ["1"] = "a" }, { "a" }, "", { "" } }
    local by = {}
    for i, value in ipairs(values) do
      local hex = digest(value)
      assert.is_nil(by[hex], ("%d and %s are one"):format(i, tostring(by[hex])))
      by[hex] = i
    end
    local one, other = {}, {}
    for i = 1, 50 do one["k" .. i] = i end
    for i = 50, 1, -1 do other["k" .. i] = i end
    assert.equal(digest(one), digest(other))
    assert.are_not.equal(e.digest_of("a", "b", nil), e.digest_of("a", "b", "mail"))
  end)

  it("knows whose work was edited, also where that was begun before it was done", function()
    with({ a = agent('ctx.approve{ subject = "s", proposal = ctx.skill.mail{ op = "draft", key = "k" } }', 'uses = { "mail" },') },
      'return { zone = "UTC", adapters = { mail = "outbox" } }')
    h:run "a"
    e:decide(only().id, { state = "edited", value = { key = "other" } })
    assert(e:drain())
    assert.same({ "mail", "draft" }, { e:overrides()[1].skill, e:overrides()[1].source.input.op })
  end)

  it("says what is wrong with facts that cannot be, and holds no others for them", function()
    with { a = agent [[local ok, message = pcall(ctx.approve, { subject = "s", proposal = 1,
        facts = { { memory = input.kind, key = input.key } } }) return ok and "asked" or message]] }
    for _, input in ipairs { { kind = "", key = "k" }, { kind = "fact", key = "" }, { kind = ("x"):rep(5000), key = ("k"):rep(100000) } } do
      local run = h:run("a", input)
      assert.is_true(run.state == "done" or run.waiting_for == "approval")
      assert.not_match("internal", tostring(run.output))
    end
  end)
end)
