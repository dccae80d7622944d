--- What a case file may hold, as JSON Schema (2020-12). spec/cases/case.schema.json is this
--- table as text, for editors: `build/keel lua spec/cases/write.lua` writes it anew.

local function text(about, more)
  local made = { type = "string", minLength = 1, description = about }
  for key, value in pairs(more or {}) do made[key] = value end
  return made
end

local function whole(about, least)
  return { type = "integer", minimum = least or 0, description = about }
end

local function list(of, about) return { type = "array", items = of, description = about } end

local function object(about, properties, required)
  return { type = "object", description = about, properties = properties, required = required, additionalProperties = false }
end

local function map(of, about) return { type = "object", additionalProperties = of, description = about } end

local function ref(name) return { ["$ref"] = "#/$defs/" .. name } end

--- An RFC 3339 time, as far as its form goes.
local instant = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
local function time(about) return text(about, { pattern = instant, examples = { "2026-03-02T09:00:00Z" } }) end

local tiers = { "small", "large", "embed" }

local event = object("the trigger", {
  type = text("the event's type, such as mail.received"),
  key = text("the same event has the same key: a second delivery of it starts nothing"),
  payload = { type = "object", description = "what the event says" },
}, { "type", "key" })

local memory_item = object("a memory that is present before the run", {
  layer = { enum = { "working", "session", "long" }, description = "how long it is kept" },
  kind = text("what kind of memory: client, snippet, note, ..."), key = text("what it is about"),
  text = text("in words"), value = { description = "as data: any value" },
  importance = { type = "number", minimum = 0, maximum = 1, description = "0 to 1" },
  trust = text("whose word it is: external, agent, owner"), tags = list(text("a tag"), "tags"),
  created = time("when it was learned"), ttl_s = whole("seconds until it expires", 1),
}, { "layer", "kind", "key" })

local model_reply = object("one scripted reply of a model, in the order of the calls", {
  skill = text("the skill or step that asks"), tier = { enum = tiers, description = "the tier that is asked" },
  reply = { type = "object", description = "what the model answers" },
  error = text("the error instead of a reply: rate_limited, timeout, bad_response, ..."),
  usage = object("tokens; their price makes the ledger", { ["in"] = whole("tokens in"), out = whole("tokens out"),
    max_out = whole("the most that was asked for") }, { "in", "out" }), max_out = whole("the most that was asked for"),
}, { "skill", "tier" })
model_reply.oneOf = { { required = { "reply" } }, { required = { "error" } } }

local human_answer = object("one answer of the operator, in order", {
  approval = text("which question: the subject of the approval"),
  question = text("for `answer`: which question", { pattern = "^reconcile:.+$", examples = { "reconcile:refund:O-901" } }),
  after_s = whole("seconds after the question was asked; -1 means never", -1),
  action = { enum = { "approve", "edit", "reject", "none", "recall", "snooze", "answer" }, description = "what the operator does" },
  edit = { description = "for `edit`: what is changed, any value" },
  value = { enum = { "done", "not_done", "undo", "abandon" }, description = "for `answer`: did it happen?" },
  for_s = whole("for `snooze`: seconds", 1), note = text("why"),
}, { "action" })
human_answer.allOf = {
  { ["if"] = { required = { "action" }, properties = { action = { const = "edit" } } }, ["then"] = { required = { "edit" } } },
  { ["if"] = { required = { "action" }, properties = { action = { const = "answer" } } }, ["then"] = { required = { "question", "value" } } },
}

local fault = object("something that goes wrong", {
  at = text("at which step"), when = { enum = { "before_effect", "after_effect", "during" }, description = "at which moment of it" },
  kind = { enum = { "kill9", "http_503", "timeout", "rate_limit", "lost_ack", "bad_json" }, description = "what happens" },
  times = whole("how often (once)", 1),
}, { "at", "kind" })

