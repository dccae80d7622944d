--- The list of runs: filtered by agent, state and text, fifty at a time.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local runs = {}

local page_size = 50
local states = { "queued", "running", "waiting", "done", "failed", "rejected", "compensated", "cancelled", "needs_reconciliation", "diverged", "quarantined" }

--- Rows of a table of runs.
function runs.rows(v, list)
  local rows = {}
  for i, run in ipairs(list) do
    rows[i] = { id = "row-" .. run.run, words.run_link(run.run), words.agent_link(run.agent), words.run_state(run), tostring(run.steps or 0), words.took(run.ms),
      words.money(run.cost_picousd), words.ago(v, run.created),
      h.span { class = "quiet", words.short(type(run.error) == "table" and run.error.message or run.output, 90) } }
  end
  return rows
end

runs.columns = { { "run" }, { "agent" }, { "state" }, { "steps", right = true, wide = true }, { "worked", right = true, wide = true }, { "cost", right = true }, { "began", right = true },
  { "result", wide = true, grow = true } }

--- What one page looks through for a text: each row has its input and output read.
local most_read = 20000

--- /runs
function runs.show(v)
  local q = v.query
  local filter = { agent = q.agent ~= "" and q.agent or nil, state = q.state ~= "" and q.state or nil, text = q.text ~= "" and q.text or nil,
    limit = page_size + 1, before = math.tointeger(tonumber(q.before)), within = most_read }
  local list, err, stop = v:ask("list", filter)
  local shown = table.move(list or {}, 1, page_size, 1, {})
  local filtered = filter.agent or filter.state or filter.text
  local function to(before) return html.url("/runs", { agent = q.agent, state = q.state, text = q.text, before = before and tostring(before) }) end
  local full = list and #list > page_size
  local ways = h.nav { class = "paging", ["aria-label"] = "More runs", filter.before and h.a { href = to(), rel = "prev", "newest" } or nil,
    full and stop and h.a { href = to(stop + 1), rel = "next", "older" } or nil,
    list and not full and stop and { h.span { class = "quiet", ("These are of %d runs that were looked through."):format(most_read) }, h.a { href = to(stop), rel = "next", "Look further back" } } or nil }
  return { title = "Runs", live = "runs", body = {
    layout.filter("/runs", { layout.choice("Agent", "agent", q.agent, json.sorted_keys(v.e.library.agents)), layout.choice("State", "state", q.state, states),
      layout.input("Text", "text", q.text, { first = true, type = "search", size = "24", placeholder = "in inputs and outputs" }) }),
    not list and v:missing(err) or h.div { id = "list", ["data-live"] = true, #shown == 0 and (filtered and words.none "No run fits." or layout.empty("Nothing has run yet. A run is one piece of an agent's work, with every step it took.", "keel run NAME", "begins one; so do events and schedules.")) or words.table("Runs, newest first", runs.columns, runs.rows(v, shown)) },
    ways } }
end

return runs
