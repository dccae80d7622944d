--- A served engine tells a collector by itself: traces of runs as they end or come to wait, and
--- the sums as metrics, as OTLP in JSON over HTTP (`otlp` of config.lua).
--
-- No run waits for it: what is queued is a run's id, read and sent later by a task of its own.
-- The queue has a cap; a run that finds no place in it is dropped and counted, and a collector
-- that is down or slow costs that and nothing else. 429, 502, 503, 504 and a lost connection are
-- tried again, later and later or when the collector says; any other refusal drops what was sent.
local clock = require "core.clock"
local http = require "http"
local json = require "json"
local loop = require "loop"
local otlp = require "observe.otlp"
local secret = require "secret"

local export = {}
export.__index = export

--- Spans in one request; runs whose sent spans are remembered (one that is forgotten and goes on
-- is told whole again, with the same ids).
local most_spans, most_remembered = 512, 4096

local first_wait_ms, longest_wait_ms, total_ms, reply_bytes = 1000, 60000, 10000, 65536

--- The longest that is waited because a collector says so.
local longest_asked_ms = 3600000

local again = { [429] = true, [502] = true, [503] = true, [504] = true }

--- The connection, not what was sent, was at fault.
local lost = { connect = true, tls = true, timeout = true, lost = true, cut = true }

--- on.engine() -> the engine of this moment; on.note(level, text). `total_ms`: the longest that a
-- request may take; `first_wait_ms`, `longest_wait_ms`: between tries.
function export.new(on)
  return setmetatable({ on = on, queue = {}, first = 1, last = 0, queued = {}, spans = {}, sent = {}, remembered = 0, tries = 0,
    not_before = 0, dropped = { runs = 0, spans = 0, points = 0 }, delivered = { spans = 0, points = 0 } }, export)
end

local function settings_of(self)
  local e = self.on.engine()
  return e and e.settings.otlp, e
end

-- ---- one request ---------------------------------------------------------------------

