--- Events and where they went; the dead ones are tried again or dropped here.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local events = {}

local states = { "new", "done", "queued", "started", "dead", "dropped" }

--- Why it could not begin: the message, with its number.
local function reason(value)
  if type(value) == "table" and value.message then return ("%s%s"):format(value.message, value.number and (" (%s)"):format(value.number) or "") end
  return value
end

local function delivery(one)
  return h.div { words.agent_link(one.agent), " ", words.state(one.state, one.state == "dead" and "bad" or one.state == "started" and "good" or nil), one.run and { " ", words.run_link(one.run) } or nil,
    not json.absent(one.reason) and h.div { class = "why", words.short(reason(one.reason), 160) } or nil }
end

local function is_dead(event)
  for _, one in ipairs(event.deliveries or {}) do if one.state == "dead" then return true end end
end

local function buttons(v, event)
  if not is_dead(event) then return nil end
  return h.div { class = "answers tight", layout.button(v, "/api/dead/retry", "Try again", { id = event.id, tone = "plain small", about = "Try again " .. event.id }), layout.button(v, "/api/dead/drop", "Drop", { id = event.id, tone = "no small", about = "Drop " .. event.id }) }
end

local function rows_of(v, list)
  local rows = {}
  for i, event in ipairs(list) do
    local where = {}
    for k, one in ipairs(event.deliveries or {}) do if k <= 6 then where[k] = delivery(one) end end
    rows[i] = { id = "ev-" .. tostring(event.id), words.ago(v, event.time), h.a { href = "/event/" .. html.encode(event.id), words.short(event.type, 50) }, h.span { class = "quiet", words.short(event.key or "", 50) }, #where > 0 and where or h.span { class = "quiet", "no agent" }, buttons(v, event) }
  end
  return rows
end

--- /events
function events.list(v)
  local q = v.query
  local list, err = v:ask("event_list", { type = q.type ~= "" and q.type or nil, state = q.state ~= "" and q.state or nil, agent = q.agent ~= "" and q.agent or nil, limit = 50 })
  local dead = q.state == "dead" and list and #list > 0
  return { title = "Events", live = "events", body = {
    layout.filter("/events", { layout.input("Type", "type", q.type, { first = true, placeholder = "mail.*" }), layout.choice("State", "state", q.state, states), layout.choice("Agent", "agent", q.agent, json.sorted_keys(v.e.library.agents)) }),
    h.p { h.a { href = "/events?state=dead", "Dead letters" }, " are events that an agent could not begin for." },
    dead and layout.button(v, "/api/dead/retry", "Try all of them again", { all = "true", tone = "plain" }) or nil,
    h.div { id = "list", ["data-live"] = true, not list and v:missing(err) or #list == 0 and (q.state == "dead" and words.none "There is no dead letter: every event could be begun with." or layout.asked(q, "type", "state", "agent") and words.none "No event fits." or
      layout.empty("Nothing has come in yet. Events are what agents go on: mails, files, webhooks, what you tell them.", "keel emit TYPE JSON", "publishes one.")) or
      words.table("Events, newest first", { { "when" }, { "event" }, { "key", wide = true }, { "went to", grow = true }, { "" } }, rows_of(v, list)) } } }
end

--- /event/ID: below /events lie the webhooks.
function events.one(v, id)
  local event, err = v:ask("event", id)
  if not event then return nil, err end
  local where = {}
  for i, one in ipairs(event.deliveries or {}) do where[i] = delivery(one) end
  return { title = words.short(event.type, 80), live = "events", lead = h.span { h.span { class = "id", event.id }, " · ", words.time(v, event.time), event.trust and " · " .. tostring(event.trust) or "" }, body = {
    layout.section("went", "Went to", #where > 0 and { where, buttons(v, event) } or words.none "Nobody goes on this."), layout.section("payload", "Payload", words.value(event.payload)),
    h.p { h.a { href = "/why/" .. html.encode(event.id), "What it led to" } } } }
end

return events
