--- What waits for its owner's word: asking, deciding, and what happens meanwhile.
--
-- An approval is bound to the digest of what was proposed, a decision to the digest of what
-- was decided; both are computed anew when the run goes on, and a decision is spent (once)
-- in a commit of its own before anything that it allows is begun. Recalling asks the same
-- row to be unspent, so one of the two happens, whatever dies when.
--
-- Reminders, escalations and deadlines are times in the row (`due`), looked at by the
-- engine's clock: the run sleeps on until there is a word for it.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local clock = require "core.clock"
local crash = require "core.crash"
local digest = require "core.digest"
local duration = require "duration"
local errors = require "errors"
local json = require "json"
local policy = require "policy"
local rfc3339 = require "rfc3339"

local approvals = {}

--- Rows of approvals that are looked at in one go.
local most_due = 256

--- The digest of what is proposed: of the exact arguments, where it is an effect's.
function approvals.digest_of(subject, proposal, effect)
  return digest.sha256(json.pack { subject = subject, proposal = proposal, effect = effect })
end

--- The digest of what was decided.
function approvals.value_digest(row, value)
  if value == nil then value = row.proposal end
  return digest.sha256(json.pack { of = row.digest, value = value })
end

--- How an event that tells of a question is marked: its subject is the run's words.
local function marks(row, key)
  local plan = row.plan or {}
  return { key = key, trust = plan.trust, private = plan.private }
end

-- ---- asking --------------------------------------------------------------------------

--- The time of the next thing to do about an approval: of its plan from `stage` on, its
--- deadline, the end of its rest.
local function next_due(row, stage)
  local due = row.deadline
  local planned = row.plan and row.plan.times and row.plan.times[stage + 1]
  if planned and (not due or planned.at < due) then due = planned.at end
  if row.snoozed and (not due or row.snoozed < due) then due = row.snoozed end
  return due
end

--- A deadline that left the question standing is over: what was planned for later is not.
local function deadline_is_over(row) return row.deadline ~= nil and (row.due or math.maxinteger) > row.deadline end

local function instants(list, now)
  local out = {}
  for i, one in ipairs(list) do out[i] = { at = now + one.after, kind = one.kind, to = one.to } end
  table.sort(out, function(a, b) return a.at < b.at end)
  return out
end

--- Put a question into cmd.tx. request = { subject, proposal, effect?, risk?, why?, deadline?,
--- otherwise, schema?, undo_ms?, facts?, times? = { { after = ms, kind = "remind"|"escalate", to? } } }.
function approvals:ask_approval(cmd, request)
  local row = { id = digest.make_id("apr", cmd.now, clock.random()), kind = "approval", run = cmd.run.id, seq = cmd.seq,
    agent = cmd.run.agent, subject = request.subject, proposal_codec = request.proposal, effect = request.effect, why = request.why,
    digest = approvals.digest_of(request.subject, request.proposal, request.effect), risk = request.risk,
    deadline = request.deadline, otherwise = request.otherwise or "hold", now = cmd.now }
  local plan = { times = request.times and instants(request.times, cmd.now), schema = request.schema, undo_ms = request.undo_ms,
    facts = request.facts, code = cmd.run.setup.code, trust = self:is_tainted(cmd.run, request.subject) and "external" or nil,
    private = self:is_private(cmd.run, request.subject) or nil }
  row.plan_codec = plan
  row.due = next_due({ deadline = row.deadline, plan = plan }, 0)
  cmd.tx:add("approval.put", row)
  self:asks(cmd.run, cmd.seq)
  if request.facts then self:watch_facts(row.id, cmd.run.id, request.facts) end
  self:tell_changed("inbox")
  return row
end

--- Who looks at it (serve/live.lua) hears that it is another now.
function approvals:tell_changed(what)
  if self.on_change then self.on_change(what) end
end

-- ---- facts -------------------------------------------------------------------------------

--- The value of a fact as it is now: { records = TYPE, key = KEY } | { memory = KIND, key = KEY }.
function approvals:fact_value(fact)
  if fact.records then
    local row = self:rows("record.get", { type = fact.records, key = fact.key })[1]
    return row and row.value
  end
  local item = self:memory():get { ns = self.namespace, kind = fact.memory, key = fact.key }
  return item and { text = item.text, value = item.value }
end

