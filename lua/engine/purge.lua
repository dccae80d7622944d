--- Privacy deletion: what is asked for goes from everywhere it lies, and only
--- tombstones are left (ids, times, hashes).
--
-- Methods of the engine (lua/engine.lua), in a file of their own. First a plan, which
-- names what would go; then the plan is carried out in one transaction, the full text
-- index is merged, the file written anew and the log emptied, so that the bytes are
-- gone and not only unreachable. docs/storage.md says what cannot be reached.
local archive = require "core.archive"
local errors = require "errors"
local json = require "json"

local purge = {}

--- One run is dropped in one go here, whatever it holds.
local everything = 1 << 40

-- ---- planning ----------------------------------------------------------------------

local function in_flight(kind, name, state)
  return nil, errors.new("K1062", { kind = kind, name = name, state = state,
    next = kind == "event" and "keel events" or nil })
end

local function add(list, seen, row, key)
  if seen[key] then return end
  seen[key] = true
  list[#list + 1] = row
end

local function add_run(self, plan, row)
  if plan.seen["run" .. row.id] then return true end
  if not row.ended then return in_flight("run", row.run, row.state) end
  local parent = self:rows("run.by_id", { id = row.id })[1].parent
  parent = parent and self:rows("run.by_id", { id = parent })[1]
  if parent and not parent.ended then return in_flight("run", parent.run, parent.state) end
  add(plan.runs, plan.seen, { id = row.id, run = row.run, agent = row.agent, state = row.state }, "run" .. row.id)
  return true
end

local function add_event(plan, row)
  if row.open then return in_flight("event", row.event, row.state == "new" and "new" or "not delivered yet") end
  add(plan.events, plan.seen, { number = row.id, id = row.event, type = row.type }, "event" .. row.id)
  return true
end

local function add_memory(plan, row) add(plan.memory, plan.seen, row, "memory" .. row.row) end

local function add_record(plan, row) add(plan.records, plan.seen, row, "record" .. row.type .. "\0" .. row.key) end

--- What there is of a run beside itself.
local function add_around(self, plan, row, with_memory)
  for _, event in ipairs(self:rows("purge.events_of", { id = row.id })) do
    local ok, err = add_event(plan, event)
    if not ok then return nil, err end
    for _, other in ipairs(self:rows("purge.runs_of", { id = event.id })) do
      if other.id ~= row.id then plan.also[other.run] = true end
    end
  end
  local memory, records = self:rows("purge.memory_of", { id = row.id }), self:rows("purge.records_of", { id = row.id })
  if not with_memory then
    for _, item in ipairs(memory) do
      if not item.gone and not plan.seen["memory" .. item.row] then plan.kept.memory = plan.kept.memory + 1 end
    end
    for _, item in ipairs(records) do
      if not plan.seen["record" .. item.type .. "\0" .. item.key] then plan.kept.records = plan.kept.records + 1 end
    end
    return true
  end
  for _, item in ipairs(memory) do add_memory(plan, item) end
  for _, item in ipairs(records) do add_record(plan, item) end
  return true
end

local function add_text(self, plan, text)
  for _, row in ipairs(self:rows("purge.runs", { text = text })) do
    local ok, err = add_run(self, plan, row)
    if not ok then return nil, err end
  end
  for _, row in ipairs(self:rows("purge.events", { text = text })) do
    local ok, err = add_event(plan, row)
    if not ok then return nil, err end
  end
  for _, row in ipairs(self:rows("purge.memory", { text = text })) do add_memory(plan, row) end
  for _, row in ipairs(self:rows("purge.records", { text = text })) do add_record(plan, row) end
  for _, row in ipairs(self:rows("purge.checkpoints", { text = text })) do
    plan.left[#plan.left + 1] = { kind = "checkpoint", name = row.name }
  end
  return true
end

local function add_named(self, plan, options)
  for _, id in ipairs(options.runs or {}) do
    local row, err = self:run_row(id)
    if not row then return nil, err end
    local ok
    ok, err = add_run(self, plan, row)
    if not ok then return nil, err end
  end
  if options.event then
    local event, err = self:event(options.event)
    if not event then return nil, err end
    local ok
    ok, err = add_event(plan, self:rows("purge.event", { number = event.number })[1])
    if not ok then return nil, err end
    for _, run in ipairs(self:rows("purge.runs_of", { id = event.number })) do
      ok, err = add_run(self, plan, run)
      if not ok then return nil, err end
    end
  end
  return true
end

--- What would go. Options: runs (ids), event (an id), text (words; ASCII letters match
--- in both cases), memory (also what these runs put into memory and records).
-- Returns { runs, events, memory, records, also (runs that hold the same input),
-- kept = { memory, records } (what these runs put there, which stays), left (what must
-- be deleted by its owner) }, or nil, err: K1062 when one of the runs is in flight.
function purge:purge_plan(options)
  local plan = { runs = json.array {}, events = json.array {}, memory = json.array {}, records = json.array {},
    left = json.array {}, kept = { memory = 0, records = 0 }, also = {}, seen = {}, text = options.text }
  local ok, err = add_named(self, plan, options)
  if ok and options.text then ok, err = add_text(self, plan, options.text) end
  if not ok then return nil, err end
  for _, row in ipairs(plan.runs) do
    ok, err = add_around(self, plan, row, options.memory)
    if not ok then return nil, err end
  end
  local also = json.array {}
  for run in pairs(plan.also) do
    local mine = false
    for _, row in ipairs(plan.runs) do mine = mine or row.run == run end
    if not mine then also[#also + 1] = run end
  end
  table.sort(also)
  plan.also = also
  return plan
end

-- ---- carrying out ------------------------------------------------------------------

--- Audit rows keep who, what and when, and digests; no words.
local function scrub_audit(self, tx, words, who, now)
  local n = 0
  tx:add("audit.open", {})
  for _, row in ipairs(self:rows("purge.audit", { text = words })) do
    local detail = type(row.detail) == "table" and row.detail or {}
    tx:add("purge.scrub_audit", { id = row.id, detail_codec = { approval = detail.approval, run = detail.run,
      digest = detail.digest, purged = true } })
    tx:add("audit.vouch", { id = row.id, who = who, now = now })
    n = n + 1
  end
  tx:add("audit.shut", {})
  return n
end

local function take_out(self, tx, plan, who, note, now)
  local audit = plan.text and scrub_audit(self, tx, plan.text, who, now) or 0
  for _, row in ipairs(plan.runs) do
    audit = audit + scrub_audit(self, tx, row.run, who, now)
    tx:add("purge.scrub_ledger", { run = row.run })
    archive.drop(tx, { run = row.id, now = now, who = who, why = "purge", note = note, whole = true }, everything,
      everything)
  end
  for _, row in ipairs(plan.events) do
    tx:add("purge.drop_event", { id = row.number })
    tx:add("purge.scrub_deliveries", { id = row.number })
  end
  for _, row in ipairs(plan.memory) do
    tx:add("purge.bury_memory", { row = row.row, now = now })
    for _, verb in ipairs { "scrub_grave", "bump_memory", "note_change", "drop_memory", "drop_vector", "drop_fields" } do
      tx:add("purge." .. verb, { row = row.row })
    end
  end
  for _, row in ipairs(plan.records) do
    tx:add("purge.drop_record", { type = row.type, key = row.key })
    tx:add("purge.drop_history", { type = row.type, key = row.key })
  end
  if plan.text then tx:add("purge.scrub_tombstones", { text = plan.text }) end
  tx:add("payload.sweep", { limit = everything })
  tx:add("code.sweep", {})
  tx:add("code.sweep_sets", {})
  return audit
end

local function digests(self, plan)
  local list = json.array {}
  for i, row in ipairs(plan.runs) do
    local left = self:rows("tombstone.get", { run = row.run })[1]
    list[i] = { run = row.run, records = left.records, digest = left.digest }
  end
  return list
end

local function commit(self, tx)
  local ok, message, code = self:commit(tx)
  if ok then return true end
  return nil, errors.from(message, code, { name = "the store" })
end

--- Carry out a plan. Options: who, note. Returns { runs = { { run, records, digest } },
--- events, memory, records, audit, bytes_before, bytes_after, log_emptied, also, kept,
--- left }, or nil, err. When it returns an error of the store nothing is gone, except
--- that the file may not have been written anew yet (`keel gc --vacuum` does that).
function purge:purge(plan, options)
  local who, now = options.who or self.settings.owner or "owner", self.clock()
  local before = self:rows("store.size", {})[1].bytes
  local tx = self.store:tx()
  local audit = take_out(self, tx, plan, who, options.note, now)
  local ok, err = commit(self, tx)
  if not ok then return nil, err end
  local runs = digests(self, plan)
  tx = self.store:tx()
  tx:add("audit.put", { now = now, who = who, what = "purge", detail_codec = { runs = runs,
    events = #plan.events, memory = #plan.memory, records = #plan.records, note = options.note } })
  ok, err = commit(self, tx)
  if not ok then return nil, err end
  local held
  ok, err, held = self:tidy(true)
  if not ok and not held then return nil, err end
  return { runs = runs, events = #plan.events, memory = #plan.memory, records = #plan.records, audit = audit,
    bytes_before = before, bytes_after = self:rows("store.size", {})[1].bytes, log_emptied = ok == true,
    also = plan.also, kept = plan.kept, left = plan.left }
end

return purge