--- When the collector wants to be asked again, in ms; "120", or a date.
local function retry_after(reply)
  local text = reply.headers["retry-after"]
  local seconds = text and tonumber(text:match "^%s*(%d+)%s*$")
  if seconds then return seconds * 1000 end
  local day, month, year, hour, minute, second = (text or ""):match "(%d+) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT"
  local number = month and ("JanFebMarAprMayJunJulAugSepOctNovDec"):find(month, 1, true)
  if not number then return nil end
  local at = require("rfc3339").parse(("%s-%02d-%02dT%s:%s:%sZ"):format(year, number // 3 + 1, tonumber(day), hour, minute, second))
  return at and math.max(0, at - clock.now_ms())
end

local function headers_of(config)
  local headers = { ["content-type"] = "application/json" }
  for name, value in pairs(config.headers) do headers[name:lower()] = secret.reveal(value) end
  if config.secret then headers.authorization = "Bearer " .. secret.reveal(config.secret) end
  return headers
end

--- Post; "sent" | "again" | "refused", a message, when to ask again (ms), rejected (a count).
local function post(self, config, path, body)
  local reply, message, code = loop.await(function(wake)
    local call, why, kind = http.start({ url = config.url:gsub("/+$", "") .. path, method = "POST", headers = headers_of(config),
      body = body, ca_file = config.ca_file, limits = { total_ms = self.on.total_ms or total_ms, body_bytes = reply_bytes } },
      function(...)
        self.calls[path] = nil
        wake(...)
      end)
    if not call then return wake(nil, why, kind) end
    self.calls[path] = call
  end)
  if not reply then return lost[code] and "again" or "refused", message end
  if again[reply.status] then return "again", ("it answers %d"):format(reply.status), retry_after(reply) end
  if reply.status < 200 or reply.status > 299 then return "refused", ("it answers %d"):format(reply.status) end
  local value = json.decode(reply.body)
  local partial = type(value) == "table" and value.partialSuccess
  partial = type(partial) == "table" and partial or {}
  local rejected = math.tointeger(tonumber(partial.rejectedSpans or partial.rejectedDataPoints or 0))
  return "sent", nil, nil, rejected or 0
end

local function count_dropped(self, what, n, why)
  if n == 0 then return end
  self.dropped[what] = self.dropped[what] + n
  if self.told_dropped == why then return end
  self.told_dropped = why
  self.on.note("warn", ("the collector: %d %s dropped: %s; more of these are only counted (keel_otlp_dropped_total)"):format(n, what, why))
end

--- The trouble is said when it begins and when it is over.
local function went(self, ok, why)
  if ok and self.trouble then self.on.note("info", "the collector takes what it is sent again") end
  if not ok and not self.trouble then
    self.on.note("warn", ("the collector does not take what it is sent: %s; trying again"):format(tostring(why)))
  end
  self.trouble = not ok
end

-- ---- traces --------------------------------------------------------------------------

--- A run ended, or waits. Nothing is read here.
function export:offer(id)
  local config = settings_of(self)
  if not config or self.closed or self.queued[id] then return end
  if self.last - self.first + 1 >= config.queue then return count_dropped(self, "runs", 1, "the queue is full") end
  self.last = self.last + 1
  self.queue[self.last], self.queued[id] = id, true
  self:go_on()
end

--- The spans of a run that are over and were not sent. A run that goes on is remembered.
local function add_spans(self, e, config, id)
  local row = e:rows("run.by_id", { id = id })[1]
  if not row then return end -- it was purged
  local list, over = otlp.spans(e, row.run, { content = config.content, finished = true })
  if not list then return end
  local sent = self.sent[id] or {}
  for _, span in ipairs(list) do
    if not sent[span.spanId] then
      sent[span.spanId] = true
      self.spans[#self.spans + 1] = span
    end
  end
  if over then
    if self.sent[id] then self.remembered = self.remembered - 1 end
    self.sent[id] = nil
  elseif self.sent[id] or self.remembered < most_remembered then
    if not self.sent[id] then self.remembered = self.remembered + 1 end
    self.sent[id] = sent
  end
end

--- The next request's spans: of as many runs as fill it; what is left of a long one comes next.
local function next_batch(self, config)
  while #self.spans < most_spans and self.first <= self.last and not self.closed do
    local id = self.queue[self.first]
    self.queue[self.first], self.queued[id] = nil, nil
    self.first = self.first + 1
    local e = self.on.engine()
    local ok, trace = xpcall(add_spans, debug.traceback, self, e, config, id)
    if not ok and not e.failed then e:complain(trace) end
    loop.sleep(0) -- others have their turn between two runs
  end
  local batch = table.move(self.spans, 1, math.min(#self.spans, most_spans), 1, json.array {})
  self.spans = table.move(self.spans, #batch + 1, #self.spans, 1, {})
  return batch
end

--- Full jitter on a wait that doubles.
local function wait_ms(self, asked)
  if asked then return math.min(asked, longest_asked_ms) end
  local most = math.min(self.on.longest_wait_ms or longest_wait_ms, (self.on.first_wait_ms or first_wait_ms) << math.min(self.tries - 1, 20))
  return most // 2 + clock.random() % (most // 2 + 1)
end

local function pause(self, ms)
  loop.await(function(wake)
    self.wake = wake
    self.alarm = loop.timer(ms, function() if self.wake then self.wake() end end)
  end)
  self.alarm:stop()
  self.wake = nil
end

local function send_batch(self, batch)
  while not self.closed do
    local config = settings_of(self)
    if not config then return end
    local state, why, asked, rejected = post(self, config, "/v1/traces", json.encode(otlp.of_spans(batch)))
    if self.closed then return end
    if state == "again" then
      self.tries = self.tries + 1
      went(self, false, why)
      pause(self, wait_ms(self, asked))
    else
      self.tries = 0
      if state == "sent" then
        went(self, true)
        self.delivered.spans = self.delivered.spans + #batch - rejected
        count_dropped(self, "spans", rejected, "it rejects some")
      else
        count_dropped(self, "spans", #batch, why)
      end
      return
    end
  end
end

--- Send until nothing is left.
function export:go_on()
  if self.working or self.closed then return end
  self.working = true
  self.calls = self.calls or {}
  loop.spawn(function()
    while not self.closed do
      local config = settings_of(self)
      local batch = config and next_batch(self, config) or {}
      if #batch == 0 and (not config or self.first > self.last) then break end
      if #batch > 0 then send_batch(self, batch) end
    end
    self.working = false
  end, function(_, trace)
    self.working = false
    self.on.note("error", "internal error: " .. trace)
  end)
end

-- ---- metrics -------------------------------------------------------------------------

--- Sums are cumulative: what was not taken is in the next ones, so they are not tried again before.
local function send_metrics(self)
  local config, e = settings_of(self)
  if not config or self.measuring or self.closed or clock.now_ms() < self.not_before then return end
  self.measuring, self.calls = true, self.calls or {}
  loop.spawn(function()
    local value, points = require("observe.sums").metrics(e, self.dropped)
    local state, why, asked, rejected = post(self, config, "/v1/metrics", json.encode(value))
    self.measuring = false
    if self.closed then return end
    if state == "again" then
      self.not_before = clock.now_ms() + math.min(asked or 0, longest_asked_ms)
      count_dropped(self, "points", points, why)
    elseif state == "refused" then
      count_dropped(self, "points", points, why)
    else
      self.delivered.points = self.delivered.points + points - rejected
      count_dropped(self, "points", rejected, "it rejects some")
    end
  end, function(_, trace)
    self.measuring = false
    self.on.note("error", "internal error: " .. trace)
  end)
end

--- Begin to send metrics, as often as the settings of the moment say.
function export:begin()
  local config = settings_of(self)
  if self.metering then self.metering:stop() end
  self.every = config and config.metrics_every_ms
  self.metering = self.every and loop.timer(self.every, function() send_metrics(self) end, self.every) or nil
end

--- config.lua changed.
function export:changed()
  local config = settings_of(self)
  if self.every ~= (config and config.metrics_every_ms) then self:begin() end
end

--- End it at once: what is on its way is given up. Returns how many runs were not told.
function export:close()
  self.closed = true
  if self.metering then self.metering:stop() end
  if self.wake then self.wake() end
  for _, call in pairs(self.calls or {}) do call:cancel() end
  return self.last - self.first + 1
end

return export
