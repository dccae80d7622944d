--- What routes share: acting as a guest of the engine, and the answers of commands.
local clock = require "core.clock"
local errors = require "errors"
local guest = require "serve.guest"

local tools = {}

--- How long an answer waits to tell what an act led to.
local patience_ms = 5000

local function patient(face)
  local till, drain = clock.now_ms() + patience_ms, face.drain
  function face.drain() return drain(face, function() return clock.now_ms() > till end) end
  return face
end

--- act(face) -> value | nil, err; then the runs go on for a moment, and tell(value) is the
--- answer.
function tools.acted(e, act, tell)
  local face <close> = patient(guest.new(e))
  local value, err = act(face)
  if value == nil then return nil, err end
  local ok
  ok, err = face:drain()
  if not ok then return nil, err end
  if not tell then return value end
  return tell(value)
end

--- A method that this engine may be without.
function tools.call(e, method, ...)
  if e[method] then return e[method](e, ...) end
  local err = errors.new("K1004", { name = method, detail = "this engine cannot do that" })
  err.status = 501
  return nil, err
end

--- What a command prints with --json: its own shapes, once; done by `who`, where it does something.
function tools.command(e, name, args, who)
  local face <close> = patient(guest.new(e))
  local printed
  local context = { json = true, home = e.home, served = true, channel = who and who.channel, out = function() end, err = function() end }
  function context.print_json(value) printed = value end
  function context.engine() return face end
  function context.look() return face end
  function context.remote() end
  function context.now() return e.clock() end
  local _, err = require("commands").find(name).run(args, context)
  if printed == nil then return nil, err or errors.new("K9009", { detail = name .. " said nothing" }) end
  return printed
end

return tools
