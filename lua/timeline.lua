--- A run's steps in time: where each lies, with the long waits pressed together. For the
--- run's page and `keel show`.
local rfc3339 = require "rfc3339"
local terminal = require "terminal"

local timeline = {}

--- For whom or what a step waits, by its kind; others work.
timeline.waits = { approval = "for you", approve = "for you", sleep = "until its time", wait = "for an event", event = "for an event", call = "for a run it started", reconcile = "for you" }

local waits = timeline.waits

--- The entries of a log (look:log) -> { { step, from, to (ms), idle, class = "bad|open|idle|" } }.
function timeline.spans(log, began, now)
  local list = {}
  for i, step in ipairs(log) do
    local from = step.t and rfc3339.parse(step.t) or began
    local open = step.state == "waiting"
    list[i] = { step = step, from = from, to = open and math.max(now, from) or from + math.floor(step.ms or 0), idle = waits[step.kind] ~= nil,
      class = step.state == "failed" and "bad" or open and "open" or waits[step.kind] and "idle" or "" }
  end
  return list
end

--- Steps { from, to, idle } in milliseconds -> a function that tells where an instant lies on a
--- line of 100, with stretches in which nothing worked pressed to a narrow gap, and those
--- stretches: { from, to, x, width }.
function timeline.scale(steps, began, ended)
  local busy = {}
  for _, step in ipairs(steps) do if not step.idle then busy[#busy + 1] = { step.from, math.max(step.to, step.from + 1) } end end
  table.sort(busy, function(a, b) return a[1] < b[1] end)
  local stretches, at, work = {}, began, 0
  for _, one in ipairs(busy) do
    if one[1] > at then stretches[#stretches + 1] = { from = at, to = one[1], empty = true } end
    if one[2] > at then
      stretches[#stretches + 1] = { from = math.max(at, one[1]), to = one[2] }
      work = work + one[2] - math.max(at, one[1])
      at = one[2]
    end
  end
  if ended > at then stretches[#stretches + 1] = { from = at, to = ended, empty = true } end
  local units = 0
  for _, s in ipairs(stretches) do
    s.gap = s.empty and s.to - s.from > math.max(1000, work * 0.5)
    s.units = s.gap and math.max(work, 1) * 0.08 or s.to - s.from
    units = units + s.units
  end
  local x, gaps = 0, {}
  for _, s in ipairs(stretches) do
    s.x, s.width = x, units > 0 and s.units / units * 100 or 0
    x = x + s.width
    if s.gap then gaps[#gaps + 1] = s end
  end
  return function(ms)
    for _, s in ipairs(stretches) do
      if ms <= s.to then return s.x + math.max(0, ms - s.from) / math.max(s.to - s.from, 1) * s.width end
    end
    return 100
  end, gaps
end

--- "waited 2 h for you": what a gap was.
function timeline.gap_text(gap, spans)
  local what = ""
  for _, span in ipairs(spans) do
    if span.idle and span.from <= gap.from + 1000 and span.to >= gap.to - 1000 then what = " " .. waits[span.step.kind] end
  end
  return ("waited %s%s"):format(terminal.took(gap.to - gap.from), what)
end

--- A bar of `width` characters: "=" at work, "." waiting, "!" failed, ":" where time is pressed.
function timeline.bar(span, place, gaps, width)
  local cells = {}
  for i = 1, width do cells[i] = " " end
  for _, gap in ipairs(gaps) do
    local at = math.min(width, math.floor(gap.x / 100 * width) + 1)
    cells[at] = ":"
  end
  local from = math.min(width, math.floor(place(span.from) / 100 * width) + 1)
  local to = math.max(from, math.min(width, math.ceil(place(span.to) / 100 * width)))
  local mark = span.class == "bad" and "!" or span.idle and "." or span.class == "open" and "~" or "="
  for i = from, to do
    if mark ~= "." or cells[i] ~= ":" then cells[i] = mark end
  end
  return table.concat(cells)
end

return timeline
