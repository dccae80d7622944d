--- What `keel dev` shows: to a person in lines, to a program as JSON, one value a line.
local json = require "json"
local terminal = require "terminal"
local view = require "view"

local screen = {}
screen.__index = screen

--- context: of the command.
function screen.new(context)
  return setmetatable({ context = context, t = context.terminal, json = context.json }, screen)
end

local function put(self, text)
  self:clear()
  self.context.out(text)
  io.stdout:flush()
end

local function value(self, object)
  self.context.print_json(object)
  io.stdout:flush()
end

-- ---- a line that is drawn anew -----------------------------------------------------------

--- Show how far something is; only at a terminal, and gone with the next line.
function screen:progress(text)
  if self.json or not self.t.tty then return end
  io.stdout:write("\r\27[K", self.t:style("dim", terminal.fit(text, self.t.width - 1)))
  io.stdout:flush()
  self.drawn = true
end

function screen:clear()
  if self.drawn then io.stdout:write "\r\27[K" end
  self.drawn = false
end

--- The time on the owner's wall: "17:28:41".
local function time_of_day(self)
  local now = self.context.now()
  return require("rfc3339").format(now + (self.zone and self.zone:offset(now) or 0)):sub(12, 19)
end

-- ---- what happens ------------------------------------------------------------------------

function screen:note(text)
  if self.json then return end
  put(self, self.t:style("dim", terminal.escape(text)) .. "\n")
end

function screen:problem(err)
  if self.json then return value(self, require("errors").json(err)) end
  self:clear()
  self.context.err(view.problem(self.context, err) .. "\n")
end

function screen:saved(list)
  for _, one in ipairs(list) do
    if self.json then
      value(self, { saved = { file = one.file, what = one.what, version = one.version, hash = one.hash } })
    else
      put(self, ("\n%s %s%s\n"):format(self.t:style("dim", time_of_day(self)), self.t:style("strong", terminal.escape(one.file)),
        one.what == "gone" and " is gone" or one.version and " version " .. one.version or ""))
    end
  end
end

function screen:step(step)
  if self.json then return value(self, { step = step }) end
  put(self, view.step_line(self.t, step))
end

function screen:example(result)
  if self.json then return value(self, { example = result }) end
  put(self, ("  %s example %d  %s\n"):format(result.skill, result.example,
    result.ok and self.t:style("good", "holds") or self.t:style("bad", "does not hold")))
end

-- ---- a difference --------------------------------------------------------------------------

local function shown(v, width) return terminal.fit(json.absent(v) and "nothing" or view.short(v), width) end

local function add_differences(self, out, list, indent, most)
  local room = math.max(16, (math.min(self.t.width, 140) - #indent - 30) // 2)
  for i, one in ipairs(list) do
    if i > most then
      out[#out + 1] = ("%s... %d more (d)\n"):format(indent, #list - most)
      return
    end
    out[#out + 1] = ("%s%s  %s -> %s\n"):format(indent, terminal.escape(one.path), self.t:style("bad", shown(one.from, room)),
      self.t:style("good", shown(one.to, room)))
  end
end

local function step_name(step) return terminal.escape(view.step_name(step)) end

--- A difference as text. most: of each kind.
function screen:difference(d, most)
  if d.same then return self.t:style("dim", "  as before: the same steps, the same result") .. "\n" end
  local out = {}
  for _, step in ipairs(d.steps.removed) do out[#out + 1] = ("  %s %4d %s\n"):format(self.t:style("bad", "-"), step.seq, step_name(step)) end
  for _, step in ipairs(d.steps.added) do out[#out + 1] = ("  %s %4d %s\n"):format(self.t:style("good", "+"), step.seq, step_name(step)) end
  for _, step in ipairs(d.steps.changed) do
    out[#out + 1] = ("  %s %4d %s\n"):format(self.t:style("warn", "~"), step.seq, step_name(step))
    add_differences(self, out, step.differences, "         ", most)
  end
  if d.state then out[#out + 1] = ("  state  %s -> %s\n"):format(d.state.from, d.state.to) end
  if #d.output > 0 then
    out[#out + 1] = "  result\n"
    add_differences(self, out, d.output, "         ", most)
  end
  if d.cost_picousd ~= "0" then out[#out + 1] = ("  cost  %s\n"):format(terminal.money(d.cost_picousd)) end
  return table.concat(out)
end

-- ---- a run ------------------------------------------------------------------------------------

--- told: { run, error?, difference?, saved_ms?, reused, slept_ms, question? }
function screen:run(told)
  if self.json then
    return value(self, { run = require("outcome").json(told.run), diff = told.difference, saved_to_result_ms = told.saved_ms,
      reused = told.reused, question = told.question })
  end
  local context, t, run = self.context, self.t, told.run
  put(self, view.head(t, run))
  local err = require("outcome").error(run, told.e)
  if err then context.err(view.problem(context, err) .. "\n") end
  if not json.absent(run.output) then put(self, view.value(run.output, t.width, 2)) end
  if told.question then
    put(self, ("  asks  %s\n%s"):format(terminal.escape(told.question.subject or ""), view.value(told.question.proposal, t.width, 4)))
    self:note(t.tty and "  a approves, x rejects" or "  --approve or --reject answers")
  end
  if told.difference then put(self, self:difference(told.difference, 3)) end
  local facts = {}
  if told.saved_ms then facts[#facts + 1] = ("saved -> result %.0f ms"):format(told.saved_ms) end
  if told.slept_ms > 0 then facts[#facts + 1] = ("slept %s in no time"):format(terminal.took((told.slept_ms + 999) // 1000 * 1000)) end
  if told.reused > 0 then facts[#facts + 1] = view.count(told.reused, "answer of a model", "answers of models") .. " reused" end
  if #facts > 0 then self:note(table.concat(facts, ", ")) end
end

--- What case.play said: what differs from what the case expects.
function screen:case(told)
  if self.json then
    return value(self, { case = { case = told.case, holds = #told.differences == 0, differences = told.differences, unchecked = told.unchecked } })
  end
  local n = #told.differences
  put(self, ("case %s  %s\n"):format(terminal.escape(told.case), n == 0 and self.t:style("good", "holds")
    or self.t:style("bad", view.count(n, "difference", "differences"))))
  for _, one in ipairs(told.differences) do
    put(self, ("  %s  expected %s, got %s%s\n"):format(terminal.escape(one.path), shown(one.expected, 60), shown(one.got, 60),
      one.why and " (" .. terminal.escape(one.why) .. ")" or ""))
  end
  if #told.unchecked > 0 then self:note("  not checked here: " .. terminal.escape(table.concat(told.unchecked, ", "))) end
end

--- What recorded.check said.
function screen:recorded(told)
  if self.json or not told then return end
  local all = told.same + told.other
  put(self, self.t:style(told.other > 0 and "warn" or "good", ("recorded runs: %d of %d replay the same%s"):format(told.same, all,
    told.untried > 0 and (", %d not tried"):format(told.untried) or "")) .. "\n")
  for _, place in ipairs(told.places) do
    put(self, ("  step %s%s: %d would take another way: recorded %s, now %s  %s\n"):format(tostring(place.at),
      place.file and (", %s%s"):format(terminal.escape(place.file), place.line and ":" .. place.line or "") or "", #place.runs,
      terminal.escape(view.place(place.recorded)), terminal.escape(view.place(place.new)), self.t:style("dim", "keel show " .. terminal.escape(place.runs[1]))))
  end
end

--- One recorded run, for programs.
function screen:replay(result)
  if self.json then value(self, { replay = result }) end
end

return screen
