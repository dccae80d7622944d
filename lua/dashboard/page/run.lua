--- One run: what it did and when, what each step took and gave, where it came from.
local chart = require "dashboard.chart"
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local terminal = require "terminal"
local timeline = require "timeline"
local view = require "view"
local words = require "dashboard.words"

local h = html.h
local run_page = {}

local most_steps = 300

local function step_row(span, place, gaps, began, v, run)
  local step = span.step
  local took = terminal.took(span.to - span.from)
  local name = view.step_name(step)
  local cost = tonumber(step.cost_picousd) or 0
  local title = ("%s: %s, at +%s"):format(terminal.escape(name), took, terminal.took(math.max(span.from - began, 0)))
  local state = step.state == "failed" and words.state("failed", "bad") or step.state == "waiting" and words.state("open", "warn") or nil
  return h.li { id = "step-" .. step.seq, h.details { id = "s-" .. step.seq, h.summary { h.span { class = "seq num", tostring(step.seq) },
    h.span { class = "what", h.b { step.kind }, name ~= step.kind and " " .. words.short(step.name, 60) or nil, (step.attempts or 1) > 1 and h.span { class = "quiet", " ×" .. step.attempts } or nil, state and { " ", state } or nil },
    chart.span(span, place, gaps, title), h.span { class = "took num", took }, h.span { class = "cost num", cost ~= 0 and words.money(step.cost_picousd) or "" } },
    h.div { class = "inner", h.h3 "Went in", words.value(step.args), h.h3 "Came out", words.value(step.result),
      step.notes and { h.h3 "Notes", words.value(step.notes) } or nil,
      h.p { class = "quiet", "effect: ", tostring(step.effect or "none"), " · began ", words.time(v, span.from) },
      step.state == "done" and layout.form(v, "/api/runs/" .. html.encode(run.run) .. "/fork", { seq = tostring(step.seq), class = "inline" }, { h.label { h.span "Another result instead, as JSON (optional)", h.input { name = "value", autocomplete = "off" } },
        h.button { type = "submit", class = "plain", "Fork behind this step" } }) or nil } } }
end

local function gap_row(gap, spans)
  return h.li { class = "gap", h.span { timeline.gap_text(gap, spans) } }
end

local function waterfall(v, run, log)
  local began = view.ms(run.created) or v.now
  local ended = view.ms(run.ended) or v.now
  local spans = timeline.spans(log, began, v.now)
  local place, gaps = timeline.scale(spans, began, math.max(ended, began + 1))
  local rows, g = {}, 1
  for i, span in ipairs(spans) do
    while gaps[g] and gaps[g].to <= span.from do
      rows[#rows + 1] = gap_row(gaps[g], spans)
      g = g + 1
    end
    if i <= most_steps then rows[#rows + 1] = step_row(span, place, gaps, began, v, run) end
  end
  for i = g, #gaps do rows[#rows + 1] = gap_row(gaps[i], spans) end
  if #log > most_steps then rows[#rows + 1] = h.li { class = "quiet", ("and %d more steps; keel show has all of them"):format(#log - most_steps) } end
  if #rows == 0 then return words.none "No step yet." end
  return h.ol { class = "waterfall", rows }
end

local over = { done = true, failed = true, rejected = true, compensated = true, cancelled = true }

local function buttons(v, run)
  local to = "/api/runs/" .. html.encode(run.run)
  local list = {}
  if not over[run.state] then
    if run.waiting_for == "paused" or run.state == "quarantined" then list[1] = layout.button(v, to .. "/resume", "Resume", { tone = "main" })
    else list[1] = layout.button(v, to .. "/pause", "Pause", { tone = "plain" }) end
    list[2] = h.details { class = "do", id = "cancel", h.summary "Cancel", layout.form(v, to .. "/cancel", { class = "inline" }, { h.label { h.span "why", h.input { name = "note", autocomplete = "off" } },
      h.button { type = "submit", class = "no", "Cancel this run" } }) }
  end
  list[#list + 1] = layout.button(v, to .. "/replay", "Check its replay", { tone = "plain" })
  return h.div { class = "answers", list }
end

local function lineage(v, run)
  return h.p { h.a { href = "/why/" .. html.encode(run.run), ["data-why"] = true, "Why: what led to this, and what it led to" }, " · ", h.a { href = html.url("/audit", { run = run.run }), "its audit trail" } }, v and nil
end

local function facts(v, run)
  local rows = { { "agent", { words.agent_link(run.agent), "@", tostring(run.version or "?") } }, { "began", words.time(v, run.created) }, { "ended", words.time(v, run.ended) },
    { "steps", tostring(run.steps or 0) }, { "worked", words.took(run.ms) }, { "cost", words.money(run.cost_picousd) }, { "key", not json.absent(run.key) and h.code { words.short(run.key, 80) } or nil } }
  local out = {}
  for _, row in ipairs(rows) do if row[2] then out[#out + 1] = h.div { h.dt { row[1] }, h.dd { row[2] } } end end
  return h.dl { class = "facts", out }
end

local function purged(v, id, err)
  local left = err.tombstone
  return { title = "Run " .. id, body = { words.none "This run was purged; this is what is left of it.", words.value { agent = left.agent, state = left.state, steps = left.steps,
    ended = left.ended, purged = left.purged and left.purged.at, by = left.purged and left.purged.by, why = left.purged and left.purged.why } }, live = v and "" }
end

--- The way to what it asks.
local function asked(v, run)
  for _, item in ipairs(v.inbox) do
    if item.run == run.run then
      return { " · ", h.a { href = "/approvals/" .. html.encode(item.id), item.kind == "approval" and "decide" or "say what happened" } }
    end
  end
end

--- /runs/ID
function run_page.show(v, id)
  local run, err = v:ask("describe", id)
  if not run then
    if err and err.tombstone then return purged(v, id, err) end
    return nil, err
  end
  local log, problem = v:ask("log", run.run)
  local failed = type(run.error) == "table"
  return { title = ("%s %s"):format(run.agent, run.run), heading = h.span { run.agent, " ", h.span { class = "id", run.run } }, live = "run:" .. run.run, run = run.run, body = {
    layout.section("state", "State", { h.p { words.run_state(run), asked(v, run) }, facts(v, run),
      failed and h.div { class = "flash bad", words.text(run.error.message or run.error) } or nil, buttons(v, run) }),
    h.section { id = "said", class = "said", hidden = true, ["aria-label"] = "What the model says now", h.h2 "The model is writing", h.div { id = "text", class = "text", ["aria-live"] = "off" } },
    layout.section("steps", "Steps", log and waterfall(v, run, log) or v:missing(problem)),
    layout.section("output", "Output", words.value(run.output)),
    layout.section("lineage", "Lineage", lineage(v, run)) } }
end

return run_page
