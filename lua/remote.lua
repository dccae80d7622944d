--- Commands for an engine that runs in another process, through its socket.
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"

local remote = {}

local max_line_bytes = 64 << 20

local function socket_path(home) return file.join(home, "var", "engine.sock") end

--- Send one request and hand each answer to `each`, until it returns a value or the
--- engine hangs up. Returns that value, or nil, and whether somebody listened.
local function ask(home, request, each)
  local where = socket_path(home)
  if not file.exists(where) then return nil, false end
  local value, wake
  local conn = require("core.socket").connect(where, max_line_bytes, {
    line = function(conn, line)
      if value ~= nil then return end
      value = each(json.decode(line) or {})
      if value == nil then return end
      conn:close()
      wake()
    end,
    closed = function() wake() end,
  })
  if not conn then return nil, false end
  loop.await(function(done)
    wake = done
    if not conn:send(request) then wake() end
  end)
  conn:close()
  return value, true
end

--- The engine's process, or nil when none listens.
function remote.ping(home)
  return (ask(home, json.encode { ping = true }, function(answer) return answer.pong end))
end

--- What the engine did not tell its collector: { runs, spans, points }; nil when none runs.
function remote.dropped(home)
  return (ask(home, json.encode { ping = true }, function(answer) return answer.dropped or {} end))
end

--- The same words with every file named absolutely: the engine has a folder of its own.
local function absolute(words, cwd)
  local commands, options = require "commands", require "options"
  local takes_file = {}
  local _, name = options.split(words)
  local command = name and commands.find(name)
  for _, flag in ipairs(type(command) == "table" and command.flags or {}) do
    if flag[2] and (flag[2]:find "FILE" or flag[2]:find "PATH") then takes_file["--" .. flag[1]] = true end
  end
  local function full(value)
    if value == "-" or value == "" or value:sub(1, 1) == "/" then return value end
    return file.join(cwd, value)
  end
  local out = {}
  for i, word in ipairs(words) do
    local flag, value = word:match("^(%-%-[^=]+)=(.*)$")
    if takes_file[flag] then word = flag .. "=" .. full(value)
    elseif takes_file[words[i - 1]] then word = full(word) end
    out[i] = word
  end
  return out
end

local function reads_stdin(words)
  for _, word in ipairs(words) do
    if word == "-" or word:find("=%-$") then return true end
  end
  return false
end

local function request_of(words)
  local cwd = file.cwd() or os.getenv "PWD" or "/"
  local t = require("terminal").new {}
  return json.encode { argv = json.array(absolute(words, cwd)), cwd = cwd,
    stdin = reads_stdin(words) and io.read("a") or nil, tty = t.tty, color = t.color,
    width = math.tointeger(t.width) }
end

local function to_outputs(answer)
  if answer.out then io.stdout:write(answer.out) end
  if answer.err then
    io.stdout:flush()
    io.stderr:write(answer.err)
  end
end

--- Have the running engine of `home` do a command; what it says, { out } or { err }, goes to
--- `say`, without one to our outputs.
-- @return the exit code; or nil when no engine listens
-- @return nil, err when the engine ended before it answered
function remote.call(home, words, say)
  if not file.exists(socket_path(home)) then return nil end
  local request, message = request_of(words)
  if not request then
    return nil, errors.new("K1004", { name = "the command line", detail = message })
  end
  local code, listened = ask(home, request, function(answer)
    (say or to_outputs)(answer)
    return math.tointeger(answer.code)
  end)
  if code == nil and listened then
    return nil, errors.new("K9010")
  end
  return code
end

return remote
