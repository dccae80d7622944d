local errors = require "errors"
local json = require "json"
local rfc3339 = require "rfc3339"

--- The most firings that one question may ask for.
local most_firings = 1000

local function usage(number, fields)
  fields.command, fields.next = "schedule", "keel help schedule"
  return errors.new(number, fields)
end

local function count_of(text, default)
  if text == nil then return default end
  local n = text:find("^%d+$") and math.tointeger(tonumber(text))
  if n and n >= 1 and n <= most_firings then return n end
  return nil, usage("K1004", { name = "N", detail = ("expected a whole number from 1 to %d, got '%s'"):format(most_firings, text) })
end

local function time_of(args, name)
  if not args[name] then return nil end
  local ms, message = rfc3339.parse(args[name])
  if ms then return ms end
  return nil, usage("K1004", { name = "--" .. name, detail = message })
end

local function too_many(words, most)
  if #words <= most then return nil end
  return usage("K1004", { name = ("'%s'"):format(words[most + 1]), detail = "it is one word too many" })
end

local weekdays = { [0] = "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }

--- "2026-03-30T07:30" -> "Mon 2026-03-30 07:30"
local function shown_wall(wall)
  local year, month, day = wall:match("^(%d+)-(%d+)-(%d+)")
  local days = rfc3339.days(math.tointeger(year), math.tointeger(month), math.tointeger(day))
  return weekdays[days % 7] .. " " .. wall:gsub("T", " ")
end

local function shown_utc(text) return (text:gsub("%.000Z$", "Z")) end

-- ---- looking -----------------------------------------------------------------------

local function last_text(last)
  if not last then return "" end
  return last.state .. (last.reason and (" (%s)"):format(last.reason) or "")
end

local actions = {}

function actions.list(_, words, context)
  local err = too_many(words, 0)
  if err then return nil, err end
  local e
  e, err = context.look()
  if not e then return nil, err end
  local list = e:schedule_list()
  if context.json then
    context.print_json(list)
    return 0
  end
  if #list == 0 then
    context.out "no schedules: an agent's manifest has none (on = { cron = ... }, { every = ... }, { at = ... })\n"
    return 0
  end
  local rows, now = {}, context.now()
  for i, one in ipairs(list) do
    local going = one.state == "on"
    rows[i] = { one.schedule, one.spec or "", one.zone, one.state, going and one.next and shown_wall(one.next_local) or "",
      going and one.next and require("terminal").relative(require("view").ms(one.next), now) or "", last_text(one.last) }
  end
  context.out(context.terminal:table({ { "schedule", style = "name", shrink = true, least = 12 },
    { "when", shrink = true, least = 10 }, { "zone" }, { "state" }, { "next" }, { "" }, { "last" } }, rows))
  return 0
end

--- The time that was meant, and the one that the clock shows instead where it leaps.
local function meant_and_shown(one)
  local at = rfc3339.parse(one.at)
  local shows = rfc3339.format(at + require("zone").open(one.zone):offset(at)):sub(1, #one["local"])
  return shown_wall(one["local"]) .. (shows ~= one["local"] and " -> " .. shows:sub(12) or "")
end

local function print_firings(context, list)
  local rows = {}
  for i, one in ipairs(list) do
    rows[i] = { shown_utc(one.at), meant_and_shown(one), one.zone, one.schedule or "" }
  end
  context.out(context.terminal:table({ { "UTC" }, { "wall clock" }, { "zone" },
    { "schedule", style = "name", shrink = true, least = 8 } }, rows))
end

actions["next"] = function(args, words, context)
  local count, err = count_of(words[1], 10)
  local from, problem = time_of(args, "from")
  err = err or problem or too_many(words, 1)
  if err then return nil, err end
  local e
  e, err = context.look()
  if not e then return nil, err end
  if args.agent and not e.library.agents[args.agent] then return nil, select(2, e:agent_named(args.agent)) end
  local list = e:next_firings(count, from, args.agent)
  if context.json then
    context.print_json(list)
  elseif #list == 0 then
    context.out "nothing fires: no schedule is on, or none has a time ahead\n"
  else
    print_firings(context, list)
  end
  return 0
end

local function log(args, words, context, state)
  local err = too_many(words, 1)
  if err then return nil, err end
  local e, id
  e, err = context.look()
  if not e then return nil, err end
  if words[1] then
    id, err = e:schedule_named(words[1])
    if not id then return nil, err end
  end
  local list = e:slot_log { schedule = id, state = state, limit = args.limit or 50 }
  if context.json then
    context.print_json(list)
  elseif #list == 0 then
    context.out(state and "nothing was skipped\n" or "nothing fired yet\n")
  else
    local rows = {}
    for i, one in ipairs(list) do
      local many = one.count > 1 and (" (%d of them from here on)"):format(one.count) or ""
      rows[i] = { shown_utc(one.slot), shown_wall(one["local"]), one.schedule, one.state, (one.reason or "") .. many,
        one.run and ("%s %s"):format(one.run, one.run_state) or "" }
    end
    context.out(context.terminal:table({ { "slot" }, { "wall clock" }, { "schedule", style = "name", shrink = true, least = 8 },
      { "state" }, { "why" }, { "run" } }, rows))
  end
  return 0
end

function actions.log(args, words, context) return log(args, words, context) end

function actions.skipped(args, words, context) return log(args, words, context, "skipped") end

-- ---- changing ----------------------------------------------------------------------

local function set_paused(words, context, paused)
  local err = words[1] and too_many(words, 1) or not words[1] and usage("K1003", { name = "NAME" }) or nil
  if err then return nil, err end
  local e, id
  e, err = context.engine()
  if not e then return nil, err end
  id, err = e:pause_schedule(words[1], paused, { channel = context.channel })
  if not id then return nil, err end
  if context.json then
    context.print_json { schedule = id, state = paused and "paused" or "on" }
  else
    context.out(("%s %s\n"):format(id, paused and "is paused: what is due meanwhile is skipped" or "goes on"))
  end
  return 0
end

function actions.pause(_, words, context) return set_paused(words, context, true) end

function actions.resume(_, words, context) return set_paused(words, context, false) end

function actions.fire(_, words, context)
  local err = too_many(words, 1)
  if err then return nil, err end
  if not words[1] then return nil, usage("K1003", { name = "NAME" }) end
  local e, run
  e, err = context.engine()
  if not e then return nil, err end
  run, err = e:trigger_schedule(words[1], { channel = context.channel })
  if not run then return nil, err end
  local ok
  ok, err = e:drain()
  if not ok then return nil, err end
  return require("outcome").report(context, e, e:describe(run.run))
end

-- ---- trying ------------------------------------------------------------------------

--- The zone of the home's config.lua, where there is one.
local function zone_here(context)
  local file = require "file"
  local path = file.join(context.home, "config.lua")
  if not file.exists(path) then return require("zones").default() end
  local config, err = require("settings").load(path)
  return config and config.zone, err
end

function actions.try(args, words, context)
  local spec = words[1]
  if not spec then return nil, usage("K1003", { name = "SPEC" }) end
  local count, err = count_of(words[2], 5)
  local from, problem = time_of(args, "from")
  err = err or problem or too_many(words, 2)
  if err then return nil, err end
  local zone
  zone, err = args.zone, nil
  if not zone then zone, err = zone_here(context) end
  if not zone then return nil, err end
  if not require("zones").exists(zone) then
    return nil, usage("K1004", { name = "--zone", detail = ("there is no time zone '%s'"):format(zone),
      suggestion = require("zones").nearest(zone) })
  end
  local raw = { version = 1, run = { ["$function"] = 1 }, on = { cron = spec, zone = zone, dst = args.dst } }
  local interval = spec:match("^every%s+(.*)$")
  if interval then raw.on = { every = interval, zone = zone } end
  local manifest
  manifest, err = require("manifest").agent(raw, { name = "try", file = "the command line" })
  if not manifest then return nil, usage("K1004", { name = "SPEC", detail = err.fields.detail or err.message }) end
  local slots = assert(require("slots").of(manifest.on[1]))
  local list, after = json.array {}, from and from - 1 or context.now()
  while #list < count do
    local slot = slots:after(after)
    if not slot then break end
    list[#list + 1] = { at = rfc3339.format(slot.slot), ["local"] = slot.wall, zone = zone }
    after = slot.slot
  end
  if context.json then context.print_json(list) else print_firings(context, list) end
  return 0
end

return {
  about = "what fires by the clock: list, next, log, skipped, pause, resume, fire, try",
  arguments = { { "action", "list|next|log|skipped|pause|resume|fire|try", optional = true },
    { "words", "N|NAME|SPEC", optional = true, many = true } },
  flags = {
    { "agent", "NAME", "next: only this agent's" },
    { "from", "TIME", "next, try: what fires from then on, like 2026-03-29T00:00:00Z" },
    { "zone", "ZONE", "try: the zone, like Europe/Lisbon (else the home's)" },
    { "dst", "WORD", "try: shift or skip what a leap of the clock leaves out, once or twice what it shows twice" },
    { "limit", "N", "log, skipped: at most so many (50)", kind = "count" },
  },
  notes = "Schedules are written into agents: on = { cron = \"45 7 * * MON-FRI\" }. They fire while `keel serve`"
    .. " runs; what was due while nothing ran is caught up as the schedule says. `list` shows them all, `next N` the"
    .. " firings ahead. `log NAME` tells of each slot whether it was started or skipped, and why; `skipped NAME` only"
    .. " of those skipped. `pause NAME` and `resume NAME` hold one and let it go; `fire NAME` begins a run of it now. `try SPEC N` shows when an expression"
    .. " (or 'every 90m') would fire.",
  examples = { "keel schedule next 20", "keel schedule try '30 2 * * SUN' --zone Europe/Lisbon --from 2026-03-28T00:00:00Z",
    "keel schedule pause newsletter", "keel schedule skipped newsletter" },
  remote = true,
  run = function(args, context)
    local name = args.action or "list"
    local action = actions[name]
    if not action then
      return nil, usage("K1001", { name = "schedule " .. name, suggestion = require("suggest").nearest(name, actions) })
    end
    return action(args, args.words or {}, context)
  end,
}
