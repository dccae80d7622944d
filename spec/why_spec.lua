-- `keel why`: what a thing was made of and what was made of it, complete in both directions.
local forger = require "spec.support.forger"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

local config = [[return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" },
  tiers = { small = { { provider = "echo", model = "echo-1", price = { input = 1.00, output = 2.00, as_of = "2026-11-01" } } } } }]]

local agents = {
  -- remembers, asks a model, asks its owner, sends
  welcome = home.agent([[
    ctx.memory.remember{ kind = "client", key = input.id, text = "the client " .. input.id .. " came" }
    ctx.memory.remember{ kind = "note", text = "a note of " .. input.id .. " without a key" }
    local found = ctx.memory.search{ query = "client", k = 3 }
    local text = ctx.model{ tier = "small", prompt = "hello " .. input.id .. #found }
    local verdict = ctx.approve{ subject = "welcome:" .. input.id, proposal = { text = "hi" }, otherwise = "skip", deadline = "1d" }
    if verdict.approved then ctx.skill.mail{ op = "send", key = "welcome:" .. input.id, to = "x@y.example" } end
    ctx.emit("client.welcomed", { id = input.id })
    return { ok = verdict.outcome } ]],
    [[on = { event = "client.new", key = "id" }, uses = { "mail" }, memory = { read = { "*" }, write = { "*" } }, ]]),
  -- begun by the event of another; waits for a third
  follow = home.agent([[
    local known = ctx.memory.get{ kind = "client", key = input.id }
    local paid = ctx.wait{ event = "paid", where = { id = input.id } }
    ctx.skill.mail{ op = "send", to = "x@y.example", body = known.text }
    return ctx.call("count", { id = input.id, sum = paid.payload.sum }) ]],
    [[on = { event = "client.welcomed", key = "id" }, uses = { "mail" }, memory = { read = { "*" } },
      policy = { { effect = "mail.send", say = "auto" } }, ]]),
  count = home.agent([[
    local all = ctx.memory.search{ query = "client", tokens = 50 }
    return { n = #(ctx.memory.search{ query = "note " .. input.id, k = 2 }) } ]], [[memory = { read = { "*" } }, ]]),
}

describe("why", function()
  local h, e

  before_each(function()
    h = home.make { config = config, agents = agents }
    e = h:open()
  end)
  after_each(function() h:remove() end)

  --- n clients come, some are said yes to, some pay.
  local function lead_lives(n)
    for i = 1, n do
      h.now = h.now + 1000
      assert(e:emit("client.new", { id = "P-" .. i }, { trust = "external" }))
      assert(e:drain())
    end
    for i, item in ipairs(e:inbox()) do
      h.now = h.now + 1000
      assert(e:decide(item.id, { state = i % 3 == 0 and "rejected" or "approved", note = "because " .. i }))
      assert(e:drain())
    end
    for i = 1, n do
      if i % 4 ~= 0 then assert(e:emit("paid", { id = "P-" .. i, sum = i })) end
      assert(e:drain())
    end
    -- what a run does that read memory, and was begun by words from outside, is asked about
    for _, item in ipairs(e:inbox()) do assert(e:decide(item.id, { state = "approved" })) end
    assert(e:drain())
  end

  --- The nodes by id, and the edges that touch one, as a sorted list of "from -> to".
  local function about(graph, id)
    local nodes, list = {}, {}
    for _, node in ipairs(graph.nodes) do nodes[node.id] = node end
    for _, edge in ipairs(graph.edges) do
      assert.is_truthy(nodes[edge.from] and nodes[edge.to])
      local kind = nodes[edge.from == id and edge.to or edge.from].kind
      if (edge.from == id or edge.to == id) and kind ~= "code" then
        local way = edge.from == id and "to" or "from"
        list[#list + 1] = ("%s %s %s"):format(way, kind, edge.from == id and edge.to or edge.from)
      end
    end
    table.sort(list)
    return nodes, list
  end

  --- The same, of what the journal and the books say.
  local function facts(run)
    local set, row = {}, e:run_row(run)
    local function say(...) set[("%s %s %s"):format(...)] = true end
    for _, one in ipairs(e:rows("event.begun", { run = row.id })) do say("from", "event", one.id) end
    if row.parent then say("from", "run", e:rows("run.by_id", { id = row.parent })[1].run) end
    for _, entry in ipairs(e:log(run)) do
      local result = entry.state == "done" and type(entry.result) == "table" and entry.result or nil
      if entry.kind == "memory" and entry.name == "search" then
        for _, item in ipairs(result and (result.items or result) or {}) do say("from", "memory", item.id) end
      elseif entry.kind == "memory" and entry.name == "get" and result then
        say("from", "memory", result.id)
      elseif entry.kind == "memory" and entry.name == "remember" and result then
        for _, item in ipairs(e:rows("memory.list", { ns = "main", after = 0, now = h.now, limit = 1000 })) do
          if item.run == row.id and item.seq == entry.seq then say("to", "memory", item.id) end
        end
      elseif entry.kind == "wait" and result then
        say("from", "event", result.id)
      elseif entry.kind == "emit" then
        for _, event in ipairs(e:event_list { type = entry.name, limit = 1000 }) do
          if e:event(event.id).payload.id == row.input.id then say("to", "event", event.id) end
        end
      elseif entry.kind == "skill" and entry.state == "done" then
        say("to", "effect", entry.args.key or ("%s/%d"):format(run, entry.seq))
      end
    end
    for _, child in ipairs(e:rows("run.children", { id = row.id })) do say("to", "run", child.run) end
    for _, call in ipairs(e:rows("ledger.of_run", { run = run })) do say("from", "model", call.key) end
    for _, item in ipairs(e:rows("approval.of_run", { run = row.id })) do say("from", "approval", item.id) end
    local list = {}
    for fact in pairs(set) do list[#list + 1] = fact end
    table.sort(list)
    return list
  end

  it("knows of every run exactly what its journal and the books say, and of each thing every run", function()
    lead_lives(12)
    local runs, users, states = e:list { limit = 1000 }, {}, {}
    for _, run in ipairs(runs) do
      states[run.agent .. " " .. run.state] = true
      local _, list = about(assert(e:lineage(run.run)), run.run)
      assert.same(facts(run.run), list)
      for _, fact in ipairs(list) do
        local way, kind, id = fact:match "^(%S+) (%S+) (.*)$"
        if kind ~= "run" and kind ~= "model" then
          users[id] = users[id] or {}
          users[id][("%s %s"):format(way, run.run)] = kind
        end
      end
    end
    for _, state in ipairs { "welcome done", "follow done", "follow waiting", "count done" } do assert.is_true(states[state], state) end
    -- the other way: the thing names every run that has to do with it
    for id, of in pairs(users) do
      local graph = assert(e:lineage(id))
      local there = {}
      for _, edge in ipairs(graph.edges) do
        if edge.from == graph.root.id then there["from " .. edge.to] = true end
        if edge.to == graph.root.id then there["to " .. edge.from] = true end
      end
      for one, kind in pairs(of) do
        assert.equal(kind, graph.root.kind)
        assert.is_true(there[one], ("%s %s: %s"):format(kind, id, one))
      end
    end
  end)

  it("answers for an effect: who said yes, what was asked and paid, what began it", function()
    lead_lives(1)
    local graph = assert(e:lineage "welcome:P-1")
    assert.same({ kind = "effect", id = "welcome:P-1" }, graph.root)
    local kinds = {}
    for _, node in ipairs(graph.nodes) do
      kinds[node.kind] = kinds[node.kind] or {}
      table.insert(kinds[node.kind], node)
    end
    assert.equal("external", kinds.event[1].detail.trust)
    assert.equal("Mira", kinds.person[1].title)
    assert.same({ "approved", "Mira", "because 1" }, { kinds.approval[1].detail.state, kinds.approval[1].detail.by,
      kinds.approval[1].detail.note })
    local model = kinds.model[1].detail
    assert.same({ "small", "echo-1", "settled" }, { model.tier, model.model, model.state })
    assert.equal("1.00", ("%.2f"):format(tonumber(kinds.model[1].detail.price.input) / 1e6))
    assert.equal(64, #kinds.code[1].detail.hash)
    assert.same(graph, assert(e:lineage "mail.send welcome:P-1"))
  end)

  it("follows what was remembered to what came of it, through other runs", function()
    lead_lives(1)
    local graph = assert(e:lineage "client/P-1")
    local nodes = about(graph, graph.root.id)
    assert.equal("memory", graph.root.kind)
    local effects = 0
    for _, node in pairs(nodes) do effects = effects + (node.kind == "effect" and 1 or 0) end
    assert.equal(2, effects) -- the welcome, and the letter of the run that the welcome began
  end)

  it("names the slot of a schedule, and the run that another was forked off", function()
    h:write("agents/tick.lua", home.agent([[ ctx.step{ name = "a", run = function() return 1 end } return 1 ]], [[ on = { every = "1h" }, ]]))
    e = h:reopen { schedules = true }
    h.now = h.now + 2 * 3600000
    e:fire()
    assert(e:drain())
    local run = e:list { agent = "tick" }[1]
    local _, list = about(assert(e:lineage(run.run)), run.run)
    assert.same({ "from schedule " .. run.key }, list)
    local new = assert(e:fork(run.run, 1, {}))
    assert(e:drain())
    _, list = about(assert(e:lineage(new.run)), new.run)
    assert.same({ "from person person:Mira", "from run " .. run.run }, list)
  end)

  it("says so when an id is nobody's, or more than one's", function()
    lead_lives(2)
    local _, err = e:lineage "nothing"
    assert.equal("K1007", err.number)
    _, err = e:lineage "run_"
    assert.equal("K1008", err.number)
  end)

  it("is told as a tree, and as one value", function()
    lead_lives(1)
    e:close()
    local out = keel({ "--home", h.path, "why", "welcome:P-1" })
    assert.equal(0, out.code, out.err)
    for _, words in ipairs { "effect mail.send welcome:P-1", "made of", "tier small", 'approved, by Mira', "trust: external",
      "is its script: code agents/welcome.lua", "read at step", "led to" } do
      assert.is_truthy(out.out:find(words, 1, true), words .. "\n" .. out.out)
    end
    out = keel({ "--home", h.path, "why", "welcome:P-1", "--json" })
    assert.equal("effect", json.decode(out.out).root.kind)
    assert.equal(2, keel({ "--home", h.path, "why" }).code)
    assert.is_truthy(keel({ "--home", h.path, "why", "nope" }).err:find "K1007")
  end)

  it("finds an effect among many rows of the trail at once", function()
    lead_lives(1)
    e:close()
    forger.damage(h.path .. "/var/keel.db", "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT"
      .. " INTO audit(id, time, who, what, subject, run, seq, chain) SELECT i, i, 'x', 'effect', 'mail.send other:' || i, 'run_' || i,"
      .. " 1, zeroblob(64) FROM n")
    e = h:open()
    local clock = require "core.clock"
    local began = clock.mono_us()
    assert(e:lineage "welcome:P-1")
    assert.is_true(clock.mono_us() - began < 200000)
    assert.equal("run_40000", e:lineage("other:40000").nodes[2].id)
  end)
end)

describe("forgetting", function()
  it("is a row of the trail, by an agent and by the owner", function()
    local home = require "spec.support.home"
    local h = home.make { agents = { a = home.agent [[ ctx.memory.remember { kind = "note", key = "k", text = "x" } ctx.memory.forget { kind = "note", key = "k" } return 1 ]] } }
    finally(function() h:remove() end)
    local e = h:open()
    assert.equal("done", h:run("a").state)
    assert(e:memory():remember { kind = "note", key = "k2", text = "x" })
    assert(e:memory():forget { kind = "note", key = "k2" })
    local found = {}
    for _, row in ipairs(e:rows("audit.list", { limit = 100 })) do
      if row.what == "memory.forget" then found[row.subject] = row.who end
    end
    assert.equal("a", found["note/k"])
    assert.equal("Mira", found["note/k2"])
  end)
end)
