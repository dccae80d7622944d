--- Today: what waits for you, what failed or is stuck, the money, what runs next.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local money = require "terminal".money
local words = require "dashboard.words"

local h = html.h
local today = {}

local function waiting(v)
  if v.inbox_error then return v:missing(v.inbox_error) end
  if v.waiting == 0 then return words.none "Nothing. You are not needed." end
  local rows = {}
  for i, item in ipairs(v.inbox) do
    if i > 8 then break end
    local due = not json.absent(item.deadline) and words.ms(item.deadline)
    rows[i] = h.li { h.a { href = "/approvals/" .. html.encode(item.id), words.short(item.subject or item.kind, 90) }, " ",
      words.tier(item.tier), h.div { class = "quiet small", tostring(item.agent), " · ", words.ago(v, item.created), due and { " · until ", words.time(v, due), ", otherwise ",
        json.absent(item.otherwise) and "it waits" or tostring(item.otherwise) } or nil } }
  end
  return { h.ul { class = "plain lines", rows }, h.p { h.a { class = "go", href = "/approvals", ("Review %s"):format(v.waiting == 1 and "it" or "all " .. v.waiting) } } }
end

local stuck = { "failed", "needs_reconciliation", "diverged", "quarantined" }

--- States in which runs ended lately, from sums: looking for runs that are not there means
--- looking through all of them.
local function ended_lately(v)
  local sums, of = v:ask("run_sums", { since_ms = v.now - 7 * 86400000, by = { "state" } }), { needs_reconciliation = true }
  for _, row in ipairs(sums or {}) do of[row.state or ""] = (row.n or 0) > 0 end
  return sums and of
end

local function failures(v)
  local rows, since, ended = {}, v.now - 86400000, ended_lately(v)
  for _, state in ipairs(stuck) do
    for _, run in ipairs((not ended or ended[state]) and v:ask("list", { state = state, since = state == "failed" and since or v.now - 7 * 86400000, limit = 6 }) or {}) do rows[#rows + 1] = run end
  end
  table.sort(rows, function(a, b) return (a.created or "") > (b.created or "") end)
  local dead = v:ask("event_list", { state = "dead", limit = 5 }) or {}
  if #rows == 0 and #dead == 0 then return words.none "Nothing failed in the last day, and nothing is stuck.", false end
  local list = {}
  for i, run in ipairs(rows) do
    if i > 8 then break end
    list[i] = h.li { words.run_state(run), " ", words.run_link(run.run), " ", words.agent_link(run.agent), " ", h.span { class = "quiet", words.ago(v, run.created) },
      type(run.error) == "table" and h.div { class = "why", words.short(run.error.message, 200) } or nil }
  end
  if #dead > 0 then
    list[#list + 1] = h.li { words.state("dead letters", "bad"), " ", h.a { href = "/events?state=dead", (#dead == 5 and "five or more events" or words.count(#dead, "event")) .. " that nothing could begin for" } }
  end
  return h.ul { class = "plain lines", list }, true
end

--- One budget as a bar: a meter with its words.
local function meter(row)
  local limit = row.limit_picousd
  local part = limit and limit > 0 and math.min(row.spent_picousd / limit, 1) or 0
  local tone = row.state == "spent" and "bad" or row.state == "warn" and "warn" or "good"
  return h.div { class = "meter " .. tone, h.p { h.b { row.window == "day" and "Today" or row.window == "month" and "This month" or row.window }, " ", words.money(row.spent_picousd),
    limit and { " of ", words.money(limit) } or " spent, no limit set", row.state ~= "ok" and { " ", words.state(row.state == "spent" and "budget spent" or "near the limit", tone) } or nil,
    row.reserved_picousd > 0 and h.span { class = "quiet", " · ", money(row.reserved_picousd), " held for calls under way" } or nil },
    limit and h.svg { class = "gauge", viewBox = "0 0 100 4", preserveAspectRatio = "none", role = "img", ["aria-label"] = ("%d %% of the budget"):format(math.floor(part * 100 + 0.5)),
      h.rect { class = "ground", x = "0", y = "0", width = "100", height = "4" }, h.rect { class = "bar", x = "0", y = "0", width = ("%.1f"):format(part * 100), height = "4" } } or nil }
end

local function spending(v)
  local e = v.e
  local ok, list = pcall(require("budget").list, e.store, { limits = e.settings.budget, zone = e.settings.zone, now = v.now })
  if not ok or not list then return v:missing() end
  local rows = {}
  for _, window in ipairs { "day", "month" } do
    local found
    for _, row in ipairs(list) do if row.scope == "engine" and row.window == window then found = row end end
    rows[#rows + 1] = meter(found or { window = window, spent_picousd = 0, reserved_picousd = 0, state = "ok" })
  end
  return { rows, h.p { h.a { href = "/costs", "Where it went" } } }
end

local function next_up(v)
  local rows = {}
  for _, run in ipairs(v:ask("list", { state = "running", limit = 5 }) or {}) do
    rows[#rows + 1] = h.li { words.run_state(run), " ", words.run_link(run.run), " ", words.agent_link(run.agent), " ", h.span { class = "quiet", "since ", words.time(v, run.created) } }
  end
  for _, slot in ipairs(v:ask("next_firings", 6) or {}) do
    rows[#rows + 1] = h.li { h.b { words.time(v, slot.due or slot.at) }, " ", words.agent_link(slot.agent), " ", slot.schedule ~= slot.agent and h.span { class = "quiet", slot.schedule } or nil }
  end
  if #rows == 0 then return words.none "Nothing is planned: no schedule is written into an agent." end
  return { h.ul { class = "plain lines", rows }, h.p { h.a { href = "/schedules", "All schedules" } } }
end

--- /
function today.show(v)
  local failed, any = failures(v)
  local warnings = v:ask("warnings") or {}
  local notes = {}
  for i, text in ipairs(warnings) do if i <= 5 then notes[i] = h.li { words.short(text, 240) } end end
  return { title = "Today", live = "inbox runs costs events schedules", lead = v.waiting > 0 and words.count(v.waiting, "decision") .. (v.waiting == 1 and " is" or " are") .. " yours."
      or not any and next(v.e.library.agents) ~= nil and "All is well." or nil,
    body = { next(v.e.library.agents) == nil and layout.empty("There is no agent here yet. An agent is a Lua file in agents/ that says what it goes on and what it does; what it asks you, what it did and what it cost will stand on this page.",
        "keel init", "writes a small one to begin with.") or nil, h.div { class = "tiles",
      layout.section("waiting", "Waiting for you", waiting(v), v.waiting > 0 and h.span { class = "count", tostring(v.waiting) } or nil),
      layout.section("failed", "Failed or stuck", failed),
      layout.section("money", "Money", spending(v)),
      layout.section("next", "Runs next", next_up(v)),
      #notes > 0 and layout.section("warnings", "About your files", h.ul { class = "plain lines", notes }) or nil } } }
end

return today
