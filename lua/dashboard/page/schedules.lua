--- What runs by the clock: what is next, and what was skipped and why.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local schedules = {}

local function buttons(v, row)
  local to = "/api/schedules/" .. html.encode(row.schedule)
  if row.state == "broken" then return nil end
  return h.div { class = "answers tight", row.state == "paused" and layout.button(v, to .. "/resume", "Resume", { tone = "plain small", about = "Resume " .. row.schedule })
    or layout.button(v, to .. "/pause", "Pause", { tone = "plain small", about = "Pause " .. row.schedule }), layout.button(v, to .. "/trigger", "Run now", { tone = "plain small", about = "Run now: " .. row.schedule }) }
end

local function standing(v)
  local list, err = v:ask("schedule_list")
  if not list then return v:missing(err) end
  if #list == 0 then return layout.empty("No agent has a schedule. One is a line in an agent's file:", 'on = { cron = "0 9 * * MON-FRI" }', "runs it at nine on working days.") end
  local rows = {}
  for i, row in ipairs(list) do
    rows[i] = { id = "sch-" .. i, { h.b { row.schedule }, h.div { class = "quiet small", tostring(row.spec or ""), " ", json.absent(row.zone) and "" or tostring(row.zone) } }, words.state(row.state, row.state == "on" and "good" or row.state == "paused" and "warn" or "bad"),
      words.time(v, row.due or row.next), row.last and { words.state(row.last.state, row.last.state == "skipped" and "warn" or nil), " ", words.time(v, row.last.slot) } or "", buttons(v, row) }
  end
  return words.table("Schedules", { { "schedule", grow = true }, { "state" }, { "next" }, { "last", wide = true }, { "" } }, rows)
end

local function next_up(v)
  local list, err = v:ask("next_firings", 20)
  if not list then return v:missing(err) end
  local rows = {}
  for i, one in ipairs(list) do rows[i] = { words.time(v, one.due or one.at), words.agent_link(one.agent), one.schedule, one["local"] or "" } end
  return #rows == 0 and words.none "Nothing is planned." or words.table("Next", { { "when" }, { "agent" }, { "schedule" }, { "local time", wide = true } }, rows)
end

local function skipped(v)
  local list, err = v:ask("slot_log", { state = "skipped", limit = 50 })
  if not list then return v:missing(err) end
  local rows = {}
  for i, one in ipairs(list) do rows[i] = { words.time(v, one.slot), one.schedule, words.short(one.reason or "", 100), (one.count or 1) > 1 and "×" .. one.count or "" } end
  return #rows == 0 and words.none "Nothing was skipped." or words.table("Skipped", { { "slot" }, { "schedule" }, { "why", grow = true }, { "" } }, rows)
end

--- /schedules
function schedules.show(v)
  return { title = "Schedules", live = "schedules", body = { layout.section("standing", "Schedules", standing(v)), layout.section("next", "Next", next_up(v)), layout.section("skipped", "Skipped", skipped(v)) } }
end

return schedules
