--- keel dev --case: a case file is played, and what it expects is held to what came of it.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

local remind = [[return agent { version = 2, uses = { "mail", "word" }, policy = { { effect = "mail.send", say = "auto" } }, on = { event = "invoice.late" },
  config = { type = "object", additionalProperties = false, properties = { rate = { type = "number", default = 0 }, approval = { type = "object" } } },
  run = function(ctx, input)
    local invoice = ctx.records.get { type = "invoice", key = input.id }
    local tone = ctx.memory.get { kind = "voice", key = "tone" }
    local said, err = ctx.skill.word { tone = tone and tone.text or "" }
    local v = ctx.approve { subject = "remind:" .. input.id, proposal = { eur = invoice.eur + ctx.config.rate, word = said and said.word or err.code },
      within = "4h", otherwise = "skip" }
    if v.outcome == "approved" or v.outcome == "edited" then
      local sent = ctx.skill.mail { op = "send", key = "remind:" .. input.id, to = invoice.client, body = v.value.word .. " " .. v.value.eur }
      if sent then ctx.memory.remember { kind = "sent", key = input.id, text = "reminded", value = { at = ctx.now_text() } } end
    end
    return { outcome = v.outcome }
  end }]]

local word = [[return skill { version = 1, about = "A word", input = { type = "object" }, output = { type = "object", required = { "word" } },
  model = { tier = "small", prompt = "One word for {tone}" } }]]