--- Whether every fact is what it was when it was asked; else the one that is not.
function approvals:facts_hold(facts)
  for _, fact in ipairs(facts or {}) do
    if digest.sha256(json.pack { self:fact_value(fact) }) ~= fact.digest then return false, fact end
  end
  return true
end

local function fact_name(fact)
  return fact.records and ("records/%s/%s"):format(fact.records, fact.key) or ("memory/%s/%s"):format(fact.memory, fact.key)
end

approvals.fact_name = fact_name

function approvals:watch_facts(id, run, facts)
  local watched = self:facts_watched()
  for _, fact in ipairs(facts) do
    local name = fact_name(fact)
    watched[name] = watched[name] or {}
    watched[name][id] = run
  end
end

--- Which open approvals hang on which facts: name -> { id -> run }. Few; read once.
function approvals:facts_watched()
  if self.watched_facts then return self.watched_facts end
  self.watched_facts = {}
  for _, row in ipairs(self:rows("approval.open", {})) do
    if row.plan and row.plan.facts then self:watch_facts(row.id, row.run_id, row.plan.facts) end
  end
  return self.watched_facts
end

--- A record or an item of memory is another now: look at what hangs on it.
function approvals:fact_written(name)
  local ids = {}
  for id in pairs(self:facts_watched()[name] or {}) do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do
    self:task(function() self:withdraw_if_changed(id) end, 0)
  end
end

--- It is being written by a command: look when that is true.
function approvals:fact_written_by(cmd, fact)
  local name, before = fact_name(fact), cmd.after
  if not self:facts_watched()[name] then return end
  cmd.after = function()
    if before then before() end
    self:fact_written(name)
  end
end

