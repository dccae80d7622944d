--- The audit trail: who did what, when; and whether it is what was written.
--
-- Methods of the engine and of one that looks on (lua/engine/look.lua), in a file of their
-- own. Rows are chained and anchored where they become true (src/store_sqlite_audit.c).
local audit = require "core.audit"
local clock = require "core.clock"
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"
local rfc3339 = require "rfc3339"

local trail = {}

local function path_of(self) return self.options.store or file.join(self.home, "var", "keel.db") end

--- Rows, newest first. Filters: who, what, subject, run, before (an id), limit (50); within: who and what
-- are looked for in so many rows, no more. Returns a list of { id, time, who, what, subject, detail, run,
-- seq, channel, hash, scrubbed }, nil, and the id at which looking ended, when it was not the oldest.
function trail:audit(filter)
  filter = filter or {}
  local verb = filter.run and "audit.of_run" or filter.subject and "audit.of_subject" or "audit.list"
  local from
  if filter.within and verb == "audit.list" and (filter.who or filter.what) then
    from = math.max((filter.before or ((self:rows("audit.last", {})[1] or {}).id or 0) + 1) - filter.within, 1)
  end
  local rows = self:rows(verb, { from = from, who = filter.who, what = filter.what, subject = filter.subject, run = filter.run,
    before = filter.before, limit = filter.limit or 50 })
  local list = json.array {}
  for _, row in ipairs(rows) do
    if not filter.subject or row.subject == filter.subject then
      row.time, row.scrubbed = rfc3339.format(row.time), row.scrubbed or nil
      list[#list + 1] = row
    end
  end
  return list, nil, #rows < (filter.limit or 50) and from and from > 1 and from or nil
end

--- Rows in one piece: others get their turn between two.
local piece = 5000

--- Read the whole trail, and hold it to its chain and its anchors. Returns { ok, rows, anchored,
--- unanchored, ms, count, problems = { { kind, id, what } }, begun = { { id, from, to, accepted } } } (src/audit_check.h says which kinds
--- there are), or nil, err.
function trail:audit_verify()
  local path, began = path_of(self), clock.mono_us()
  if path == ":memory:" then return nil, errors.new("K1004", { name = "audit verify", detail = "a store in memory has no file" }) end
  local check, message, code = audit.open(path)
  if not check then return nil, errors.from(message, code, { name = path }) end
  local _ <close> = check
  while true do
    local over
    over, message, code = check:step(piece)
    if over == nil then return nil, errors.from(message, code, { name = path }) end
    if over then break end
    if loop.in_task() then loop.sleep(0) end
  end
  local found = check:found()
  return { ok = found.count == 0, rows = found.rows, anchored = found.anchored, unanchored = found.unanchored,
    ms = (clock.mono_us() - began) // 1000, count = found.count, problems = found.problems, begun = found.begun }
end

--- The owner knows why anchors were begun anew: verify tells of it, and no longer as a problem.
-- Rows of the trail that is not whole otherwise stay problems. Returns the beginnings that were
-- accepted, or nil, err.
function trail:audit_accept(options)
  local found, err = self:audit_verify()
  if not found then return nil, err end
  local list, tx = json.array {}, self.store:tx()
  for _, one in ipairs(found.begun) do
    if not one.accepted then
      one.accepted, list[#list + 1] = true, one
      tx:add("audit.put", { now = self.clock(), who = options.by or self.settings.owner or "owner", what = "audit.accept",
        subject = ("rows %d to %d"):format(one.from, one.to), seq = one.id, channel = options.channel,
        detail_codec = { note = options.note } })
    end
  end
  if #list == 0 then return list end
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  return list
end

--- The last line of the anchors' file: id, hash; nil where there is none, false where it is damaged.
local function last_anchor(path)
  local handle = io.open(path, "rb")
  if not handle then return nil end
  local size = handle:seek "end"
  handle:seek("set", math.max(0, size - 400))
  local text = handle:read "a" or ""
  handle:close()
  text = text:match "^(.*\n)" or ""
  if text == "" then return nil end
  local id, hash = text:match "(%d+) %d+ (%x+)\n$"
  if not id or #hash ~= 64 then return false end
  return math.tointeger(tonumber(id)), hash
end

--- The owner of a store opens it: where the trail is not what was anchored last, nothing more is
--- anchored (the storage thread sees it, too), and a row says so, once.
function trail:look_at_anchor()
  for _, row in ipairs(self:rows("audit.list", { limit = 20 })) do
    if row.what == "audit.accept" then break end
    if row.what == "audit.anchor" then
      self.notices = self.notices or {}
      table.insert(self.notices, "the anchors of the audit trail were gone or cut and were begun anew; keel audit verify says what is not held")
      break
    end
  end
  local name = audit.anchors(path_of(self))
  local id, hash = nil, nil
  if name then id, hash = last_anchor(name) end
  if id == nil then return end
  local row = id and self:rows("audit.at", { id = id })[1]
  if row and row.hash == hash then return end
  self.notices = self.notices or {}
  table.insert(self.notices, "the audit trail does not fit its last anchor; keel audit verify says where")
  local subject = "anchor " .. tostring(id or "?")
  local said = self:rows("audit.of_subject", { subject = subject, what = "audit.broken", limit = 1 })[1]
  if said then return end
  local tx = self.store:tx()
  tx:add("audit.put", { now = self.clock(), who = "engine", what = "audit.broken", subject = subject })
  self:commit(tx)
end

return trail
