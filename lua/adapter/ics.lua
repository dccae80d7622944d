--- A calendar in an iCalendar file: { use = "ics", path = "calendar.ics" }. What is in the file and
--- not understood stays as it is; a change replaces the file in one piece.
local contract = require "adapter.contract"
local file = require "file"
local ical = require "ical"
local json = require "json"
local rfc3339 = require "rfc3339"

local ics = { ops = {} }
ics.__index = ics

function ics.open(e, name, entry)
  local path = type(entry) == "table" and entry.path or name .. ".ics"
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  return setmetatable({ name = name, path = path, zone = e.settings.zone, clock = e.clock }, ics)
end

local function text_of(self)
  if not file.exists(self.path) then return ical.empty end
  return file.read(self.path)
end

local function events_of(self)
  local text, message, code = text_of(self)
  if not text then return contract.failure(self, code or "error", message) end
  local events
  events, message = ical.parse(text)
  if not events then return contract.failure(self, "bad_response", message) end
  return events, text
end

local function replace(self, text)
  local ok, message, code = file.write(self.path .. ".new", text)
  if ok then ok, message = os.rename(self.path .. ".new", self.path) end
  if not ok then return contract.failure(self, code or "error", message) end
  return true
end

local function span(self, args)
  local from, to = rfc3339.parse(args.from), rfc3339.parse(args.to)
  if to <= from then contract.wrong(self.name .. ": 'to' is not after 'from'") end
  if to - from > 400 * 86400000 then contract.wrong(self.name .. ": a span has 400 days at most") end
  return from, to
end

local function shown(one)
  return { from = rfc3339.format(one.from_ms), to = rfc3339.format(one.to_ms), uid = one.uid, title = one.title, trust = "external" }
end

ics.ops.list = { args = { from = "instant!", to = "instant!" }, effect = "read", perform = function(self, args)
  local events, err = events_of(self)
  if not events then return nil, err end
  local from, to = span(self, args)
  local list = json.array {}
  for i, one in ipairs(ical.occurrences(events, from, to, self.zone)) do list[i] = shown(one) end
  return { events = list }
end }

--- What is busy, spans that touch made one.
ics.ops.busy = { args = { from = "instant!", to = "instant!" }, effect = "read", perform = function(self, args)
  local events, err = events_of(self)
  if not events then return nil, err end
  local from, to = span(self, args)
  local list, last = json.array {}, nil
  for _, one in ipairs(ical.occurrences(events, from, to, self.zone)) do
    if not one.free and one.to_ms > one.from_ms then
      if last and one.from_ms <= last.to_ms then
        last.to_ms = math.max(last.to_ms, one.to_ms)
      else
        last = { from_ms = one.from_ms, to_ms = one.to_ms }
        list[#list + 1] = last
      end
    end
  end
  for i, one in ipairs(list) do list[i] = { from = rfc3339.format(one.from_ms), to = rfc3339.format(one.to_ms) } end
  return { busy = list }
end }

local function uid_of(key) return (key:gsub("[^%w%-_%.:/]", "_")) .. "@keel" end

local function is_there(self, key)
  local events, err = events_of(self)
  if not events then return nil, err end
  for _, event in ipairs(events) do
    if event.UID and event.UID[1] == uid_of(key) then return true, events end
  end
  return false
end

local function create(tentative)
  return function(self, args, key)
    local there, err = is_there(self, key)
    if there == nil then return nil, err end
    if there then return { key = key, uid = uid_of(key), sent = true } end
    local from = rfc3339.parse(args.from or args.at or "") or contract.wrong(self.name .. ": 'from' is needed, a time like \"2026-03-05T10:00:00Z\"")
    local to = args.to and rfc3339.parse(args.to) or from + (args.minutes or 60) * 60000
    local _, text = events_of(self)
    local changed, message = ical.insert(text, { uid = uid_of(key), from_ms = from, to_ms = to, title = args.title, note = args.note, tentative = tentative, now_ms = self.clock() })
    if not changed then return contract.failure(self, "bad_response", message) end
    local ok
    ok, err = replace(self, changed)
    if not ok then return nil, err end
    return { key = key, uid = uid_of(key), sent = true }
  end
end

local function probe(self, _, key)
  local there = is_there(self, key)
  if there == nil then return "unknown" end
  if there then return "happened", { key = key, uid = uid_of(key), sent = true } end
  return "not"
end

local function remove(self, _, key)
  local events, text = events_of(self)
  if not events then return nil, text end
  local changed, gone = ical.remove(text, uid_of(key))
  if gone == 0 then return { key = key, gone = 0 } end
  local ok, err = replace(self, changed)
  if not ok then return nil, err end
  return { key = key, gone = gone }
end

local fields = { from = "instant", at = "instant", to = "instant", minutes = "whole", title = "text", note = "text" }
ics.ops.create = { args = fields, effect = "idempotent", risk = "reversible", perform = create(false), probe = probe, undo = remove }
ics.ops.draft = { args = fields, effect = "idempotent", risk = "reversible", perform = create(true), probe = probe, undo = remove }
ics.ops.delete = { args = {}, effect = "idempotent", risk = "reversible", perform = remove }

function ics:op(name) return contract.op(self, name) end

return ics
