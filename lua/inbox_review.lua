--- `keel inbox` at a terminal: questions one by one, answered by single keys.
--
-- Looking opens the store for that moment only, and so does a decision (review/act.lua):
-- between two keys nothing is held. Keys that were typed before the next question was seen
-- are dropped, since they cannot be about it.
local act = require "review.act"
local clock = require "core.clock"
local draw = require "review.draw"
local duration = require "duration"
local file = require "file"
local json = require "json"
local keys = require "review.keys"
local program = require "core.program"
local terminal = require "terminal"
local view = require "view"

local review = {}
review.__index = review

local refresh_us, patience_ms = 1500000, 150
local private = tonumber("600", 8)

-- ---- the list ----------------------------------------------------------------------------

local function look(self, fn)
  local e, err = require("engine").look { home = self.context.home }
  if not e then return nil, err end
  local ok, value, fault = pcall(fn, e)
  e:close()
  if not ok then return nil, type(value) == "table" and value or { message = tostring(value) } end
  return value, fault
end

local function say(self, text, style) self.message, self.message_style = text, style end

local function say_error(self, err) say(self, (err.message or tostring(err)):gsub("%s+", " "), "bad") end

--- Which of the items is current when the list is another: the same one, else the one that
--- took its place.
local function take(self, items)
  local current, before = self.items[self.at], self.at
  self.items = items
  self.at = math.max(1, math.min(before, #items))
  local there = {}
  for i, item in ipairs(items) do
    there[item.id] = true
    if current and item.id == current.id then self.at = i end
  end
  for id in pairs(self.chosen) do
    if not there[id] then self.chosen[id] = nil end
  end
  local lost = current and not there[current.id]
  if lost then
    self.scroll = 0
    if self.mode ~= "help" then self.mode = "list" end
  end
  return lost and current
end

--- What ends first before what has longer, then by age.
local function sorted(items)
  local function due(item) return not json.absent(item.deadline) and item.deadline or "~" end
  table.sort(items, function(a, b)
    if due(a) ~= due(b) then return due(a) < due(b) end
    if a.created ~= b.created then return a.created < b.created end
    return a.id < b.id
  end)
  return items
end

--- Read the inbox anew. Returns the item that was current and is there no more.
local function refresh(self)
  self.looked = clock.mono_us()
  local items, err = look(self, function(e)
    self.zone = self.zone or require("zone").open(e.settings.zone) or require("zone").open()
    return e:inbox { all = self.all }
  end)
  if not items then
    say_error(self, err)
    return
  end
  return take(self, sorted(items))
end

-- ---- the screen --------------------------------------------------------------------------------

local function paint(self)
  local rows, columns = math.max(4, program.rows(1) or 24), math.max(20, program.columns(1) or 80)
  self.t.width, self.now = columns - 1, self.context.now()
  local lines, out = draw.screen(self, rows, columns), {}
  if rows ~= self.rows or columns ~= self.wide then
    self.drawn, self.rows, self.wide = {}, rows, columns
    out[1] = "\27[2J"
  end
  for i, line in ipairs(lines) do
    if self.drawn[i] ~= line then out[#out + 1] = ("\27[%d;1H%s\27[0m\27[K"):format(i, line) end
  end
  self.drawn = lines
  if #out == 0 then return end
  io.stdout:write(table.concat(out))
  io.stdout:flush()
end

local function working(self, text)
  say(self, text, "dim")
  paint(self)
end

-- ---- what is asked at the bottom ----------------------------------------------------------------

--- Ask for a line; `text` is what is taken when nothing else is typed.
local function ask(self, label, text, done) self.prompt = { label = label, text = text, is_given = text ~= "", done = done } end

local function confirm(self, label, done)
  ask(self, label .. " y or n:", "", function(text)
    if text:lower() == "y" or text:lower() == "yes" then return done() end
    say(self, "nothing was done", "dim")
  end)
end

-- ---- decisions ------------------------------------------------------------------------------------

local words = { approved = "approved", edited = "approved as you wrote it", rejected = "rejected", happened = "noted: it happened",
  not_happened = "noted: it did not happen", abandon = "left as it is" }

local function settle(self)
  self.keys:forget()
  self.pending, self.rest = {}, ""
  self.drawn = {} -- something may have been written to the terminal meanwhile
  self.mode, self.scroll = "list", 0
  refresh(self)
end

local function moment(self, ms) return draw.moment(ms, self.context.now(), self.zone) end

--- What became of a decision, in a line.
local function told(self, item, value)
  local approval = type(value.approval) == "table" and value.approval or {}
  local text = ("%s: %s"):format(words[approval.state] or approval.state or "done", view.short(item.subject or item.id))
  local till = not json.absent(approval.undo_until) and json.absent(approval.spent) and view.ms(approval.undo_until)
  if till and till > self.context.now() then
    return ("%s; goes on at %s, u takes it back"):format(text, moment(self, till)), "good"
  end
  if value.state == "failed" then return text .. "; then the run failed, see keel show " .. tostring(value.run), "bad" end
  return text, "good"
end

--- Decide, and remember it for u. Returns whether it was taken.
local function decide(self, item, command, flags)
  local line = { command, item.id }
  if item.kind == "approval" then line[3] = act.flag("digest", item.digest) end
  table.move(flags or {}, 1, #(flags or {}), #line + 1, line)
  local value, err = act.run(self.context, line)
  if not value then
    settle(self)
    say_error(self, err)
    return false
  end
  self.count = self.count + 1
  if item.kind == "approval" then self.decided[#self.decided + 1] = item end
  local text, style = told(self, item, value)
  settle(self)
  say(self, text, style)
  return true
end

local function note_flag(note)
  note = note:match "^%s*(.-)%s*$"
  return note ~= "" and { act.flag("note", note) } or {}
end

local function editor_of(getenv)
  for _, name in ipairs { "VISUAL", "EDITOR" } do
    local command = getenv(name)
    if command and command:find "%S" then return command end
  end
  return "vi"
end

--- Have the user's editor change a text, in a file for this user's eyes. Returns it, or
--- nil, message.
local function in_editor(self, text)
  local base = os.tmpname()
  local path = base .. ".json"
  local ok, why = file.write(path, text, private)
  if not ok then
    os.remove(base)
    return nil, why
  end
  self.keys:leave()
  local fine, how, code = os.execute(editor_of(self.context.getenv) .. " " .. require("context").quoted(path))
  local back
  back, why = file.read(path)
  os.remove(path)
  os.remove(base)
  local taken, message = self.keys:enter()
  if not taken then error(message, 0) end
  self.drawn, self.wide = {}, nil
  if not fine then return nil, ("the editor ended with %s %s; nothing was done"):format(how, tostring(code)) end
  return back, why
end

local function edit(self, item)
  local proposed = json.encode(item.proposal, 2) .. "\n"
  local text, why = in_editor(self, self.drafts[item.id] or proposed)
  if not text then return say(self, why, "bad") end
  if text == proposed then
    self.drafts[item.id] = nil
    return say(self, "nothing was changed; a approves it as it is", "dim")
  end
  self.drafts[item.id] = text
  local value, message = json.decode(text)
  if message then return say(self, "e again, your text is kept: not JSON: " .. message, "bad") end
  working(self, "approving what you wrote ...")
  if decide(self, item, "approve", { act.flag("edit", json.encode(value)) }) then
    self.drafts[item.id] = nil
  else
    say(self, "e again, your text is kept: " .. self.message, "bad")
  end
end

local function approve_chosen(self)
  local list = {}
  for _, item in ipairs(self.items) do
    if self.chosen[item.id] then list[#list + 1] = item end
  end
  if #list == 0 then return say(self, "nothing is selected; x selects", "dim") end
  local done, failed = 0, nil
  for i, item in ipairs(list) do
    working(self, ("approving %d of %d ..."):format(i, #list))
    if decide(self, item, "approve") then done = done + 1 else failed = failed or self.message end
  end
  say(self, ("%d of %d approved%s"):format(done, #list, failed and "; " .. failed or ""), failed and "bad" or "good")
end

local function recall(self)
  local item = self.decided[#self.decided]
  if not item then return say(self, "nothing was decided here yet", "dim") end
  local value, err = act.run(self.context, { "recall", item.id })
  settle(self)
  if not value then return say_error(self, err) end
  self.decided[#self.decided] = nil
  self.count = self.count - 1
  for i, one in ipairs(self.items) do
    if one.id == item.id then self.at = i end
  end
  local what = value.told and "the run is told that it is taken back: " or "open again: "
  say(self, what .. view.short(item.subject or item.id), "good")
end

local function snooze(self, item, text)
  local ms, message = duration.parse(text)
  if not ms or ms <= 0 then return say(self, "how long? " .. (message or "like 2h or 1d"), "bad") end
  local value, err = act.run(self.context, { "snooze", item.id, act.flag("for", text) })
  settle(self)
  if not value then return say_error(self, err) end
  say(self, ("put off until %s: %s"):format(moment(self, view.ms(value.snoozed_until)), view.short(item.subject)), "good")
end

local function show_steps(self, item)
  local lines, err = look(self, function(e)
    local log, why = e:log(item.run)
    if not log then return nil, why end
    local plain = terminal.new { tty = true, no_color = true, width = self.t.width }
    local list, run = {}, e:describe(item.run)
    for line in view.log(plain, log, run and view.ms(run.created)):gmatch "([^\n]*)\n" do
      list[#list + 1] = terminal.fit(line, self.t.width)
    end
    return list
  end)
  if not lines then return say_error(self, err) end
  table.insert(lines, 1, terminal.fit(" the run so far: " .. item.run, self.t.width))
  self.steps, self.mode, self.scroll = lines, "steps", 0
end

-- ---- keys ---------------------------------------------------------------------------------------

local function move(self, by)
  if self.mode ~= "list" then
    self.scroll = (self.scroll or 0) + by
    return
  end
  self.at = math.max(1, math.min(#self.items, self.at + by))
end

local of_all = {
  q = function(self) self.over = true end,
  eof = function(self) self.over = true end,
  j = function(self) move(self, 1) end,
  k = function(self) move(self, -1) end,
  pagedown = function(self) move(self, math.max(1, (self.rows or 24) - 5)) end,
  pageup = function(self) move(self, -math.max(1, (self.rows or 24) - 5)) end,
  home = function(self) move(self, -1000000) end,
  ["end"] = function(self) move(self, 1000000) end,
  u = recall,
  A = approve_chosen,
  d = function(self) self.show_diff = not self.show_diff end,
  esc = function(self) self.mode, self.scroll = "list", 0 end,
  redraw = function(self) self.wide = nil end,
  ["?"] = function(self) self.mode, self.scroll = self.mode == "help" and "list" or "help", 0 end,
}
of_all.down, of_all.up = of_all.j, of_all.k

--- Enter and space: the card in full, and on in it.
local function open(self)
  if self.mode ~= "list" then return move(self, math.max(1, (self.rows or 24) - 5)) end
  self.mode, self.scroll = "full", 0
end

local of_item = {
  w = show_steps,
  enter = open,
  space = open,
}

local of_approval = {
  a = function(self, item)
    working(self, "approving ...")
    decide(self, item, "approve")
  end,
  e = edit,
  r = function(self, item)
    ask(self, "reject, because:", "", function(text)
      working(self, "rejecting ...")
      decide(self, item, "reject", note_flag(text))
    end)
  end,
  n = function(self, item)
    ask(self, "approve, with the note:", "", function(text)
      working(self, "approving ...")
      decide(self, item, "approve", note_flag(text))
    end)
  end,
  s = function(self, item)
    ask(self, "put off for:", "2h", function(text) snooze(self, item, text) end)
  end,
  x = function(self, item)
    if (item.tier or 0) >= 3 then return say(self, "what cannot be undone is decided by itself, not with others", "warn") end
    self.chosen[item.id] = not self.chosen[item.id] or nil
    if self.mode == "list" then move(self, 1) end
  end,
}

local function reconcile(flag, label)
  return function(self, item)
    confirm(self, label, function()
      working(self, "noting it ...")
      decide(self, item, "reconcile", { flag })
    end)
  end
end

local of_question = {
  h = function(self, item)
    ask(self, "it happened, and gave (JSON):", "null", function(text)
      local _, message = json.decode(text)
      if message then return say(self, "not JSON: " .. message, "bad") end
      working(self, "noting it ...")
      decide(self, item, "reconcile", { act.flag("happened", text) })
    end)
  end,
  t = reconcile("--not-happened", "it did not happen, and is done again?"),
  z = reconcile("--abandon", "leave it as it is?"),
}

local function answer_prompt(self, key)
  local p = self.prompt
  if key == "esc" or key == "interrupt" then
    self.prompt = nil
    say(self, "nothing was done", "dim")
  elseif key == "enter" then
    self.prompt = nil
    p.done(p.text)
  else
    -- what is typed first takes the place of what was given, and back alone changes that
    local before = p.is_given and key ~= "back" and keys.typed("", key) ~= "" and "" or p.text
    p.text, p.is_given = keys.typed(before, key), false
  end
end

local function press(self, key)
  if self.prompt then return answer_prompt(self, key) end
  local item = self.items[self.at]
  say(self, nil)
  if of_all[key] then return of_all[key](self) end
  if self.mode == "help" or not item then return end
  if of_item[key] then return of_item[key](self, item) end
  if self.mode == "steps" then return end -- what is decided is seen
  local mine, others = of_approval, of_question
  if item.kind ~= "approval" then mine, others = others, mine end
  if mine[key] then return mine[key](self, item) end
  if others[key] then
    local is_approval = item.kind == "approval"
    say(self, is_approval and "that is for questions of what happened" or "this is answered by h, t or z", "dim")
  elseif key:find "^paste:" then
    say(self, "pasted text is no keys", "dim")
  end
end

--- The next keys: true, or nil at the end.
local function listen(self)
  local bytes, why = self.keys:read(patience_ms)
  if not bytes then
    if why == "interrupt" and self.prompt then
      answer_prompt(self, "interrupt")
      return true
    end
    self.over, self.code = true, why == "interrupt" and 130 or 0
    return nil
  end
  self.pending, self.rest = keys.read(self.rest .. bytes, bytes == "")
  while self.pending[1] and not self.over do press(self, table.remove(self.pending, 1)) end
  return true
end

local function loop(self)
  refresh(self)
  while not self.over do
    paint(self)
    if not listen(self) then return end
    if not self.over and clock.mono_us() - self.looked > refresh_us and not self.prompt then
      local gone = refresh(self)
      if gone then
        self.keys:forget()
        self.rest = ""
        say(self, "it was answered elsewhere, or its time is over: " .. view.short(gone.subject or gone.id), "warn")
      end
    end
  end
end

local function with_trace(what) return type(what) == "table" and what or debug.traceback(tostring(what), 2) end

--- Run it until the user ends it. Returns an exit code, or nil, err.
-- @param options  all: what was put off, too
function review.run(context, options)
  local self = setmetatable({ context = context, all = options.all, items = {}, at = 1, chosen = {}, decided = {}, drafts = {},
    count = 0, mode = "list", scroll = 0, show_diff = true, drawn = {}, rest = "", pending = {}, code = 0,
    t = terminal.new { no_color = context.no_color, getenv = context.getenv } }, review)
  local first, err = look(self, function(e)
    self.zone = require("zone").open(e.settings.zone) or require("zone").open()
    return e:inbox { all = self.all }
  end)
  if not first then return nil, err end
  local message, code
  io.stdout:flush()
  self.keys, message, code = require("core.keys").open()
  if not self.keys then return nil, require("errors").from(message, code) end
  local ok, fault = xpcall(loop, with_trace, self)
  self.keys:close()
  if not ok then error(fault, 0) end
  if self.count > 0 then context.out(("%s\n"):format(view.count(self.count, "decision", "decisions"))) end
  return self.code
end

return review
