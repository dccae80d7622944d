--- How runs, steps, values, questions and errors look to a person.
--
-- Everything that comes from a script, a mail or a model goes through the
-- terminal's `escape`, `fit` or `wrap` on its way, so it cannot leave its place.

local json = require "json"
local terminal = require "terminal"

local view = {}

local null = json.null

-- Values ----------------------------------------------------------------------------

--- A string that could be read as something else is shown in quotes.
local function needs_quotes(text)
  return text == "" or text:find("^%s") or text:find("%s$") or tonumber(text)
    or text == "true" or text == "false" or text == "null"
end

local function scalar(value)
  if value == nil or value == null then return "null" end
  if type(value) == "string" then return value end
  return json.encode(value) or tostring(value)
end

--- Bytes of a text that are looked at for one line.
local most_short = 10000

--- A value in one line, for a table's cell; "" for nothing. The fields of an object
-- stand side by side: "label: billing, sure: 0.9".
function view.short(value)
  if json.absent(value) then return "" end
  if type(value) == "string" then
    if #value > most_short then value = value:sub(1, (utf8.offset(value, 0, most_short) or most_short) - 1) .. " …" end
    return (value:match("^%s*(.-)%s*$"):gsub("%s+", " "))
  end
  if type(value) ~= "table" or next(value) == nil or json.is_list(value) then
    return (json.encode(value)) or tostring(value)
  end
  local parts = {}
  for i, key in ipairs(json.sorted_keys(value)) do
    local field = value[key]
    local text = type(field) == "string" and view.short(field) or json.encode(field)
    parts[i] = ("%s: %s"):format(key, text)
  end
  return table.concat(parts, ", ")
end

