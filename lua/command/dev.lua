local clock = require "core.clock"
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"

--- How long recorded runs may be tried after each save, and how many.
local recorded_ms, most_recorded = 300, 20

-- ---- what to run -----------------------------------------------------------------------

--- The input of the last run of an agent, in the trial or in the real home.
local function last_input(self, agent)
  for _, e in ipairs { self.trial.e, self.trial.look } do
    local run = e and e:list { agent = agent, limit = 1 }[1]
    local row = run and e:run_row(run.run)
    local records = row and e:journal(row)
    local first = records and records[1]
    if first and type(first.value) == "table" then return first.value.input end
  end
end

local function input_for(self, agent)
  if self.input ~= nil then return self.input end
  local input = last_input(self, agent)
  return input == nil and {} or input
end

-- ---- a run ---------------------------------------------------------------------------------

--- Tell the steps that are new in the log.
local function tell_steps(self, id, seen, e)
  local log = (e or self.trial.e):log(id) or {}
  for _, step in ipairs(log) do
    local mark = step.seq .. step.state
    if not seen[mark] and step.state ~= "waiting" then
      seen[mark] = true
      self.screen:step(step)
    end
  end
  return log
end

local function open_question(self, run)
  for _, item in ipairs(self.trial.e:inbox()) do
    if item.run == run.run then return item end
  end
end

