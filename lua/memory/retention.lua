--- Memory does not grow for ever: what has expired, what the rules of `memory.retention`
--- let go, and the room that both leave. Methods of a memory.
--
-- A rule is named by a kind, a namespace and a kind ("acme/turn"), or "*", and says:
--
--   age        "90d": what was remembered longer ago goes
--   count      1000: the newest so many stay
--   bytes      so many bytes of text and value stay, the newest
--   faded      0.05: what is worth less goes; importance halves every `half_life` (30d)
--   superseded "1y": older versions of a key go this long after they were made
--   summarise  "30d": a session that has been silent so long is put into one summary,
--              and what was said then goes by the other rules
--
-- The most special rule of a kind counts alone. What goes leaves a tombstone that says
-- why. Everything is done in slices, each a transaction of its own.
local file = require "file"

local retention = {}

local day_ms = 86400000

--- The rule of a kind, or nil. `rules`: name -> { age_ms, count, bytes, faded,
--- half_life_ms, superseded_ms, summarise_ms }.
function retention.rule_for(rules, ns, kind)
  return rules[ns .. "/" .. kind] or rules[kind] or rules[ns .. "/*"] or rules["*"]
end

-- One slice of what `which` names. Adds to the report; returns false when all is done.
local function slice(pass, which, why)
  local self = pass.memory
  -- What has expired or is old is found by that, not in the order of ids; what went is gone.
  local by_end = which.expired_by ~= nil or which.made_before ~= nil
  which.after, which.limit = not by_end and pass.after or 0, pass.dry and by_end and 0 or pass.slice
  if not by_end then which.scan = pass.slice * 20 end
  local done, message, code = self.half:forget(which, pass.now, why, pass.dry)
  if not done then error({ message = message, code = code }, 0) end
  pass.report[pass.part] = pass.report[pass.part] + done.rows
  pass.report.bytes = pass.report.bytes + done.bytes
  pass.report.slices = pass.report.slices + 1
  pass.after = done.last > 0 and done.last or nil
  return pass.after ~= nil
end

-- The moment before which rows of a kind are too many, or too large; nil when none are.
local function too_many(self, ns, kind, rule, now)
  local rows = self.store:read("memory.over", { ns = ns, kind = kind, count = rule.count or math.maxinteger,
    bytes = rule.bytes or math.maxinteger, now = now })
  return rows and rows[1] and rows[1].row
end

