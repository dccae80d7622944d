--- Looking at an engine's store: runs, journals, the inbox. Nothing here writes.
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"
local rfc3339 = require "rfc3339"
local runs = require "core.run"

local look = {}

--- What the engine itself must know: the rows of a verb. A store that cannot say it is
--- the end of the engine (it raises the error, one of errors.lua); a question that no
--- store could answer, such as one for bytes that are no text, is only the asker's.
function look:rows(verb, fields)
  local rows, message, code = self.store:read(verb, fields)
  if rows then return rows end
  if code == "input" then error(errors.from(message, code, { name = "what was asked for" }), 0) end
  self:fail_store(message, code)
  error(self.failed, 0)
end

--- The store cannot give or keep anything any more: stop, and remember why.
function look:fail_store(message, code)
  if not self.failed then
    self.failed, self.failed_code = self:store_error(message, code), code
  end
  loop.stop()
end

--- A failure of the store, with its place.
function look:store_error(message, code)
  local path = self.options.store or file.join(self.home, "var", "keel.db")
  return errors.from(message, code, { name = path, file = not message:find(path, 1, true) and path or nil })
end

local function time(ms) return ms and rfc3339.format(ms) or nil end

--- A run as the command line shows it (contracts: `keel run`).
local function described(self, row)
  -- one that sleeps is only written to when it would be woken
  local held = row.state == "waiting" and self:paused(row.agent, row.run)
  return { run = row.run, agent = row.agent, version = row.version, state = row.state,
    waiting_for = held and "paused" or row.waiting_for, output = row.output, error = row.error, steps = row.steps,
    cost_picousd = tostring(row.cost), ms = row.active_ms, key = row.key,
    created = time(row.created), ended = time(row.ended) }
end

