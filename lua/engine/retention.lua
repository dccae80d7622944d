--- How long what is over is kept: packing, dropping, sweeping, in small slices.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. A pass goes through
-- stages; a stage does one slice, one transaction, each time it is asked, and says
-- whether it did something. `keel gc` runs a whole pass; a served engine takes slices
-- when nothing else goes on, and now and then when something always does.
-- The rules are `retention` of config.lua: docs/storage.md.
local archive = require "core.archive"
local crash = require "core.crash"
local errors = require "errors"
local json = require "json"
local loop = require "loop"

local retention = {}

--- A slice beside running steps, and one when nobody waits: so many runs, and of each so
--- many records or bytes of them.
local small = { runs = 2, records = 64, bytes = 16384, rows = 50 }
local large = { runs = 8, records = 2000, bytes = 65536, rows = 1000 }

--- One when the store is larger than it may be, and something always goes on.
local pressed = { runs = 4, records = 64, bytes = 32768, rows = 80 }

--- What packs itself without being told.
local pack_after_ms, pack_waiting_after_ms = 10 * 60000, 86400000

--- The newest runs of an agent that a full store does not take, when nothing is said.
local kept_when_full = 50

--- Between two slices: when idle or pressed, when busy, when there was nothing to do;
--- a pass that takes longer than the last begins anew, for time goes on.
local idle_pause_ms, busy_pause_ms, rest_ms = 2, 200, 60000

-- ---- rules -------------------------------------------------------------------------

--- The rule for an agent's runs: { runs_ms, failed_ms, keep }.
local function rule_of(self, agent)
  local all = self.settings.retention
  local own = all.agents[agent] or {}
  return { runs_ms = own.runs_ms or all.runs_ms, failed_ms = own.failed_ms or all.failed_ms or own.runs_ms or all.runs_ms,
    keep = own.keep_last or all.keep_last or 0 }
end

local function agents(self)
  local names = {}
  for i, row in ipairs(self:rows("retention.agents", {})) do names[i] = row.agent end
  table.sort(names)
  return names
end

