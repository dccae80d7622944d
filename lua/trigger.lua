--- The triggers of a manifest that go by the clock: `cron`, `every` and `at`.
--
-- Each is a shape (lua/shape.lua) whose value is a schedule's definition, as slots.of
-- wants it: { cron, zone, gap, fold } | { every_ms, from_ms, zone } | { at_ms, zone },
-- and for all of them { name, jitter_ms, overlap, catch_up = { within_ms, keep },
-- input, coalesce_ms }. `zone` is nil where the manifest names none.
local rfc3339 = require "rfc3339"
local shape = require "shape"
local slots = require "slots"
local zones = require "zones"

local trigger = {}

--- What may be written where; the first of each is the default.
trigger.overlaps = { "skip", "queue_one", "queue_all", "cancel_previous", "allow" }
trigger.keeps = { "one", "all", "none" }

trigger.default_overlap = "skip"
trigger.default_within_ms = 24 * 3600000

local function zone(value, path)
  if type(value) ~= "string" then shape.wrong_type(value, path, 'a zone like "Europe/Lisbon"') end
  if not zones.exists(value) then
    shape.refuse("K2005", path, { name = value, suggestion = zones.nearest(value) })
  end
  return value
end
shape.says(zone, 'a zone like "Europe/Lisbon"')

local function expression(value, path)
  shape.text()(value, path)
  local ok, message = slots.check_cron(value)
  if not ok then shape.bad_value(path, message) end
  return value
end
shape.says(expression, 'cron, five fields')

--- An interval: below a second it would be a loop.
local function interval(value, path)
  local ms = shape.duration(value, path)
  if ms < 1000 then shape.bad_value(path, ('expected at least "1s", got %q'):format(value)) end
  return ms
end
shape.says(interval, 'a duration of at least "1s"')

local function jitter(value, path)
  local ms = shape.duration(value, path)
  if ms > 86400000 then shape.bad_value(path, ('expected at most "1d", got %q'):format(value)) end
  return ms
end
shape.says(jitter, 'a duration, "1d" at most')

--- A length of time that is not nothing, in ms.
function trigger.window(value, path)
  local ms = shape.duration(value, path)
  if ms == 0 then shape.bad_value(path, "a window of no time") end
  return ms
end
shape.says(trigger.window, 'a duration')

local dst_words = { shift = "gap", skip = "gap", once = "fold", twice = "fold" }
local dst_table = shape.record("a policy for the change of clocks", {
  gap = shape.one_of { "shift", "skip" }, fold = shape.one_of { "once", "twice" } })
local dst_word = shape.one_of { "shift", "skip", "once", "twice" }

--- One word, or { gap, fold }.
local function dst(value, path)
  if type(value) == "table" then return dst_table(value, path) end
  return { [dst_words[dst_word(value, path)]] = value }
end
shape.says(dst, "one of shift, skip, once, twice, or { gap, fold }")

local catch_up_table = shape.record("a catch-up policy", {
  within = { shape.duration, as = "within_ms", default = trigger.default_within_ms },
  keep = { shape.one_of(trigger.keeps), default = trigger.keeps[1] } })

--- A duration, or { within, keep }.
local function catch_up(value, path)
  if type(value) == "table" then return catch_up_table(value, path) end
  return { within_ms = shape.duration(value, path), keep = trigger.keeps[1] }
end
shape.says(catch_up, "a duration, or { within, keep }", shape.facts(catch_up_table))

--- The payload is kept as it is, so it must be one that JSON can say.
local function payload(value, path)
  if type(value) ~= "table" or value["$function"] then shape.wrong_type(value, path, "a table of fields") end
  return value
end
shape.says(payload, "a table of fields")

local function with_common(fields)
  fields.name = shape.text("^%a[%w_-]*$", "a name (a letter, then letters, digits, '_' and '-')")
  fields.zone, fields.input = zone, payload
  fields.coalesce = { trigger.window, as = "coalesce_ms" }
  fields.jitter = { jitter, as = "jitter_ms", default = 0 }
  fields.overlap = { shape.one_of(trigger.overlaps), default = trigger.default_overlap }
  fields.catch_up = { catch_up, default = { within_ms = trigger.default_within_ms, keep = trigger.keeps[1] } }
  return fields
end

local cron = shape.record("a cron trigger", with_common { cron = { expression, required = true }, dst = dst })

local function cron_trigger(value, path)
  local out = cron(value, path)
  local policy = out.dst or {}
  out.gap, out.fold, out.dst = policy.gap, policy.fold, nil
  return out
end
shape.says(cron_trigger, "a table", shape.facts(cron))

--- name -> shape
trigger.shapes = {
  cron = cron_trigger,
  every = shape.record("an interval trigger", with_common {
    every = { interval, as = "every_ms", required = true }, from = { shape.instant, as = "from_ms" } }),
  at = shape.record("a trigger at one time", with_common { at = { shape.instant, as = "at_ms", required = true } }),
}

--- A shape for `on`: the list of `item`, in which no two schedules have one name.
function trigger.list(item)
  local list = shape.one_or_list(item)
  return shape.says(function(value, path)
    local out, known = list(value, path), {}
    for i, on in ipairs(out) do
      if on.name and known[on.name] then
        shape.bad_value(shape.at(path, i, "name"), ("the schedule %q is there already"):format(on.name))
      end
      known[on.name or ""] = true
    end
    return out
  end, "a trigger, or a list of them", { item = item })
end

--- The schedules of an agent: name -> definition. A trigger without a name is called
-- like its agent; a second one AGENT/2, and so on by its place among those without a
-- name; one with a name AGENT/NAME. `zone` stands in where a definition names none.
function trigger.schedules(manifest, zone_name)
  local list, unnamed = {}, 0
  for _, on in ipairs(manifest.on) do
    if trigger.shapes[on.kind] then
      if not on.name then unnamed = unnamed + 1 end
      local name = manifest.name .. (on.name and "/" .. on.name or unnamed > 1 and "/" .. unnamed or "")
      local def = {}
      for key, value in pairs(on) do def[key] = value end
      def.zone = on.zone or zone_name
      list[name] = def
    end
  end
  return list
end

local function shown(ms)
  return (rfc3339.format(ms):gsub("%.000Z$", "Z"))
end

--- What a scheduled run gets as its input: `slot` is { slot = ms, wall }.
function trigger.envelope(id, def, slot)
  local time = rfc3339.format(slot.slot)
  return { type = "schedule", key = id .. "/" .. time, schedule = id, time = time, ["local"] = slot.wall,
    zone = def.zone, trust = "owner", payload = def.input or {} }
end

--- A definition in the words of the manifest: "45 7 * * 1-5", "every 15m", "at 2026-...".
function trigger.text(def)
  if def.kind == "cron" then return def.cron end
  if def.kind == "every" then
    return "every " .. require("duration").format(def.every_ms)
      .. (def.from_ms and " from " .. shown(def.from_ms) or "")
  end
  return "at " .. shown(def.at_ms)
end

return trigger