--- Go on until the run is over, or waits for somebody. Returns how long was skipped, in ms.
local function follow(self, run, seen)
  local e, began, shown, slept = self.trial.e, clock.mono_us(), clock.mono_us(), 0
  while not self.wanted and not self.quit do
    e:drain(function()
      local now = clock.mono_us()
      if now - shown > 100000 then
        shown = now
        local log = tell_steps(self, run.run, seen)
        local last = log[#log]
        self.screen:progress(("%s goes on, %.1f s, step %s"):format(run.agent, (now - began) / 1e6,
          last and ("%d %s"):format(last.seq, last.name or last.kind) or "0"))
      end
      return self.wanted or self.quit
    end)
    local now = e:describe(run.run)
    if now.state ~= "waiting" or now.waiting_for ~= "timer" then break end
    local ms = self.trial:skip()
    if ms then slept = slept + ms else loop.turn(true) end
  end
  return slept
end

--- Say yes or no where that was told beforehand.
local function decide(self, run)
  while self.verdict do
    local item = open_question(self, run)
    if not item or item.kind ~= "approval" then return end
    self.trial.e:decide(item.id, { state = self.verdict, note = "in a trial" })
    follow(self, run, self.seen)
  end
end

local function check_recorded(self, agent)
  local told = require("dev.recorded").check(self.trial, agent, { most = most_recorded, ms = recorded_ms,
    stop = function() return self.wanted or self.quit end, each = function(result) self.screen:replay(result) end })
  self.screen:recorded(told)
end

--- Play the case once, and tell what differs from what it expects.
local function play_case(self, agent, saved_at)
  local value, err = require("case").read(self.case)
  local told
  if value then
    local seen = {}
    told, err = require("case").play(self.context.home, value, { file = self.case, each = function(e, id) tell_steps(self, id, seen, e) end })
  end
  if not told then
    self.screen:problem(err)
    return errors.exit_code(err)
  end
  local now, before = { run = told.run, log = told.log }, self.before[agent]
  self.before[agent] = now
  self.last = { run = told.run, difference = before and require("dev.difference").of(before, now) }
  self.screen:run { run = told.run, e = self.trial.e, reused = 0, slept_ms = 0, difference = self.last.difference,
    saved_ms = saved_at and (clock.mono_us() - saved_at) / 1000 or nil }
  self.screen:case(told)
  check_recorded(self, agent)
  return #told.differences == 0 and 0 or 1
end

--- Run an agent on its input, and tell what came of it.
local function run_once(self, agent, saved_at)
  if self.case then return play_case(self, agent, saved_at) end
  local e = self.trial.e
  local input = input_for(self, agent)
  self.trial.reused, self.seen = 0, {}
  local run, err = e:start(agent, input)
  if not run then
    self.screen:problem(err)
    return errors.exit_code(err)
  end
  local slept = follow(self, run, self.seen)
  decide(self, run)
  if self.wanted or self.quit then
    e:cancel(run.run, { note = "another save came" })
    return 0
  end
  local log, described = tell_steps(self, run.run, self.seen), e:describe(run.run)
  self.trial:learn(log)
  local now, before = { run = described, log = log }, self.before[agent]
  local told = { run = described, e = e, reused = self.trial.reused, slept_ms = slept,
    saved_ms = saved_at and (clock.mono_us() - saved_at) / 1000 or nil, question = open_question(self, described),
    difference = before and require("dev.difference").of(before, now) }
  self.before[agent], self.last = now, told
  self.screen:run(told)
  check_recorded(self, agent)
  return require("outcome").exit_code(described)
end

-- ---- saves -----------------------------------------------------------------------------------

local function agent_of(self, list)
  for _, one in ipairs(list) do
    local kind, name = one.file:match "^(%a+)/([%w_]+)%.lua$"
    if kind == "agents" and one.what ~= "gone" then return name end
    if one.file == "config.lua" and self.agent then return self.agent end
    if kind == "skills" then
      local agent = self.agent and self.trial.e.library.agents[self.agent]
      if agent and self.trial.e.library:reach(agent)[name] then return self.agent end
    end
  end
end

--- Without an agent that reaches it, a saved skill shows its examples.
local function try_examples(self, list)
  local e = self.trial.e
  for _, one in ipairs(list) do
    local name = one.file:match "^skills/([%w_]+)%.lua$"
    local skill = name and e.library.skills[name]
    for i = 1, skill and skill.manifest["local"] and #skill.manifest.examples or 0 do
      local result = e.library:try_example(name, i, e.settings.zone)
      self.screen:example { skill = name, example = i, ok = result.ok, error = result.error and result.error.message }
    end
  end
end

local function on_saved(self, list)
  self.saved = self.saved or {}
  table.move(list, 1, #list, #self.saved + 1, self.saved)
  self.saved_at = self.saved_at or list.saved_at or clock.mono_us()
  self.wanted = true
  loop.stop()
end

--- Run what was saved; one save after the other.
local function work(self)
  while self.wanted and not self.quit do
    local list, at = self.saved or {}, self.saved_at
    self.wanted, self.saved, self.saved_at = false, nil, nil
    self.screen:saved(list)
    local agent = self.rerun or agent_of(self, list)
    self.rerun = nil
    if agent and self.only and agent ~= self.only then agent = nil end
    if agent then
      self.agent = agent
      self.code = run_once(self, agent, at)
    else
      try_examples(self, list)
    end
  end
end

-- ---- keys --------------------------------------------------------------------------------------

local keys_help = "r runs it again, d shows the whole difference, s the steps in full, a approves, x rejects, q ends"

local function key(self, text)
  local letter = text:match "^%s*(%a?)"
  local view = require "view"
  if letter == "q" then
    self.quit = true
  elseif letter == "r" or letter == "" then
    if self.agent then self.rerun, self.wanted = self.agent, true end
  elseif not self.last then
    self.screen:note "nothing ran yet"
  elseif letter == "d" then
    self.context.out(self.last.difference and self.screen:difference(self.last.difference, 1000) or "nothing to compare with\n")
  elseif letter == "s" then
    self.context.out(view.full_log(self.context.terminal, self.before[self.agent].log))
  elseif letter == "a" or letter == "x" then
    local item = open_question(self, self.last.run)
    if not item then return self.screen:note "it asks nothing" end
    self.trial.e:decide(item.id, { state = letter == "a" and "approved" or "rejected", note = "in a trial" })
    follow(self, self.last.run, self.seen)
    tell_steps(self, self.last.run.run, self.seen)
    self.last.run = self.trial.e:describe(self.last.run.run)
    self.context.out(view.head(self.context.terminal, self.last.run))
  else
    self.screen:note(keys_help)
  end
end

--- Until q, Ctrl-C or a signal.
local function watch(self)
  local line
  if file.isatty(0) and file.isatty(1) and not self.context.json then
    line = require("core.line").open("keel", function() return 0 end)
    self.screen:note(keys_help)
  end
  while not self.quit do
    work(self)
    if self.quit then break end
    if line then
      self.reading = true
      local text, why = line:read ""
      self.reading = false
      if text then key(self, text) elseif not self.wanted then self.quit = why or "eof" end
    else
      loop.turn(true)
    end
  end
  if line then line:close() end
end

-- ---- opening -----------------------------------------------------------------------------------

--- The run that begins it all.
local function first(self, args)
  if args.agent then
    self.agent, self.only = args.agent, args.agent
    local _, err = self.trial.e:agent_named(args.agent)
    if err and err.number == "K1005" then return nil, err end
    self.code = run_once(self, args.agent)
  else
    self.screen:note(("watching agents, skills and config.lua of %s; save one"):format(self.context.home))
  end
  return true
end

return {
  about = "edit, save, see: run an agent again at each save, in a trial home",
  arguments = { { "agent", "AGENT", optional = true } },
  flags = {
    { "input", "FILE|-", "the input: a JSON file, or - for standard input; else the last run's" },
    { "file", "PATH", "the input: a file as it is, such as a mail (.eml) or a note (.md)" },
    { "case", "FILE", "play a case file: what is there before, what comes, what is answered, what must come of it" },
    { "once", nil, "run once and end, with the exit code of the run" },
    { "approve", nil, "say yes to what it asks" },
    { "reject", nil, "say no to what it asks" },
    { "real-time", nil, "sleep where it sleeps, instead of going on at once" },
  },
  notes = "The trial is var/dev: the same sources, a copy of memory and records, an outbox in place of every"
    .. " adapter, and answers of models only as recorded runs got them. Nothing leaves it. After each run: what is"
    .. " another than before, and how the last recorded runs of the agent would fare with what was saved. With"
    .. " --json one JSON value a line: saved, step, run (with diff), replay, example, error.",
  examples = { "keel dev", "keel dev inbox_triage --file mail.eml", "keel dev invoice --once --approve",
    "keel dev --case cases/late.json" },
  run = function(args, context)
    if file.kind(context.home) ~= "folder" or not file.exists(file.join(context.home, "config.lua")) then
      return nil, errors.new("K1013", { name = context.home })
    end
    local self = { context = context, screen = require("dev.screen").new(context), before = {}, code = 0,
      verdict = args.approve and "approved" or args.reject and "rejected" or nil }
    local err
    self.input, err = require("input").of(args, "dev")
    if err then return nil, err end
    if args.case then
      self.case = args.case
      local value
      value, err = require("case").read(args.case)
      if not value then return nil, err end
      args.agent = args.agent or value.workflow:match "^(.-)@"
    end
    self.trial, err = require("dev.trial").open(context.home, { real_time = args.real_time,
      on_log = function(_, level, text) self.screen:note(level .. "  " .. text) end })
    if not self.trial then return nil, err end
    local _ <close> = self.trial
    require("core.supervise").signals(function(signal)
      self.quit = self.quit or signal
      loop.stop()
    end)
    self.screen.zone = require("zone").open(self.trial.e.settings.zone)
    for _, problem in ipairs(self.trial.e.library.problems) do self.screen:problem(problem) end
    local ok
    if args.once then
      if not args.agent then return nil, errors.new("K1003", { command = "dev", name = "AGENT" }) end
      ok, err = first(self, args)
      return ok and self.code, err
    end
    local r
    r, err = require("reload").open(self.trial.e, { say = function(problem) self.screen:problem(problem) end, note = function() end,
      on_published = function(list) on_saved(self, list) end })
    if not r then return nil, err end
    ok, err = first(self, args)
    if ok then watch(self) end
    r:close()
    self.screen:clear()
    if not ok then return nil, err end
    return self.quit == "INT" and 130 or 0
  end,
}
