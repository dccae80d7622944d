-- ctx.lua: the prelude of every run. It runs first inside the run's sandbox, makes
-- the `ctx` that agents see, and returns the function that the run executes.
--
--   core    what C gives: begin, outcome, await, spawn, join, copy, ...
--   setup   what the run is: {run, agent, input, config, skills, zone} or, to read a
--           manifest only, {manifest = "agent"|"skill", chunk = NAME}
--
-- Nothing here trusts the script: library functions are taken before it is loaded.
local core, setup = ...

local begin, outcome, await, copy = core.begin, core.outcome, core.await, core.copy
local error, pairs, pcall, select, type, tostring = error, pairs, pcall, select, type, tostring
local setmetatable, getmetatable, rawget = setmetatable, getmetatable, rawget
local sort, concat, pack = table.sort, table.concat, table.pack
local running = coroutine.running
local random, randomseed = math.random, math.randomseed
local format, match, plain_text = string.format, string.match, core.plain_text
local null = core.null

-- ---- small helpers ---------------------------------------------------------

local function check(condition, message, level)
  if not condition then error(message, (level or 1) + 2) end
end

local function one_table(name, args)
  if type(args) == "table" then return args end
  error(format("%s takes one table, got %s", name, type(args)), 3)
end

--- An error as the journal keeps it: a class and a sentence, never a position in the
--- script, because a position changes with every edit.
local function plain_error(err)
  if type(err) == "table" then
    local message, code = rawget(err, "message"), rawget(err, "code")
    return { code = type(code) == "string" and #code <= 64 and match(code, "^[%w_.:-]+$") or "error",
             message = type(message) == "string" and plain_text(message) or "error object" }
  end
  local text = type(err) == "string" and plain_text(err)
    or type(err) == "number" and tostring(err) or "error of type " .. type(err)
  local where, rest = match(text, "^(%[?[^:\n]*:%d+): (.*)$")
  return { code = "error", message = rest or text, where = where }
end

local function present(value)
  if value == null then return nil end
  return value
end

--- The writes that a ctx.atomic gathers, by the fiber that is inside of it; and how many are:
-- where none is, no fiber is looked up, which would number it.
local gathering, gatherers = {}, 0

--- Issue a command and wait for its result: value | nil, {code, message}.
local function command(kind, name, args)
  if gatherers > 0 and kind ~= "records" and kind ~= "memory" and gathering[running()] then
    error("ctx.atomic takes reads and writes only, no " .. kind, 3)
  end
  local failed, value = await((begin(kind, name, args)))
  if not failed then return present(value) end
  if value.raise then error(value.message, 3) end
  return nil, value
end

--- A command whose work the script does itself: `body` runs unless its result is
--- recorded. The result handed back is the journal's copy, the first time too. A body
--- throws dice of its own: how often must not matter to those who come after it, since
--- a replay does not run it again. `blamed`: the function whose line tells where this
--- is, when no line of the script called.
local function worked(kind, name, args, body, begun, blamed)
  if gathering[running()] then error("ctx.atomic takes reads and writes only, no " .. kind, 3) end
  local dice = random(0)
  local seq, recorded = begin(kind, name, args, blamed or true)
  if begun then begun(seq) end
  if not recorded then
    randomseed(dice, 1)
    local ok, value, err = pcall(body)
    if ok and value == nil and err ~= nil then
      outcome(seq, true, plain_error(err))
    elseif ok then
      outcome(seq, false, value)
    else
      local failure = plain_error(value)
      failure.raise = true
      outcome(seq, true, failure)
    end
  end
  randomseed(dice, 2)
  return await(seq)
end

-- ---- ctx ---------------------------------------------------------------------

local ctx = { config = setup.config, run = setup.run, agent = setup.agent, event = setup.event }

-- When what the script did is being undone: for which failure, and which entry by which command.
local ending, undoing_seq

-- What could be undone: steps that are done, in the order in which they were, and those
-- that are under way, by the number of their command.
local undos, under_way, ways = {}, {}, 0

