--- What servers of the specs share: a coroutine for each connection over select, and
-- HTTP requests read from it.
local socket = require "socket"

local sockets = {}

local readers, writers, sleepers = {}, {}, {}

local function wait(table_of, sock)
  table_of[sock] = coroutine.running()
  coroutine.yield()
end

function sockets.sleep(seconds)
  sleepers[coroutine.running()] = socket.gettime() + seconds
  coroutine.yield()
end

local function resume(co)
  local ok, message = coroutine.resume(co)
  if not ok then io.stderr:write(arg[0], ": ", tostring(message), "\n") end
end

local function keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  return list
end

local function wake(table_of, list)
  for _, sock in ipairs(list) do
    local co = table_of[sock]
    table_of[sock] = nil
    if co then resume(co) end
  end
end

local function turn()
  local now, soonest = socket.gettime(), 1
  for _, at in pairs(sleepers) do soonest = math.max(0, math.min(soonest, at - now)) end
  local readable, writable = socket.select(keys(readers), keys(writers), soonest)
  wake(readers, readable)
  wake(writers, writable)
  now = socket.gettime()
  for co, at in pairs(sleepers) do
    if at <= now then
      sleepers[co] = nil
      resume(co)
    end
  end
end

-- ---- bytes -----------------------------------------------------------------

--- Send all; nil when the other side went away.
function sockets.send(c, bytes)
  local from = 1
  while from <= #bytes do
    local last, why, partial = c.sock:send(bytes, from)
    if last then return true end
    if why ~= "timeout" then return nil, why end
    from = partial + 1
    wait(writers, c.sock)
  end
  return true
end

--- Read more into c.pending; false at the end.
function sockets.fill(c)
  while true do
    local bytes, why, partial = c.sock:receive(65536)
    local got = bytes or partial
    if got and #got > 0 then
      c.pending = c.pending .. got
      return true
    end
    if why ~= "timeout" then return false end
    wait(readers, c.sock)
  end
end

--- { method, path, headers, body }, or nil at the end.
function sockets.read_request(c)
  local stop
  repeat
    stop = select(2, c.pending:find("\r\n\r\n", 1, true))
    if not stop and not sockets.fill(c) then return nil end
  until stop
  local head = c.pending:sub(1, stop)
  local request = { headers = {} }
  request.method, request.path = head:match("^(%u+) (%S+)")
  for name, value in head:gmatch("\r\n([^:\r\n]+): *([^\r\n]*)") do request.headers[name:lower()] = value end
  local need = stop + (tonumber(request.headers["content-length"]) or 0)
  while #c.pending < need do
    if not sockets.fill(c) then return nil end
  end
  request.body = c.pending:sub(stop + 1, need)
  c.pending = c.pending:sub(need + 1)
  return request
end

--- End a connection as if the machine had crashed.
function sockets.reset(c)
  c.sock:setoption("linger", { on = true, timeout = 0 })
  sockets.close(c)
end

function sockets.close(c)
  c.sock:close()
  c.closed = true
end

function sockets.head(status, reason, headers)
  local lines = { ("HTTP/1.1 %d %s"):format(status, reason) }
  for name, value in pairs(headers) do lines[#lines + 1] = name .. ": " .. value end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- ---- serving ---------------------------------------------------------------

local function connection(sock, serve)
  sock:settimeout(0)
  sock:setoption("tcp-nodelay", true)
  local c = { sock = sock, pending = "" }
  local ok, message = pcall(serve, c)
  if not ok then io.stderr:write(arg[0], ": ", tostring(message), "\n") end
  if not c.closed then pcall(sock.close, sock) end
end

--- Listen on --port of `options` and say where; `serve(c)` gets each connection. Goes on
-- until `over()`, or until nothing was asked for two minutes: an orphan of a spec that
-- died ends by itself.
function sockets.run(options, serve, over)
  local listener = assert(socket.bind("127.0.0.1", tonumber(options.port), 1024))
  listener:settimeout(0)
  print("listening " .. select(2, listener:getsockname()))
  io.stdout:flush()
  local asked = socket.gettime()
  resume(coroutine.create(function()
    while true do
      local sock = listener:accept()
      if sock then
        asked = socket.gettime()
        resume(coroutine.create(function() connection(sock, serve) end))
      else
        wait(readers, listener)
      end
    end
  end))
  while not over() and socket.gettime() - asked < 120 do turn() end
end

--- "--port 0 --script F" -> { port = "0", script = "F" }
function sockets.options(words)
  local options = { port = "0" }
  for i = 1, #words, 2 do options[words[i]:gsub("^%-%-", "")] = words[i + 1] end
  return options
end

return sockets