--- Up to `limit` runs that the rules of age take.
local function old_runs(self, now, limit)
  local list = {}
  for _, agent in ipairs(agents(self)) do
    local rule = rule_of(self, agent)
    for _, part in ipairs { { true, rule.runs_ms }, { false, rule.failed_ms } } do
      if part[2] and #list < limit then
        for _, row in ipairs(self:rows("retention.old", { agent = agent, good = part[1], ended_by = now - part[2],
          keep = rule.keep, limit = limit - #list })) do
          list[#list + 1] = row
        end
      end
    end
  end
  return list
end

--- Bytes of the store that are in use.
local function used_bytes(self)
  local size = self:rows("store.size", {})[1]
  return size.bytes - size.free
end

--- Whether the store is too large, or nearly: a tenth is kept free for what comes
--- while room is made.
local function is_full(self)
  local most = self.settings.retention.max_bytes
  return most ~= nil and used_bytes(self) > most - most // 10
end

--- Up to `limit` of the runs that were over first, when the store is too large.
local function oldest_runs(self, limit)
  if not is_full(self) then return {} end
  local list = {}
  for _, agent in ipairs(agents(self)) do
    local rule = rule_of(self, agent)
    for _, row in ipairs(self:rows("retention.old", { agent = agent, ended_by = math.maxinteger,
      keep = math.max(rule.keep, self.settings.retention.keep_last and 0 or kept_when_full), limit = limit })) do
      list[#list + 1] = row
    end
  end
  table.sort(list, function(a, b)
    if a.ended ~= b.ended then return a.ended < b.ended end
    return a.id < b.id
  end)
  return table.move(list, 1, math.min(limit, #list), 1, {})
end

-- ---- stages ------------------------------------------------------------------------

local function commit(self, tx)
  local ok, message, code = self:commit(tx)
  if not ok and code ~= "conflict" then error(errors.from(message, code), 0) end
  return ok
end

local function drop(pass, rows, why)
  if #rows == 0 then return false end
  local self, size = pass.engine, pass.size
  local tx = self.store:tx()
  for _, row in ipairs(rows) do
    archive.drop(tx, { run = row.id, now = pass.now, who = "retention", why = why,
      whole = row.state == "quarantined" }, size.records, size.bytes)
  end
  tx:add("payload.sweep", { limit = size.rows })
  if not commit(self, tx) then return false end
  pass.report.runs = pass.report.runs + #rows
  pass.dropped = true
  return true
end

--- Payloads that nothing refers to any more.
local function sweep(pass)
  local loose = pass.engine:rows("payload.loose", {})[1]
  if loose.n == 0 then return false end
  local tx = pass.engine.store:tx()
  tx:add("payload.sweep", { limit = pass.size.rows })
  pass.report.payloads = pass.report.payloads + math.min(loose.n, pass.size.rows)
  return commit(pass.engine, tx)
end

local memory_rest_ms = 3600000

--- The home's own summarise skill, if it works offline; what it cannot do is done without it.
local function summariser(self)
  local skill = self.library.skills.summarise
  if not (skill and skill.manifest["local"]) then return nil end
  return function(text)
    local out = self.library:try_skill("summarise", { text = text, max_sentences = 5, max_chars = 800 }, self.settings.zone)
    local summary = type(out) == "table" and out.summary
    return type(summary) == "string" and summary ~= "" and summary or nil
  end
end

local stages = {
  -- what a crash, or the slice before, left half done
  function(pass)
    local rows = pass.engine:rows("tombstone.rest", { limit = pass.size.runs })
    local tx = pass.engine.store:tx()
    for _, row in ipairs(rows) do
      archive.drop(tx, { run = row.id, now = pass.now, who = "retention", why = "retention" }, pass.size.records,
        pass.size.bytes)
    end
    if #rows > 0 then pass.dropped = true end
    return #rows > 0 and commit(pass.engine, tx)
  end,
  function(pass) return drop(pass, old_runs(pass.engine, pass.now, pass.size.runs), "retention: age") end,
  -- what dropped runs referred to still counts until it is swept
  function(pass)
    if not pass.engine.settings.retention.max_bytes then return false end
    local loose = pass.engine:rows("payload.loose", {})[1].n
    return loose > pass.size.rows and sweep(pass)
      or drop(pass, oldest_runs(pass.engine, pass.size.runs), "retention: max_bytes")
  end,
  function(pass)
    local ms = pass.engine.settings.retention.events_ms
    local rows = ms and pass.engine:rows("retention.events", { before = pass.now - ms, limit = pass.size.rows }) or {}
    if #rows == 0 then return false end
    local ids = json.array {}
    for i, row in ipairs(rows) do ids[i] = row.id end
    local tx = pass.engine.store:tx()
    tx:add("retention.drop_events", { ids_json = ids })
    pass.report.events, pass.dropped = pass.report.events + #rows, true
    return commit(pass.engine, tx)
  end,
  function(pass)
    local ms = pass.engine.settings.retention.tombstones_ms
    local n = ms and pass.engine:rows("retention.tombstones", { before = pass.now - ms })[1].n or 0
    if n == 0 then return false end
    local tx = pass.engine.store:tx()
    tx:add("retention.drop_tombstones", { before = pass.now - ms, limit = pass.size.rows })
    pass.report.tombstones = pass.report.tombstones + math.min(n, pass.size.rows)
    return commit(pass.engine, tx)
  end,
  function(pass)
    local self, size = pass.engine, pass.size
    local rows = self:rows("archive.next", { ended_by = pass.now - pass.pack_ms, limit = size.runs })
    if #rows == 0 then
      rows = self:rows("archive.parked", { since = pass.now - pack_waiting_after_ms, limit = size.runs })
    end
    if #rows == 0 then return false end
    local tx = self.store:tx()
    for _, row in ipairs(rows) do archive.pack(tx, row.id, size.records, size.bytes) end
    pass.report.slices = pass.report.slices + 1
    return commit(self, tx)
  end,
  sweep,
  -- memory: what has expired, what its rules let go, and sessions that are to be summarised
  function(pass)
    local self, m = pass.engine, pass.engine:memory()
    if not pass.memory then
      -- Rules look at every row: by itself the engine does that once an hour.
      local due = pass.asked or pass.now - (self.memory_looked or 0) >= memory_rest_ms
      if due then
        self.memory_looked = pass.now
        m:summarise_sessions(m.rules, summariser(self), 5)
      end
      pass.memory = m:retain { rules = due and m.rules or {}, slice = pass.size.rows, patient = true }
    end
    local ok, more = pcall(pass.memory.step, pass.memory)
    if not ok then error(type(more) == "table" and errors.from(more.message, more.code) or more, 0) end
    if more then return true end
    pass.report.memories = 0
    for _, part in ipairs { "expired", "working", "aged", "superseded", "faded", "over" } do
      pass.report.memories = pass.report.memories + pass.memory.report[part]
    end
    local before = self.settings.memory.tombstones_ms
    if before then
      local tx = self.store:tx()
      tx:add("memory.drop_graves", { before = pass.now - before })
      commit(self, tx)
    end
    return false
  end,
  -- vectors of an endpoint that were not there when the text came, or of another model
  function(pass)
    local m = pass.engine:memory()
    local n = m.defaults.embed and m:reembed { limit = 64 } or 0 -- an endpoint that is away is asked again next time
    return (n or 0) == 64
  end,
  function(pass)
    if not pass.dropped then return false end
    pass.dropped = false
    local n = pass.engine:rows("code.loose", {})[1].n
    if n == 0 then return false end
    local tx = pass.engine.store:tx()
    tx:add("code.sweep", {})
    tx:add("code.sweep_sets", {})
    pass.report.code = pass.report.code + n
    return commit(pass.engine, tx)
  end,
}

--- Do one slice of a pass. Returns false when the pass is over.
local function slice(pass)
  while stages[pass.stage] do
    crash.point "gc"
    if stages[pass.stage](pass) then return true end
    pass.stage = pass.stage + 1
  end
  return false
end

local function new_pass(self, size, pack_ms)
  return { engine = self, stage = 1, size = size, now = self.clock(), pack_ms = pack_ms,
    report = { runs = 0, events = 0, tombstones = 0, payloads = 0, code = 0, slices = 0 } }
end

-- ---- faces ---------------------------------------------------------------------------

--- What a pass would take, without taking anything: { runs, events, tombstones,
--- to_pack, payloads }. Says nothing of max_bytes, which depends on what goes first.
function retention:gc_plan()
  local now, rules = self.clock(), self.settings.retention
  local events = rules.events_ms and self:rows("retention.events", { before = now - rules.events_ms, limit = 1000000 })
  local over = rules.max_bytes and math.max(0, used_bytes(self) - rules.max_bytes) or 0
  return { runs = #old_runs(self, now, 1000000), events = events and #events or 0,
    tombstones = rules.tombstones_ms and self:rows("retention.tombstones", { before = now - rules.tombstones_ms })[1].n or 0,
    to_pack = self:rows("archive.waiting", {})[1].n, payloads = self:rows("payload.loose", {})[1].n,
    bytes_over = over }
end

--- A whole pass, now: every run that is over is packed, what the rules take is gone.
-- Options: vacuum (write the file anew, so that it shrinks). Returns { runs, events,
-- tombstones, payloads, code, slices, bytes_before, bytes_after }, or nil, err.
function retention:gc(options)
  local before = self:rows("store.size", {})[1].bytes
  local pass = new_pass(self, large, 0)
  pass.asked = true
  while slice(pass) do
    if self.failed then return nil, self.failed end
  end
  if options and options.vacuum then
    local ok, err = self:tidy(true)
    if not ok then return nil, err end
  end
  local report = pass.report
  report.bytes_before, report.bytes_after = before, self:rows("store.size", {})[1].bytes
  return report
end

--- Empty the log, and, `whole`, write the file anew without what was deleted. Steps
--- wait meanwhile. Returns true; or nil, err, held: `held` when only the log could not be
--- emptied, since another process was reading it.
function retention:tidy(whole)
  local tx = archive.tidy(self.store:tx(), whole)
  local ok, message, code = loop.await(function(wake) self.runner:submit(tx, wake) end)
  if ok then return true end
  if code == "conflict" then
    return nil, errors.new("K9001", { message = message, next = "keel gc --vacuum" }), true
  end
  return nil, errors.from(message, code, { name = "var/keel.db" })
end

--- Go on tidying by itself, until the engine closes: once for each served engine.
function retention:keep_tidy()
  local rest = math.max(1, self.settings.retention.every_ms or rest_ms)
  local pass, turn
  local function again(ms)
    self.tidying = loop.timer(ms, function()
      loop.spawn(turn, function(message, trace)
        if not self.closing and not self.failed and not errors.is(message) then self:complain(trace) end
      end)
    end)
  end
  function turn()
    if self.closing or self.failed then return end
    local busy = self.submitted > 0 or next(self.active) ~= nil
    if pass and self.clock() - pass.now > rest_ms then pass = nil end
    pass = pass or new_pass(self, small, self.settings.retention.pack_ms or pack_after_ms)
    local full = busy and is_full(self)
    pass.size = full and pressed or busy and small or large
    if full then
      pass.stage = math.min(pass.stage, 3)
      busy = false
    end
    local more = slice(pass)
    if not more then pass = nil end
    if self.closing or self.failed then return end
    again(not more and rest or busy and busy_pause_ms or idle_pause_ms)
  end
  again(rest)
end

--- What the store holds: bytes by table, payloads, packed journals.
function retention:store_stats()
  local payloads, packed = self:rows("payload.sums", {})[1], self:rows("archive.sums", {})[1]
  local size, loose = self:rows("store.size", {})[1], self:rows("payload.loose", {})[1]
  local tables = json.array {}
  -- a SQLite that was built without dbstat cannot say
  for i, row in ipairs(self.store:read("store.tables", {}) or {}) do
    tables[i] = { name = row.name, bytes = row.bytes, unused = row.unused }
  end
  local function ratio(a, b) return b > 0 and a / b or json.null end
  return { bytes = size.bytes, free = size.free, tables = tables,
    payloads = { count = payloads.n, references = payloads.refs, bytes = payloads.bytes, kept = payloads.kept,
      shared = payloads.referred - payloads.bytes, loose = loose.n, loose_bytes = loose.bytes },
    packed = { runs = packed.runs, records = packed.records, segments = packed.segments, raw = packed.raw,
      bytes = packed.packed, ratio = ratio(packed.raw, packed.packed) },
    to_pack = self:rows("archive.waiting", {})[1].n, tombstones = self:rows("tombstone.count", {})[1].n,
    reclaimable = size.free + loose.bytes }
end

return retention