local function tell_undos() core.undos(#undos + ways) end

local function enter(entry)
  under_way[entry.seq], ways = entry, ways + 1
  tell_undos()
end

local function leave(entry, done)
  under_way[entry.seq], ways = nil, ways - 1
  if done then undos[#undos + 1] = entry end
  tell_undos()
end

--- `body`, tried again by a policy: whether, and after which pause, is a command of its own.
-- `at.seq` is the number of the step's own command.
local function again(name, policy, at, body)
  return function()
    local since, attempt = core.now(), 0
    while true do
      attempt = attempt + 1
      local ok, value, err = pcall(body)
      if ok and (value ~= nil or err == nil) then return value end
      local failure = plain_error(ok and err or value)
      local _, verdict = await((begin("retry", name, { step = at.seq, policy = policy, attempt = attempt, since = since,
        code = failure.code, message = failure.message })))
      if verdict.raise then error(format("%s (when '%s' failed: %s)", verdict.message, name, failure.message), 0) end
      if not verdict.again then
        if ok then return nil, err end
        error(value, 0)
      end
    end
  end
end

--- `body`, given up after a time.
local function limited(time, body)
  return function()
    local got, wrong
    core.join_any{
      core.spawn(function() got = pack(pcall(body)) end),
      core.spawn(function()
        local ok, err = pcall(command, "sleep", tostring(time), { duration = time })
        if not ok then wrong = { err } end
      end) }
    if wrong then error(wrong[1], 0) end
    if not got then return nil, { code = "timeout", message = "it took longer than " .. tostring(time) } end
    if not got[1] then error(got[2], 0) end
    return got[2], got[3]
  end
end

--- Run `run` once for ever: ctx.step{ name = "fetch", run = function() ... end }.
-- `undo(result)` runs if the run fails later; newest first; `undo_retry` says how often.
-- What an undo does in steps of its own is not undone again.
-- `retry = { attempts, initial, factor, max, jitter, never, within }` (all may be left out)
-- tries again what failed, `timeout = "30s"` gives an attempt up. Returns the result, or
-- nil, err when `run` returned nil, err; an error raised in `run` is raised again.
function ctx.step(spec)
  if type(spec) ~= "table" then one_table("ctx.step", spec) end
  local name, body, undo, retry, timeout = spec.name, spec.run, spec.undo, spec.retry, spec.timeout
  if type(name) ~= "string" then error("ctx.step needs a name (text)", 2) end
  if type(body) ~= "function" then error("ctx.step needs run (a function)", 2) end
  if undo ~= nil and type(undo) ~= "function" then error("undo of ctx.step is a function", 2) end
  -- what it is exactly is found when it is slept
  if timeout ~= nil and not (type(timeout) == "string" and match(timeout, "^%d[%d%.]*%s*%a")
    or type(timeout) == "number" and timeout >= 0 and timeout < 1 / 0) then
    error("timeout of ctx.step is a duration such as \"30s\"", 2)
  end
  if ending then undo = nil end
  -- one table and one function a step, always: objects are numbered, and recorded runs
  -- may have seen the numbers of their own
  local entry = { name = name, undo = undo, retry = spec.undo_retry }
  local function begun(seq)
    entry.seq = seq
    if undo then enter(entry) end
  end
  if timeout ~= nil then body = limited(timeout, body) end
  if retry ~= nil then body = again(name, retry, entry, body) end
  local failed, value = worked("step", name, spec.args, body, begun)
  if undo then
    entry.value = copy(value)
    leave(entry, not failed)
  end
  if failed then
    if value.raise then error(value.message, 2) end
    return nil, value
  end
  return present(value)
end

--- Writes that become true together or not at all:
-- ctx.atomic(function() ctx.records.put{...} ctx.memory.remember{...} ctx.emit(...) end).
-- What they return inside is what was asked for; reads see what was there before. Nothing
-- is written when the function raises. Returns what it returns, or nil, err.
function ctx.atomic(fn)
  check(type(fn) == "function", "ctx.atomic takes a function")
  local me, ops = running(), {}
  check(not gathering[me], "ctx.atomic cannot stand inside another one")
  gathering[me], gatherers = ops, gatherers + 1
  local ok, value = pcall(fn)
  gathering[me], gatherers = nil, gatherers - 1
  if not ok then error(value, 0) end
  if #ops == 0 then return value end
  local _, err = command("atomic", "", { ops = ops })
  if err then return nil, err end
  return value
end

--- A write: gathered inside of ctx.atomic, else a command. `meant` is what it returns there.
local function write(kind, name, args, meant)
  local ops = gathering[running()]
  if not ops then return command(kind, name, args) end
  ops[#ops + 1] = { kind = kind, name = name, args = copy(args) }
  return meant
end

--- Whether code that came with an edit shall run: `if ctx.patch("ask twice") then ... end`.
-- True for runs that come here with the edit in place, and for ever; false for runs that
-- had passed this place before they were moved to the edited version.
function ctx.patch(name)
  check(type(name) == "string", "ctx.patch takes a name (text)")
  -- before it looks ahead: what lies there is no patch
  check(gatherers == 0 or not gathering[running()], "ctx.atomic takes reads and writes only, no patch")
  if core.ahead("patch:" .. name) == "other" then return false end
  worked("patch", name, nil, function() return true end)
  return true
end

-- Skills: only those that the manifest's `uses` names.
local loaded = {}

local function captured(kind, chunk)
  local found
  local env = core.environment()
  env[kind] = function(manifest)
    check(type(manifest) == "table", kind .. "{...} takes one table")
    found = manifest
    return manifest
  end
  local returned = core.load(chunk, env)()
  check(type(returned) == "table", chunk .. ": the file must end with `return " .. kind .. " { ... }`")
  return found or returned
end

local use_skill, run_local

--- The skills that skill `name` may reach. What it needs of another local skill is part
--- of its own step: no step of its own, no journal, and therefore also there when
--- examples are run.
local function skills_of(name)
  local needs = setup.needs and setup.needs[name] or {}
  return setmetatable({}, { __metatable = false, __index = function(_, other)
    if not needs[other] then
      error(format("skill '%s' is not among the needs of skill '%s'", tostring(other), name), 2)
    end
    if setup.skills[other] ~= "local" then return function(args) return use_skill(other, args) end end
    return function(args) return run_local(other, copy(args == nil and {} or args)) end
  end })
end

--- The cosine of the vectors that a run was given for two texts; nil where it has none for both.
-- Made for runs that were given some: one more function would give every function that a script
-- shows another number (docs/determinism.md).
local given = setup.vectors and function(a, b)
  local u, v = setup.vectors[a], setup.vectors[b]
  if not u or not v then return nil end
  local dot, uu, vv = 0, 0, 0
  for i = 1, #u do dot, uu, vv = dot + u[i] * (v[i] or 0), uu + u[i] * u[i], vv + (v[i] or 0) * (v[i] or 0) end
  return uu > 0 and vv > 0 and dot / (uu * vv) ^ 0.5 or 0
end

--- That, or the cosine of their words' vectors.
local similarity = given and function(a, b) return given(a, b) or core.similarity(a, b) end or core.similarity

--- What a skill sees beside its input (`offsets`: { { from, min } }, how many minutes the
--- owner's clock is ahead of UTC, from when). Each call gets its own: what a skill does to it
--- would be undone by a replay, which does not call it again.
local function lib_of(name)
  return { similarity = similarity, given = given, zone = setup.zone, config = copy(setup.config), null = null,
    now = core.iso_now(), offsets = setup.offsets and copy(setup.offsets), skill = skills_of(name) }
end

function run_local(name, args)
  local manifest = loaded[name]
  if not manifest then
    manifest = captured("skill", "skill/" .. name)
    loaded[name] = manifest
  end
  return manifest["local"](args, lib_of(name))
end

function use_skill(name, args)
  local how = setup.skills[name]
  if how == "local" then
    args = args == nil and {} or args
    local failed, value = worked("skill", name, args, function() return run_local(name, copy(args)) end)
    if not failed then return present(value) end
    if value.raise then error("skill " .. name .. ": " .. value.message, 3) end
    return nil, value
  end
  check(not gathering[running()], "ctx.atomic takes reads and writes only, no skill", 2)
  return command("skill", name, args)
end

local faces = {}
ctx.skill = setmetatable({}, {
  __metatable = false,
  __index = function(_, name)
    if not (setup.uses or setup.skills)[name] then
      error(format("skill '%s' is not among the manifest's uses", tostring(name)), 2)
    end
    faces[name] = faces[name] or function(args) return use_skill(name, args) end
    return faces[name]
  end,
})

--- Ask a model: ctx.model{ tier = "small", prompt = "...", schema = {...}, max_tokens = 400 }.
-- Returns the text (or, with a schema, the value), or nil, err.
function ctx.model(request)
  one_table("ctx.model", request)
  return command("model", tostring(request.tier or "small"), request)
end

ctx.memory = {}
for _, op in pairs { "get", "search", "history" } do
  ctx.memory[op] = function(args)
    return command("memory", op, one_table("ctx.memory." .. op, args))
  end
end
-- The same function: with `tokens`, what is found comes packed. A new one would give
-- every function that a script shows another number (docs/determinism.md).
ctx.memory.pack = ctx.memory.search
function ctx.memory.remember(item)
  one_table("ctx.memory.remember", item)
  return write("memory", "remember", item, { kind = item.kind, key = item.key })
end
function ctx.memory.forget(args)
  return write("memory", "forget", one_table("ctx.memory.forget", args), true)
end

ctx.records = {}
for _, op in pairs { "put", "get", "find", "delete" } do
  local act = (op == "put" or op == "delete") and write or command
  ctx.records[op] = function(args)
    one_table("ctx.records." .. op, args)
    check(type(args.type) == "string", "ctx.records." .. op .. " needs a type (text)")
    return act("records", op, args, op == "delete" or { type = args.type, key = args.key })
  end
end

--- Ask the owner: ctx.approve{ subject, proposal, within = "4h", otherwise = "hold" }.
-- Returns { outcome = "approved|edited|rejected|expired|obsolete", approved = bool, value, by, at, note }.
function ctx.approve(request)
  one_table("ctx.approve", request)
  check(type(request.subject) == "string", "ctx.approve needs a subject (text)")
  check(request.proposal ~= nil, "ctx.approve needs a proposal")
  return command("approve", request.subject, request)
end

--- Wait durably: ctx.sleep("2d") or ctx.sleep(milliseconds).
function ctx.sleep(duration)
  check(type(duration) == "string" or type(duration) == "number", "ctx.sleep takes a duration such as \"2d\"")
  command("sleep", tostring(duration), { duration = duration })
end

--- Wait for an event: ctx.wait{ event = "payment.received", where = {...}, within = "3d" }.
-- An event counts that came since the run began and that no earlier wait of it was given;
-- `since = "10m"` looks so far back from here, `since = "now"` not at all.
-- Returns the event {id, type, key, payload, time, trust}, or nil, err (code "timeout").
function ctx.wait(spec)
  one_table("ctx.wait", spec)
  check(type(spec.event) == "string", "ctx.wait needs an event (text)")
  return command("wait", spec.event, spec)
end

--- Publish an event; `options.key` makes it unique for ever.
function ctx.emit(event, payload, options)
  check(type(event) == "string", "ctx.emit takes the event's type first")
  check(options == nil or type(options) == "table", "ctx.emit takes a table of options last")
  check(not options or options.key == nil or type(options.key) == "string", "the key of an event is text")
  return write("emit", event, { payload = payload == nil and {} or payload, key = options and options.key }, true)
end

--- Run another agent and wait for its output.
function ctx.call(agent, input)
  check(type(agent) == "string", "ctx.call takes the agent's name first")
  return command("call", agent, { input = input == nil and {} or input })
end

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return keys
end

local function branches(name, fns)
  one_table(name, fns)
  check(gatherers == 0 or not gathering[running()], "ctx.atomic takes reads and writes only, no " .. name, 2)
  local keys = sorted_keys(fns)
  for _, k in pairs(keys) do
    check(type(fns[k]) == "function", name .. " takes a table of functions", 2)
  end
  return keys
end

--- Run functions side by side; returns their results under the same keys. If one
--- raises, the others finish first and then its error is raised.
function ctx.all(fns)
  local keys, results, failure = branches("ctx.all", fns), {}, nil
  local fibers = {}
  for i = 1, #keys do
    local key = keys[i]
    fibers[i] = core.spawn(function()
      local ok, value = pcall(fns[key])
      if ok then results[key] = value
      elseif failure == nil then failure = { value } end
    end)
  end
  for i = 1, #fibers do core.join(fibers[i]) end
  if failure then error(failure[1], 0) end
  return results
end

--- Run functions side by side until the first is done; the others are cancelled.
-- Returns its key and its result.
function ctx.any(fns)
  local keys, winner, result, failure = branches("ctx.any", fns), nil, nil, nil
  check(#keys <= 64, "ctx.any takes 64 branches at most")
  local fibers = {}
  for i = 1, #keys do
    local key = keys[i]
    fibers[i] = core.spawn(function()
      local ok, value = pcall(fns[key])
      if winner == nil then
        winner = key
        if ok then result = value else failure = { value } end
      end
    end)
  end
  core.join_any(fibers)
  if failure then error(failure[1], 0) end
  return winner, result
end

--- The time of the last record of this run's journal, in ms since 1970 UTC.
function ctx.now() return core.now() end
--- The same as RFC 3339 text.
function ctx.now_text() return core.iso_now() end

--- Wall clocks, in the owner's zone or the one that is named:
-- ctx.time.at{ date = "2026-03-05", time = "07:30" } -> { at, ms };
-- ctx.time.parts{ at = "2026-03-05T07:30:00Z" } -> { date, time, weekday, day, offset_min, at, ms }.
-- Lists of either give lists. Runs that began before there was such a thing have none: their
-- functions keep their numbers.
if setup.clocks then
  ctx.time = {}
  for _, op in pairs { "at", "parts" } do
    ctx.time[op] = function(args)
      return command("time", op, one_table("ctx.time." .. op, args))
    end
  end
end

--- The run's own dice, the same on every replay: ctx.random(), (m), (m, n).
function ctx.random(...) return random(...) end

--- A line for the log; not a step. Levels: debug, info, warn, error.
function ctx.log(text, level)
  level = level or "info"
  check(level == "info" or level == "debug" or level == "warn" or level == "error",
    "the levels of ctx.log are debug, info, warn and error")
  core.log(level, plain_text(type(text) == "string" and text or tostring(text)))
end

ctx.null = null
ctx.array = core.array

-- ---- what the run executes -----------------------------------------------------

local function without_functions(value, depth)
  if type(value) == "function" then return { ["$function"] = core.line_of(value) } end
  if type(value) ~= "table" then return value end
  check(depth < 50, "the manifest nests too deep")
  local out = getmetatable(value) and core.array() or {}
  for k, v in pairs(value) do out[k] = without_functions(v, depth + 1) end
  return out
end

if setup.manifest then
  return function() return without_functions(captured(setup.manifest, setup.chunk), 0) end
end

--- Steps that were under way when the script was given up: one whose result came just then
--- is done; what became of another one nobody can tell.
local function take_over()
  local seqs = sorted_keys(under_way)
  for i = 1, #seqs do
    local entry = under_way[seqs[i]]
    local failed, value = core.unread(entry.seq)
    if failed == nil then entry.broken = "the step was given up in the middle: look what became of it" else entry.value = value end
    leave(entry, not failed)
  end
end

local function undo(entry)
  if entry.broken then return true, { message = entry.broken } end
  local at = {}
  local failed, value = worked("undo", entry.name, nil,
    again(entry.name, entry.retry, at, function() return entry.undo(entry.value) end),
    function(seq) at.seq, undoing_seq = seq, seq end, entry.undo)
  undoing_seq = nil
  return failed, value
end

--- A failure undoes what was done, newest first; each undo is a step of its own. One that
--- fails is the owner's to answer: it happened (by hand), try again, or leave it.
local function compensate(failure)
  ending = failure
  if core.undos(#undos + ways, true) then
    -- the sandbox died of undoing the newest: what became of that nobody can tell, unless its
    -- result is there
    local failed, value
    if undoing_seq then failed, value = core.unread(undoing_seq) end
    if failed == false then
      undos[#undos], failure.compensated = nil, true
      tell_undos()
    end
    local entry = undos[#undos]
    if entry then entry.broken = failed and value.message or "undoing it reached a cap: look what became of it" end
    undoing_seq = nil
  end
  while #undos > 0 do
    local entry = undos[#undos]
    local failed, value = undo(entry)
    while failed do
      local verdict = command("reconcile", entry.name, { message = value.message, result = entry.value })
      if verdict.answer == "abandon" then
        failure.stuck_undo = { name = entry.name, message = value.message }
        break
      elseif verdict.answer == "happened" then
        failed = false
      else
        entry.broken = nil
        failed, value = undo(entry)
      end
    end
    undos[#undos] = nil
    tell_undos()
    if not failed then failure.compensated = true end
  end
  return failure
end

if setup.example then -- one skill on one input, without a journal
  return function() return run_local(setup.example, setup.input) end
end

local manifest = captured("agent", "agent")

--- The script was given up: what it did is undone.
local function given_up(why)
  if ending then error(compensate(ending), 0) end
  take_over()
  error(compensate{ code = why.code, message = why.message, by = why.by }, 0)
end

return function()
  core.on_cancel(given_up)
  local ok, value = pcall(manifest.run, ctx, setup.input)
  if ok then return value end
  local failure = plain_error(value)
  if #undos > 0 then failure = compensate(failure) end
  error(failure, 0)
end
