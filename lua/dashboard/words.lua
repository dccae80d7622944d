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
  local all, cut = #text, #text > most
  if cut then text = text:sub(1, (utf8.offset(text, 0, most) or most) - 1) end
  return h.div { class = class or "text", text, cut and h.em { class = "quiet", (" … and %d bytes more: keel show has them"):format(all - #text) } or nil }
end

local function is_long(value) return type(value) == "string" and (#value > 60 or value:find "\n" ~= nil) end

--- A value of JSON: flat objects as names and values, everything else as indented text.
function words.value(value)
  if json.absent(value) then return h.span { class = "quiet", "nothing" } end
  if type(value) == "string" then return words.text(value) end
  if type(value) ~= "table" then return h.code { tostring(value) } end
  if next(value) == nil or json.is_list(value) then return h.pre { words.cut((view.value(view.clipped(value, most // 4), 90):gsub("\n$", ""))) } end
  local rows = {}
  local keys, long = {}, {}
  for _, key in ipairs(json.sorted_keys(value)) do table.insert((type(value[key]) == "table" or is_long(value[key])) and long or keys, key) end
  table.move(long, 1, #long, #keys + 1, keys) -- what is short is read first
  for i, key in ipairs(keys) do
    local one = value[key]
    local shown = type(one) == "string" and words.text(one, is_long(one) and "text" or "text short")
      or type(one) == "table" and h.pre { words.cut((view.value(view.clipped(one, most // 4), 90):gsub("\n$", ""))) } or h.code { json.absent(one) and "null" or tostring(one) }
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

--- Where two texts begin and stop to differ, at ends of words: bytes that are the same at the
--- beginning, and at the end.
local function same_ends(a, b)
  local most, head, tail, block = math.min(#a, #b), 0, 0, 4096
  while head + block <= most and a:sub(head + 1, head + block) == b:sub(head + 1, head + block) do head = head + block end
  while tail + block <= most - head and a:sub(-tail - block, -tail - 1) == b:sub(-tail - block, -tail - 1) do tail = tail + block end
  while head < most and a:byte(head + 1) == b:byte(head + 1) do head = head + 1 end
  while tail < most - head and a:byte(#a - tail) == b:byte(#b - tail) do tail = tail + 1 end
  head = head - #a:sub(math.max(1, head - 60), head):match "%S*$"
  tail = tail - #a:sub(#a - tail + 1, #a - tail + 60):match "^%S*"
  while head > 0 and (a:byte(head + 1) or 0) & 0xc0 == 0x80 do head = head - 1 end -- not within a character
  while tail > 0 and a:byte(#a - tail + 1) & 0xc0 == 0x80 do tail = tail - 1 end
  return head, tail
end

--- A text of which a part is other than in the text beside it; what is the same is cut short.
local function marked(text, head, tail)
  local before, after = text:sub(1, head), text:sub(#text - tail + 1)
  if #before > 240 then before = "… " .. before:sub(utf8.offset(before, -1, #before - 200)) end
  if #after > 240 then after = after:sub(1, utf8.offset(after, 1, 200) - 1) .. " …" end
  return { before, h.b { words.cut(text:sub(head + 1, #text - tail)) }, after }
end

--- Both sides of a change: texts with what differs in bold, other values in short.
local function sides(from, to)
  if type(from) == "string" and type(to) == "string" and utf8.len(from) and utf8.len(to) then
    local head, tail = same_ends(from, to)
    return marked(from, head, tail), marked(to, head, tail)
  end
  local function short(value) return json.absent(value) and "nothing" or type(value) == "string" and words.cut(value) or words.short(value, 400) end
  return short(from), short(to)
end

--- What changed: { path, from, to } as lines with a sign each.
function words.changes(list)
  if json.absent(list) or #list == 0 then return nil end
  local rows = {}
  for i, change in ipairs(list) do
    if i > 100 then break end
    local from, to = sides(change.from, change.to)
    rows[i] = h.div { h.dt { change.path == "" and "value" or tostring(change.path):gsub("^/", ""), nil },
      h.dd { h.del { class = "was text", h.span { class = "sign", "− " }, from }, h.ins { class = "now text", h.span { class = "sign", "+ " }, to } } }
  end
  return h.dl { class = "changes", rows }
end

function words.difference(from, to) return words.changes(diff.values(from, to)) end

-- ---- tables ----------------------------------------------------------------------------

local function class_of(column)
  local class = (column.right and "right" or "") .. (column.wide and " wide" or "") .. (column.grow and " grow" or "") .. (column.breaks and " breaks" or "")
  return class ~= "" and class
end

--- Columns are { title, right? = true, wide? = true (leaves first on a phone), grow? = true,
--- breaks? = true (may be broken anywhere) }; rows are lists of cells, `rows[i].id` becomes its id.
function words.table(caption, columns, rows, options)
  options = options or {}
  local head, body = {}, {}
  for i, column in ipairs(columns) do
    head[i] = h.th { scope = "col", class = (column.right and "right" or "") .. (column.wide and " wide" or ""), column[1] }
  end
  for r, row in ipairs(rows) do
    local cells = {}
    for i, column in ipairs(columns) do
      cells[i] = h.td { class = class_of(column), row[i] }
    end
    body[r] = h.tr { id = row.id, class = row.class, cells }
  end
  return h.div { class = "scroll", tabindex = "0", role = "region", ["aria-label"] = caption,
    h.table { class = options.class, h.caption { class = options.caption and "" or "hidden", caption }, h.thead { h.tr { head } }, h.tbody { body } } }
end

return words
