--- How a REPL asks an engine: through the socket of one that runs, or one of its own on
--- the store.
--
--   local d = assert(door.open(context))
--   d:ask("memory.search", { { query = "audit" } })  --> value | nil, err
--   d:write(true)        -- from here on it may write; nil, err where it cannot
--   d.attached, d.writing
--
-- Whether a call may write is judged on the engine's side (lua/repl/calls.lua).
local calls = require "repl.calls"
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"

local door = {}
door.__index = door

local most_line_bytes = 64 << 20

-- ---- the socket ----------------------------------------------------------------------

local function connect(self)
  local where = file.join(self.home, "var", "engine.sock")
  if not file.exists(where) then return false end
  self.conn = require("core.socket").connect(where, most_line_bytes, {
    line = function(_, line)
      local answer, wake = json.decode(line), self.wake
      if type(answer) ~= "table" or answer.id ~= self.number or not wake then return end
      self.wake = nil
      wake(answer)
    end,
    closed = function()
      self.conn = nil
      local wake = self.wake
      self.wake = nil
      if wake then wake(nil) end
    end,
  })
  return self.conn ~= nil
end

local function error_of(told)
  return errors.new(errors.entry(told.number) and told.number or "K9009", { message = told.message, file = told.file, line = told.line,
    next = told.next, suggestion = told.suggestion })
end

--- An answer of the engine, or nil where it is lost.
local function exchange(self, request)
  self.number = (self.number or 0) + 1
  request.id = self.number
  local text, message = json.encode { repl = request }
  if not text then return { ok = false, error = { number = "K3006", message = "it cannot be sent: " .. tostring(message) } } end
  return loop.await(function(wake)
    self.wake = wake
    if not self.conn:send(text) then
      self.wake = nil
      wake(nil)
    end
  end)
end

local function ask_there(self, name, args)
  if not self.conn and not connect(self) then
    self.attached = false
    self.lost = true
    return self:ask(name, args)
  end
  local answer = exchange(self, { call = name, args = json.array(args), write = self.writing or nil, by = self.by })
  if answer == nil then return nil, errors.new("K9010", { next = "keel serve" }) end
  if answer == false then return nil, errors.new("K1117", {}) end
  if answer.ok then return not json.absent(answer.value) and answer.value or nil end
  return nil, error_of(answer.error or {})
end

-- ---- the store -----------------------------------------------------------------------

local function engine_here(self)
  if self.writing then return self.context.engine() end
  return self.context.look()
end

local function ask_here(self, name, args)
  local e, err = engine_here(self)
  if not e then return nil, err end
  return calls.perform(e, name, args, { write = self.writing, by = self.by })
end

-- ---- the face ------------------------------------------------------------------------

--- The engine of context.home: one that runs there, else the store. Returns the door, or
--- nil, err.
function door.open(context)
  local self = setmetatable({ home = context.home, context = context, writing = false }, door)
  self.attached = connect(self)
  if self.attached then return self end
  local e, err = context.look()
  if not e then return nil, err end
  return self
end

--- Have the engine do something. Returns the value, or nil, err.
function door:ask(name, args)
  if self.attached then return ask_there(self, name, args) end
  return ask_here(self, name, args)
end

--- Nobody waits for the answer to what was asked last.
function door:give_up()
  local wake = self.wake
  self.wake = nil
  if wake then wake(false) end
end

--- Allow writing, or not any more. Returns true, or nil, err.
function door:write(on)
  local before = self.writing
  self.writing = on
  if self.attached or not on then return true end
  local e, err = engine_here(self)
  if e then return true end
  self.writing = before
  return nil, err
end

function door:close()
  if self.conn then self.conn:close() end
  self.conn = nil
end

door.__close = door.close

--- The engine's side: answer one request of a REPL. `face` is the engine as a guest sees
--- it (lua/serve/guest.lua).
function door.answer(face, request)
  local ok, value, err = pcall(calls.perform, face, tostring(request.call), type(request.args) == "table" and request.args or {},
    { write = request.write == true, by = type(request.by) == "string" and request.by or nil })
  if not ok then
    if not errors.is(value) then return nil, value end
    value, err = nil, value
  end
  if err then return { id = request.id, ok = false, error = errors.json(err).error } end
  return { id = request.id, ok = true, value = value }
end

return door