--- Facts may have changed behind the back of an engine that ended meanwhile.
function approvals:look_at_facts()
  local names = {}
  for name in pairs(self:facts_watched()) do names[#names + 1] = name end
  for _, name in ipairs(names) do self:fact_written(name) end
end

--- Withdraw an approval one of whose facts is another now.
function approvals:withdraw_if_changed(id)
  local row = self:rows("approval.get", { id = id })[1]
  if not row then -- it is being written
    if not self:commit(self.store:tx()) then return end
    row = self:rows("approval.get", { id = id })[1] or { id = id }
  end
  if row.state ~= "open" then return self:forget_facts(row) end
  local same, fact = self:facts_hold(row.plan and row.plan.facts)
  if same then return end
  local tx, why = self.store:tx(), fact_name(fact) .. " changed"
  tx:add("approval.withdraw", { id = id, now = self.clock(), note = why })
  self:audit_approval(tx, row, "approval.obsolete", { who = "engine", note = why })
  if not self:commit(tx) then return end
  self:forget_facts(row)
  self:tell_changed("inbox")
  self:wake(row.run_id)
end

function approvals:forget_facts(row)
  for _, waiting in pairs(self.watched_facts or {}) do waiting[row.id] = nil end
end

-- ---- deciding ------------------------------------------------------------------------------

function approvals:audit_approval(tx, row, what, options)
  tx:add("audit.put", { now = self.clock(), who = options.who or options.by or self.settings.owner or "owner", what = what,
    subject = row.subject, run = row.run, seq = row.seq, channel = options.channel,
    detail_codec = { question = row.id, run = row.run, digest = row.digest, note = options.note, value_digest = options.value_digest, until_t = options.until_t, to = options.to } })
end

--- How long a decision may be recalled before its run goes on.
local function undo_ms(self, row, decision)
  if row.kind ~= "approval" then return nil end
  local ms = row.plan and row.plan.undo_ms or self.settings.approvals.undo_ms
  if ms == nil and decision.channel == "web" then ms = self.settings.approvals.web_undo_ms end
  return ms and ms > 0 and ms or nil
end

local function conflict(row)
  return errors.new("K1014", { name = row.id, detail = row.state ~= "open" and row.state or nil })
end

--- What is wrong with `value` in place of the arguments of an effect: they are arguments of the
--- very same one. Another op has another risk, and is another question.
local function effect_problem(row, value)
  local was = row.proposal
  if not row.effect or type(was) ~= "table" then return nil end
  if type(value) ~= "table" or getmetatable(value) ~= nil or value[1] ~= nil then return "the arguments of an effect are a table of fields" end
  if value.op ~= was.op then return ("its op is %s, and stays that"):format(tostring(was.op)) end
  if value.key ~= was.key and type(value.key) ~= "string" then return "its key is text" end
  return nil
end

local function check_edit(row, decision)
  if decision.state ~= "edited" then return true end
  local problem = decision.value == nil and "there is nothing to put in its place" or effect_problem(row, decision.value)
  if problem then return nil, errors.new("K1071", { name = row.id, detail = problem }) end
  local schema = row.plan and row.plan.schema
  if schema == nil then return true end
  local ok, problems = require("schema").compile(schema):check(decision.value)
  if ok then return true end
  return nil, errors.new("K1071", { name = row.id, detail = require("schema").describe(problems):gsub("\n.*", "") })
end

--- Write a decision down: { state, value, by, note, channel, digest?, audit }. Returns the item
--- as it is then, or nil, err.
function approvals:close_question(row, decision)
  if row.state ~= "open" then return nil, conflict(row) end
  if decision.digest and decision.digest ~= row.digest then
    return nil, errors.new("K1072", { name = row.id })
  end
  local ok, err = check_edit(row, decision)
  if not ok then return nil, err end
  local tx, now, who = self.store:tx(), self.clock(), decision.by or self.settings.owner or "owner"
  local wait = undo_ms(self, row, decision)
  local value_digest = approvals.value_digest(row, decision.value)
  tx:add("approval.decide", { id = row.id, state = decision.state, value_codec = decision.value, value_digest = value_digest,
    by = who, now = now, note = decision.note, channel = decision.channel, digest = row.digest, undo_until = wait and now + wait })
  if type(row.proposal) == "table" and row.proposal.orphan then -- no command waits for the answer
    tx:add("approval.deliver", { run = row.run_id, seq = row.seq })
  end
  self:audit_approval(tx, row, decision.audit, { who = who, note = decision.note, channel = decision.channel,
    value_digest = value_digest })
  crash.point "decide"
  local message, code
  ok, message, code = self:commit(tx)
  crash.point "decided"
  if not ok then return nil, code == "conflict" and conflict(row) or errors.from(message, code) end
  self:forget_facts(row)
  self:tell_changed("inbox")
  if wait then self:set_timer() else self:wake(row.run_id) end
  return self:approval(row.id)
end

local function row_of(self, id)
  local item, err = self:approval(id)
  if not item then return nil, err end
  return self:rows("approval.get", { id = item.id })[1]
end

--- Decide an open approval: { state = "approved"|"edited"|"rejected", value, by, note, channel,
--- digest? (of what was looked at: another one is refused) }. Durable when it returns; the run
--- goes on in the next drain, or, where the decision may be recalled, when that time is over.
--- Returns the item, or nil, err.
function approvals:decide(id, decision)
  local row, err = row_of(self, id)
  if not row then return nil, err end
  if row.kind ~= "approval" then return nil, errors.new("K1041", { name = row.id, command = "reconcile" }) end
  local item
  item, err = self:close_question(row, { state = decision.state, value = decision.value, by = decision.by, note = decision.note,
    channel = decision.channel, digest = decision.digest, audit = "approval." .. decision.state })
  if item and item.state ~= "approved" then self:raise_suggestions() end
  return item, err
end

--- Decide several with one word, each by its own digest; what cannot be undone is decided
--- alone. items = { { id, digest } }. Returns { { id, ok, state | error } }.
function approvals:decide_many(items, decision)
  local list = json.array {}
  for i, one in ipairs(items) do
    local row, err = row_of(self, one.id)
    if row and policy.tier(row.risk) >= 3 and decision.state ~= "rejected" then
      row, err = nil, errors.new("K1073", { name = row.id })
    end
    local item
    if row then
      item, err = self:decide(row.id, { state = decision.state, value = decision.value, by = decision.by, note = decision.note,
        channel = decision.channel, digest = one.digest or "" })
    end
    list[i] = { id = one.id, ok = item ~= nil, state = item and item.state, error = err and errors.json(err).error }
  end
  return list
end

--- Let an approval rest for `ms`: it is not shown until then. Its deadline stands.
function approvals:snooze(id, ms, options)
  options = options or {}
  local row, err = row_of(self, id)
  if not row then return nil, err end
  if row.state ~= "open" then return nil, conflict(row) end
  local tx, till = self.store:tx(), self.clock() + ms
  row.snoozed = till
  if deadline_is_over(row) then row.deadline = nil end
  tx:add("approval.snooze", { id = row.id, ["until"] = till, due = next_due(row, row.stage) })
  self:audit_approval(tx, row, "approval.snoozed", { by = options.by, note = options.note, channel = options.channel,
    until_t = rfc3339.format(till) })
  local ok, message, code = self:commit(tx)
  if not ok then return nil, code == "conflict" and conflict(row) or errors.from(message, code) end
  self:set_timer()
  self:tell_changed("inbox")
  return self:approval(row.id)
end

-- ---- taking back -------------------------------------------------------------------------------

local function too_late(self, row, why)
  local run = self:rows("run.by_id", { id = row.run_id })[1]
  return errors.new("K1070", { name = row.id, run = row.run, detail = why or row.spent and
    ("the run went on with it at %s and is %s now"):format(rfc3339.format(row.spent), run and run.state or "over") or "it is " .. row.state })
end

--- A decision that is spent can be taken back by the run alone, if it listens for that.
local function tell_run(self, row, options)
  for _, wait in ipairs(self:rows("wait.of_type", { type = "approval.recalled" })) do
    if wait.run == row.run_id then
      local event, err = self:emit("approval.recalled", { id = row.id, subject = row.subject, run = row.run, note = options.note },
        marks(row, row.id))
      if not event then return nil, err end
      local item = self:approval(row.id)
      item.told = true
      return item
    end
  end
  return nil, too_late(self, row)
end

--- Take a decision back: it is open again, and nothing of it happens. When the run has gone on
--- with it, a run that waits for the event `approval.recalled` is told; else K1070 says why it
--- is too late. Returns the item, or nil, err.
function approvals:recall(id, options)
  options = options or {}
  local row, err = row_of(self, id)
  if not row then return nil, err end
  if row.state == "open" then return nil, errors.new("K1070", { name = row.id, detail = "it is open: there is nothing to take back" }) end
  if row.kind ~= "approval" then return nil, too_late(self, row, "answers to such a question are acted on at once") end
  if row.spent then return tell_run(self, row, options) end
  local now, tx = self.clock(), self.store:tx()
  tx:add("approval.recall", { id = row.id, now = now, due = next_due(row, row.stage) })
  self:audit_approval(tx, row, "approval.recalled", { by = options.by, note = options.note, channel = options.channel })
  crash.point "recall"
  local ok, message, code = self:commit(tx)
  crash.point "recalled"
  if not ok and code ~= "conflict" then return nil, errors.from(message, code) end
  row = self:rows("approval.get", { id = row.id })[1]
  if not ok then return nil, too_late(self, row, not row.spent and
    (row.delivered and "nobody waits for it any more" or "the time to take it back is over") or nil) end
  if row.plan and row.plan.facts then self:watch_facts(row.id, row.run_id, row.plan.facts) end
  self:set_timer()
  self:tell_changed("inbox")
  return self:approval(row.id)
end

--- The run goes on with what was decided: true, once for a decision, and durable; else false
--- and why not: "open" (it was taken back), "undo" (it may be, still), "digest", "facts". Called again
--- after a crash, it is true. That it reached its command is said with what the command does.
function approvals:spend(row, expected_digest)
  if row.state == "open" then return false, "open" end
  if row.digest ~= expected_digest then return false, "digest" end
  local decided = row.state == "approved" or row.state == "edited" or row.state == "rejected"
  if decided and row.value_digest and row.value_digest ~= approvals.value_digest(row, row.value) then return false, "digest" end
  if row.spent then return true end
  if row.undo_until and row.undo_until > self.clock() then return false, "undo" end
  if (row.state == "approved" or row.state == "edited") and not self:facts_hold(row.plan and row.plan.facts) then return false, "facts" end
  local tx = self.store:tx()
  tx:add("approval.spend", { id = row.id, now = self.clock(), decided_at = row.decided_at })
  crash.point "spend"
  local ok, message, code = self:commit(tx)
  crash.point "spent"
  if ok then return true end
  if code ~= "conflict" then error({ code = code, message = message }, 0) end
  return false, "open"
end

-- ---- what the clock brings ----------------------------------------------------------------------

local function say(self, row, kind, more)
  local payload = { id = row.id, subject = row.subject, agent = row.agent, run = row.run, risk = row.risk,
    deadline = row.deadline and rfc3339.format(row.deadline) or nil, to = more.to }
  self:task(function() self:emit(kind, payload, marks(row, row.id .. "/" .. more.key)) end, 0)
end

--- What the deadline does: decides, or leaves the question standing. Returns the state, or nil.
local function at_deadline(row)
  local otherwise = row.otherwise or "hold"
  if otherwise == "hold" or otherwise == "escalate" then return nil end
  if otherwise == "reject" then return "rejected" end
  if otherwise == "approve" then return policy.tier(row.risk) <= 1 and "approved" or "rejected" end
  return "expired"
end

local function skip_past(row, now)
  local stage, times = row.stage, row.plan and row.plan.times or {}
  while times[stage + 1] and times[stage + 1].at <= now do stage = stage + 1 end
  return stage
end

local function expire(self, row, now)
  local state = at_deadline(row)
  local tx = self.store:tx()
  if not state then
    local stage = skip_past(row, now)
    local rest = { plan = row.plan, snoozed = row.snoozed and row.snoozed > now and row.snoozed or nil }
    tx:add("approval.tend", { id = row.id, now = now, stage = stage, due = next_due(rest, stage) })
    self:audit_approval(tx, row, row.otherwise == "escalate" and "approval.escalated" or "approval.held", { who = "deadline" })
    if not self:commit(tx) then return end
    say(self, row, row.otherwise == "escalate" and "approval.escalated" or "approval.held", { key = "deadline" })
    return self:tell_changed("inbox")
  end
  tx:add("approval.decide", { id = row.id, state = state, by = "deadline", now = now, digest = row.digest,
    value_digest = approvals.value_digest(row, nil) })
  self:audit_approval(tx, row, state == "expired" and "approval.expired" or "approval." .. state, { who = "deadline", note = row.otherwise })
  if not self:commit(tx) then return end -- the owner was faster, whose word then holds
  self:forget_facts(row)
  say(self, row, "approval.expired", { key = "deadline" })
  self:tell_changed("inbox")
  self:wake(row.run_id)
end

local function tend_open(self, row, now)
  local over = deadline_is_over(row)
  if row.deadline and row.deadline <= now and not over then return expire(self, row, now) end
  if over then row.deadline = nil end
  local stage, tx, told = row.stage, self.store:tx(), {}
  local times = row.plan and row.plan.times or {}
  while times[stage + 1] and times[stage + 1].at <= now do
    stage = stage + 1
    local one = times[stage]
    local kind = one.kind == "escalate" and "approval.escalated" or "approval.reminder"
    self:audit_approval(tx, row, kind, { who = "engine", to = one.to })
    told[#told + 1] = { kind = kind, to = one.to, key = tostring(stage) }
  end
  if row.snoozed and row.snoozed <= now then row.snoozed = nil end
  tx:add("approval.tend", { id = row.id, now = now, stage = stage, due = next_due(row, stage) })
  if not self:commit(tx) then return end
  for _, one in ipairs(told) do say(self, row, one.kind, one) end
  self:tell_changed("inbox")
end

--- Do what is due about approvals: reminders, escalations, deadlines, the end of a rest or of
--- the time in which a decision may be recalled.
function approvals:fire_due_approvals(now)
  self.tending = self.tending or {}
  local due = self:rows("approval.due", { now = now, limit = most_due })
  for _, row in ipairs(due) do
    if not self.tending[row.id] then
      self.tending[row.id] = true
      self:task(function()
        crash.point "tend"
        if row.state == "open" then
          tend_open(self, row, now)
        else
          -- spending takes the time off; who was faster in taking it back leaves the row open
          self:wake(row.run_id)
          local tx = self.store:tx()
          tx:add("approval.rest", { id = row.id, now = self.clock() })
          self:commit(tx)
        end
        self.tending[row.id] = nil
        self:set_timer()
      end, 0)
    end
  end
end

--- When an approval is to be looked at next, behind `after` (ms); nil for never.
function approvals:next_approval(after)
  return (self:rows("approval.next_due", { after = after or -1 })[1] or {}).due
end

--- The time (ms) at which something that waits is to be looked at next: a timer of a run, or
--- an approval; nil for never.
function approvals:next_wake()
  local timer, asked = (self:rows("timer.next", { after = -1 })[1] or {}).due, self:next_approval()
  return timer and asked and math.min(timer, asked) or timer or asked
end

-- ---- what a request says ---------------------------------------------------------------------------

local function wrong(text)
  return nil, { code = "wrong_use", message = "ctx.approve: " .. text, raise = true }
end

local function span(value, what)
  local ms, message = duration.parse(value)
  if not ms then return nil, ("'%s': %s"):format(what, message) end
  return ms
end

--- "1h" | { "1h", "4h" } | { every = "1h", times = 3 } -> { { after, kind = "remind" } }
local function reminders(value, within)
  local out = {}
  if type(value) == "table" and value.every ~= nil then
    local ms, message = span(value.every, "remind.every")
    if not ms then return nil, message end
    local times = math.type(value.times) == "integer" and value.times or within and (within - 1) // math.max(ms, 1) or 1
    for i = 1, math.min(times, 100) do out[i] = { after = ms * i, kind = "remind" } end
    return out
  end
  for i, one in ipairs(type(value) == "table" and value or { value }) do
    local ms, message = span(one, "remind")
    if not ms then return nil, message end
    out[i] = { after = ms, kind = "remind" }
  end
  return out
end

local function escalations(value, out)
  if type(value) ~= "table" then return nil, "'escalate' is a list of { after = \"2h\", to = \"who\" }" end
  for _, one in ipairs(value) do
    if type(one) ~= "table" or one.to ~= nil and type(one.to) ~= "string" then
      return nil, "'escalate' is a list of { after = \"2h\", to = \"who\" }"
    end
    local ms, message = span(one.after, "escalate.after")
    if not ms then return nil, message end
    out[#out + 1] = { after = ms, kind = "escalate", to = one.to }
  end
  return out
end

local function facts_of(self, list)
  if type(list) ~= "table" then return nil, "'facts' is a list of { records = TYPE, key = KEY } or { memory = KIND, key = KEY }" end
  local out = {}
  for i, fact in ipairs(list) do
    local ok = type(fact) == "table" and type(fact.key) == "string"
      and (type(fact.records) == "string") ~= (type(fact.memory) == "string")
    if not ok then return nil, "'facts' is a list of { records = TYPE, key = KEY } or { memory = KIND, key = KEY }" end
    out[i] = { records = fact.records, memory = fact.memory, key = fact.key,
      digest = digest.sha256(json.pack { self:fact_value(fact) }) }
  end
  return out
end

local words = { "otherwise", "risk", "why", "effect" }

--- The risk that the owner is told of: of the effect that would be let through, where the agent
--- calls it less.
local function risk_of(self, request)
  local proposal = request.proposal
  local name, op = (request.effect or ""):match "^([^.]+)%.?(.*)$"
  if type(proposal) == "table" and type(proposal.op) == "string" then op = proposal.op end
  local real = name and require("adapter").risk(self, name, op)
  if real and (request.risk == nil or policy.tier(real) > policy.tier(request.risk)) then return real end
  return request.risk
end

--- What ctx.approve was asked for, as ask_approval takes it; or nil, err.
function approvals:approval_request(args, now)
  local out = { subject = args.subject, proposal = args.proposal, times = {} }
  local within, message
  if args.within ~= nil then
    within, message = duration.parse(args.within)
    if message then return wrong("'within': " .. message) end
    out.deadline = now + within
  end
  for _, name in ipairs(words) do
    if args[name] ~= nil and type(args[name]) ~= "string" then return wrong(("'%s' is a word"):format(name)) end
    out[name] = args[name]
  end
  out.risk = risk_of(self, out)
  if args.otherwise == "approve" and policy.tier(out.risk) > 1 then
    return wrong "'otherwise' may be \"approve\" for what can be taken back only (risk = \"reversible\")"
  end
  if args.undo ~= nil then
    out.undo_ms, message = span(args.undo, "undo")
    if not out.undo_ms then return wrong(message) end
  end
  if args.remind ~= nil then
    out.times, message = reminders(args.remind, within)
    if not out.times then return wrong(message) end
  end
  if args.escalate ~= nil then
    local all
    all, message = escalations(args.escalate, out.times)
    if not all then return wrong(message) end
  end
  if args.schema ~= nil then
    local ok, made, why = pcall(require("schema").compile, args.schema)
    if not ok or not made then return wrong("'schema': " .. tostring(ok and why or made):gsub("\n.*", "")) end
    out.schema = args.schema
  end
  if args.facts ~= nil then
    out.facts, message = facts_of(self, args.facts)
    if not out.facts then return wrong(message) end
  end
  return out
end

return approvals