local later = object("what happens later: an event, a change by the operator, or time without a network", {
  after_s = whole("seconds after the start"), event = ref "event",
  operator = text("what the operator does"), adapters = map(true, "adapters that take the place of others"),
  offline_s = whole("seconds without the machine", 1),
}, { "after_s" })
later.oneOf = { { required = { "event" } }, { required = { "operator" } }, { required = { "offline_s" } } }
later.dependentRequired = { adapters = { "operator" } }

local statuses = { "done", "waiting", "rejected", "compensated", "needs_reconciliation", "failed", "deactivated" }

--- Open at its top: what a runner does not check it reports as unchecked.
local expect = { type = "object", description = "what must be so at the end; each part is matched as a subset", properties = {
  status = { enum = statuses, description = "the state of the run" },
  outbox = list(object("an effect", { adapter = text("mail, billing, ..."), op = text("send, create, ..."), key = text("its key"),
    contains = { type = { "string", "array" }, items = { type = "string" }, description = "a text in its body, or several" } },
    { "adapter", "op" }), "all effects, in order"),
  outbox_count = whole("how many effects"),
  records = { type = "object", description = "records by type" },
  memory = list({ type = "object", properties = { layer = { enum = { "working", "session", "long" } }, kind = { type = "string" },
    key = { type = "string" } } }, "memories that are there"),
  memory_absent = list({ type = { "string", "object" } }, "memories that are not there"),
  approvals = list({ type = "object", properties = { state = { type = "string" }, diff_contains = { type = { "string", "array" } } } }, "questions"),
  audit = list({ type = "string" }, "names of audit events, in this order, others between"),
  ledger = object("what was spent, exactly", { calls = whole("calls of models"), ["in"] = whole("tokens in"), out = whole("tokens out"),
    nano_usd = whole("nano-USD") }),
  output = { description = "what the run ended with" }, runs = whole("runs of the workflow"),
  flags = { type = { "string", "array" }, description = "words about the run: held, degraded" },
  timers = list({ type = { "string", "object" } }, "what is set for later: { at, event, key }"),
  events = list({ type = { "string", "object" } }, "events that were published"),
  overrides = list({ type = "object" }, "edits and rejections"),
  asked = list({ type = "object" }, "what a skill was given: { skill, contains }"),
  lineage = map(list({ type = "string" }), "key of an output -> keys of its sources"),
  never = list({ type = { "string", "object" } }, "what may appear in no effect and no memory"),
} }

return {
  ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
  title = "A case of Keel",
  description = "Fixed inputs, clock, replies, answers and faults of one run, and what must come of it.",
  type = "object",
  required = { "case" },
  anyOf = { { required = { "workflow", "now" } }, { required = { "sequence" } } },
  additionalProperties = false,
  properties = {
    ["$schema"] = { type = "string" },
    case = text("the id of the case"), title = text("what it shows, in words"), business = { description = "what business it is of, for the reader" },
    workflow = text("workflow and version", { pattern = "^[A-Za-z][A-Za-z0-9_]*@[0-9]+$", examples = { "client_onboarding@1" } }),
    now = time("where the clock begins, UTC"), tz = text("the operator's zone", { examples = { "Europe/Lisbon" } }),
    config = { type = "object", description = "the operator's settings: budgets, prices, time boxes, thresholds" },
    prices = map(object("nano-USD a token", { ["in"] = whole("a token in"), out = whole("a token out") }, { "in", "out" }), "by tier"),
    records = map(true, "records that are present before the run, by type"),
    memory = list(memory_item, "memories that are present before the run"),
    event = ref "event",
    events = list(ref "later", "what happens later"), ["then"] = list(ref "later", "what happens later"),
    vectors = map(list({ type = "number" }), "text key -> vector, instead of an embedding model"),
    model = list(model_reply, "scripted replies, in order"),
    human = list(human_answer, "scripted answers, in order"),
    faults = list(fault, "what goes wrong"),
    sequence = list({ anyOf = { { type = "string", minLength = 1 }, { ["$ref"] = "#" } } }, "case files (or cases) that are played on one store"),
    expect = expect,
  },
  ["$defs"] = { event = event, later = later },
}
