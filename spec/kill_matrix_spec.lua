--- keel case --kill, and kills that a case file asks for itself: a small home with every kind
--- of effect, killed at every command and every moment of it.
local case = require "case"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local kills = require "case.kills"
local snapshot = require "case.snapshot"

local order = [[return agent { version = 1, uses = { "mail", "docs", "billing", "payments", "newsletter", "word" }, on = { event = "order.placed" },
  policy = { { effect = "mail.send", say = "auto" }, { effect = "payments.*", say = "auto" }, { effect = "newsletter.*", say = "auto" } },
  config = { type = "object", additionalProperties = false, properties = { refund = { type = "boolean", default = false } } },
  run = function(ctx, input)
    local id = input.id
    local order = ctx.records.get { type = "order", key = id }
    local said = ctx.skill.word { id = id }
    -- a key that the service knows again, and what is to be undone
    ctx.step { name = "draft_invoice", run = function()
        ctx.records.get { type = "order", key = id }
        return ctx.skill.billing { op = "draft", key = "inv:" .. id, eur = order.eur }
      end, undo = function() return ctx.skill.billing { op = "void_draft", key = "void:" .. id } end }
    -- side by side, one of them a mail that nobody can look up
    ctx.all {
      function() return ctx.skill.mail { op = "send", key = "thanks:" .. id, to = order.client, body = said.word } end,
      function() return ctx.skill.docs { op = "create", key = "doc:" .. id } end,
      function() ctx.sleep "1h" return ctx.records.put { type = "slept", key = id, value = { at = ctx.now_text() } } end,
      function() return ctx.skill.mail { op = "send", key = "copy:" .. id, to = "me@kiln.example", body = said.word } end,
    }
    local child = ctx.call("pack", { id = id })
    ctx.memory.remember { kind = "word", key = id, text = said.word }
    local v = ctx.approve { subject = "ship:" .. id, proposal = { text = said.word }, within = "1d", otherwise = "reject" }
    ctx.step { name = "ship", run = function()
      return ctx.skill.mail { op = "send", key = "ship:" .. id, to = order.client, body = v.value.text }
    end }
    ctx.atomic(function()
      ctx.records.put { type = "order", key = id, value = { id = id, eur = order.eur, client = order.client, state = "shipped", packed = child.n } }
      ctx.memory.remember { kind = "order", key = id, text = "shipped " .. id }
      ctx.emit("order.shipped", { id = id }, { key = "shipped:" .. id })
    end)
    if ctx.config.refund then
      ctx.step { name = "pay_back", run = function()
        local paid, err = ctx.skill.payments { op = "refund", key = "refund:" .. id, eur = order.eur }
        if not paid then error(err.message) end
      end }
    end
    return { outcome = v.outcome, word = said.word, packed = child.n }
  end }]]

local pack = [[return agent { version = 1, uses = { "mail" }, policy = { { effect = "mail.send", say = "auto" } },
  run = function(ctx, input)
    ctx.skill.mail { op = "send", key = "pack:" .. input.id, to = "stock@kiln.example", body = "Please pack " .. input.id }
    ctx.sleep "10m"
    ctx.records.put { type = "packed", key = input.id, value = { n = 1 } }
    return { n = 1 }
  end }]]

local shelf = [[return agent { version = 1, uses = { "newsletter" }, policy = { { effect = "newsletter.*", say = "auto" } }, on = { event = "order.shipped" },
  run = function(ctx, input)
    ctx.skill.newsletter { op = "schedule", key = "news:" .. input.id }
    ctx.records.put { type = "shelf", key = input.id, value = { empty = true } }
    return {}
  end }]]

local word = [[return skill { version = 1, about = "A word", input = { type = "object" }, output = { type = "object", required = { "word" } },
  model = { tier = "small", prompt = "One word for {id}" } }]]

