--- The provider of a budget storm as a child process, and its controls.
local socket_http = require "socket.http"
local ltn12 = require "ltn12"
local json = require "json"
local program = require "spec.support.program"

local fake = {}
fake.__index = fake

function fake.start()
  local pipe = assert(io.popen(("exec '%s' lua spec/budget/provider.lua"):format(program)))
  local port = assert(pipe:read("l"), "the provider did not start"):match("%d+")
  return setmetatable({ pipe = pipe, url = "http://127.0.0.1:" .. port }, fake)
end

-- Spoken to through LuaSocket, so that what is tested does not test itself.
function fake:control(path, body)
  local out = {}
  local text = body and assert(json.encode(body))
  local ok, why = socket_http.request { url = self.url .. path, method = text and "POST" or "GET",
    sink = ltn12.sink.table(out), source = text and ltn12.source.string(text), headers = { ["content-length"] = text and #text } }
  assert(ok, why)
  return json.decode(table.concat(out))
end

--- Begin new books: { seed, price, faults, honest }.
function fake:begin(settings) self:control("/_begin", settings) end

--- The books, once nobody is connected any more (of the dead, requests may still be on
--- their way), or as they are: { total, list }.
function fake:books(now)
  for _ = 1, 2000 do
    local books = self:control "/_books"
    if now or books.open == 0 then return books end
    os.execute "sleep 0.005"
  end
  error "somebody stays connected to the provider"
end

function fake:stop()
  if self.stopped then return end
  self.stopped = true
  pcall(self.control, self, "/_quit", {})
  self.pipe:close()
end

-- who is thrown out by an error need not wait for the provider
fake.__gc = fake.stop

return fake
