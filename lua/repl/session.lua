--- A REPL's session: what is typed is run in a sandbox of its own, which asks an engine
--- through a door (lua/repl/door.lua) and shows what comes back.
--
--   local s = assert(session.new{ door = door, terminal = t })
--   s:run("x = 1 + 1")   --> { ok = true, values = {} }
--   s:run("for i = 1")   --> { more = true }
--   s:run("x")           --> { ok = true, values = { 2 }, out = "2\n", ms = ..., instructions = ... }
--   s:run("x +")         --> { ok = false, err = ... }
--
-- An evaluation is stopped by its limit or by s:interrupt(); the session and its
-- variables go on. Only a cap that ends the sandbox itself (memory, a library call that
-- cannot be left standing) costs what cannot be copied: functions.
local calls = require "repl.calls"
local clock = require "core.clock"
local console = require "core.console"
local embedded = require "core.embed"
local errors = require "errors"
local json = require "json"
local loop = require "loop"
local show = require "repl.show"
local suggest = require "suggest"

local session = {}
session.__index = session

--- Instructions that one entry may take: about a second. And what the sandbox may hold.
local most_instructions, most_memory = 400000000, 256 << 20

local longest_ms = 24 * 3600 * 1000

-- ---- the sandbox ---------------------------------------------------------------------

--- Let it go on until it is over or asks: what `go` says, without "paused".
local function go(self, ...)
  local got = table.pack(self.console:go(...))
  while got[1] == "paused" do
    loop.turn(false)
    if self.stop_wanted then return "stopped" end
    if self.console:used() > self.limit then return "limit" end
    got = table.pack(self.console:go())
  end
  return table.unpack(got, 1, got.n)
end

--- Enter a function of lua/repl/inside.lua that asks nothing.
local function enter(self, name, value)
  local ok, message, code = self.console:enter(name, value)
  if not ok then return nil, message, code end
  local what, result, why = go(self)
  if what == "done" then return result end
  return nil, result or what, why
end

local function open_sandbox(self)
  local c, message, code = console.open { prelude = embedded.text "repl.inside", file = "=repl", instructions = 0, memory = most_memory,
    wall = longest_ms }
  if not c then return nil, errors.from(message, code) end
  self.console = c
  local ok
  ok, message, code = enter(self, "install", { functions = json.array(calls.names()), values = { null = json.null } })
  if not ok then return nil, errors.from(tostring(message), code) end
  if self.kept and next(self.kept) ~= nil then enter(self, "restore", self.kept) end
  return true
end

--- options: door, terminal (for `out`), mode ("table"), limit (1000).
function session.new(options)
  local self = setmetatable({ door = options.door, terminal = options.terminal, mode = options.mode or "table",
    limit = most_instructions, rows = options.limit or 1000, timing = false }, session)
  local ok, err = open_sandbox(self)
  if not ok then return nil, err end
  return self
end

function session:close() self.console:close() end

session.__close = session.close

--- Stop what is being evaluated; what it asked of the engine is not waited for.
function session:interrupt()
  self.stop_wanted = true
  self.door:give_up()
end

-- ---- running ----------------------------------------------------------------------------

--- "typed:3: attempt ..." as a person reads it, and the line.
local function plain_message(text)
  local line, rest = text:match("^typed:(%d+): (.*)$")
  rest = (rest or text):gsub("^repl:%d+: ", "")
  return rest, math.tointeger(tonumber(line))
end

--- The names below a place, a set.
local function names_at(self, keys)
  local known = {}
  for _, field in ipairs(enter(self, "fields", keys) or {}) do known[field.name] = true end
  return known
end

