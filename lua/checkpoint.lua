--- Durable steps for ordinary scripts: killed at any instant, started again, they go
-- on where they were.
--
--   local checkpoint = require "checkpoint"
--   local c = assert(checkpoint.open("work.db"))
--   local report = assert(c:run("import-42", function(step)
--     local rows = step("fetch", function() return download() end)
--     for i, row in ipairs(rows) do
--       step("store row " .. i, function(key) return store_row(row, key) end)
--     end
--     return { rows = #rows }
--   end))
--
-- What is promised:
--
-- * The result of a step survives power loss before the next step starts. Started
--   again, the script gets the recorded results and goes on with the first that is
--   missing. A run that has finished gives its recorded result and calls nothing.
-- * What a step hands back is always a copy read from the record, the first time too:
--   a script sees the same values whether or not it was interrupted.
-- * The step that was at work when the process died is done again. It gets a `key`
--   that stays the same, for whoever must recognise the second time. Where twice
--   would do harm, say `step(name, fn, { once = true })`: the intent is durable before
--   fn is called, and after a crash nobody guesses. `probe(key)`, if there is one, says
--   true and the result (it happened), or false (it did not: do it). Otherwise c:run
--   returns nil, message, "unknown", until a person says so with c:settle. The same
--   when fn raises: what it did until then, nobody knows.
-- * Steps are known by their position. A script that was changed so that another
--   step stands where one was recorded is stopped by an error that names both. What
--   decides which steps come (time, chance, files) belongs inside a step.
--
-- A step that raises ends this attempt: nothing is recorded for it, and no later step
-- begins; catch inside the step what you can live with. Values are what JSON can say,
-- with integers and floats apart; nil at the top is kept as nil. Steps do not nest.
--
-- The store is the engine's own kind (see "store"): one process owns the file. Waiting
-- for the disk happens on the caller's thread. Wrong use raises; a failing world gives
-- nil, message, code.
local clock = require "core.clock"
local digest = require "core.digest"
local json = require "json"
local store = require "store"

local checkpoint = {}
local Checkpoint = {}
Checkpoint.__index = Checkpoint

--- Open the file at `where`, or use a store that is open already (and stays so).
-- `options.clock()` gives the time in milliseconds, for specs.
function checkpoint.open(where, options)
  options = options or {}
  local db = where
  if type(where) == "string" then
    local message, code
    db, message, code = store.open(where, options)
    if not db then return nil, message, code end
  end
  return setmetatable({ store = db, owns = db ~= where, now = options.clock or clock.now_ms, running = {} }, Checkpoint)
end

function Checkpoint:close()
  if self.owns then self.store:close() end
end

Checkpoint.__close = Checkpoint.close

-- ---- the record -------------------------------------------------------------------

local function check_name(what, name, level)
  if type(name) ~= "string" or name == "" or not utf8.len(name) then
    error(("%s: expected a name, got %s"):format(what, type(name) == "string" and ("%q"):format(name) or type(name)),
      level + 1)
  end
end

local function kept(value)
  if value == json.null then return nil end
  return value
end

-- nil is written as null: in a table it would be no field at all.
local function written(value)
  if value == nil then return json.null end
  return value
end

function Checkpoint:change(verb, fields)
  fields.now = math.floor(self.now())
  return self.store:commit(self.store:tx():add(verb, fields))
end

function Checkpoint:find(name)
  local rows, message, code = self.store:read("checkpoint.get", { name = name })
  if not rows then return nil, message, code end
  return rows[1] or false
end

-- One step a question: a page of them could be larger than any answer may be.
function Checkpoint:step_at(name, seq)
  local rows, message, code = self.store:read("checkpoint.at", { name = name, seq = seq })
  if not rows then return nil, message, code end
  return rows[1] or false
end

-- ---- one attempt ------------------------------------------------------------------

local Attempt = {}
Attempt.__index = Attempt

-- A failing world inside of a script: it travels as an error and leaves c:run as
-- nil, message, code.
local world = {}

local function give_up(self, message, code)
  self.broken = setmetatable({ message = message, code = code }, world)
  error(self.broken, 0)
end

function world.__tostring(failure) return failure.message end

-- The author's mistake: told at the line that called step.
local function refuse(self, message)
  self.mistake = message
  error(message, 0)
end

function Attempt:recorded(seq)
  if self.past then return false end
  local row, message, code = self.owner:step_at(self.name, seq)
  if row == nil then give_up(self, message, code) end
  self.past = not row
  return row
end

function Attempt:said(seq, name)
  return ("step %d (%s) of %s"):format(seq, name, self.name)
end

-- Call fn and make what it returns durable; hand back the copy.
function Attempt:perform(seq, name, fn, begun)
  local value = fn(self.id .. "/" .. seq)
  return self:record(seq, name, value, begun)
end

function Attempt:record(seq, name, value, begun)
  local bytes, why = json.pack(written(value))
  if not bytes then refuse(self, ("%s cannot be kept: %s"):format(self:said(seq, name), why)) end
  local copy = json.unpack(bytes)
  local ok, message, code = self.owner:change("checkpoint.step", { run = self.name, id = self.id, seq = seq,
    name = name, result_codec = copy, took = clock.mono_us() - begun })
  if not ok then give_up(self, message, code) end
  return kept(copy)
end

-- An intent without a result: did it happen?
function Attempt:recover(seq, name, fn, options, begun)
  local happened, value
  if options.probe then happened, value = options.probe(self.id .. "/" .. seq) end
  if happened == true then return self:record(seq, name, value, begun) end
  if happened == false then return self:perform(seq, name, fn, begun) end
  give_up(self, ("%s was begun and nobody knows whether it happened: say it with settle(%q, true, result) or "
    .. "settle(%q, false)"):format(self:said(seq, name), self.name, self.name), "unknown")
end

function Attempt:begin(seq, name, fn, options)
  local row, begun = self:recorded(seq), clock.mono_us()
  if row and row.name ~= name then
    refuse(self, ("%s was recorded, but the script now asks for %s"):format(self:said(seq, row.name), name))
  end
  if row and row.result ~= nil then return kept(row.result) end
  if row then return self:recover(seq, name, fn, options, begun) end
  if options.once then
    local ok, message, code = self.owner:change("checkpoint.intend", { run = self.name, id = self.id, seq = seq, name = name })
    if not ok then give_up(self, message, code) end
  end
  return self:perform(seq, name, fn, begun)
end

function Attempt:step(name, fn, options)
  check_name("step", name, 2)
  if type(fn) ~= "function" then error("step: expected a function, got " .. type(fn), 2) end
  if self.over then error(("step %s: %s is over"):format(name, self.name), 2) end
  if self.broken then error(self.broken, 0) end
  if self.inside then error(("step %s is inside of step %s: steps do not nest"):format(name, self.inside), 2) end
  self.inside = name
  local ok, result = pcall(self.begin, self, self.seq + 1, name, fn, options or {})
  self.inside = nil
  if not ok then
    if self.mistake then result = select(2, pcall(error, self.mistake, 3)) end
    self.broken = self.broken or result
    error(self.broken, 0)
  end
  self.seq = self.seq + 1
  return result
end

function Attempt:play(fn)
  local ok, result = pcall(fn, function(...) return self:step(...) end)
  self.over = true
  if not ok or self.broken then error(self.broken or result, 0) end
  local left = self:recorded(self.seq + 1)
  if left then error(("%s was recorded, but the script now ends before it"):format(self:said(left.seq, left.name)), 0) end
  local bytes, why = json.pack(written(result))
  if not bytes then error(("the result of %s cannot be kept: %s"):format(self.name, why), 0) end
  local copy = json.unpack(bytes)
  local done, message, code = self.owner:change("checkpoint.end", { name = self.name, id = self.id, result_codec = copy })
  if not done then give_up(self, message, code) end
  return kept(copy)
end

-- An error value as text that can be stored.
local function printable(value)
  local text = tostring(value):sub(1, 1000)
  local _, bad = utf8.len(text)
  return bad and text:sub(1, bad - 1) or text
end

-- ---- the face ---------------------------------------------------------------------

--- Run `fn(step)` as the run `name`, or go on with it; returns what fn returns (one
-- value), or nil, message, code ("full", "locked", "unknown", ...).
function Checkpoint:run(name, fn)
  check_name("run", name, 2)
  if type(fn) ~= "function" then error("run: expected a function, got " .. type(fn), 2) end
  if self.running[name] then error(name .. " runs already", 2) end
  local found, message, code = self:find(name)
  if found == nil then return nil, message, code end
  if found and found.state == "done" then return kept(found.result) end
  local id = found and found.id or digest.make_id("step", math.floor(self.now()), clock.random())
  local ok
  ok, message, code = self:change("checkpoint.begin", { name = name, id = id })
  if not ok then return nil, message, code end
  local attempt = setmetatable({ owner = self, name = name, id = id, seq = 0 }, Attempt)
  self.running[name] = true
  local played, result = pcall(attempt.play, attempt, fn)
  self.running[name] = nil
  if played then return result end
  self:change("checkpoint.trouble", { name = name, id = id, error = printable(result) })
  if getmetatable(result) == world then return nil, result.message, result.code end
  error(result, 0)
end

--- Say what nobody else knows: whether the step that waits in the run `name` happened,
-- and with which result. Returns true, or nil, message, code.
function Checkpoint:settle(name, happened, result)
  check_name("settle", name, 2)
  if type(happened) ~= "boolean" then error("settle: say true (it happened) or false (it did not)", 2) end
  local found, message, code = self:find(name)
  if found == nil then return nil, message, code end
  local rows
  rows, message, code = self.store:read("checkpoint.unknown", { name = name })
  if not rows then return nil, message, code end
  local step = rows[1]
  if not step then return nil, name .. " has no step that waits for an answer", "not_found" end
  if not happened then return self:change("checkpoint.withdraw", { run = name, seq = step.seq }) end
  return self:change("checkpoint.step", { run = name, id = found.id, seq = step.seq, name = step.name,
    result_codec = written(result), took = 0 })
end

--- All runs, oldest first: { name, state = "open" | "done", steps, attempts, error,
-- created, updated }, times in milliseconds.
function Checkpoint:list()
  local rows, message, code = self.store:read("checkpoint.list", {})
  if not rows then return nil, message, code end
  for _, row in ipairs(rows) do row.id = nil end
  return rows
end

--- The recorded steps of a run in order: { seq, name, result, t, took_us }; a step
-- that waits for c:settle has `unknown = true`. No such run: nil, message, "not_found".
function Checkpoint:log(name)
  check_name("log", name, 2)
  local found, message, code = self:find(name)
  if found == nil then return nil, message, code end
  if not found then return nil, "no run named " .. name, "not_found" end
  local list, row = {}, nil
  repeat
    row, message, code = self:step_at(name, #list + 1)
    if row == nil then return nil, message, code end
    if row then
      list[#list + 1] = { seq = row.seq, name = row.name, result = kept(row.result), t = row.t, took_us = row.took,
        unknown = row.result == nil or nil }
    end
  until not row
  return list
end

--- Forget a run and its steps, so that its name begins anew. True if there was one.
function Checkpoint:forget(name)
  check_name("forget", name, 2)
  if self.running[name] then error(name .. " runs now", 2) end
  local found, message, code = self:find(name)
  if found == nil then return nil, message, code end
  if not found then return false end
  local ok
  ok, message, code = self:change("checkpoint.forget", { name = name })
  if not ok then return nil, message, code end
  return true
end

return checkpoint