--- The id that a person meant: whole, or the beginning of exactly one (of the open
--- ones, where things are open or not).
local function resolve(self, verb, kind, id)
  local rows = self:rows(verb, { prefix = id })
  local field = verb == "run.prefix" and "run" or "id"
  local first, second = rows[1], rows[2]
  local clear = first and (not second or first[field] == id or (first.state == "open" and second.state ~= "open"))
  if clear then return first[field] end
  local list = kind == "approval" and "keel inbox" or "keel runs"
  if not first then return nil, errors.new("K1007", { kind = kind, name = id, next = list }) end
  return nil, errors.new("K1008", { name = id, count = #rows, next = list })
end

--- A tombstone: what is left of a run that retention or `keel purge` took.
local function tombstone_of(row)
  return { run = row.run, agent = row.agent, version = row.version, state = row.state, steps = row.steps,
    cost_picousd = tostring(row.cost), created = time(row.created), ended = time(row.ended),
    purged = { at = time(row.gone), by = row.who, why = row.why, note = row.note, records = row.records,
      digest = row.digest } }
end

--- What is left of the dropped runs, newest first.
function look:tombstones(limit)
  local list = json.array {}
  for i, row in ipairs(self:rows("tombstone.list", { limit = limit or 1000000 })) do list[i] = tombstone_of(row) end
  return list
end

--- K1904 with `tombstone`, when the id is (the beginning of) that of a dropped run.
function look:purged(id)
  local rows = self:rows("tombstone.prefix", { prefix = id })
  if not rows[1] or rows[2] and rows[1].run ~= id then return nil end
  local tombstone = tombstone_of(self:rows("tombstone.get", { run = rows[1].run })[1])
  local err = errors.new("K1904", { name = tombstone.run, detail = ("%s, %s"):format(tombstone.purged.why,
    tombstone.purged.at) })
  err.tombstone = tombstone
  return err
end

function look:run_row(id)
  local full, err = resolve(self, "run.prefix", "run", id)
  if not full then return nil, err.number == "K1007" and self:purged(id) or err end
  return self:rows("run.get", { run = full })[1]
end

--- { run, agent, version, state, waiting_for, output, error, steps, cost_picousd, ms, ... }
function look:describe(id)
  local row, err = self:run_row(id)
  if not row then return nil, err end
  return described(self, row)
end

--- States of runs that are not over.
local is_open = { queued = true, running = true, waiting = true, needs_reconciliation = true }

--- Runs, newest first. Filters: agent, state, since (ms), text, limit (default 50); before: only
--- rows under this number; within: a text is looked for in so many rows, no more. Returns the
--- list, nil, and the number of the row at which looking ended, when it was not the oldest.
function look:list(filter)
  filter = filter or {}
  local limit, from, verb = filter.limit or 50, nil, "run.list"
  if filter.text and filter.within then
    local top = filter.before or ((self:rows("run.newest", {})[1] or {}).id or 0) + 1
    from = math.max(top - filter.within, 1)
  elseif is_open[filter.state] and not filter.text then
    verb = "run.list_open"
  end
  local rows, message, code = self.store:read(verb, { agent = filter.agent, state = filter.state, since = filter.since,
    text = filter.text, before = filter.before, from = from, limit = limit })
  if not rows then return nil, errors.from(message, code) end
  local list = json.array {}
  for i, row in ipairs(rows) do list[i] = described(self, row) end
  return list, nil, #rows == limit and limit > 0 and rows[limit].id or from and from > 1 and from or nil
end

--- The tail of a run's journal; a run that is at work right now may be further than its
--- row says.
local function tail_of(self, row)
  if row.state ~= "running" then return row.tail end
  for _, t in ipairs(self:rows("journal.tails", { since = row.tail })) do
    if t.run == row.id then return t.tail end
  end
  return row.tail
end

--- The records of a run, oldest first, as they are in the journal.
function look:journal(row)
  local records, message, code = runs.journal(self.store, row.id, tail_of(self, row))
  if not records then return nil, errors.from(message, code) end
  local ordered = {}
  for i = #records, 1, -1 do ordered[#ordered + 1] = records[i] end
  return ordered
end

local function entry_of(record)
  local kind, name = (record.name or ""):match("^([^:]*):?(.*)$")
  return { seq = record.seq, kind = kind, name = name, effect = record.effect, attempts = 1,
    args = record.args, ms = record.took_us / 1000, cost_picousd = "0",
    t = time(record.t) }
end

--- How long a command took: what was measured while this process performed it, or,
--- where it waited longer than that, from its intent to its result.
local function took_ms(intent, record)
  local measured = record.took_us / 1000
  if not intent then return measured end
  return math.max(measured, record.t - intent.t)
end

local function close_entry(entry, record, intent)
  entry.state = record.failed and "failed" or "done"
  entry.result = record.value
  entry.ms = took_ms(intent, record)
  entry.cost_picousd = tostring(math.tointeger(entry.cost_picousd) + record.cost)
  entry.effect = record.effect
end

--- A note about a command, or another try of a step, belongs to its entry.
local function take_note(entry, record)
  if record.name == "retry" then
    entry.attempts = entry.attempts + 1
    entry.cost_picousd = tostring(math.tointeger(entry.cost_picousd) + record.cost)
  end
  entry.notes = entry.notes or json.array {}
  table.insert(entry.notes, { note = record.name, t = time(record.t), value = record.value })
end

--- What stands between two tries of a step is told with the step.
local function fold_tries(list, entries)
  local kept = json.array {}
  for _, entry in ipairs(list) do
    local step = entry.kind == "retry" and entries[entry.args.step]
    if not step then
      kept[#kept + 1] = entry
    elseif entry.state == "waiting" or type(entry.result) == "table" and entry.result.again then
      step.attempts = step.attempts + 1
    end
  end
  return kept
end

--- The steps of a run: { seq, kind, name, effect, state, attempts, ms, cost_picousd,
--- args, result, t, notes? = { { note, t, value } } }, in the order of their commands.
function look:log(id)
  local row, err = self:run_row(id)
  if not row then return nil, err end
  local records
  records, err = self:journal(row)
  if not records then return nil, err end
  local entries, intents, list = {}, {}, json.array {}
  for _, record in ipairs(records) do
    local entry = entries[record.seq]
    if record.kind == "step" or record.kind == "intent" then
      entry = entry_of(record)
      entry.state = "waiting"
      entries[record.seq] = entry
      intents[record.seq] = record.kind == "intent" and record or nil
      list[#list + 1] = entry
    end
    if entry and record.kind == "note" then take_note(entry, record) end
    if entry and (record.kind == "step" or record.kind == "result") then
      close_entry(entry, record, intents[record.seq])
    end
  end
  table.sort(list, function(a, b) return a.seq < b.seq end)
  return fold_tries(list, entries)
end

-- ---- approvals ---------------------------------------------------------------------

local function item_of(row)
  return { id = row.id, kind = row.kind, run = row.run, run_id = row.run_id, seq = row.seq, agent = row.agent, subject = row.subject,
    proposal = row.proposal, risk = row.risk, tier = require("policy").tier(row.risk), deadline = time(row.deadline),
    otherwise = row.otherwise, digest = row.digest, state = row.state, value = row.value, by = row.decided_by,
    at = time(row.decided_at), note = row.note, created = time(row.created), effect = row.effect, why = row.why,
    channel = row.channel, undo_until = time(row.undo_until), spent = time(row.spent), snoozed_until = time(row.snoozed),
    schema = row.plan and row.plan.schema, escalations = row.stage > 0 and row.stage or nil }
end

--- One approval by its id or the beginning of it.
function look:approval(id)
  local full, err = resolve(self, "approval.prefix", "approval", id)
  if not full then return nil, err end
  return item_of(self:rows("approval.get", { id = full })[1])
end

--- What may be said to an item.
local function allowed_for(row)
  if row.kind ~= "approval" then return nil end
  return json.array { "approve", "edit", "reject", "snooze" }
end

--- Whether the agent is another one by now than when it asked.
local function agent_changed(self, row)
  local agent = row.plan and row.plan.code and self.library and self.library.agents[row.agent]
  if not agent then return nil end
  local now = require("engine.bundle").code_of(self, agent)
  return now ~= nil and now ~= row.plan.code or nil
end

--- What waits for the owner: what ends first before what has longer, then by age; with what
--- was last decided on the subject. What was put off is not shown before its time, but for
--- options.all.
function look:inbox(options)
  local list, place, now = json.array {}, {}, self.clock()
  for _, row in ipairs(self:rows("approval.open", {})) do
    if (options or {}).all or not row.snoozed or row.snoozed <= now then
      local item = item_of(row)
      local last = self:rows("approval.last", { subject = row.subject })[1]
      item.run_id, item.state, item.seq = nil, nil, nil
      item.allowed, item.agent_changed = allowed_for(row), agent_changed(self, row)
      item.diff = last and require("diff").values(last.value == nil and last.proposal or last.value, row.proposal) or json.array {}
      list[#list + 1] = item
      place[item] = { row.deadline or math.maxinteger, #list }
    end
  end
  table.sort(list, function(a, b)
    local x, y = place[a], place[b]
    if x[1] ~= y[1] then return x[1] < y[1] end
    return x[2] < y[2]
  end)
  return list
end

--- Approvals, decided ones too, newest first. Filters: state, agent, subject, before (ms), changed
--- (only what a person edited or rejected), limit (50).
--- Or undoable: those alone that can be taken back, what goes on first before the others.
function look:approvals(filter)
  filter = filter or {}
  local list = json.array {}
  if filter.undoable then
    for _, row in ipairs(self:rows("approval.due", { now = math.maxinteger, limit = 1000 })) do
      if row.undo_until and not row.spent and row.state ~= "open" then list[#list + 1] = item_of(row) end
    end
    return list
  end
  for i, row in ipairs(self:rows("approval.list", { state = filter.state, agent = filter.agent, subject = filter.subject,
      ["until"] = filter.before, changed = filter.changed and 1 or nil, limit = filter.limit or 50 })) do
    list[i] = item_of(row)
    list[i].run_id = nil
  end
  return list
end

--- What the owner should know of the home's files: sentences.
function look:warnings()
  local list = {}
  for _, text in ipairs(self.settings.warnings) do list[#list + 1] = "config.lua: " .. text end
  for _, text in ipairs(self.library.warnings) do list[#list + 1] = text end
  return list
end

-- ---- records -----------------------------------------------------------------------

function look:record_types()
  return self:rows("record.types", {})
end

function look:records(kind)
  return self:rows("record.find", { type = kind, limit = 10000 })
end

function look:replay(id, options)
  return require("engine.replay").check(self, id, options or {})
end

for _, part in ipairs { require "engine.trail", require "engine.lineage" } do
  for name, method in pairs(part) do look[name] = method end
end
for name, method in pairs(require "engine.sums") do look[name] = method end

return look
