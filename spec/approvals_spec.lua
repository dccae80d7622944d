-- What waits for its owner: asked, reminded of, decided, taken back, withdrawn, spent once.
local home = require "spec.support.home"
local agent = home.agent

describe("an approval", function()
  local h, e
  after_each(function() h:remove() end)

  local function with(agents, config)
    h = home.make { agents = agents, config = config }
    e = h:open()
    return e
  end

  local function asks(more, rest)
    return agent(([[local v = ctx.approve{ subject = "s", proposal = { n = 1 } %s }
      %s return { v.outcome, v.value.n, v.by or "-", v.note or v.applied or "-" }]]):format(more or "", rest or ""))
  end

  local function on(ms) return h:pass(ms) end

  local function only(filter) return h:question(filter or {}) end

  local function audited()
    local list = {}
    for _, row in ipairs(e:rows("audit.list", { limit = 100 })) do table.insert(list, 1, row.what) end
    return list
  end

  local function state_of(run)
    local now = e:describe(run.run)
    return now.state, now.waiting_for, now.output
  end

  it("goes on at once where there is no time to take the answer back", function()
    with { a = asks() }
    local run = h:run "a"
    local item = assert(e:decide(only().id, { state = "approved", by = "Ana", note = "fine", channel = "cli" }))
    assert.same({ "approved", "Ana", "fine", "cli" }, { item.state, item.by, item.note, item.channel })
    assert(e:drain())
    assert.same({ "approved", 1, "Ana", "fine" }, (select(3, state_of(run))))
    assert.truthy(e:approval(item.id).spent)
  end)

  it("can be taken back until its time is over, and says afterwards why not", function()
    with({ a = asks ', undo = "10s"' })
    local run = h:run "a"
    local id = only().id
    assert(e:decide(id, { state = "rejected", note = "no" }))
    assert(e:drain())
    assert.same({ "waiting", "approval" }, { state_of(run) })
    h.now = h.now + 9000
    assert.equal("open", assert(e:recall(id, {})).state)
    assert(e:decide(id, { state = "approved" }))
    on(9999)
    assert.equal("waiting", (state_of(run)))
    on(1)
    assert.same({ "done", nil, { "approved", 1, "Mira", "-" } }, { (state_of(run)), nil, (select(3, state_of(run))) })
    local item, err = e:recall(id, {})
    assert.is_nil(item)
    assert.equal("K1070", err.number)
    assert.match("the run went on with it at 2026", err.message)
    assert.same({ "approval.rejected", "approval.recalled", "approval.approved" }, audited())
  end)

  it("has its time of undoing from config.lua, and a longer one in the browser", function()
    with { a = asks() }
    local run = h:run "a"
    assert.truthy(e:decide(only().id, { state = "approved", channel = "web" }).undo_until)
    assert(e:drain())
    assert.equal("waiting", (state_of(run)))
    on(15000)
    assert.equal("done", (state_of(run)))
    h:remove()
    with({ a = asks() }, 'return { zone = "UTC", approvals = { undo = "1h" } }')
    h:run "a"
    assert.equal("2026-03-02T10:00:00.000Z", e:decide(only().id, { state = "approved" }).undo_until)
  end)

  it("tells a run that has gone on, if it listens for that", function()
    with { a = asks(nil, [[
      local back = ctx.wait{ event = "approval.recalled", where = { id = v.id }, within = "1d" }
      if back then return "taken back" end]]) }
    local run = h:run "a"
    local id = only().id
    e:decide(id, { state = "approved" })
    assert(e:drain())
    assert.is_true(assert(e:recall(id, {})).told)
    assert(e:drain())
    assert.equal("taken back", (select(3, state_of(run))))
  end)

  it("rests when it is put off, and keeps its deadline", function()
    with { a = asks ', within = "3h", otherwise = "skip"' }
    local run = h:run "a"
    local item = assert(e:snooze(only().id, 7200000, { note = "later" }))
    assert.equal("2026-03-02T11:00:00.000Z", item.snoozed_until)
    assert.equal(0, #e:inbox())
    assert.equal(item.id, only { all = true }.id)
    on(7200000)
    assert.equal(item.id, only().id)
    e:snooze(item.id, 86400000)
    on(3600000)
    assert.same({ "expired", 1, "deadline", "skip" }, (select(3, state_of(run))))
  end)

  it("reminds, tells others, and ends as it was said", function()
    with { a = asks [[, remind = { "1h", "2h" }, escalate = { { after = "90m", to = "Ana" } }, within = "3h", otherwise = "reject"]] }
    local run = h:run "a"
    for _ = 1, 3 do on(3600000) end
    assert.same({ "rejected", 1, "deadline", "reject" }, (select(3, state_of(run))))
    assert.same({ "approval.reminder", "approval.escalated", "approval.reminder", "approval.rejected" }, audited())
    local told = {}
    for _, event in ipairs(e:rows("event.list", { limit = 10 })) do told[#told + 1] = event.type end
    table.sort(told)
    assert.same({ "approval.escalated", "approval.expired", "approval.reminder", "approval.reminder" }, told)
  end)

  it("sleeps through its reminders: the run is not woken for them", function()
    with { a = asks ', remind = { every = "1h", times = 5 }' }
    local run = h:run "a"
    local before = e:describe(run.run).ms
    for _ = 1, 5 do on(3600000) end
    assert.equal(before, e:describe(run.run).ms)
    assert.equal(5, #audited())
  end)

  it("stands when the deadline leaves it standing", function()
    with { a = asks ', within = "1h"' }
    local run = h:run "a"
    on(3600000)
    assert.equal("waiting", (state_of(run)))
    assert.same({ "approval.held" }, audited())
    e:decide(only().id, { state = "approved" })
    assert(e:drain())
    assert.equal("done", (state_of(run)))
  end)

  it("is taken for a yes by silence only where it can be undone", function()
    with { a = asks ', within = "1h", otherwise = "approve", risk = "reversible"', b = asks ', within = "1h", otherwise = "approve"' }
    local run = h:run "a"
    on(3600000)
    assert.same({ "approved", 1, "deadline", "approve" }, (select(3, state_of(run))))
    assert.match("can be taken back only", h:run("b").error.message)
  end)

  it("takes only an edit that fits its schema", function()
    with { a = asks ', schema = { type = "object", properties = { n = { type = "integer", maximum = 5 } }, required = { "n" } }' }
    local run = h:run "a"
    local id = only().id
    local item, err = e:decide(id, { state = "edited", value = { n = 6 } })
    assert.same({ nil, "K1071" }, { item, err.number })
    assert(e:decide(id, { state = "edited", value = { n = 5 } }))
    assert(e:drain())
    assert.same({ "edited", 5 }, { table.unpack((select(3, state_of(run))), 1, 2) })
  end)

  it("refuses a yes to another digest than its own", function()
    with { a = asks() }
    h:run "a"
    local item = only()
    local _, err = e:decide(item.id, { state = "approved", digest = ("0"):rep(64) })
    assert.equal("K1072", err.number)
    assert(e:decide(item.id, { state = "approved", digest = item.digest }))
  end)

  it("is decided with others by its own digest, but for what cannot be undone", function()
    with { a = asks ', risk = "reversible"', b = asks ', risk = "irreversible"' }
    for _, name in ipairs { "a", "a", "b" } do
      h:run(name)
      h.now = h.now + 1
    end
    local items = {}
    for i, item in ipairs(e:inbox()) do items[i] = { id = item.id, digest = item.digest } end
    items[2].digest = "other"
    local list = e:decide_many(items, { state = "approved", note = "all fine" })
    assert.same({ true, false, false }, { list[1].ok, list[2].ok, list[3].ok })
    assert.same({ "K1072", "K1073" }, { list[2].error.number, list[3].error.number })
    assert(e:drain())
    assert.equal(2, #e:inbox())
  end)

  it("is withdrawn when a fact that it names changes, and not when it stays", function()
    with { a = agent [[
        ctx.records.put{ type = "invoice", key = "1", value = { open = 10 } }
        ctx.memory.remember{ kind = "fact", key = "tone", text = "short" }
        local v = ctx.approve{ subject = "s", proposal = 1, facts = { { records = "invoice", key = "1" }, { memory = "fact", key = "tone" } } }
        return v.outcome]],
      b = agent 'ctx.records.put{ type = "invoice", key = "1", value = { open = input.open } }',
      c = agent 'ctx.memory.remember{ kind = "fact", key = "tone", text = "long" }' }
    local first, second = h:run "a", nil
    h:run("b", { open = 10 })
    assert.equal("waiting", (state_of(first)))
    h:run("b", { open = 0 })
    assert.same({ "done", nil, "obsolete" }, { state_of(first) })
    h.now = h.now + 1
    second = h:run "a"
    h.now = h.now + 1
    h:run "c"
    assert.equal("obsolete", (select(3, state_of(second))))
    assert.match("changed", e:approvals({ state = "obsolete" })[1].note)
  end)

  it("counts no yes whose facts are others when it would be acted on", function()
    with({ a = agent [[
        local v = ctx.approve{ subject = "s", proposal = 1, undo = "10s", facts = { { records = "invoice", key = "1" } } }
        return v.outcome]], b = agent 'ctx.records.put{ type = "invoice", key = "1", value = 1 }' })
    local run = h:run "a"
    e:decide(only().id, { state = "approved" })
    h:run "b"
    on(10000)
    assert.equal("obsolete", (select(3, state_of(run))))
  end)

  it("says what is wrong with what it is asked", function()
    with { a = agent [[
      local said = {}
      for i, more in ipairs{ { within = "soon" }, { remind = "often" }, { escalate = "Ana" }, { undo = {} }, { schema = 1 },
        { facts = { { records = "t" } } }, { effect = 1 } } do
        more.subject, more.proposal = "s", 1
        local ok, message = pcall(ctx.approve, more)
        said[i] = ok or message
      end
      return said]] }
    for _, text in ipairs(h:run("a").output) do assert.match("ctx.approve: '", text) end
  end)

  it("keeps what was decided otherwise, and makes an example of an edit", function()
    h = home.make { agents = { a = agent([[
        local draft = ctx.skill.draft{ to = input.to }
        local v = ctx.approve{ subject = "mail:" .. input.to, proposal = draft }
        return v.value]], 'uses = { "draft" },') },
      skills = { draft = [[return skill { version = 1, ["local"] = function(input) return { body = "Dear " .. input.to .. ", hello." } end }]] } }
    e = h:open()
    h:run("a", { to = "Ana" })
    e:decide(only().id, { state = "edited", value = { body = "Hi Ana." }, note = "shorter" })
    h.now = h.now + 1
    h:run("a", { to = "Bea" })
    e:decide(e:inbox()[1].id, { state = "rejected", note = "not her" })
    assert(e:drain())
    local list = e:overrides()
    assert.equal(2, #list)
    local no, edit = list[1], list[2]
    assert.same({ "draft", { body = "Dear Ana, hello." }, { body = "Hi Ana." }, "Mira", "shorter", "edited", 2 },
      { edit.skill, edit.proposed, edit.decided, edit.by, edit.reason, edit.outcome, edit.step })
    assert.same({ "rejected", "not her" }, { no.outcome, no.reason })
    local example = e.as_example(edit)
    assert.same({ { to = "Ana" }, { body = "Hi Ana." } }, { example.input, example.output })
    assert.is_nil(e.as_example(no))
    for _, run in ipairs(e:list()) do assert.is_true(e:replay(run.run).equal) end
    -- given to an agent that asks for something else
    h:write("agents/a.lua", agent([[
      local draft = ctx.skill.draft{ to = input.to }
      if input.to == "Ana" then draft.body = draft.body .. " Bye." end
      local v = ctx.approve{ subject = "mail:" .. input.to, proposal = draft }
      return v.value]], 'uses = { "draft" },'))
    local twice = {}
    for i = 1, 2 do
      local again = assert(e:reapply { agent = "a", with = h.path .. "/agents/a.lua" })
      twice[i] = require("json").pack(again)
      assert.same({ "same", "differs" }, { again[1].verdict, again[2].verdict })
      assert.same({ { path = "/body", from = "Dear Ana, hello.", to = "Dear Ana, hello. Bye." } }, again[2].diff)
    end
    assert.equal(twice[1], twice[2])
  end)
end)