--- A value with texts of at most `most` bytes, and no more of it than can be looked at: no
--- work for what nobody sees. What is left out is told in its place.
function view.clipped(value, most, left)
  left = left or { 2000 }
  left[1] = left[1] - 1
  if type(value) == "string" and #value > most then
    local cut = (utf8.offset(value, 0, most) or most) - 1
    return ("%s … and %d bytes more: keel show has them"):format(value:sub(1, cut), #value - cut)
  end
  if type(value) ~= "table" or next(value) == nil then return value end
  local out = {}
  if json.is_list(value) then
    for i, one in ipairs(value) do
      out[i] = left[1] > 0 and view.clipped(one, most, left) or "… and more: keel show has it"
      if left[1] <= 0 then break end
    end
    return json.array(out)
  end
  for _, key in ipairs(json.sorted_keys(value)) do
    if left[1] <= 0 then
      out["…"] = "and more: keel show has it"
      break
    end
    out[key] = view.clipped(value[key], most, left)
  end
  return out
end

local add_value

local function add_text(out, indent, head, value, width)
  local room = math.max(width - #indent, 20)
  local text = scalar(value)
  if type(value) == "string" and #text <= room and needs_quotes(text) then
    text = json.encode(text)
  end
  local first = text:find("\n", 1, true) == nil
    and terminal.columns(head) + terminal.columns(terminal.escape(text)) <= room
  if first then
    out[#out + 1] = indent .. head .. terminal.escape(text)
    return
  end
  local inner = indent
  if head ~= "" then
    out[#out + 1] = indent .. head .. "|"
    inner = indent .. "  "
  end
  for _, line in ipairs(terminal.wrap(text, room - 2)) do
    out[#out + 1] = line:find("%S") and inner .. line or ""
  end
end

--- `head` is what stands before the value on its first line: "key: " or "- ".
function add_value(out, indent, head, value, width)
  if type(value) == "table" and next(value) ~= nil then
    local inner = head == "" and indent or indent .. "  "
    if head ~= "" then out[#out + 1] = indent .. (head:gsub(" $", "")) end
    if json.is_list(value) then
      for _, item in ipairs(value) do view.add_item(out, inner, item, width) end
    else
      for _, key in ipairs(json.sorted_keys(value)) do
        add_value(out, inner, terminal.escape(key) .. ": ", value[key], width)
      end
    end
  elseif type(value) == "table" then
    out[#out + 1] = indent .. head .. (json.is_list(value) and "[]" or "{}")
  else
    add_text(out, indent, head, value, width)
  end
end

--- An item of a list: the dash stands on the line of its first field.
function view.add_item(out, indent, item, width)
  if type(item) ~= "table" or next(item) == nil then
    return add_value(out, indent, "- ", item, width)
  end
  local inner = {}
  add_value(inner, indent .. "  ", "", item, width)
  inner[1] = indent .. "- " .. inner[1]:sub(#indent + 3)
  table.move(inner, 1, #inner, #out + 1, out)
end

--- A value as indented text, as in YAML, one that nobody can mistake for our own
-- lines. Returns text ending in a newline.
function view.value(value, width, indent)
  local out = {}
  indent = (" "):rep(indent or 0)
  add_value(out, indent, "", value, math.min(width, 100))
  return table.concat(out, "\n") .. "\n"
end

-- Errors ------------------------------------------------------------------------------

--- Where a caret under an excerpt stands when its line was made harmless, and how long it
--- is then (bytes of that line).
local function caret_of(err)
  local at = 0
  for line in (err.source .. "\n"):gmatch "([^\n]*)\n" do
    at = at + 1
    if at == err.line then
      local function shown(piece) return #(terminal.lines(piece)[1] or "") end
      return shown(line:sub(1, err.byte - 1)) + 1, shown(line:sub(err.byte, err.byte + (err.length or 1) - 1))
    end
  end
end

--- What errors.lua says of an error, with every part made harmless. A second line
-- of a message is indented, so that it cannot pose as ours.
function view.problem(context, err)
  local copy = {}
  for key, value in pairs(err) do copy[key] = value end
  copy.message = table.concat(terminal.lines(err.message), "\n    ")
  copy.file = err.file and terminal.escape(err.file)
  copy.expected = err.expected and terminal.escape(err.expected)
  copy.suggestion = err.suggestion and terminal.escape(err.suggestion)
  copy.next = terminal.escape(err.next):gsub("^keel (.*)$", context.command)
  if err.source and err.byte then copy.caret, copy.length = caret_of(err) end
  if err.source then
    copy.source = table.concat(terminal.lines(err.source:gsub("\n*$", "")), "\n")
  end
  local text = tostring(setmetatable(copy, getmetatable(err)))
  local t = terminal.new { fd = 2, no_color = context.no_color, getenv = context.getenv }
  return (text:gsub("^[^\n:]+:", function(head) return t:style("bad", head) end, 1))
end

-- Runs ----------------------------------------------------------------------------------

local state_style = {
  done = "good", failed = "bad", rejected = "warn", compensated = "warn",
  cancelled = "warn", waiting = "warn", needs_reconciliation = "bad",
  diverged = "bad", quarantined = "bad",
}

function view.state_style(state) return state_style[state] end

local waits = { approval = "your decision", timer = "its time", event = "an event",
  model = "a model", child = "a run it started", budget = "room in the budget",
  paused = "being resumed" }

--- "done", "waiting for your decision".
function view.state_text(run)
  local text = run.state:gsub("_", " ")
  if run.state == "waiting" and not json.absent(run.waiting_for) then
    return text .. " for " .. (waits[run.waiting_for] or run.waiting_for)
  end
  return text
end

local function count(n, one, many)
  return ("%d %s"):format(n, n == 1 and one or many or one .. "s")
end
view.count = count

--- What a run took: "7 steps, 1.2 s, $0.0062".
function view.effort(run)
  return table.concat({ count(run.steps or 0, "step"), terminal.took(run.ms or 0),
    terminal.money(run.cost_picousd) }, ", ")
end

--- The first line about a run.
function view.head(t, run)
  local version = not json.absent(run.version) and "@" .. tostring(run.version) or ""
  return ("%s  %s%s  %s  %s\n"):format(t:style("strong", terminal.escape(run.run)),
    terminal.escape(run.agent), version,
    t:style(state_style[run.state], terminal.escape(view.state_text(run))),
    t:style("dim", view.effort(run)))
end

--- What is left of a run that was purged.
function view.tombstone(t, left)
  local purged = left.purged
  return ("%s  %s@%s  %s  %s\n%s%s\n"):format(t:style("strong", terminal.escape(left.run)),
    terminal.escape(left.agent), tostring(left.version), t:style("warn", "purged"),
    t:style("dim", ("was %s, %s, ended %s"):format(terminal.escape((left.state:gsub("_", " "))),
      view.count(left.steps, "step"), tostring(left.ended or "?"))),
    terminal.escape(("purged at %s by %s (%s)%s"):format(purged.at, purged.by, purged.why,
      purged.note and ": " .. purged.note or "")),
    purged.digest and ("\n%s of what was there: %s"):format(view.count(purged.records, "record"), purged.digest) or "")
end

--- Milliseconds of a time that may be RFC 3339 or milliseconds already.
function view.ms(time)
  if type(time) == "string" then return (require("rfc3339").parse(time)) end
  return math.type(time) and math.floor(time) or nil
end

--- The runs of a list as a table.
function view.runs(t, list, now_ms)
  local rows = {}
  for i, run in ipairs(list) do
    local created = view.ms(run.created)
    local state = run.state:gsub("_", " ")
    if run.state == "waiting" and not json.absent(run.waiting_for) then
      state = ("waiting (%s)"):format(run.waiting_for)
    end
    rows[i] = { run.run, run.agent, state, run.steps or 0,
      terminal.took(run.ms), terminal.money(run.cost_picousd),
      created and terminal.relative(created, now_ms) or "",
      view.short(type(run.error) == "table" and run.error.message or run.output),
      state = run.state }
  end
  return t:table({
    { "run", style = "name" }, { "agent", shrink = true, least = 8 },
    { "state", style = function(_, row) return state_style[row.state] end },
    { "steps", right = true, drop = 2 }, { "time", right = true, drop = 3 },
    { "cost", right = true, drop = 1 }, { "began", right = true },
    { "result", shrink = true, least = 12, most = 60 },
  }, rows)
end

local mark = { failed = "failed", intent = "open", pending = "open" }

--- Characters of a step's bar in time.
local bar_width = 24

--- The log of a run as a table: when each step began, what it was, how long it took.
-- `ended_ms`: when it was over, or now; with it each step has its place in time as a bar.
function view.log(t, log, began_ms, ended_ms)
  local timeline, rows, gaps_at = require "timeline", {}, {}
  local spans = ended_ms and timeline.spans(log, began_ms, ended_ms)
  local place, gaps
  if spans then place, gaps = timeline.scale(spans, began_ms, math.max(ended_ms, began_ms + 1)) end
  for i, step in ipairs(log) do
    local at = view.ms(step.t)
    local cost = tonumber(step.cost_picousd) or 0
    local what = view.step_name(step)
    rows[i] = { step.seq, at and began_ms and "+" .. terminal.took(math.max(at - began_ms, 0))
      or "", what, terminal.took(step.ms), cost ~= 0 and terminal.money(cost) or "",
      (step.attempts or 1) > 1 and "x" .. step.attempts or "", mark[step.state] or "",
      spans and timeline.bar(spans[i], place, gaps, bar_width) or "", view.short(step.result), state = step.state }
  end
  for i, gap in ipairs(gaps or {}) do gaps_at[i] = timeline.gap_text(gap, spans) end
  local legend = #gaps_at > 0 and "  " .. t:style("dim", terminal.fit(": " .. table.concat(gaps_at, ", "), t.width - 2)) .. "\n" or ""
  return t:table({
    { "step", right = true }, { "at", right = true, style = "dim", drop = 2 },
    { "what", shrink = true, least = 12, most = 48 }, { "took", right = true },
    { "cost", right = true }, { "tries", right = true },
    { "", style = function(_, row) return state_style[row.state] end },
    { spans and "when" or "", drop = 1 },
    { "result", shrink = true, least = 16, most = 120, style = "dim" },
  }, rows, { indent = 2 }) .. legend
end

--- One step on a line of its own, as it is recorded.
function view.step_line(t, step)
  local result = view.short(step.result)
  local head = ("%4d  %s"):format(step.seq, terminal.escape(view.step_name(step)))
  local state = step.state == "done" and "" or "  " .. step.state
  return t:style(state_style[step.state] ~= "good" and state_style[step.state] or nil, head .. state)
    .. t:style("dim", terminal.fit(("  %s  %s"):format(terminal.took(step.ms), result),
      math.min(t.width, 160) - terminal.columns(head .. state))) .. "\n"
end

--- Where a side of a divergence stands, as people read it: "step two (agents/a.lua:4)".
function view.place(side)
  if not side then return "nothing" end
  return ("%s%s"):format(side.name or "another end", side.file and (" (%s%s)"):format(side.file,
    side.line and ":" .. side.line or "") or "")
end

--- The log with every argument and result in full.
function view.full_log(t, log, began_ms)
  local out = {}
  for _, step in ipairs(log) do
    local at = view.ms(step.t)
    local facts = { step.state, terminal.took(step.ms) }
    if at and began_ms then facts[#facts + 1] = "at +" .. terminal.took(math.max(at - began_ms, 0)) end
    if (tonumber(step.cost_picousd) or 0) ~= 0 then
      facts[#facts + 1] = terminal.money(step.cost_picousd)
    end
    out[#out + 1] = ("%4d  %s  %s\n"):format(step.seq,
      t:style("strong", terminal.escape(view.step_name(step))),
      t:style("dim", table.concat(facts, ", ")))
    for _, part in ipairs { "args", "result" } do
      if not json.absent(step[part]) then
        out[#out + 1] = "      " .. part .. "\n" .. view.value(step[part], t.width, 8)
      end
    end
  end
  return table.concat(out)
end

--- "skill classify", "sleep": kind and name, once when they are the same.
function view.step_name(step)
  if json.absent(step.name) or step.name == "" or step.name == step.kind then
    return step.kind
  end
  return step.kind .. " " .. step.name
end

-- Questions ---------------------------------------------------------------------------------

--- When a question ends by itself, and how.
local function deadline_text(item, now_ms)
  local due = not json.absent(item.deadline) and view.ms(item.deadline)
  if not due then return "no deadline" end
  local otherwise = json.absent(item.otherwise) and "hold" or item.otherwise
  return ("%s, otherwise %s"):format(terminal.relative(due, now_ms), view.short(otherwise))
end

--- What can be said to a question: { word, command }.
local function answers_to(item, id)
  if item.kind == "approval" then
    return { { "approve", "approve " .. id }, { "change ", "approve " .. id .. " --edit-file FILE" },
      { "reject ", "reject " .. id } }
  end
  local stuck = item.kind == "stuck_undo"
  local list = {
    { stuck and "it is undone by now " or "it happened         ", ("reconcile %s --happened JSON"):format(id) },
    { stuck and "try to undo it again" or "it did not: send it ", ("reconcile %s --not-happened"):format(id) } }
  if not stuck and type(item.proposal) == "table" and item.proposal.undo then
    list[3] = { "undo it             ", ("reconcile %s --undo"):format(id) }
  end
  list[#list + 1] = { stuck and "pass over it        " or "leave it, end here  ", ("reconcile %s --abandon"):format(id) }
  return list
end

local kind_words = { reconcile = "did it happen?  ", stuck_undo = "not undone:  " }

--- Lines of a proposal that a list shows: with more the other questions were out of sight.
local most_lines = 60

--- A proposal as text, cut with a word about the rest where it is long.
local function shortened(text, left, item, context)
  local _, lines = text:gsub("\n", "\n")
  if lines < most_lines + 5 then return text end
  local cut = 0
  for _ = 1, most_lines do cut = text:find("\n", cut + 1, true) end
  return ("%s\n%s… and %d lines more: %s"):format(text:sub(1, cut - 1), left, lines + 1 - most_lines, context.command("show " .. item.run))
end

--- What an agent asks of its owner: the question, the proposal, the answers as
-- commands to type. `number` is its place in a list, or nil.
function view.question(context, item, number)
  local t = context.terminal
  local indent = number and 4 or 2
  local left = (" "):rep(indent)
  local out = {}
  local function add(text) out[#out + 1] = text end
  local head = number and ("%2d  "):format(number) or "  "
  add(head .. t:style("strong", terminal.fit((kind_words[item.kind] or "") .. (item.subject or item.kind), t.width - indent)))
  local facts = { item.id, ("%s in %s"):format(item.agent, item.run) }
  if not json.absent(item.risk) then facts[#facts + 1] = "risk " .. view.short(item.risk) end
  facts[#facts + 1] = deadline_text(item, context.now())
  if not json.absent(item.digest) then
    facts[#facts + 1] = "digest " .. tostring(item.digest):sub(1, 12)
  end
  for _, line in ipairs(terminal.wrap(table.concat(facts, ", "), t.width - indent)) do
    add(left .. t:style("dim", line))
  end
  if not json.absent(item.why) then
    for _, line in ipairs(terminal.wrap("asks because " .. terminal.fit(item.why, 1000), t.width - indent)) do add(left .. line) end
  end
  add("")
  if not json.absent(item.proposal) then
    local proposal = number and view.clipped(item.proposal, 10000) or item.proposal
    local text = view.value(proposal, t.width, indent + 2):gsub("\n$", "")
    add(number and shortened(text, left, item, context) or text)
    add("")
  end
  if not json.absent(item.diff) and #item.diff > 0 then
    add(left .. t:style("dim", "other than you decided last time"))
    for _, change in ipairs(item.diff) do
      add(terminal.fit(("%s  %s: %s -> %s"):format(left, change.path, view.short(change.from),
        view.short(change.to)), t.width))
    end
    add("")
  end
  for _, row in ipairs(answers_to(item, terminal.escape(item.id))) do
    add(left .. t:style("dim", row[1]) .. "  " .. context.command(row[2]))
  end
  return table.concat(out, "\n") .. "\n"
end

--- "next:" and what to type.
function view.next(context, ...)
  local out = {}
  for i, text in ipairs { ... } do
    out[i] = (i == 1 and "next  " or "      ") .. context.command(text) .. "\n"
  end
  return table.concat(out)
end

local function side(t, title, value)
  local json_value = {}
  for _, key in ipairs { "name", "args", "value" } do json_value[key] = value[key] end
  local what = next(json_value) and "" or "  no further call"
  local where = value.file and value.line and ("  %s:%s"):format(terminal.escape(value.file), tostring(value.line)) or ""
  return ("  %s%s%s\n%s"):format(t:style("dim", title), where, what,
    what == "" and view.value(json_value, t.width, 4) or "")
end

--- Both sides of a difference: { recorded, new = {name, args, file, line} }.
function view.sides(t, difference)
  return side(t, "recorded", difference.recorded or {}) .. side(t, "now", difference.new or {})
end

return view