describe("keel dev --case", function()
  local here, case

  before_each(function()
    here = home.make { agents = { remind = remind }, skills = { word = word }, config = [[return { zone = "UTC", adapters = { mail = "outbox" } }]] }
    case = { case = "late", workflow = "remind@2", now = "2026-03-02T09:00:00Z", tz = "Europe/Lisbon",
      config = { rate = 5, budget = { remind = { run_nano_usd = 900000 } } },
      records = { invoice = { { id = "I-1", eur = 100, client = "ana@fernline.example" } } },
      memory = { { layer = "long", kind = "voice", key = "tone", text = "kind", importance = 0.9 } },
      event = { type = "invoice.late", key = "I-1", payload = { id = "I-1" } },
      model = { { skill = "word", tier = "small", reply = { word = "Please" }, usage = { ["in"] = 100, out = 10 } } },
      human = { { approval = "remind", after_s = 600, action = "approve" } },
      expect = { status = "done", outbox = { { adapter = "mail", op = "send", key = "remind:I-1", contains = { "Please", "105" } } }, outbox_count = 1,
        records = { invoice = { { id = "I-1", eur = 100 } } },
        memory = { { layer = "long", kind = "sent", key = "I-1", value = { at = "2026-03-02T09:10:00.000Z" } } }, memory_absent = { "sent/I-2" },
        approvals = { { state = "approved", subject = "remind:I-1" } }, audit = { "approval.approved" },
        ledger = { calls = 1, ["in"] = 100, out = 10, nano_usd = 28000 }, never = { "evil.example", { op = "refund" } } } }
  end)
  after_each(function() here:remove() end)

  --- Play it: the exit code, and the value of its last line.
  local function play()
    here:write("late.json", json.encode(case))
    local got = keel { "dev", "--once", "--case", here.path .. "/late.json", "--home", here.path, "--json" }
    local last
    for line in got.out:gmatch "[^\n]+" do last = json.decode(line) end
    return got.code, last and last.case or last and last.error, got
  end

  local function differences_at(told)
    local paths = {}
    for i, one in ipairs(told.differences) do paths[i] = one.path end
    return paths
  end

  it("holds: time, records, memory, replies and answers are those of the case, and nothing leaves", function()
    local code, told, got = play()
    assert.same({}, told.differences, got.out .. got.err)
    assert.same({}, told.unchecked)
    assert.equal(0, code)
    assert.is_nil(here:read "var/outbox.jsonl")
    assert.equal(0, (play())) -- nothing is left of the first time
  end)

  it("takes a plain value as the one record of its type, and finds each record by its id", function()
    case.records.cash_eur, case.expect = 14200, { records = { cash_eur = 14200, invoice = { { id = "I-1", client = "ana@fernline.example" } } } }
    local code, told = play()
    assert.same({}, told.differences)
    assert.equal(0, code)
    case.expect.records.cash_eur = 14201
    _, told = play()
    assert.same({ "/expect/records/cash_eur" }, differences_at(told))
  end)

  it("names each part that differs, with its path, and ends with 1", function()
    case.expect.status, case.expect.outbox_count = "failed", 3
    case.expect.outbox[1].contains = "Thanks"
    case.expect.records.invoice[2] = { eur = 7 }
    case.expect.memory[1].value.at = "2026-03-02T09:00:00.000Z"
    case.expect.memory_absent = { { kind = "voice", key = "tone" } }
    case.expect.approvals[1].state = "rejected"
    case.expect.audit = { "approval.rejected" }
    case.expect.ledger.nano_usd = 1
    case.expect.never = { "fernline.example", { op = "send" }, "kind" }
    case.expect.mood = "good"
    local code, told = play()
    assert.equal(1, code)
    assert.same({ "/expect/approvals/0/state", "/expect/audit/0", "/expect/ledger/nano_usd", "/expect/memory/0/value/at",
      "/expect/memory_absent/0", "/expect/never/0", "/expect/never/1", "/expect/never/2", "/expect/outbox/0/contains",
      "/expect/outbox_count", "/expect/records/invoice/1", "/expect/status" }, differences_at(told))
    assert.same({ "/expect/mood" }, told.unchecked)
  end)

  it("gives edits, a no and silence as they are scripted", function()
    case.human[1] = { approval = "remind:I-1", after_s = 60, action = "edit", edit = { eur = 90, word = "Now" } }
    case.expect = { outbox = { { adapter = "mail", op = "send", contains = "Now 90" } }, approvals = { { state = "edited" } } }
    assert.equal(0, (play()))
    case.human[1] = { approval = "remind", after_s = 60, action = "reject", note = "no" }
    case.expect = { outbox = {}, approvals = { { state = "rejected" } } }
    assert.equal(0, (play()))
    for _, silence in ipairs { { approval = "remind", action = "none" }, { approval = "remind", action = "approve", after_s = -1 } } do
      case.human[1] = silence
      case.expect = { status = "done", outbox = {}, approvals = { { state = "expired" } } }
      local code, told = play()
      assert.same({}, told.differences)
      assert.equal(0, code)
    end
  end)

  it("lets events come later, at their time", function()
    case.human[2] = { approval = "remind:I-2", after_s = 1, action = "approve" }
    case.model[2] = { skill = "word", tier = "small", error = "overloaded", usage = { ["in"] = 0, out = 0 } }
    case.records.invoice[2] = { id = "I-2", eur = 1, client = "bo@x.example" }
    case["then"] = { { after_s = 60, event = { type = "invoice.late", key = "I-2", payload = { id = "I-2" } } } }
    case.expect = { outbox = { { adapter = "mail", op = "send", key = "remind:I-2", contains = "overloaded 6" }, { adapter = "mail", op = "send", key = "remind:I-1" } },
      memory = { { kind = "sent", key = "I-2", value = { at = "2026-03-02T09:01:01.000Z" } } } }
    local _, told = play()
    assert.same({}, told.differences)
  end)

  it("tells when a model is asked what the case has no reply to", function()
    case.model[1].tier = "large"
    case.expect = nil
    local code, told = play()
    assert.equal(1, code)
    assert.same({ "/model/0/tier" }, differences_at(told))
    assert.equal("small", told.differences[1].got)
    case.model = nil
    _, told = play()
    assert.same({ "/model/0" }, differences_at(told))
  end)

  it("does what an operator does, in the words of the command line, and tells what could not be done", function()
    case["then"] = { { after_s = 60, operator = "pause remind" }, { after_s = 6000, operator = "keel resume --agent remind" } }
    case.expect = { status = "done" }
    local code, told = play()
    assert.equal(0, code)
    case["then"] = { { after_s = 60, operator = "cancel remind" }, { after_s = 120, operator = "resume remind" } }
    case.expect = { outbox_count = 0 }
    code, told = play()
    assert.equal(1, code, json.encode(told))
    assert.same({ "/then: operator resume remind" }, differences_at(told))
  end)

  it("refuses what it cannot play, with the place", function()
    case.workflow = "remind@1"
    local code, err = play()
    assert.equal(2, code)
    assert.truthy(err.message:find("version 2", 1, true))
    case.workflow, case.config.rat = "remind@2", 1
    code, err = play()
    assert.equal(10, code)
    assert.equal("K2104", err.number)
    case.nowhere = 1
    code, err = play()
    assert.equal(2, code)
    assert.equal("K1017", err.number)
  end)
end)
