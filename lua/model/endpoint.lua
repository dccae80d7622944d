--- What the calls to one candidate of a tier share: turns, a pause that the server asked
--- for, and a circuit breaker.
--
-- At most so many calls are out at once (max_parallel); others wait, and agents take turns:
-- one that asks a thousand times does not delay another's first. After five failures of the
-- server in a row nothing is sent for a while (1 s, doubled up to a minute), then one call
-- tries; what is not sent costs nothing and fails at once, so that another candidate can be
-- asked instead.
local loop = require "loop"

local endpoint = {}
endpoint.__index = endpoint

local opens_after = 5
local first_rest_ms, longest_rest_ms = 1000, 60000

function endpoint.new(most)
  return setmetatable({ most = most, out = 0, queues = {}, order = {}, failures = 0, rest_ms = first_rest_ms }, endpoint)
end

-- ---- turns ----------------------------------------------------------------------

--- Wait until fewer than `most` calls are out. `who` names whose turn it is.
function endpoint:enter(who)
  if self.out < self.most then
    self.out = self.out + 1
    return
  end
  who = who or ""
  loop.await(function(wake)
    local queue = self.queues[who]
    if not queue then
      queue = { first = 1, last = 0 }
      self.queues[who] = queue
      table.insert(self.order, who)
    end
    queue.last = queue.last + 1
    queue[queue.last] = wake
  end)
end

function endpoint:leave()
  local who = table.remove(self.order, 1)
  if not who then
    self.out = self.out - 1
    return
  end
  local queue = self.queues[who]
  local wake = queue[queue.first]
  queue[queue.first] = nil
  queue.first = queue.first + 1
  if queue.first > queue.last then self.queues[who] = nil else table.insert(self.order, who) end
  -- later, not here: one that is refused at once leaves at once, and a queue of those would
  -- be as deep a stack
  loop.timer(0, wake)
end

-- ---- a pause that was asked for ----------------------------------------------------

--- The server wants to be left alone until then (ms).
function endpoint:pause_until(time)
  if not self.not_before or time > self.not_before then self.not_before = time end
end

--- How long it still does, in ms.
function endpoint:pause_ms(now)
  return self.not_before and math.max(0, self.not_before - now) or 0
end

-- ---- the breaker -----------------------------------------------------------------------

local server_is_ill = { server_error = true, overloaded = true, timeout = true, connection_lost = true, bad_response = true,
  stream_cut = true, too_large = true }

--- Whether a call may be tried at `now`; else how long (ms) nothing is sent still.
function endpoint:closed_for(now)
  if not self.open_until then return nil end
  if now < self.open_until then return self.open_until - now end
  if self.trying then return first_rest_ms end
  self.trying = true
  return nil
end

--- What became of a call: its failure's code, or nil.
function endpoint:note(code, now)
  if not code or not server_is_ill[code] then
    -- a refusal is an answer, too: the server is well
    if code ~= "budget" and code ~= "store" then
      self.failures, self.open_until, self.trying, self.rest_ms = 0, nil, nil, first_rest_ms
    end
    return
  end
  self.failures = self.failures + 1
  if self.trying or self.failures >= opens_after then
    self.open_until, self.trying = now + self.rest_ms, nil
    self.rest_ms = math.min(self.rest_ms * 2, longest_rest_ms)
  end
end

return endpoint