describe("a case that is killed", function()
  local here, value

  before_each(function()
    here = home.make { agents = { order = order, pack = pack, shelf = shelf }, skills = { word = word },
      config = [[return { zone = "UTC", adapters = { mail = "outbox", docs = "outbox", billing = "outbox", payments = "outbox", newsletter = "outbox" } }]] }
    value = { case = "order", workflow = "order@1", now = "2026-03-02T09:00:00Z", tz = "Europe/Lisbon",
      records = { order = { { id = "O-1", eur = 90, client = "ana@fernline.example" } } },
      event = { type = "order.placed", key = "O-1", payload = { id = "O-1" } },
      model = { { skill = "word", tier = "small", reply = { word = "Thanks" }, usage = { ["in"] = 100, out = 10 } } },
      human = { { approval = "ship", after_s = 600, action = "edit", edit = { text = "On its way" } } },
      expect = { status = "done", output = { outcome = "edited", word = "Thanks", packed = 1 }, outbox_count = 7,
        ledger = { calls = 1, ["in"] = 100, out = 10, nano_usd = 28000 } } }
  end)
  after_each(function() here:remove() end)

  local function path_of(one)
    local path = file.join(here.path, (one or value).case .. ".json")
    assert(file.write(path, assert(json.encode(one or value))))
    return path
  end

  local function play(kill)
    local path = path_of()
    return assert(case.play(here.path, assert(case.read(path)), { file = path, kill = kill }))
  end

  local function kill_everywhere(options)
    options = options or {}
    options.file = path_of()
    return assert(kills.everywhere(here.path, assert(case.read(options.file)), options))
  end

  --- What differs, a line each.
  local function lines(told)
    local list = {}
    for i, one in ipairs(told.differences) do
      list[i] = ("%s %s: %s, not %s (%s)"):format(one.at or "", one.path, json.encode(one.got), json.encode(one.expected), one.why or "")
    end
    return table.concat(list, "\n")
  end

  local function keys_of(told)
    local list = {}
    for i, row in ipairs(told.snapshot.outbox) do list[i] = row.key end
    table.sort(list)
    return list
  end

  local all_keys = { "copy:O-1", "doc:O-1", "inv:O-1", "news:O-1", "pack:O-1", "ship:O-1", "thanks:O-1" }

  it("comes to the same at every moment of every command, and asks only about what nobody can look up", function()
    local calm = play()
    assert.equal("", lines(calm))
    assert.same(all_keys, keys_of(calm))
    local runs = {}
    for _, one in ipairs(calm.commands) do runs[one.agent] = true end
    assert.same({ order = true, pack = true, shelf = true }, runs)
    local told = kill_everywhere()
    assert.equal("", lines(told))
    assert.equal(19, told.kills)
    -- four mails, killed each: and those beside them, where they were on their way as well
    assert.is_true(told.asked >= 4, told.asked .. " questions")
    local blind = kill_everywhere { only = function(one) return one.effect == "at_most_once" and one.agent == "pack" end }
    assert.same({ kills = 1, asked = 1 }, { kills = blind.kills, asked = blind.asked })
    local known = kill_everywhere { only = function(one) return one.name == "billing" or one.name == "newsletter" or one.agent == "shelf" end }
    assert.is_true(known.kills >= 3)
    assert.equal(0, known.asked)
  end)

  it("comes to the same before each command, and where one waits", function()
    local told = kill_everywhere { when = { "before_effect", "during" } }
    assert.equal("", lines(told))
    assert.is_true(told.kills >= 24, told.kills .. " kills")
  end)

  it("comes to the same with lost answers, refusals and compensations", function()
    value.config = { refund = true }
    value.faults = { { at = "ship", kind = "lost_ack", when = "after_effect" }, { at = "doc:O-1", kind = "lost_ack", times = 4 },
      { at = "billing.draft", kind = "http_503", times = 2 }, { at = "payments.refund", kind = "http_503", times = 4 } }
    value.human[2] = { action = "answer", question = "reconcile:ship:O-1", value = "done", after_s = 30 }
    value.expect = { status = "compensated", outbox_count = 8 }
    local calm = play()
    assert.equal("", lines(calm))
    assert.same({ "copy:O-1", "doc:O-1", "inv:O-1", "news:O-1", "pack:O-1", "ship:O-1", "thanks:O-1", "void:O-1" }, keys_of(calm))
    local told = kill_everywhere()
    assert.equal("", lines(told))
    assert.is_true(told.kills >= 20, told.kills .. " kills")
  end)

  it("trusts the same texts after it", function()
    value.event.type = "schedule" -- nothing comes from outside, and a model of the house is none
    local calm = play()
    local said = {}
    for _, event in ipairs(calm.snapshot.events) do said[event.type] = event.trust end
    assert.equal("agent", said["order.shipped"])
    assert.same({ "internal", "internal" }, { calm.snapshot.memory[1].trust, calm.snapshot.memory[2].trust })
    assert.equal("", lines(kill_everywhere { only = function(one) return one.agent == "order" and one.seq <= 5 or one.kind == "approve" end }))
  end)

  it("asks again what did not happen, and does it then", function()
    value.faults = { { at = "ship", kind = "timeout" } }
    value.human[2] = { action = "answer", question = "reconcile:ship:O-1", value = "not_done", after_s = 30 }
    assert.equal("", lines(play()))
    local told = kill_everywhere { only = function(one) return one.effect == "at_most_once" and one.agent == "order" end }
    assert.equal("", lines(told))
    assert.same({ kills = 3, asked = true }, { kills = told.kills, asked = told.asked >= 3 })
  end)

  it("is told apart from one that differs", function()
    -- a workflow that is another one after a kill: it says so when an answer came from the owner
    local text = order:gsub("word = said%.word, packed", "word = said.word, owner = shipped.reconciled, packed")
      :gsub("    ctx%.step { name = \"ship\"", "    local shipped = ctx.step { name = \"ship\"")
    here:write("agents/order.lua", text)
    local told = kill_everywhere { only = function(one) return one.effect == "at_most_once" and one.agent == "order" end }
    local paths = {}
    for _, one in ipairs(told.differences) do paths[one.path] = one.name end
    assert.equal("skill mail", paths["/runs/0/output/owner"], lines(told))
    -- and one that the case does not hold for undisturbed
    here:write("agents/order.lua", order)
    value.expect.outbox_count = 6
    told = kill_everywhere { only = function(one) return one.kind == "approve" end }
    assert.same({ "nowhere" }, { told.differences[1].at })
    assert.equal(1, #told.differences)
    -- a question that nobody needs, or nobody asked, or a kill that did not come about
    local got = play { at = "order/1#999", when = "after_effect" }
    assert.is_nil(got.killed)
  end)

  it("has other effects, records, memories, questions, events or another bill: each is seen", function()
    local calm = play().snapshot
    local function changed(change)
      local copy = json.decode(json.encode(calm))
      change(copy)
      local paths = {}
      for i, one in ipairs(snapshot.differences(calm, copy)) do paths[i] = one.path end
      return paths
    end
    assert.same({}, changed(function() end))
    assert.same({ "/outbox" }, changed(function(copy) table.insert(copy.outbox, copy.outbox[1]) end))
    assert.same({ "/outbox" }, changed(function(copy) table.remove(copy.outbox) end))
    assert.same({ "/outbox/0/body/cc" }, changed(function(copy) copy.outbox[1].body.cc = "x" end))
    assert.same({ "/records/extra" }, changed(function(copy) copy.records.extra = { a = 1 } end))
    assert.same({ "/memory" }, changed(function(copy) copy.memory = json.array {} end))
    assert.same({ "/events" }, changed(function(copy) table.remove(copy.events) end))
    assert.same({ "/questions/0/state" }, changed(function(copy) copy.questions[1].state = "open" end))
    assert.same({ "/ledger/calls" }, changed(function(copy) copy.ledger.calls = 2 end))
    assert.is_true(#changed(function(copy) copy.outbox[1], copy.outbox[2] = copy.outbox[2], copy.outbox[1] end) > 0)
    local copy = json.decode(json.encode(calm))
    copy.outbox[1], copy.outbox[2] = copy.outbox[2], copy.outbox[1]
    assert.equal(0, #snapshot.differences(calm, copy, true))
  end)

  it("is killed by its own faults, which name steps, effects, skills, questions and commands", function()
    local calm = play()
    local command
    for _, one in ipairs(calm.commands) do
      if one.agent == "pack" and one.kind == "records" then command = ("pack/1#%d"):format(one.seq) end
    end
    -- mails are asked about where they were on their way, which a script cannot know: it says
    -- that they were sent, and so each is there once or not at all
    for _, key in ipairs { "thanks:O-1", "copy:O-1", "pack:O-1", "ship:O-1" } do
      value.human[#value.human + 1] = { action = "answer", question = "reconcile:" .. key, value = "done", after_s = 0 }
    end
    value.expect = { status = "done" }
    for _, at in ipairs { "draft_invoice", "billing.draft", "billing.draft inv:O-1", "inv:O-1", "word", "ship:O-1", "approve_ship", "doc:O-1", "sleep",
      "pack", "newsletter", "atomic", "#3", command } do
      for _, when in ipairs { "before_effect", "after_effect", "during" } do
        value.faults = { { at = at, kind = "kill9", when = when } }
        local told = play()
        local say = at .. " " .. when .. "\n" .. lines(told)
        for _, path in ipairs(told.unchecked) do assert.is_nil(path:find("/faults", 1, true), say) end
        assert.equal("", lines(told), say)
        assert.same(calm.snapshot.records, told.snapshot.records, say)
        local seen = {}
        for _, key in ipairs(keys_of(told)) do
          assert.is_nil(seen[key], say)
          seen[key] = true
        end
        for _, key in ipairs { "inv:O-1", "doc:O-1", "news:O-1" } do assert.is_true(seen[key], say) end
      end
    end
  end)

  it("is killed behind the effect of a step, not behind what the step reads", function()
    value.faults = { { at = "draft_invoice", kind = "kill9" }, { at = "billing.draft", kind = "http_503", times = 2 } }
    local told = play()
    assert.equal("", lines(told))
    assert.equal("inv:O-1", told.snapshot.outbox[1].key)
    -- the two refusals came first: they are durable by then, and are not met again
    for _, step in ipairs(told.log) do
      if step.name == "billing" then assert.equal(3, step.attempts) end
    end
  end)

  it("goes on in another life with later events, a swap of adapters, and a time without the machine", function()
    value.records.order[2] = { id = "O-2", eur = 10, client = "bo@x.example" }
    value.model[2] = { skill = "word", tier = "small", reply = { word = "Hello" }, usage = { ["in"] = 100, out = 10 } }
    value.human = { value.human[1], { approval = "ship", after_s = 60, action = "approve" } }
    value["then"] = { { after_s = 30, operator = "adapters", adapters = { mail = "outbox", crm = "outbox" } }, { after_s = 60, offline_s = 7200 },
      { after_s = 120, event = { type = "order.placed", key = "O-2", payload = { id = "O-2" } } },
      { after_s = 180, event = { type = "order.placed", key = "O-2", payload = { id = "O-2" } } } }
    value.expect = { status = "done", runs = 2, outbox_count = 14, audit = { "duplicate_event" } }
    local calm = play()
    assert.equal("", lines(calm))
    local told = kill_everywhere { only = function(one) return one.effect ~= "read" and one.effect ~= "pure" or one.kind == "sleep" or one.kind == "approve" end }
    assert.equal("", lines(told))
    assert.is_true(told.kills >= 24, told.kills .. " kills")
    value.faults = { { at = "order/2#4", kind = "kill9", when = "before_effect" }, { at = "shelf/2#1", kind = "kill9" } }
    told = play()
    assert.equal("", lines(told))
    assert.same({}, snapshot.differences(calm.snapshot, told.snapshot))
  end)

  it("is a sequence, each part with its own answers, replies and faults", function()
    local second = json.decode(json.encode(value))
    second.case, second.now, second.records, second.expect = "second", "2026-03-04T09:00:00Z", { order = { { id = "O-2", eur = 10, client = "bo@x.example" } } }, nil
    second.event.key, second.event.payload.id = "O-2", "O-2"
    second.model[1].reply.word = "Second"
    second.human = { { approval = "ship:O-1", after_s = 5, action = "approve" }, { approval = "ship:O-2", after_s = 60, action = "approve" } }
    second.faults = { { at = "billing.draft", kind = "kill9" } }
    value.human = { { approval = "ship:O-2", after_s = 1, action = "reject" } }
    value.expect = nil
    local told
    value = { case = "both", sequence = { value, second }, expect = { status = "done", outbox_count = 14,
      approvals = { { subject = "ship:O-1", state = "rejected" }, { subject = "ship:O-2", state = "approved" } } } }
    value.sequence[1].human[2] = { approval = "ship:O-1", action = "none" }
    told = play()
    assert.equal("", lines(told))
  end)

  it("is killed by the command line, which says how often and what differs", function()
    local got = keel { "case", "--kill", path_of(), "--home", here.path }
    assert.equal(0, got.code, got.err)
    assert.match("^order  %d+ kills, always the same end\n$", got.out)
    value.expect.status = "failed"
    got = keel { "case", "--kill", "--json", path_of(), "--home", here.path }
    assert.equal(1, got.code)
    local told = json.decode(got.out)
    assert.same({ case = "order", holds = false }, { case = told.case, holds = told.holds })
    assert.same({ at = "nowhere", path = "/expect/status", name = "undisturbed", expected = "failed", got = "done" }, told.differences[1])
    assert.equal(1, #told.differences)
  end)
end)
