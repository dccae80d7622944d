--- Charts as SVG, drawn here. Only geometry is in the drawing, so it may be stretched to any
--- width; words stand around it as text. Every mark has a <title> with its value, and the
--- same numbers stand in a table below.
local html = require "dashboard.html"
local words = require "dashboard.words"

local h = html.h
local chart = {}

local function n(value) return (("%.2f"):format(value):gsub("%.?0+$", "")) end

local function figure(fields)
  return h.figure { class = "chart",
    h.figcaption { h.span { class = "name", fields.title }, fields.legend, h.span { class = "top num", fields.top } },
    fields.drawing,
    h.div { class = "axis", h.span { fields.from }, h.span { fields.to } },
    fields.columns and h.details { h.summary { "as a table" }, words.table(fields.title, fields.columns, fields.rows) } or nil }
end

--- Bars, one for each of `items` { label, value, text, second? (the part of it that is drawn darker) }.
function chart.bars(title, items, options)
  local most = 0
  for _, item in ipairs(items) do most = math.max(most, item.value) end
  local width, marks, rows = 100 / math.max(#items, 1), {}, {}
  for i, item in ipairs(items) do
    local height = most > 0 and item.value / most * 58 or 0
    if item.value > 0 then height = math.max(height, 0.8) end
    local x = (i - 1) * width
    marks[#marks + 1] = h.g { h.title { item.label .. ": " .. item.text },
      h.rect { class = "ground", x = n(x), y = "0", width = n(width), height = "60" },
      h.rect { class = "bar", x = n(x + width * 0.12), y = n(60 - height), width = n(width * 0.76), height = n(height) } }
    rows[i] = { item.label, item.text }
  end
  return figure { title = title, top = options.top, from = items[1] and items[1].label or "", to = items[#items] and items[#items].label or "",
    drawing = h.svg { class = "plot", viewBox = "0 0 100 60", preserveAspectRatio = "none", role = "img", ["aria-label"] = title .. ": " .. (options.about or ""), marks },
    columns = { { options.label or "day" }, { options.value or "value", right = true } }, rows = rows }
end

--- The spending of a window against its budget: what was spent day by day, the straight
--- line to the limit, and where the pace leads. `line`: spent (list of sums so far), of (days
--- in the window), limit, money (function), labels.
function chart.burn(title, line)
  local spent, now = line.spent, #line.spent
  local last = spent[now] or 0
  local pace = now > 0 and last / now or 0
  local most = math.max(line.limit or 0, last, pace * line.of, 1)
  local function x(day) return n(day / line.of * 100) end
  local function y(value) return n(59 - value / most * 58) end
  local points, rows, dots = { "0," .. y(0) }, {}, {}
  for day, sum in ipairs(spent) do
    points[#points + 1] = x(day) .. "," .. y(sum)
    rows[day] = { line.labels[day], line.money(sum), line.limit and line.money(line.limit // line.of * day) or "" }
    dots[day] = h.g { h.title { line.labels[day] .. ": " .. rows[day][2] .. " so far" },
      h.rect { class = "ground", x = x(day - 1), y = "0", width = n(100 / line.of), height = "60" } }
  end
  return figure { title = title, top = line.limit and "limit " .. line.money(line.limit) or nil, from = line.labels[1] or "", to = line.last or "",
    legend = h.span { class = "legend", h.span { class = "l-spent", "spent" }, line.limit and h.span { class = "l-even", "even pace" } or nil, h.span { class = "l-pace", "at this pace" } },
    drawing = h.svg { class = "plot", viewBox = "0 0 100 60", preserveAspectRatio = "none", role = "img", ["aria-label"] = title .. ": " .. (line.about or ""),
      line.limit and h.line { class = "limit", x1 = "0", x2 = "100", y1 = y(line.limit), y2 = y(line.limit) } or nil,
      line.limit and h.line { class = "even", x1 = "0", y1 = y(0), x2 = "100", y2 = y(line.limit) } or nil,
      h.line { class = "pace", x1 = x(now), y1 = y(last), x2 = "100", y2 = y(last + pace * (line.of - now)) },
      h.polyline { class = "spent", points = table.concat(points, " ") }, dots },
    columns = { { "day" }, { "so far", right = true }, { "even pace", right = true } }, rows = rows }
end

-- ---- the waterfall ---------------------------------------------------------------------

--- One step's line of the waterfall.
function chart.span(step, place, gaps, title)
  local marks = {}
  for i, gap in ipairs(gaps) do
    marks[i] = h.rect { class = "gap", x = n(gap.x), y = "0", width = n(math.max(gap.width, 0.4)), height = "10" }
  end
  local from, to = place(step.from), place(step.to)
  from = math.min(from, 99)
  return h.svg { class = "span", viewBox = "0 0 100 10", preserveAspectRatio = "none", role = "img", ["aria-label"] = title, h.title { title }, marks,
    h.rect { class = "bar " .. (step.class or ""), x = n(from), y = "2", width = n(math.min(math.max(to - from, 0.8), 100 - from)), height = "6" } }
end

return chart
