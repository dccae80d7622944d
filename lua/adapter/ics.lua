--- A calendar in an iCalendar file: { use = "ics", path = "calendar.ics" }. What is in the file and
--- not understood stays as it is; a change replaces the file in one piece.
local contract = require "adapter.contract"
local file = require "file"
local ical = require "ical"
local json = require "json"
local rfc3339 = require "rfc3339"
local shape = require "shape"

local ics = { ops = {} }
ics.__index = ics
ics.own_words = true

--- The shape of an entry of `adapters` in config.lua.
function ics.shape()
  return shape.record("an ics adapter", { use = shape.text(), path = shape.text("^[^%z]+$", "a file") })
end

--- The file itself: a link to it stays a link when it is replaced.
local function behind_links(path)
  for _ = 1, 8 do
    local to = file.link(path)
    if not to then return path end
    path = to:sub(1, 1) == "/" and to or file.join(path:match "^(.*)/[^/]*$", to)
  end
  return path
end

function ics.open(e, name, entry)
  local path = type(entry) == "table" and entry.path or name .. ".ics"
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  return setmetatable({ name = name, path = path, zone = e.settings.zone, clock = e.clock }, ics)
end

local function text_of(self)
  local text, message, code = file.read(behind_links(self.path))
  if not text and not file.exists(self.path) then return ical.empty end
  return text, message, code
end

--- The events, and the text that they are of.
local function events_of(self)
  local text, message, code = text_of(self)
  if not text then return contract.failure(self, code == "denied" and "not_allowed" or "io", message) end
  local events
  events, message = ical.parse(text)
  if not events then return contract.failure(self, "bad_response", message) end
  return events, text
end

local function replace(self, text)
  local path = behind_links(self.path)
  local _, _, mode = file.stat(path)
  local ok, message, code = file.write(path, text, math.type(mode) == "integer" and mode or nil)
  if not ok then return contract.failure(self, code == "denied" and "not_allowed" or "io", message) end
  return true
end

local function span(self, args)
  local from, to = rfc3339.parse(args.from), rfc3339.parse(args.to)
  if to <= from then contract.wrong(self.name .. ": 'to' is not after 'from'") end
  if to - from > 400 * 86400000 then contract.wrong(self.name .. ": a span has 400 days at most") end
  return from, to
end

--- What is in the span; `out` gets `unclear` where not all was understood.
local function look(self, args, out)
  local from, to = span(self, args)
  local events, err = events_of(self)
  if not events then return nil, err end
  local found, unclear = ical.occurrences(events, from, to, self.zone)
  if not found then return contract.failure(self, "too_large", unclear) end
  if #unclear > 0 then out.unclear = json.array(table.move(unclear, 1, math.min(#unclear, 50), 1, {})) end
  return found
end

ics.ops.list = { args = { from = "instant!", to = "instant!" }, effect = "read", perform = function(self, args)
  local out = { events = json.array {} }
  local found, err = look(self, args, out)
  if not found then return nil, err end
  for i, one in ipairs(found) do
    out.events[i] = { from = rfc3339.format(one.from_ms), to = rfc3339.format(one.to_ms), uid = one.uid, title = one.title, busy = not one.free, trust = "external" }
  end
  return out
end }

--- What is busy, spans that touch made one.
ics.ops.busy = { args = { from = "instant!", to = "instant!" }, effect = "read", perform = function(self, args)
  local out, last = { busy = json.array {} }, nil
  local found, err = look(self, args, out)
  if not found then return nil, err end
  for _, one in ipairs(found) do
    if not one.free and one.to_ms > one.from_ms then
      if last and one.from_ms <= last.to_ms then
        last.to_ms = math.max(last.to_ms, one.to_ms)
      else
        last = { from_ms = one.from_ms, to_ms = one.to_ms }
        out.busy[#out.busy + 1] = last
      end
    end
  end
  for i, one in ipairs(out.busy) do out.busy[i] = { from = rfc3339.format(one.from_ms), to = rfc3339.format(one.to_ms) } end
  return out
end }

--- Two keys are two uids, whatever they are made of.
local function uid_of(key) return (key:gsub("[^%w%-_%.:/]", function(c) return ("%%%02X"):format(c:byte()) end)) .. "@keel" end

local function is_in(events, key)
  for _, event in ipairs(events) do
    if event.UID and event.UID[1] == uid_of(key) then return true end
  end
  return false
end

local function create(tentative)
  return function(self, args, key)
    local from = rfc3339.parse(args.from or args.at or "") or contract.wrong(self.name .. ": 'from' is needed, a time like \"2026-03-05T10:00:00Z\"")
    local to = args.to and rfc3339.parse(args.to) or from + (args.minutes or 60) * 60000
    if to <= from then contract.wrong(self.name .. ": 'to' is not after 'from'") end
    local events, text = events_of(self)
    if not events then return nil, text end
    if is_in(events, key) then return { key = key, uid = uid_of(key), sent = true } end
    local changed, err = ical.insert(text, { uid = uid_of(key), from_ms = from, to_ms = to, title = args.title, note = args.note, tentative = tentative, now_ms = self.clock() })
    if not changed then return contract.failure(self, "bad_response", err) end
    local ok
    ok, err = replace(self, changed)
    if not ok then return nil, err end
    return { key = key, uid = uid_of(key), sent = true }
  end
end

local function probe(self, _, key)
  local events = events_of(self)
  if not events then return "unknown" end
  if is_in(events, key) then return "happened", { key = key, uid = uid_of(key), sent = true } end
  return "not"
end

local function remove(self, _, key)
  local events, text = events_of(self)
  if not events then return nil, text end
  local changed, gone = ical.remove(text, uid_of(key))
  if gone > 0 then
    local ok, err = replace(self, changed)
    if not ok then return nil, err end
  end
  return { key = key, uid = uid_of(key), sent = true, gone = gone }
end

local fields = { from = "instant", at = "instant", to = "instant", minutes = "whole", title = "text", note = "text" }
ics.ops.create = { args = fields, keeps = true, effect = "idempotent", risk = "reversible", perform = create(false), probe = probe, undo = remove }
ics.ops.draft = { args = fields, keeps = true, effect = "idempotent", risk = "reversible", perform = create(true), probe = probe, undo = remove }
ics.ops.delete = { args = {}, effect = "idempotent", risk = "reversible", perform = remove }

function ics:op(name) return contract.op(self, name) end

return ics
