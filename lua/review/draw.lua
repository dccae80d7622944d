--- The review as lines of a screen, each no wider than it is and harmless.
--
--   draw.screen(state, rows, columns) -> { line... }, exactly `rows` of them
--
-- state = { t, items, at, chosen = { id -> true }, zone, now, mode, scroll, show_diff, message,
--           message_style, prompt, steps }
local json = require "json"
local policy = require "policy"
local rfc3339 = require "rfc3339"
local terminal = require "terminal"
local view = require "view"

local draw = {}

local day_ms = 86400000
local weekdays = { [0] = "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday" }

-- ---- words ------------------------------------------------------------------------------

--- An instant on the owner's wall, as seen from now: "14:00 today".
function draw.moment(ms, now, zone)
  local here, today = ms + zone:offset(ms), (now + zone:offset(now)) // day_ms
  local text, day = rfc3339.format(here), here // day_ms
  local clock = text:sub(12, 16)
  if day == today then return clock .. " today" end
  if day == today + 1 then return clock .. " tomorrow" end
  if day > today and day < today + 7 then return clock .. " on " .. weekdays[day % 7] end
  return clock .. " on " .. text:sub(1, 10)
end

local function due_of(item) return not json.absent(item.deadline) and view.ms(item.deadline) or nil end

local risk_words = {
  [0] = "read: nothing changes", "reversible: it can be taken back",
  "outward: others see it; it can be made good", "irreversible: it cannot be undone",
}

function draw.tier(item) return item.tier or policy.tier(item.risk) end

function draw.risk(item) return risk_words[draw.tier(item)] end

--- What comes of it if nobody answers.
function draw.nothing_done(item, now, zone)
  local due = due_of(item)
  if not due then return "If you do nothing, it waits; nothing of it happens." end
  local when, otherwise = draw.moment(due, now, zone), json.absent(item.otherwise) and "hold" or item.otherwise
  local head = due <= now and ("It was due at %s: "):format(when) or ("If you do nothing, at %s "):format(when)
  if otherwise == "reject" then return head .. "this is rejected." end
  if otherwise == "approve" then
    if draw.tier(item) <= 1 then return head .. "this is approved." end
    return head .. "this is rejected: its risk is too high to be approved unseen."
  end
  if otherwise == "hold" then return head .. "you are reminded, and it goes on waiting." end
  if otherwise == "escalate" then return head .. "it is escalated, and goes on waiting." end
  return head .. "this expires, and the agent goes on without a yes."
end

-- ---- the card -------------------------------------------------------------------------------

--- Where the text of a card begins; on a very narrow screen labels stand above it.
local function indent_of(columns) return columns >= 60 and 11 or columns >= 34 and 10 or 2 end

