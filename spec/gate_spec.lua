-- The gate in front of effects: policies, what a run has seen, and that nothing acts which
-- nobody approved, whatever changes between asking and acting.
local home = require "spec.support.home"
local agent = home.agent

describe("the gate", function()
  local h, e
  after_each(function() h:remove() end)

  local function with(agents, config, skills)
    h = home.make { agents = agents, skills = skills, config = ('return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox",'
      .. ' payments = "outbox" }, %s }'):format(config or "") }
    e = h:open()
    return e
  end

  local function outbox() return h:outbox() end

  local function send(args, more)
    return agent(([[%s local sent, err = ctx.skill.mail{ op = "send", key = "k", %s }
      return sent and "sent" or err.code .. ": " .. err.message]]):format(more or "", args or 'to = "ana"'), 'uses = { "mail", "payments" },')
  end

  local function answer(state, value, note)
    local item = h:question {}
    assert(h:answer { state = state, value = value, note = note })
    return item
  end

  it("lets through what no rule speaks of", function()
    with { a = send() }
    assert.equal("sent", h:run("a").output)
  end)

  it("refuses what a rule denies, whatever another allows", function()
    with({ a = send() }, 'policy = { { effect = "mail.send", say = "auto" }, { effect = "mail.*", where = { to = "ana" }, say = "deny" } }')
    assert.match("^denied: mail.send: the policy says deny for mail.%*", h:run("a").output)
    assert.same({}, outbox())
  end)

  it("asks what a rule wants asked, and does it as it was approved", function()
    with({ a = send() }, 'policy = { { risk = "outward", agent = "a", say = "ask" } }')
    local run = h:run "a"
    assert.same({ "waiting", "approval" }, { run.state, run.waiting_for })
    local item = e:inbox()[1]
    assert.same({ "mail", "mail.send k", "outward", 2, { op = "send", key = "k", to = "ana" } },
      { item.effect, item.subject, item.risk, item.tier, item.proposal })
    assert.match("the policy says ask", item.why)
    e = h:reopen()
    answer("edited", { op = "send", key = "k", to = "bea" })
    assert.equal("sent", e:describe(run.run).output)
    assert.same({ { "bea" }, 1 }, { { outbox()[1].body.to }, #outbox() })
    assert.is_true(e:replay(run.run).equal)
  end)

  it("does not do what was refused, and says so to the script", function()
    with({ a = send() }, 'policy = { { effect = "mail.send", say = "ask" } }')
    local run = h:run "a"
    answer("rejected", nil, "not now")
    assert.match("^rejected: mail.send k: a person said no: not now", e:describe(run.run).output)
    assert.same({}, outbox())
  end)

  it("knows the agent's own policy, behind that of config.lua", function()
    local text = agent([[local sent, err = ctx.skill.mail{ op = "send", key = "k", n = input.n }
      return sent and "sent" or err.code]], 'uses = { "mail" }, policy = { { effect = "mail.send", where = { n = { ["<="] = 5 } }, say = "auto" }, { say = "ask" } },')
    with({ a = text })
    assert.equal("sent", h:run("a", { n = 5 }).output)
    assert.equal("waiting", h:run("a", { n = 6 }).state)
  end)

  it("takes one yes for exactly these arguments for one effect", function()
    local text = agent([[
      local v = ctx.approve{ subject = "s", effect = "mail", proposal = { op = "send", key = "1", to = "ana" } }
      local first = ctx.skill.mail(v.value)
      local args = v.value
      args.key = "2"
      ctx.skill.mail(args)
      return "both"]], 'uses = { "mail" },')
    with({ a = text })
    local run = h:run "a"
    answer "approved"
    assert.equal(1, #outbox())
    local again = e:inbox()[1]
    assert.match("its arguments are not those that were approved", again.why)
    answer "approved"
    assert.equal("both", e:describe(run.run).output)
    assert.equal(2, #outbox())
  end)

  it("takes a yes for what it showed, where a rule asks", function()
    with({ a = send('to = v.value.to, body = v.value.body', 'local v = ctx.approve{ subject = "s", proposal = { effect = "mail.send", key = "k", to = "ana", body = "hello" } }') },
      'policy = { { effect = "mail.send", say = "ask" } }')
    local run = h:run "a"
    answer "approved"
    assert.equal("sent", e:describe(run.run).output)
  end)

  describe("after text from outside and private memory", function()
    local reads = 'ctx.memory.search{ query = "tone", k = 3 }'

    local function outside(body, config, more)
      with({ a = agent(body, 'uses = { "mail" }, on = { event = "mail.received" }, ' .. (more or "")),
        learns = agent 'ctx.memory.remember{ kind = "fact", key = "tone", text = "the tone is short" }' }, config)
      h:run "learns"
      assert(e:emit("mail.received", { text = "hello" }, { trust = "external" }))
      assert(e:drain())
      return e:list({ agent = "a" })[1]
    end

    local sends = ' ctx.skill.mail{ op = "send", key = "k", to = "ana" } return "sent"'

    it("asks before anything goes out", function()
      local run = outside(reads .. sends)
      assert.equal("waiting", run.state)
      assert.match("text from outside and private memory", e:inbox()[1].why)
      answer "approved"
      assert.equal("sent", e:describe(run.run).output)
    end)

    it("asks the same after a restart, when what was read is in the journal alone", function()
      local run = outside(reads .. ' ctx.sleep("1h")' .. sends)
      e = h:reopen()
      h.now = h.now + 3600000
      assert(e:drain())
      assert.equal("approval", e:describe(run.run).waiting_for)
    end)

    it("lets a draft be made, and text that nobody private was mixed with be sent", function()
      assert.equal("sent", outside(reads .. ' ctx.skill.mail{ op = "draft", key = "k" } return "sent"').output)
      h:remove()
      assert.equal("sent", outside(sends).output)
    end)

    it("does not ask what a person has looked at, until more is read", function()
      local run = outside(reads .. ' local v = ctx.approve{ subject = "s", proposal = "text" }' .. sends)
      answer "approved"
      assert.equal("sent", e:describe(run.run).output)
      h:remove()
      run = outside(reads .. ' local v = ctx.approve{ subject = "s", proposal = "text" } ' .. reads .. sends)
      answer "approved"
      assert.equal("approval", e:describe(run.run).waiting_for)
    end)

    it("does not ask where a rule names this very effect", function()
      assert.equal("sent", outside(reads .. sends, 'policy = { { effect = "mail.send", say = "auto" } }').output)
      h:remove()
      assert.equal("sent", outside(reads .. sends, nil, 'policy = { { effect = "mail.send", say = "auto" } },').output)
      h:remove()
      assert.equal("waiting", outside(reads .. sends, 'policy = { { effect = "mail.*", say = "auto" } }').state)
    end)

    it("keeps the mark on what is learned from it, until a person approves", function()
      outside 'ctx.memory.remember{ kind = "fact", key = "x", text = "from outside", trust = "internal" }'
      assert.equal("external", e:memory():get({ ns = "main", kind = "fact", key = "x" }).trust)
      h:remove()
      outside [[ctx.approve{ subject = "s", proposal = 1 } ctx.memory.remember{ kind = "fact", key = "x", text = "seen" }]]
      answer "approved"
      assert.are_not.equal("external", e:memory():get({ ns = "main", kind = "fact", key = "x" }).trust)
    end)

    it("hands the mark to a run that is called", function()
      outside(reads .. ' return ctx.call("b", { text = input.text })') -- there is no b yet
      h:write("agents/b.lua", agent(reads .. sends, 'uses = { "mail" },'))
      e = h:reopen()
      e:emit("mail.received", { text = "again" }, { trust = "external" })
      assert(e:drain())
      assert.equal("approval", e:list({ agent = "b" })[1].waiting_for)
    end)
  end)

  it("does nothing that nobody approved, whatever is changed between asking and acting", function()
    local storm = require "spec.approvals.mutations"
    h = { remove = function() end }
    local result = storm.run { n = 60, seed = 20261127 }
    assert.same({}, result.faults)
    assert.equal(60, result.mutations)
    assert.is_true(result.effects > 5 and result.asked_again > 5)
  end)

  it("takes back or acts, never both", function()
    h = { remove = function() end }
    local result = require("spec.approvals.races").run { n = 150, seed = 20261127 }
    assert.same({}, result.faults)
    assert.is_true(result.recalled > 10 and result.acted > 10)
  end)
end)
