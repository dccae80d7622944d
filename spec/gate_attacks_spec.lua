-- Ways around the gate: each test is an agent, or a hand, that tries to have something done
-- which nobody approved.
local home = require "spec.support.home"
local json = require "json"
local agent = home.agent

describe("the gate, attacked", function()
  local h, e
  after_each(function() h:remove() end)

  local function with(agents, config)
    h = home.make { agents = agents, config = ('return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox",'
      .. ' payments = "outbox" }, %s }'):format(config or "") }
    e = h:open()
    return e
  end

  local function outbox() return h:outbox() end

  local function only() return h:question() end

  local function answer(state, value) return h:answer { state = state, value = value } end

  local function on(ms) return h:pass(ms) end

  local uses = 'uses = { "mail", "payments" },'
  local asks_all = 'policy = { { effect = "*", say = "ask" } }'

  local function waits(run) return e:describe(run.run).waiting_for end

  it("asks again for what is sent again with other arguments, and for what undoes it", function()
    with({ a = agent([[
      local n = 0
      ctx.step{ name = "pay", retry = { attempts = 2, initial = "1s" }, undo = function() ctx.skill.payments{ op = "charge", key = "back", eur = 5 } end,
        run = function()
          n = n + 1
          ctx.skill.payments{ op = "refund", key = "k" .. n, eur = n }
          if n < 2 then error "once more" end
          return n
        end }
      error "all of it failed"]], uses) }, asks_all)
    local run, asked = h:run "a", {}
    for _ = 1, 3 do
      asked[#asked + 1] = only().subject
      answer "approved"
      on(5000)
    end
    assert.same({ "payments.refund k1", "payments.refund k2", "payments.charge back" }, asked)
    assert.same({ 3, "compensated", 0 }, { #outbox(), e:describe(run.run).state, #e:inbox { all = true } })
  end)

  it("lets no effect into what becomes true together, and none of a branch that was given up", function()
    with({ a = agent([[
      local ok, message = pcall(ctx.atomic, function() ctx.skill.mail{ op = "send", key = "in" } end)
      ctx.any{ function() ctx.skill.mail{ op = "send", key = "given up" } end, function() ctx.wait{ event = "go" } end }
      ctx.sleep("1h")
      return message]], uses) }, asks_all)
    local run = h:run "a"
    local item = only()
    assert(e:emit("go", {}))
    assert(e:drain())
    local _, err = e:decide(item.id, { state = "approved" })
    assert.equal("K1014", err.number)
    on(3600000)
    assert.same({}, outbox())
    assert.match("takes reads and writes only", e:describe(run.run).output)
  end)

  it("takes no edit that changes what is done, or that is no arguments at all", function()
    with({ a = agent('local ok, err = ctx.skill.mail{ op = "draft", key = "k", to = "ana" } return ok and "ok" or err.code', uses) }, asks_all)
    local run = h:run "a"
    for _, value in ipairs { { op = "send", key = "k", to = "ana" }, { key = "k", to = "ana" }, json.array { 1 }, "text", 7, json.null,
      { op = "draft", key = 7 }, { op = "draft", key = "k", "list" } } do
      local item, err = answer("edited", value)
      assert.is_nil(item)
      assert.equal("K1071", err.number)
    end
    assert.same({ {}, "approval" }, { outbox(), waits(run) })
    assert(answer("edited", { op = "draft", key = "k", to = "bea" }))
    assert.equal("bea", outbox()[1].body.to)
    assert.equal("ok", e:describe(run.run).output)
  end)

  it("holds an edit and an old yes to what the policy denies by now", function()
    local config = 'policy = { { effect = "mail.send", where = { to = "eve" }, say = "deny" }, { effect = "*", say = "ask" } }'
    with({ a = agent('local ok, err = ctx.skill.mail{ op = "send", key = "k", to = "ana" } return ok and "ok" or err.code', uses) }, config)
    local run = h:run "a"
    answer("edited", { op = "send", key = "k", to = "eve" })
    assert.same({ {}, "denied" }, { outbox(), e:describe(run.run).output })
    run = h:run "a"
    h:write("config.lua", 'return { zone = "UTC", adapters = { mail = "outbox" }, policy = { { effect = "mail.*", say = "deny" } } }')
    e = h:reopen()
    answer "approved"
    assert.same({ {}, "denied" }, { outbox(), e:describe(run.run).output })
  end)

  it("counts no silence as a yes to an effect", function()
    with({ a = agent([[
      local args = { op = "refund", key = "k", eur = 900 }
      ctx.approve{ subject = "s", effect = input.effect, proposal = args, risk = "reversible", within = "1h", otherwise = "approve" }
      local ok, err = ctx.skill.payments(args)
      return ok and "paid" or err.code]], uses) }, asks_all)
    for _, effect in ipairs { "payments", "payments.refund" } do
      assert.match("what can be taken back only", h:run("a", { effect = effect }).error.message)
    end
    local run = h:run "a"
    on(3600000)
    assert.same({ {}, "approval" }, { outbox(), waits(run) })
  end)

  it("counts silence for what can be taken back, where nobody wants it asked", function()
    local text = agent([[
      local args = { op = "draft", key = "k" }
      ctx.approve{ subject = "s", effect = "mail", proposal = args, risk = "low", within = "1h", otherwise = "approve" }
      return ctx.skill.mail(args) and "done"]], uses)
    with({ a = text }, asks_all)
    local run = h:run "a"
    on(3600000)
    assert.same({ {}, "approval" }, { outbox(), waits(run) })
    h:remove()
    with { a = text }
    run = h:run "a"
    on(3600000)
    assert.equal("done", e:describe(run.run).output)
  end)

  it("shows the risk of what would be done, whatever the agent calls it", function()
    with { a = agent([[
      local v = ctx.approve{ subject = "s", effect = "payments", proposal = { op = "refund", key = "k", eur = 9 }, risk = "low" }
      return v.approved and ctx.skill.payments(v.value) and "paid" or "no"]], uses) }
    h:run "a"
    local item = only()
    assert.equal(3, item.tier)
    local list = e:decide_many({ { id = item.id, digest = item.digest } }, { state = "approved" })
    assert.equal("K1073", list[1].error.number)
  end)

  it("takes what a person was shown as low for no yes to something worse", function()
    with({ a = agent([[
      local v = ctx.approve{ subject = "s", proposal = { eur = 9 }, risk = "low" }
      local ok = ctx.skill.payments{ op = "refund", key = "k", eur = v.value.eur }
      return ok and "paid" or "no"]], uses) }, asks_all)
    local run = h:run "a"
    answer "approved"
    assert.same({ {}, "approval" }, { outbox(), waits(run) })
  end)

  describe("with a yes to what was shown", function()
    local function tries(args)
      return agent(([[
        ctx.approve{ subject = "s", proposal = { effect = "mail.send", key = "k", to = "ana", cc = "bob", body = "hello", sum = 9000, count = 1, flag = true }, risk = "irreversible" }
        local ok = ctx.skill.mail%s
        return ok and "sent" or "no"]]):format(args), uses)
    end

    for name, args in pairs {
      ["swaps two fields"] = '{ op = "send", key = "k", to = "bob", body = "hello" }',
      ["takes a number from another field"] = '{ op = "send", key = "k", to = "ana", count = 9000 }',
      ["writes into the names of fields"] = '{ op = "send", key = "k", to = "ana", body = { ["the secret"] = true } }',
      ["adds a field that is empty"] = '{ op = "send", key = "k", to = "ana", body = {} }',
      ["adds a field that is null"] = '{ op = "send", key = "k", to = "ana", all = ctx.null }',
      ["shows nothing of it"] = '{ op = "delete", key = "k" }',
      ["makes a float of an integer"] = '{ op = "send", key = "k", to = "ana", count = 1.0 }',
    } do
      it("lets nothing through that " .. name, function()
        with({ a = tries(args) }, asks_all)
        local run = h:run "a"
        answer "approved"
        assert.same({ {}, "approval" }, { outbox(), waits(run) })
      end)
    end

    it("lets through what was there, field by field", function()
      with({ a = tries '{ op = "send", key = "k", to = "ana", body = "hello" }' }, asks_all)
      h:run "a"
      answer "approved"
      assert.equal(1, #outbox())
    end)
  end)

  it("lets one yes through once, whoever reaches for it", function()
    with({ a = agent([[
      local args = { op = "send", key = "k", to = "ana" }
      ctx.approve{ subject = "s", effect = "mail", proposal = args }
      local got = ctx.all{ function() return ctx.skill.mail(args) end, function() return ctx.skill.mail(args) end }
      return #got]], uses) }, asks_all)
    local run = h:run "a"
    answer "approved"
    assert.same({ 1, "approval" }, { #outbox(), waits(run) })
    e = h:reopen()
    assert(e:drain())
    only()
  end)

  it("knows in a fork what its original had asked for by name", function()
    with { a = agent([[
      local args = { op = "send", key = "k" .. ctx.run, to = "ana" }
      local v = ctx.approve{ subject = "s", effect = "mail", proposal = { op = "send", to = "ana" } }
      ctx.records.put{ type = "t", key = "k", value = 1 }
      local ok = ctx.skill.mail{ op = "send", to = "ana" }
      return ok and "sent" or "no"]], uses) }
    local run = h:run "a"
    answer "approved"
    assert.equal(1, #outbox())
    for _, step in ipairs { 1, 2 } do
      local fork = assert(e:fork(run.run, step, {}))
      assert(e:drain())
      assert.same({ 1, "approval" }, { #outbox(), waits(fork) })
      answer "rejected"
    end
  end)

  it("looks at the facts of a yes once more before what it allows", function()
    with { a = agent([[
        local v = ctx.approve{ subject = "s", effect = "mail", proposal = { op = "send", key = "k" }, facts = { { records = "r", key = "1" } } }
        ctx.sleep("1d")
        local ok = ctx.skill.mail(v.value)
        return ok and "sent" or "no"]], uses),
      b = agent 'ctx.records.put{ type = "r", key = "1", value = 2 }' }
    local run = h:run "a"
    answer "approved"
    h:run "b"
    on(86400000)
    assert.same({ {}, "approval" }, { outbox(), waits(run) })
    assert.match("records/r/1 changed", only().why)
  end)

  it("reads no text as a smaller number, and asks the worse what it asks the milder", function()
    with({ a = agent([[
      local ok, err = ctx.skill[input.skill or "payments"](input.args)
      return ok and "done" or err.code]], uses) }, [[policy = {
        { effect = "payments.*", where = { eur = { [">"] = 500 }, to = { n = "7" } }, say = "deny" },
        { effect = "payments.*", where = { eur = { [">"] = 20 } }, say = "ask" },
        { effect = "mail.*", risk = "outward", say = "ask" } }]])
    local function try(args, skill) return h:run("a", { args = args, skill = skill }) end
    assert.equal("done", try({ op = "refund", key = "1", eur = 20 }).output)
    assert.equal("approval", try({ op = "refund", key = "2", eur = "21" }).waiting_for)
    assert.equal("approval", try({ op = "refund", key = "2", eur = " 2.1e1" }).waiting_for)
    assert.equal("denied", try({ op = "refund", key = "3", eur = "0x1000", to = { n = "7" } }).output)
    assert.equal("approval", try({ op = "delete", key = "4" }, "mail").waiting_for)
    assert.equal("done", try({ op = "draft", key = "5" }, "mail").output)
  end)

  describe("after text from outside and private memory", function()
    local private = 'ctx.memory.get{ kind = "fact", key = "tone" } '
    local sends = ' ctx.skill.mail{ op = "send", key = "k", to = "ana" } return "sent"'

    local function ready(agents, config)
      agents.learns = agent 'ctx.memory.remember{ kind = "fact", key = "tone", text = "the tone is short" }'
      with(agents, config)
      h:run "learns"
    end

    local function outside(text)
      assert(e:emit("mail.received", { text = text or "hello" }, { trust = "external" }))
      assert(e:drain())
    end

    local function run_of(name) return e:list({ agent = name })[1] end

    local hears = 'uses = { "mail" }, on = { event = "mail.received" },'

    it("is looked at by nobody when a deadline says yes", function()
      ready { a = agent(private .. 'ctx.approve{ subject = "s", proposal = 1, risk = "low", within = "1h", otherwise = "approve" }' .. sends, hears) }
      outside()
      e = h:reopen()
      on(3600000)
      assert.same({ {}, "approval" }, { outbox(), waits(run_of "a") })
      only()
    end)

    it("knows what a record holds that was made of it", function()
      ready { w = agent('ctx.records.put{ type = "r", key = "1", value = { text = input.text } }', hears),
        a = agent('local it = ctx.records.get{ type = "r", key = "1" } ' .. private .. 'ctx.sleep("1h")' .. sends, uses),
        b = agent('local it = ctx.records.find{ type = "r" } ' .. private .. sends, uses),
        c = agent('local it = ctx.records.get{ type = "r", key = "none" } ' .. private .. sends, uses) }
      outside()
      assert.equal("approval", h:run("b").waiting_for)
      local run = h:run "a"
      e = h:reopen()
      on(3600000)
      assert.equal("approval", waits(run))
      assert.equal("done", h:run("c").state)
    end)

    it("knows it through a child of a child, and through a child that failed", function()
      local calls = 'local v, err = ctx.call("%s", {}) ' .. private .. sends
      ready { a = agent(calls:format "b", uses), b = agent('return ctx.call("c", {})', uses),
        c = agent 'return ctx.wait{ event = "mail.received" }.payload.text',
        f = agent(calls:format "g", uses), g = agent 'error(ctx.wait{ event = "mail.received" }.payload.text)' }
      h:run "a"
      h:run "f"
      outside()
      assert.same({ "approval", "approval", {} }, { waits(run_of "a"), waits(run_of "f"), outbox() })
    end)

    it("knows what private memory a child was given, and one gave back", function()
      ready { a = agent('local text = ctx.wait{ event = "mail.received" } ctx.call("b", {})' .. sends, uses),
        b = agent('return ' .. private .. '.text'),
        f = agent(private .. 'ctx.call("g", { t = "private" }) return 1', uses),
        g = agent('ctx.wait{ event = "mail.received" }' .. sends, uses) }
      h:run "a"
      h:run "f"
      outside()
      assert.same({ "approval", "approval", {} }, { waits(run_of "a"), waits(run_of "g"), outbox() })
    end)

    it("is not looked at by a yes to what was asked before it came", function()
      for _, again in ipairs { false, true } do
        ready { a = agent([[
          ctx.all{ function() ctx.wait{ event = "mail.received" } end, function() ctx.approve{ subject = "s", proposal = 1 } end } ]]
          .. private .. 'ctx.sleep("1h")' .. sends, uses) }
        local run = h:run "a"
        answer "approved"
        outside()
        if again then e = h:reopen() end
        on(3600000)
        assert.same({ {}, "approval" }, { outbox(), waits(run) })
        if not again then h:remove() end
      end
    end)
  end)

  it("is asked about what is only read where a rule names it, and refuses it where one denies", function()
    h = home.make { agents = { a = agent('local v, err = ctx.skill.web{ op = input.op } return v and "read" or err.code', 'uses = { "web" },') },
      config = [[return { zone = "UTC", adapters = { web = { use = "http_json", base_url = "http://127.0.0.1:9", ops = {
        look = { method = "GET" }, find = { method = "GET" }, get = { method = "GET" } } } }, policy = { { effect = "web.look", say = "ask" },
        { effect = "web.f*", say = "deny" }, { effect = "web.*", say = "ask" } } }]] }
    e = h:open()
    assert.equal("approval", h:run("a", { op = "look" }).waiting_for)
    assert.equal("denied", h:run("a", { op = "find" }).output)
    assert.equal("timer", h:run("a", { op = "get" }).waiting_for) -- tried, and tried again later
  end)
end)