--- A labelled paragraph.
local function add(self, label, lines, style)
  local t, out, indent = self.t, self.out, indent_of(self.columns)
  if #lines == 0 then return end
  if indent == 2 and label ~= "" then out[#out + 1] = t:style("dim", " " .. label) end
  for i, line in ipairs(lines) do
    local head = (i == 1 and indent > 2) and t:style("dim", terminal.pad(" " .. label, indent)) or (" "):rep(indent)
    out[#out + 1] = head .. t:style(style, terminal.fit(line, self.columns - indent))
  end
end

local function wrapped(self, text)
  return terminal.wrap(text, math.max(10, self.columns - indent_of(self.columns)))
end

local function value_lines(self, value)
  if json.absent(value) then return {} end
  local room, list = self.columns - indent_of(self.columns), {}
  for line in view.value(value, room, 0):gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

local function add_change(self, item)
  if json.absent(item.diff) or #item.diff == 0 then return end
  if not self.show_diff then
    local count = view.count(#item.diff, "difference", "differences")
    return add(self, "changed", wrapped(self, count .. " to your last decision (d shows)"), "warn")
  end
  local label = "changed"
  for _, change in ipairs(item.diff) do
    add(self, label, { change.path }, "warn")
    label = ""
    for _, side in ipairs { { "- ", change.from, "bad" }, { "+ ", change.to, "good" } } do
      local lines = {}
      for i, line in ipairs(wrapped(self, json.absent(side[2]) and "nothing" or view.short(side[2]))) do
        lines[i] = (i == 1 and side[1] or "  ") .. line
      end
      add(self, "", lines, side[3])
    end
  end
end

local function add_answers(self, item)
  if item.kind == "approval" then return end
  local stuck = item.kind == "stuck_undo"
  local id = terminal.escape(item.id)
  add(self, "answers", {
    (stuck and "h  it is undone by now" or "h  it happened"),
    (stuck and "t  try to undo it again" or "t  it did not: do it again"),
    (stuck and "z  pass over it" or "z  leave it; the run ends here"),
    "keel reconcile " .. id .. " ...  says the same" })
end

local kind_words = { reconcile = "Did it happen?  ", stuck_undo = "Not undone:  " }

--- All that is to be known about an item, as lines.
function draw.card(state, item, columns)
  local self = { t = state.t, out = {}, columns = columns, show_diff = state.show_diff }
  for _, line in ipairs(terminal.wrap((kind_words[item.kind] or "") .. (item.subject or item.kind), columns - 1)) do
    self.out[#self.out + 1] = " " .. state.t:style("strong", line)
  end
  -- what the rest of the card may not push off the screen comes first
  local tier = draw.tier(item)
  if item.kind == "approval" then
    add(self, "else", wrapped(self, draw.nothing_done(item, state.now, state.zone)))
    add(self, "risk", wrapped(self, draw.risk(item)), tier >= 3 and "bad" or tier == 2 and "warn" or nil)
  end
  if item.agent_changed then add(self, "agent", wrapped(self, "It is another one by now than when it asked."), "warn") end
  add(self, "what", value_lines(self, item.proposal))
  if not json.absent(item.effect) then add(self, "does", value_lines(self, item.effect)) end
  add_change(self, item)
  if not json.absent(item.why) then add(self, "why", wrapped(self, view.short(item.why))) end
  if not json.absent(item.snoozed_until) and view.ms(item.snoozed_until) > state.now then
    add(self, "rests", wrapped(self, "until " .. draw.moment(view.ms(item.snoozed_until), state.now, state.zone)))
  end
  if not json.absent(item.escalations) then
    add(self, "told", wrapped(self, view.count(item.escalations, "reminder", "reminders") .. " so far"))
  end
  add(self, "asks", wrapped(self, ("%s, in %s"):format(item.agent or "?", item.run or "?")), "dim")
  add_answers(self, item)
  return self.out
end

-- ---- the list ---------------------------------------------------------------------------------

local function list_line(state, item, i, columns)
  local t = state.t
  local due = due_of(item)
  local when = due and draw.moment(due, state.now, state.zone) or ""
  if columns < 60 then when = due and terminal.relative(due, state.now):gsub("^in ", "") or "" end
  local risk = item.kind == "approval" and policy.words[draw.tier(item)] or "unclear"
  local right = terminal.pad(terminal.fit(when, 9), 9, true)
  if columns >= 60 then right = ("%s  %s"):format(terminal.pad(risk, 12), terminal.pad(terminal.fit(when, 19), 19)) end
  local here = i == state.at
  local head = (here and ">" or " ") .. (state.chosen[item.id] and "*" or " ") .. ("%3d  "):format(i)
  local room = columns - #head - terminal.columns(right) - 2
  local subject = terminal.fit((kind_words[item.kind] or "") .. (item.subject or item.kind), room)
  return t:style(here and "name" or nil, head) .. t:style(here and "strong" or nil, terminal.pad(subject, room)) .. "  "
    .. t:style((item.tier or 0) >= 3 and "bad" or "dim", right)
end

--- The lines of the list that fit into `rows`, the current one among them.
local function list_lines(state, rows, columns)
  local out, n = {}, #state.items
  local first = math.max(1, math.min(state.at - rows // 2, n - rows + 1))
  for i = first, math.min(n, first + rows - 1) do out[#out + 1] = list_line(state, state.items[i], i, columns) end
  return out
end

-- ---- frames ------------------------------------------------------------------------------------

local function head_line(state, columns)
  local here = rfc3339.format(state.now + state.zone:offset(state.now)):sub(12, 16)
  local chosen = 0
  for _ in pairs(state.chosen) do chosen = chosen + 1 end
  local text = #state.items == 0 and "Inbox  nothing waits for you"
    or ("Inbox  %s"):format(view.count(#state.items, "question waits", "questions wait"))
  if chosen > 0 then text = text .. (", %d selected"):format(chosen) end
  text = terminal.fit(" " .. text, columns - 7)
  return state.t:style("strong", terminal.pad(text, columns - 6)) .. state.t:style("dim", here .. " ")
end

local footers = {
  approval = { "a approve", "r reject", "e edit", "n note", "s snooze", "x select", "w steps", "u take back", "? help", "q quit" },
  question = { "h it happened", "t it did not", "z leave it", "w steps", "? help", "q quit" },
  full = { "j k scroll", "a approve", "r reject", "e edit", "Esc back" },
  text = { "j k scroll", "Esc back" },
  prompt = { "Enter takes it", "Esc leaves it" },
  empty = { "u take back", "? help", "q quit" },
}

local function footer_of(state, item)
  local is_approval = item and item.kind == "approval"
  if state.prompt then return footers.prompt end
  if state.mode == "full" and is_approval then return footers.full end
  if state.mode ~= "list" then return footers.text end
  return not item and footers.empty or is_approval and footers.approval or footers.question
end

local order = { "q quit", "? help", "a approve", "r reject", "e edit", "h it happened", "t it did not", "z leave it", "Esc back",
  "Enter takes it", "Esc leaves it", "u take back", "x select", "s snooze", "n note", "w steps", "j k scroll" }

--- As many of the keys as fit, the most needed first chosen, in their usual order.
local function footer(state, columns)
  local item = state.items[state.at]
  local list = footer_of(state, item)
  local has, kept, used = {}, {}, 1
  for _, one in ipairs(list) do has[one] = true end
  for _, one in ipairs(order) do
    if has[one] and used + #one + 2 <= columns then
      kept[one] = true
      used = used + #one + 2
    end
  end
  local out = {}
  for _, one in ipairs(list) do
    if kept[one] then out[#out + 1] = one end
  end
  return state.t:style("dim", " " .. table.concat(out, "  "))
end

local function status_line(state, columns)
  local p = state.prompt
  if not p then return " " .. state.t:style(state.message_style, terminal.fit(state.message or "", columns - 1)) end
  local label = terminal.fit(" " .. p.label, columns // 2 + 6)
  local room, text = math.max(4, columns - terminal.columns(label) - 3), terminal.escape(p.text)
  while terminal.columns(text) > room do text = text:sub((utf8.offset(text, 2))) end -- its end is what is typed at
  return state.t:style("strong", label) .. " " .. text .. state.t:style("name", "_")
end

local help = {
  { "j k", "or arrows: move, scroll" }, { "Enter", "or space: the whole card" },
  { "a", "approve" }, { "n", "approve with a note" }, { "e", "edit it, and approve that" },
  { "r", "reject, with a reason" }, { "s", "put off" }, { "x", "select" },
  { "A", "approve the selected" }, { "u", "take the last one back" },
  { "d", "show or hide what changed" }, { "w", "the steps of the run" },
  { "h", "it happened" }, { "t", "it did not happen" },
  { "z", "leave it" }, { "q", "quit" },
}

local help_text = {
  "What ends first comes first. Esc leaves what is asked at the bottom.",
  "A decision is about what was shown: when it is another by then, it is refused."
    .. " What cannot be undone is never approved with others.",
}

local function help_lines(columns)
  local out, across = {}, columns >= 72 and 2 or 1
  for i = 1, #help, across do
    local parts = {}
    for j = i, i + across - 1 do parts[#parts + 1] = terminal.pad(("  %-6s %s"):format(help[j][1], help[j][2]), 36) end
    out[#out + 1] = terminal.fit((table.concat(parts):gsub(" +$", "")), columns)
  end
  for _, text in ipairs(help_text) do
    out[#out + 1] = ""
    for _, line in ipairs(terminal.wrap(text, columns - 2)) do out[#out + 1] = "  " .. line end
  end
  return out
end

local function window(state, lines, rows)
  state.scroll = math.max(0, math.min(state.scroll or 0, #lines - rows))
  local out = {}
  for i = 1, rows do out[i] = lines[state.scroll + i] or "" end
  if #lines > rows and rows > 1 then
    local rest = #lines - state.scroll - rows
    if rest > 0 then
      local text = ("  ... %d more lines%s"):format(rest + 1, state.mode == "list" and " (Enter)" or "")
      out[rows] = state.t:style("dim", terminal.fit(text, state.columns))
    end
  end
  return out
end

--- The lines of the screen.
function draw.screen(state, rows, columns)
  columns = math.max(columns - 1, 12) -- the last column makes some terminals go on to the next line
  state.columns = columns
  local out, item = { head_line(state, columns) }, state.items[state.at]
  local body = math.max(1, rows - 3)
  if state.mode == "help" then
    table.move(window(state, help_lines(columns), body), 1, body, 2, out)
  elseif state.mode == "steps" then
    table.move(window(state, state.steps or {}, body), 1, body, 2, out)
  elseif state.mode == "full" and item then
    table.move(window(state, draw.card(state, item, columns), body), 1, body, 2, out)
  elseif item then
    local most = math.max(1, math.min(#state.items, body // 3))
    for _, line in ipairs(list_lines(state, most, columns)) do out[#out + 1] = line end
    out[#out + 1] = state.t:style("dim", ("─"):rep(columns))
    local left = math.max(0, rows - 2 - #out)
    local scroll = state.scroll
    state.scroll = 0
    for _, line in ipairs(window(state, draw.card(state, item, columns), left)) do out[#out + 1] = line end
    state.scroll = scroll
  end
  while #out < rows - 2 do out[#out + 1] = "" end
  for i = #out, rows - 1, -1 do out[i] = nil end
  out[#out + 1] = status_line(state, columns)
  out[#out + 1] = footer(state, columns)
  return out
end

return draw
