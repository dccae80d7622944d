--- A server of this process that a test holds in its hand: it greets, and answers each line as the test says.
---
---   local one = line_server.open("220 hello\r\n", function(line, client) return "250 OK\r\n" end)
---   one.port, one.lines; one:close()
---
--- false as an answer closes the connection, nil says nothing. It lives by the loop's timer.
local loop = require "loop"
local socket = require "socket"

local line_server = {}
line_server.__index = line_server

local function drop(self, client)
  client.sock:close()
  self.clients[client] = nil
end

local function say(self, client, bytes)
  if bytes == false then return drop(self, client) end
  if bytes then client.out = client.out .. bytes end
end

local function serve(self, client)
  local whole, why, part = client.sock:receive(65536)
  client.pending = client.pending .. (whole or part or "")
  for line in client.pending:gmatch "([^\n]*)\n" do
    line = line:gsub("\r$", "")
    self.lines[#self.lines + 1] = line
    client.pending = client.pending:match "\n(.*)$"
    say(self, client, self.answer(line, client))
    if not self.clients[client] then return end
  end
  if why == "closed" then return drop(self, client) end
  local sent, _, some = client.sock:send(client.out)
  client.out = client.out:sub((sent or some or 0) + 1)
end

function line_server.open(greeting, answer)
  local listener = assert(socket.bind("127.0.0.1", 0))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  local self = setmetatable({ listener = listener, port = tostring(port), lines = {}, clients = {}, answer = answer }, line_server)
  self.timer = loop.timer(1, function()
    local sock = listener:accept()
    if sock then
      sock:settimeout(0)
      local client = { sock = sock, pending = "", out = greeting }
      self.clients[client] = true
    end
    local all = {}
    for client in pairs(self.clients) do all[#all + 1] = client end
    for _, client in ipairs(all) do serve(self, client) end
  end, 2)
  return self
end

function line_server:close()
  self.timer:stop()
  for client in pairs(self.clients) do client.sock:close() end
  self.listener:close()
end

return line_server
