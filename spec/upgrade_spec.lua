-- A store of format 1 (spec/data/format-1.db.gz, written by the version before: two runs that
-- wait, one of which had an event already) is brought up to date and goes on.
local home = require "spec.support.home"

describe("a store of the format before", function()
  local h
  after_each(function() h:remove() end)

  local function open_old()
    h = home.make { agents = { waits = [[
return agent { version = 1, on = { event = "order", key = "id" }, run = function(ctx, input)
  local first = ctx.wait{ event = "paid", where = { id = input.id } }
  local second = ctx.wait{ event = "paid", where = { id = input.id } }
  return { first.payload.n, second.payload.n }
end }
]] } }
    h.now = 1800000000000
    assert(os.execute(("gzip -dc spec/data/format-1.db.gz > '%s/var/keel.db'"):format(h.path)))
    return h:open()
  end

  it("keeps its runs, its waits and what it had of events", function()
    local e = open_old()
    assert(e:drain())
    local runs = e:list { agent = "waits" }
    assert.same({ "waiting", "waiting" }, { runs[1].state, runs[2].state })
    for n = 1, 2 do
      for i = n, 2 do e:emit("paid", { id = n, n = n * 10 + i }) end
    end
    e:emit("paid", { id = 2, n = 23 })
    assert(e:drain())
    local outputs = {}
    for _, run in ipairs(e:list { agent = "waits" }) do
      outputs[e:run_row(run.run).input.id] = run.output
      assert.is_true(e:replay(run.run).equal)
    end
    assert.same({ { 10, 11 }, { 22, 23 } }, outputs)
    e = h:reopen()
    assert.same({ { result = "ok" } }, e.store:read("check.integrity", {}))
  end)

  it("knows the events that it knew, and starts nothing twice", function()
    local e = open_old()
    assert.is_false(e:emit("note", {}, { key = "n1" }).new)
    e:emit("order", { id = 1 })
    assert(e:drain())
    assert.equal(2, #e:list { agent = "waits" })
    assert.equal("order", e:event("evt_1").type)
    assert.equal(1, e:event("evt_4").duplicates)
  end)
end)

-- Format 3 (spec/data/format-3.db.gz, written by the version before): two runs that asked a model and wait,
-- and a reservation that nobody ended. Which budgets a call counts in lay in a table of its own then.
describe("a store of format 3", function()
  local h
  after_each(function() h:remove() end)

  it("keeps its books, its memory and its runs", function()
    h = home.make { agents = { asker = [[
return agent { version=1, about="asks", on={event="ask"}, budget={ day="$0.50" }, run=function(ctx,input)
  local a=ctx.model{tier="small",prompt=input.text or "hello",max_tokens=20}
  ctx.memory.remember{kind="note",text="it said "..a}
  local ev=ctx.wait{event="go"}
  return { a, ev.payload.n }
end }
]] }, config = [[return { zone="UTC", owner="Mira", budget={ day="$1.00" },
  tiers={ small={ {provider="echo",model="echo-1",price={input=1,output=2}} } } }]] }
    h.now = 1800000000000
    assert(os.execute(("gzip -dc spec/data/format-3.db.gz > '%s/var/keel.db'"):format(h.path)))
    local e = h:open()
    assert.same({}, e.store:read("budget.check", {}))
    local books = e:model_client().books
    local rows = e.store:read("ledger.list", { since = 0, limit = 10 })
    assert.equal(4, #rows)
    assert.same({ "estimated", 5000000 }, { rows[1].state, rows[1].cost })
    assert.same({}, e.store:read("budget.check", {}))
    assert(books:settle(assert(books:reserve { agent = "asker", money = 5, tokens = 1 }), { cost = 3 }))
    assert.same({}, e.store:read("budget.check", {}))
    assert.same({}, e.store:read("rollup.check", {}))
    e:emit("go", { n = 7 })
    assert(e:drain())
    for _, run in ipairs(e:list { agent = "asker" }) do
      assert.equal("done", run.state)
      assert.equal(7, run.output[2])
      assert.is_true(e:replay(run.run).equal)
    end
    assert.equal(2, #e:memory():search { query = "what it said", ns = "main", distinct = false })
    e = h:reopen()
    assert.same({ { result = "ok" } }, e.store:read("check.integrity", {}))
  end)
end)

-- Format 4 (spec/data/format-4.db.gz, written by the version before): one question decided, two open
-- with deadlines, which were timers of their runs then.
describe("a store of format 4", function()
  local h
  after_each(function() h:remove() end)

  it("keeps its questions, their deadlines and what was decided", function()
    h = home.make { agents = { asker = [[
return agent { version=1, about="asks", run=function(ctx,input)
  local a=ctx.model{tier="small",prompt=input.text or "hello",max_tokens=20}
  local v=ctx.approve{ subject="say:"..input.n, proposal={ text=a, n=input.n }, within="900d", otherwise="reject", risk="low" }
  ctx.memory.remember{kind="note",text="it said "..a}
  ctx.skill.mail{ op="send", key="say:"..input.n, to="a@b.example", body=v.value.text }
  return { v.outcome, v.value.n }
end, uses={"mail"} }
]] }, config = [[return { zone="UTC", owner="Mira", budget={ day="$1.00" },
  tiers={ small={ {provider="echo",model="echo-1",price={input=1,output=2}} } } }]] }
    h.now = 1796000000000
    assert(os.execute(("gzip -dc spec/data/format-4.db.gz > '%s/var/keel.db'"):format(h.path)))
    local e = h:open()
    local items = e:inbox()
    assert.equal(2, #items)
    assert.equal("2029-05-15T09:47:09.224Z", items[1].deadline)
    assert(e:decide(items[1].id, { state = "approved", digest = items[1].digest }))
    assert(e:drain())
    assert.same({ "approved", 2 }, e:describe(items[1].run).output)
    h.now = 1796000000000 + 900 * 86400000
    e:fire()
    assert(e:drain())
    assert.same({ "rejected", 3 }, e:describe(items[2].run).output)
    assert.equal(0, #e:rows("timer.due", { now = h.now }))
    assert.same({}, e.store:read("rollup.check", {}))
    assert.equal("18000000", e:costs({})[1].cost_picousd)
    assert.is_true(e:audit_verify().ok)
    for _, run in ipairs(e:list()) do assert.is_true(e:replay(run.run).equal) end
    e = h:reopen()
    assert.same({ { result = "ok" } }, e.store:read("check.integrity", {}))
  end)
end)

-- Format 5 (spec/data/format-5.db.gz, written by the version before): two runs that were begun by mails, before
-- mailboxes were watched.
describe("a store of format 5", function()
  local h
  after_each(function() h:remove() end)

  it("keeps its runs, and knows how far mailboxes are read from now on", function()
    h = home.make { agents = { reader = [[
return agent { version=1, about="reads", on={event="mail.received"}, run=function(ctx,input)
  ctx.memory.remember{kind="note",text="mail "..input.n}
  local ev=ctx.wait{event="go"}
  return { input.n, ev.payload.n }
end }
]] } }
    h.now = 1800000000000
    assert(os.execute(("gzip -dc spec/data/format-5.db.gz > '%s/var/keel.db'"):format(h.path)))
    local e = h:open()
    assert.is_nil(e:mailbox "mira@x.example/INBOX mail.received")
    assert(e:keep_mailbox("mira@x.example/INBOX mail.received", { validity = 7, uid = 2, since = "now" }))
    local same = { payload = { n = 1, message_id = "<1@x.example>" }, mark = "m", bytes = 1, time = 0 }
    assert.is_false(e:take_mail("mira@x.example/INBOX mail.received", "mail.received", same))
    assert.equal(2, #e:list { agent = "reader" })
    e:emit("go", { n = 7 })
    assert(e:drain())
    for _, run in ipairs(e:list { agent = "reader" }) do
      assert.equal("done", run.state)
      assert.is_true(e:replay(run.run).equal)
    end
    e = h:reopen()
    assert.equal(2, e:mailbox("mira@x.example/INBOX mail.received").uid)
    assert.same({ { result = "ok" } }, e.store:read("check.integrity", {}))
  end)
end)
