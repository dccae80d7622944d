--- GET /live: what changed, told to open pages as it happens.
--
-- An `event: change` names what is to be fetched anew, never what it says; changes of a
-- quarter of a second are one event. An `event: text` is what a model says while it says it.
-- Who lags behind is cut, not waited for. Without a listener the engine calls nobody.
local json = require "json"
local loop = require "loop"

local live = {}
live.__index = live

local ceiling, most, gather_ms, beat_ms = 256 << 10, 16, 250, 15000

--- The hub of a served home: `serve.engine` is the engine of the moment.
function live.new(serve, options)
  return setmetatable({ serve = serve, clients = {}, count = 0, pending = {}, beat_ms = options and options.beat_ms or beat_ms }, live)
end

local function send_all(self, text)
  for client in pairs(self.clients) do client:send(text) end
end

local function flush(self)
  self.alarm = nil
  local what = json.array(json.sorted_keys(self.pending))
  self.pending = {}
  send_all(self, ("event: change\ndata: %s\n\n"):format(json.encode { what = what }))
end

--- Something changed: told in a moment, together with what else did.
function live:changed(...)
  if self.count == 0 then return end
  for _, what in ipairs { ... } do self.pending[what] = true end
  self.alarm = self.alarm or loop.timer(gather_ms, function() flush(self) end)
end

local function detach(self)
  if self.engine then self.engine.on_change = nil end
  if self.quiet then self.quiet() end
  self.engine, self.quiet = nil, nil
end

--- Listen to the engine of the moment: it may be another than before.
local function attach(self)
  local e = self.serve.engine
  if self.engine == e then return end
  detach(self)
  self.engine = e
  function e.on_change(...) self:changed(...) end
  self.quiet = e.hear_text and e:hear_text(function(run, seq, text)
    send_all(self, ("event: text\ndata: %s\n\n"):format(json.encode { run = run.run, seq = seq, text = text } or "{}"))
  end)
end

local function leave(self, client)
  if not self.clients[client] then return end
  self.clients[client] = nil
  self.count = self.count - 1
  if self.count > 0 then return end
  self.heart:stop()
  if self.alarm then self.alarm:stop() end
  self.heart, self.alarm, self.pending = nil, nil, {}
  detach(self)
end

local function beat(self)
  local was = self.engine
  attach(self)
  if was ~= self.engine then self:changed "all" end
  send_all(self, ": here\n\n")
end

--- Take a client in; `again` when it was here before and may have missed something. False
--- when there are as many as may be.
function live:join(stream, headers, again)
  if self.count >= most then return false end
  local client
  headers["Content-Type"] = "text/event-stream"
  client = stream(200, headers, ceiling, function() leave(self, client) end)
  if not client then return false end
  self.clients[client] = true
  self.count = self.count + 1
  self.heart = self.heart or loop.timer(self.beat_ms, function() beat(self) end, self.beat_ms)
  attach(self)
  client:send(again and 'retry: 2000\nid: 1\nevent: change\ndata: {"what":["all"]}\n\n' or "retry: 2000\nid: 1\n: here\n\n")
  return true
end

function live:close()
  for client in pairs(self.clients) do
    client:close()
    leave(self, client)
  end
end

return live
