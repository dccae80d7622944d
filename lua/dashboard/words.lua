--- How times, money, states and values look on a page.
local diff = require "diff"
local html = require "dashboard.html"
local json = require "json"
local rfc3339 = require "rfc3339"
local terminal = require "terminal"
local view = require "view"

local h = html.h
local words = {}

words.took, words.count = terminal.took, view.count

--- Nothing, as a page says it.
function words.none(text) return h.p { class = "quiet", text } end

-- ---- time ------------------------------------------------------------------------------

local months = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local days = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }
local day_ms = 86400000

words.ms = view.ms

--- An instant by the owner's clock: "14:03" today, "Tue 14:03" near it, else "27 Nov 14:03".
function words.clock(v, ms)
  local here, today = ms + v.zone:offset(ms), v.now + v.zone:offset(v.now)
  local day = here // day_ms
  local clock = ("%02d:%02d"):format(here % day_ms // 3600000, here % 3600000 // 60000)
  local distance = day - today // day_ms
  if distance == 0 then return clock end
  if distance == 1 then return "tomorrow " .. clock end
  if distance == -1 then return "yesterday " .. clock end
  if math.abs(distance) < 7 then return ("%s %s"):format(days[day % 7 + 1], clock) end
  local year, month, date = rfc3339.date(day)
  local this_year = rfc3339.date(today // day_ms)
  return ("%d %s%s %s"):format(date, months[month], year ~= this_year and " " .. year or "", clock)
end

--- A time as an element: by the owner's clock, with the exact instant as its title.
function words.time(v, time)
  local ms = time ~= json.null and view.ms(time)
  if not ms then return nil end
  return h.time { datetime = rfc3339.format(ms), title = rfc3339.format(ms), words.clock(v, ms) }
end

--- "3 min ago", with the exact instant as its title.
function words.ago(v, time)
  local ms = time ~= json.null and view.ms(time)
  if not ms then return nil end
  return h.time { datetime = rfc3339.format(ms), title = ("%s (%s)"):format(rfc3339.format(ms), words.clock(v, ms)),
    terminal.relative(ms, v.now) }
end

--- The local date of an instant: "2026-11-27".
function words.date(v, ms)
  local year, month, date = rfc3339.date((ms + v.zone:offset(ms)) // day_ms)
  return ("%04d-%02d-%02d"):format(year, month, date)
end

-- ---- money -----------------------------------------------------------------------------

--- Money as people read it; to the last pico-USD as the title.
function words.money(pico)
  local exact = math.tointeger(tonumber(pico) or 0) or 0
  return h.span { class = "num", title = require("money").format(exact), terminal.money(exact) }
end

-- ---- states ----------------------------------------------------------------------------

local tones = { good = "good", bad = "bad", warn = "warn" }
local signs = { good = "✓", bad = "✕", warn = "•" }

--- A state with a sign of its own, so that colour is never the only one.
function words.state(text, tone)
  tone = tones[tone]
  return h.span { class = "state " .. (tone or "plain"), h.span { ["aria-hidden"] = "true", signs[tone] or "·" }, " ", text }
end

function words.run_state(run)
  local tone = view.state_style(run.state)
  if run.state == "running" then tone = nil end
  return words.state(view.state_text(run), tone)
end

local tiers = { [0] = "only looks", "can be undone", "goes out, hard to undo", "cannot be undone" }

--- The risk tier in words.
function words.tier(tier)
  tier = math.tointeger(tonumber(tier))
  if not tier then return nil end
  return h.span { class = "tier t" .. math.min(math.max(tier, 0), 3), ("tier %d: %s"):format(tier, tiers[math.min(math.max(tier, 0), 3)]) }
end

-- ---- links -----------------------------------------------------------------------------

function words.run_link(id) return h.a { class = "id", href = "/runs/" .. html.encode(id), id } end
function words.agent_link(name) return h.a { href = "/agents/" .. html.encode(name), name } end

--- The first characters of a digest, whole as its title.
function words.digest(text)
  if json.absent(text) then return nil end
  return h.code { class = "digest", title = text, tostring(text):sub(1, 12) }
end

-- ---- values ----------------------------------------------------------------------------

local most = 20000

--- A text with its line breaks, cut where it is endless.
function words.text(text, class)
  text = tostring(text)
  local cut = #text > most
  if cut then text = text:sub(1, (utf8.offset(text, 0, most) or most) - 1) end
  return h.div { class = class or "text", text, cut and h.em { class = "quiet", " … cut here; keel show has all of it" } or nil }
end

local function is_long(value) return type(value) == "string" and (#value > 60 or value:find "\n" ~= nil) end

--- A value of JSON: flat objects as names and values, everything else as indented text.
function words.value(value)
  if json.absent(value) then return h.span { class = "quiet", "nothing" } end
  if type(value) == "string" then return words.text(value) end
  if type(value) ~= "table" then return h.code { tostring(value) } end
  if next(value) == nil or json.is_list(value) then return h.pre { (view.value(value, 90):gsub("\n$", "")) } end
  local rows = {}
  local keys, long = {}, {}
  for _, key in ipairs(json.sorted_keys(value)) do table.insert((type(value[key]) == "table" or is_long(value[key])) and long or keys, key) end
  table.move(long, 1, #long, #keys + 1, keys) -- what is short is read first
  for i, key in ipairs(keys) do
    local one = value[key]
    local shown = type(one) == "string" and words.text(one, is_long(one) and "text" or "text short")
      or type(one) == "table" and h.pre { words.cut((view.value(one, 90):gsub("\n$", ""))) } or h.code { json.absent(one) and "null" or tostring(one) }
    rows[i] = h.div { h.dt { key }, h.dd { shown } }
    if i >= 200 then break end
  end
  return h.dl { class = "fields", rows }
end

function words.cut(text)
  if #text <= most then return text end
  return text:sub(1, (utf8.offset(text, 0, most) or most) - 1) .. " …"
end

--- A value in one short line.
function words.short(value, width) return terminal.fit(view.short(value), width or 100) end

--- What changed: { path, from, to } as lines with a sign each.
function words.changes(list)
  if json.absent(list) or #list == 0 then return nil end
  local rows = {}
  for i, change in ipairs(list) do
    if i > 100 then break end
    rows[i] = h.div { h.dt { change.path == "" and "value" or tostring(change.path):gsub("^/", ""), nil },
      h.dd { h.del { class = "was", h.span { class = "sign", "− " }, json.absent(change.from) and "nothing" or words.short(change.from, 400) },
        h.ins { class = "now", h.span { class = "sign", "+ " }, json.absent(change.to) and "nothing" or words.short(change.to, 400) } } }
  end
  return h.dl { class = "changes", rows }
end

function words.difference(from, to) return words.changes(diff.values(from, to)) end

-- ---- tables ----------------------------------------------------------------------------

--- Columns are { title, right? = true, wide? = true (leaves first on a phone) }; rows are
--- lists of cells, `rows[i].id` becomes its id.
function words.table(caption, columns, rows, options)
  options = options or {}
  local head, body = {}, {}
  for i, column in ipairs(columns) do
    head[i] = h.th { scope = "col", class = (column.right and "right" or "") .. (column.wide and " wide" or ""), column[1] }
  end
  for r, row in ipairs(rows) do
    local cells = {}
    for i, column in ipairs(columns) do
      local class = (column.right and "right" or "") .. (column.wide and " wide" or "") .. (column.grow and " grow" or "")
      cells[i] = h.td { class = class ~= "" and class, row[i] }
    end
    body[r] = h.tr { id = row.id, class = row.class, cells }
  end
  return h.div { class = "scroll", tabindex = "0", role = "region", ["aria-label"] = caption,
    h.table { class = options.class, h.caption { class = options.caption and "" or "hidden", caption }, h.thead { h.tr { head } }, h.tbody { body } } }
end

return words
