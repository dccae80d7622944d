--- The fake model server as a child process, and its controls.
local socket_http = require "socket.http"
local ltn12 = require "ltn12"
local json = require "json"
local program = require "spec.support.program"

local fake = {}
fake.__index = fake

--- `name` is the server in spec/support: model_server, unless told.
function fake.start(name)
  local pipe = assert(io.popen(("%s lua spec/support/%s.lua --port 0"):format(program, name or "model_server")))
  local port = assert(pipe:read("l"), "the fake server did not start"):match("%d+")
  return setmetatable({ pipe = pipe, port = port, url = "http://127.0.0.1:" .. port,
    base_url = "http://127.0.0.1:" .. port .. "/v1" }, fake)
end

-- Spoken to through LuaSocket, so that what is tested does not test itself.
function fake:control(path, body)
  local out = {}
  local text = body ~= nil and assert(json.encode(body)) or nil
  local ok, why = socket_http.request {
    url = self.url .. path, method = text and "POST" or "GET", sink = ltn12.sink.table(out),
    source = text and ltn12.source.string(text), headers = { ["content-length"] = text and #text },
  }
  assert(ok, why)
  return json.decode(table.concat(out))
end

--- What to play next; things of spec/support/model_server.lua.
function fake:play(...) self:control("/_script", json.array { ... }) end
function fake:default(thing) self:control("/_default", thing) end

--- What was asked and billed since the last look.
function fake:books() return self:control("/_books") end

function fake:stop()
  pcall(self.control, self, "/_quit", {})
  self.pipe:close()
end

return fake
