--- Commands that come through the engine's socket.
--
-- A request is one JSON line { argv, cwd, stdin?, json?, tty?, color?, width? }; the
-- words are those of a command line, and the very functions of lua/command run them,
-- with the served engine as theirs. The answer is lines { out } and { err }, text for
-- the client's two outputs, and at the end { code }. { ping = true } is answered with
-- { pong = pid }.
local commands = require "commands"
local errors = require "errors"
local file = require "file"
local guest = require "serve.guest"
local json = require "json"
local loop = require "loop"
local options = require "options"

local requests = {}

requests.max_bytes = 32 << 20

--- Beside those that say `remote`, commands that only look.
local looking = { runs = true, show = true, inbox = true, agents = true, records = true, explain = true, help = true,
  version = true }

local function speak(conn, what, text)
  local line = json.encode { [what] = text }
    -- not UTF-8: told as far as it can be
    or json.encode { [what] = text:gsub("[\128-\255]", "?") }
  conn:send(line)
end

--- The terminal of the client.
local function terminal_of(request)
  local t = require("terminal").new { tty = request.tty == true, no_color = true,
    width = math.tointeger(request.width) or math.huge }
  t.color = request.color == true
  return t
end

local function context_of(home, request, conn, face)
  local context = require("context").new(request.argv)
  context.served = true
  function context.out(text) speak(conn, "out", text) end
  function context.err(text) speak(conn, "err", text) end
  function context.print_json(value) speak(conn, "out", assert(json.encode(value)) .. "\n") end
  function context.engine() return face end
  function context.look() return face end
  function context.remote() end
  local set = context.set
  function context:set(globals)
    set(self, globals)
    self.home = home
    self.terminal = terminal_of(request)
    self.color = self.terminal.color
  end
  context:set { json = request.json == true }
  return context
end

local function find(name)
  local command = name and commands.find(name)
  if not command then return nil, commands.unknown(tostring(name)) end
  if type(command) == "table" and (command.remote or looking[name]) then return command end
  return nil, errors.new("K1004", { name = name, command = name,
    detail = "this command is not for a running engine" })
end

local function dispatch(words, context)
  local globals, name, rest = options.split(words)
  if not globals then return nil, name end
  globals.json = globals.json or context.json or nil
  context:set(globals)
  local command, err = find(name)
  if not command then return nil, err end
  context.command_name = name
  local args
  args, err = options.parse(rest, command, name, globals)
  context:set(globals)
  if not args then return nil, err end
  if globals.help then return commands.find("help").run({ command = name }, context) end
  return command.run(args, context)
end

local function tell(context, err, kind)
  if not errors.is(err) then
    err = type(err) == "table" and err.message and errors.from(err.message, err.code) or errors.from(tostring(err), kind)
  end
  if context.json then
    context.print_json(errors.json(err))
  else
    context.err(require("view").problem(context, err) .. "\n")
  end
  return errors.exit_code(err)
end

--- Run `fn` with a text as standard input. Commands read theirs before they wait for
--- anything, so it is given back when `fn` first waits.
local function with_stdin(text, fn)
  local stdin, read = io.stdin, io.read
  local from = assert(io.tmpfile())
  from:write(text or "")
  from:seek("set")
  io.stdin = from
  io.read = function(...) return from:read(...) end
  local ok, message = pcall(fn)
  io.stdin, io.read = stdin, read
  if not ok then error(message, 0) end
end

local function well_formed(request)
  if type(request) ~= "table" or type(request.argv) ~= "table" then return false end
  for _, word in ipairs(request.argv) do
    if type(word) ~= "string" then return false end
  end
  return request.stdin == nil or type(request.stdin) == "string"
end

--- A call of a REPL: { repl = { id, call, args, write?, by? } } is answered with one line
--- { id, ok, value | error }, and the connection stays.
local function answer_repl(e, conn, request)
  local face = guest.new(e)
  loop.spawn(function()
    local answer, fault = require("repl.door").answer(face, request)
    face.leave()
    if not answer then
      e:complain(tostring(fault))
      answer = { id = request.id, ok = false, error = { number = "K9009", message = tostring(fault) } }
    end
    local text, why = json.encode(answer)
    conn:send(text or json.encode { id = request.id, ok = false, error = { number = "K3006", message = why } })
  end, function(_, trace) e:complain(trace) end)
end

--- Answer one line of a client.
function requests.answer(e, conn, line)
  local request = json.decode(line)
  if type(request) == "table" and type(request.repl) == "table" then return answer_repl(e, conn, request.repl) end
  if type(request) == "table" and request.ping then
    conn:send(json.encode { pong = file.getpid(), dropped = e.exports and e.exports.dropped })
    return
  end
  if not well_formed(request) then
    conn:send(json.encode { err = "keel: not a request\n" })
    conn:send(json.encode { code = 2 })
    return conn:finish()
  end
  local face = guest.new(e)
  local context = context_of(e.home, request, conn, face)
  local function finish(code)
    face.leave()
    conn:send(json.encode { code = code })
    conn:finish()
  end
  with_stdin(request.stdin, function()
    loop.spawn(function()
      local code, err, kind = dispatch(request.argv, context)
      if code == nil and err ~= nil then code = tell(context, err, kind) end
      finish(code or 0)
    end, function(message, trace)
      if not errors.is(message) then
        e:complain(trace)
        message = errors.new("K9009", { detail = tostring(message) })
      end
      finish(tell(context, message))
    end)
  end)
end

return requests