--- What was meant where something is nil, or a table that is called: from what the message names.
local function suggestion_for(self, message, text)
  local name = message:match("%(global '([^']+)'%)")
  if name then
    local known = names_at(self, json.array {})
    if not known[name] then return suggest.nearest(name, known) end
    return names_at(self, json.array { name }).list and name .. ".list" or nil
  end
  name = message:match("%(field '([^']+)'%)")
  local path = name and text:match("([%a_][%w_.]*)[.]" .. name .. "%f[^%w_]")
  if not path then return nil end
  local keys = json.array {}
  for part in path:gmatch "[^.]+" do keys[#keys + 1] = part end
  local known = names_at(self, keys)
  local nearest = not known[name] and suggest.nearest(name, known)
  return nearest and path .. "." .. nearest or nil
end

local function script_error(self, text, message, number)
  local plain, line = plain_message(message)
  local many = text:find("\n", 1, true)
  local err = errors.new(number, { message = plain, file = many and "typed" or nil, line = many and line or nil,
    source = many and text or nil, next = ".help" })
  err.suggestion = suggestion_for(self, plain, text)
  return err
end

local function answer_of(value, err)
  if err == nil then return { ok = true, value = value } end
  return { ok = false, message = err.message }
end

--- The sandbox is gone, with what could not be copied.
local function begin_again(self, cap)
  self.console:close()
  open_sandbox(self)
  local lost = self.lost or {}
  return errors.new("K3103", { next = ".help limits", limit = cap, detail = #lost > 0 and table.concat(lost, ", ") or nil })
end

local function stopped(self, text, how, detail)
  self.console:give_up()
  if how == "limit" then return errors.new("K4007", { limit = self.limit, next = ".help limits" }) end
  if how == "stopped" then return errors.new("K1117", { next = ".help limits" }) end
  return script_error(self, text, tostring(detail), "K3106")
end

--- Go on with what was entered, and do what it asks for. Returns result | nil, err.
local function evaluate(self, text)
  local what, a, b, why = go(self)
  while what == "called" do
    local value, err
    if b == nil and why then
      err = errors.new("K3006", { what = "an argument of " .. a, detail = why })
    else
      value, err = self.door:ask(a, b)
    end
    if self.stop_wanted then
      what = "stopped"
      break
    end
    self.asked_err = err or self.asked_err
    what, a, b, why = go(self, answer_of(value, err))
    if what == nil then -- the answer cannot be handed over
      what, a, b, why = go(self, { ok = false, message = tostring(a) })
    end
  end
  if what == "done" then return a end
  if what == "dead" then return nil, begin_again(self, a) end
  if what == "error" and self.asked_err and tostring(a):find(self.asked_err.message, 1, true) then return nil, self.asked_err end
  if what == nil then return nil, errors.from(tostring(a), b) end
  return nil, stopped(self, text, what, a)
end

local function keep(self)
  local kept = enter(self, "keep", {})
  if kept then self.kept, self.lost = kept.kept, kept.lost end
end

local function shown(self, values)
  local out = {}
  for i, value in ipairs(values) do out[i] = show.value(self.terminal, value, { mode = self.mode, limit = self.rows }) end
  return table.concat(out)
end

--- Whether `text` is the beginning of something only.
function session:more(text)
  if text:find "^%s*%." or not text:find "%S" then return false end
  return enter(self, "more", text) == true
end

--- Evaluate what was typed. Returns { more = true } | { ok, values, out (text for
--- people), printed, err, ms, instructions, memory }.
function session:run(text)
  local began = clock.mono_us()
  self.stop_wanted, self.asked_err = false, nil
  local ok, message, code = self.console:enter("run", text)
  if not ok then return { ok = false, err = errors.from(message, code) } end
  local result, err = evaluate(self, text)
  local told = { ok = err == nil, err = err, printed = self.console:printed(), ms = (clock.mono_us() - began) / 1000 }
  told.instructions, told.memory = self.console:used()
  if not result then return told end
  if result.more then return { more = true } end
  if result.syntax then
    told.ok, told.err = false, script_error(self, text, result.syntax, "K3107")
    return told
  end
  told.values = result.values
  told.out = shown(self, result.values)
  if told.memory < 64 << 20 then keep(self) end
  return told
end

--- Forget the variables.
function session:clear()
  self.console:close()
  self.kept, self.lost = nil, nil
  return open_sandbox(self)
end

--- The names in a table of the session, for completion: a list of { name, kind }.
function session:fields(path)
  return enter(self, "fields", json.array(path)) or {}
end

return session