local function add_work(list, part, which, why) list[#list + 1] = { part = part, which = which, why = why } end

local function work_of(self, rules, now)
  local list = {}
  for _, ns in ipairs(assert(self:namespaces())) do
    add_work(list, "expired", { ns = ns, expired_by = now }, "expired")
  end
  for _, row in ipairs(self.store:read("memory.idle_working", {}) or {}) do
    add_work(list, "working", { ns = row.ns, layer = "working", run = row.run }, "its run is over")
  end
  for _, row in ipairs(next(rules) and assert(self.store:read("memory.kinds", {})) or {}) do
    local ns, kind = row.ns, row.kind
    local rule = retention.rule_for(rules, ns, kind)
    if rule then
      if rule.age_ms then
        add_work(list, "aged", { ns = ns, kind = kind, made_before = now - rule.age_ms }, "retention: age")
      end
      if rule.superseded_ms then
        add_work(list, "superseded", { ns = ns, kind = kind, ended = true, made_before = now - rule.superseded_ms },
          "retention: superseded")
      end
      if rule.faded then
        add_work(list, "faded", { ns = ns, kind = kind, faded = rule.faded, half_life = rule.half_life_ms or 30 * day_ms },
          "retention: faded")
      end
      if rule.count or rule.bytes then
        local before = too_many(self, ns, kind, rule, now)
        if before then add_work(list, "over", { ns = ns, kind = kind, up_to = before }, "retention: count or bytes") end
      end
    end
  end
  return list
end

local Pass = {}
Pass.__index = Pass

--- One slice. Returns whether there is more; raises { message, code } when the store fails.
function Pass:step()
  local one = self.work[self.at]
  if not one then return false end
  self.part = one.part
  local which = {}
  for name, value in pairs(one.which) do which[name] = value end
  if not slice(self, which, one.why) then self.at, self.after = self.at + 1, nil end
  if not self.dry and not self.patient then self.memory:settle_some() end
  return self.work[self.at] ~= nil
end

--- Begin to let go. Options: `rules` as above, `slice` (rows a transaction, 1000),
-- `dry_run`, `patient` (leave the log to the engine). Returns a pass: call pass:step()
-- until it gives false; pass.report says what went.
function retention:retain(options)
  options = options or {}
  local now = self.clock()
  return setmetatable({ memory = self, now = now, slice = options.slice or 1000, dry = options.dry_run or false,
    patient = options.patient,
    work = work_of(self, options.rules or {}, now), at = 1,
    report = { expired = 0, working = 0, aged = 0, superseded = 0, faded = 0, over = 0, bytes = 0, slices = 0 } }, Pass)
end

--- Let go of all that the rules name, now. Options as of m:retain, and `compact` (true:
-- move what is left together, and give pages back). Returns the report: how many rows
-- went as expired, working, aged, superseded, faded, over; bytes; slices; summarised
-- (sessions); or nil, message, code.
function retention:gc(options)
  options = options or {}
  local summarised = 0
  if not options.dry_run then
    local n, message, code = self:summarise_sessions(options.rules or {}, options.summarise)
    if not n then return nil, message, code end
    summarised = n
  end
  local pass = self:retain(options)
  local ok, why = pcall(function() while pass:step() do end end)
  if not ok then
    if type(why) ~= "table" then error(why, 0) end
    return nil, why.message, why.code
  end
  pass.report.summarised = summarised
  local gone = 0
  for _, part in ipairs { "expired", "working", "aged", "superseded", "faded", "over" } do gone = gone + pass.report[part] end
  pass.report.gone = gone
  if options.compact and gone > 0 and not options.dry_run then
    local done, message, code = self:compact()
    if not done then return nil, message, code end
  end
  return pass.report
end

--- Turn what has outlived its ttl into tombstones. It was hidden before; this frees its
--- bytes. Returns how many.
function retention:expire()
  local report, message, code = self:gc()
  return report and report.expired, message, code
end

--- Move what is left of memory together, in slices of `rows` (500), and give the pages
--- that become free back to the disk. Returns the slices, or nil, message, code.
function retention:compact(rows)
  local after, slices = 0, 0
  repeat
    local message, code
    after, message, code = self.half:compact(after, rows or 500)
    if not after then return nil, message, code end
    slices = slices + 1
    self:settle_some()
  until after == 0
  local ok, message, code = self:shrink()
  if not ok then return nil, message, code end
  return slices
end

-- What many slices write lies in the log; moved bit by bit, it keeps nobody waiting long.
local much = 4 << 20 -- bytes

--- Empty the log when there is much in it.
function retention:settle_some()
  if (file.stat(self.path .. "-wal") or 0) > much then self:settle() end
end

--- Give pages that hold nothing back to the disk, a megabyte at a time. Returns true, or
--- nil, message, code.
function retention:shrink()
  local before
  repeat
    before = self.store:read("store.size", {})[1].free
    if before == 0 then return true end
    local ok, message, code = self.store:commit(self.store:tx():add("store.shrink", {}))
    if not ok then return nil, message, code end
  until self.store:read("store.size", {})[1].free >= before
  return true
end

-- ---- summaries ----------------------------------------------------------------------

-- The sentences that carry a session, within 600 bytes: those with the most of its own
-- words. The summarise skill does better; this is what there is without an engine.
local function extract(texts)
  local words = require "core.words"
  local count, total = {}, 0
  for _, text in ipairs(texts) do
    for _, word in ipairs(words.tokens(text)) do
      if not words.stop(word) then count[word], total = (count[word] or 0) + 1, total + 1 end
    end
  end
  local scored = {}
  for i, text in ipairs(texts) do
    local sum, n = 0, 0
    for _, word in ipairs(words.tokens(text)) do sum, n = sum + (count[word] or 0), n + 1 end
    scored[i] = { at = i, text = text, score = n > 0 and sum / (n + 8) or 0 }
  end
  table.sort(scored, function(a, b) if a.score ~= b.score then return a.score > b.score end return a.at < b.at end)
  local chosen, bytes = {}, 0
  for _, one in ipairs(scored) do
    if bytes + #one.text <= 600 or #chosen == 0 then chosen[#chosen + 1], bytes = one, bytes + #one.text end
  end
  table.sort(chosen, function(a, b) return a.at < b.at end)
  local list = {}
  for i, one in ipairs(chosen) do list[i] = one.text end
  return table.concat(list, " "):sub(1, 2000)
end

--- Put a session into one item of kind "summary", with the key "KIND:SESSION" and links
-- to what it was made of in source.items; the originals stay. `with` is a function that
-- gives a summary of a text, nothing (then sentences of the text are the summary), or
-- nil, message, code. Returns the summary's
-- text, or nil when the session is empty; or nil, message, code.
function retention:summarise(t)
  local ns = self:namespace("summarise", t.ns)
  local kind = t.kind or "turn"
  local rows, message, code = self.store:read("memory.session", { ns = ns, session = t.session, kind = kind,
    now = self.clock(), limit = 10000 })
  if not rows then return nil, message, code end
  local texts, ids, outside = {}, {}, false
  for _, row in ipairs(rows) do
    if row.text then
      texts[#texts + 1] = (row.speaker and row.speaker .. ": " or "") .. row.text
      ids[#ids + 1] = row.id
      outside = outside or row.trust == "external"
    end
  end
  if #texts == 0 then return nil end
  local summary
  if t.with then
    summary, message, code = t.with(table.concat(texts, "\n"))
    if not summary and message then return nil, message, code end
  end
  summary = summary or extract(texts)
  local id
  id, message, code = self:remember { ns = ns, kind = "summary", key = kind .. ":" .. t.session, text = summary,
    session = t.session, time = rows[#rows].time, trust = outside and "external" or nil,
    source = { kind = kind, session = t.session, items = ids } }
  if not id then return nil, message, code end
  return summary
end

--- Summarise the sessions that the rules call old and that have no summary newer than
--- their last word. Returns how many.
function retention:summarise_sessions(rules, with, limit)
  local done = 0
  for _, row in ipairs(next(rules) and assert(self.store:read("memory.kinds", {})) or {}) do
    local rule = retention.rule_for(rules, row.ns, row.kind)
    if rule and rule.summarise_ms and row.kind ~= "summary" then
      local sessions, message, code = self.store:read("memory.sessions", { ns = row.ns, kind = row.kind,
        before = self.clock() - rule.summarise_ms, limit = limit or 1000 })
      if not sessions then return nil, message, code end
      for _, session in ipairs(sessions) do
        local old = self:get { ns = row.ns, kind = "summary", key = row.kind .. ":" .. session.session }
        if not old or old.time < session.last then
          local text
          text, message, code = self:summarise { ns = row.ns, kind = row.kind, session = session.session, with = with }
          if message then return nil, message, code end
          if text then done = done + 1 end
        end
      end
    end
  end
  return done
end

return retention
