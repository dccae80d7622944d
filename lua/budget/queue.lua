--- Who waits for room in a budget, in order of arrival.
--
-- A call waits while what others hold may still become free. It waits behind those who wait
-- for one of its own budgets, so that no large call starves among small ones; who waits for
-- another agent's budget is in nobody's way.
local lines = require "budget.lines"
local loop = require "loop"

local queue = {}
queue.__index = queue

--- @param books  the budget: lines (see lines.lua), now(), retire(line) -> true when
--   something that was held in advance there is about to become free
function queue.new(books)
  return setmetatable({ books = books, waiting = {}, blocked = {}, out = {} }, queue)
end

local function parallel_full(self, claim, set)
  return set.parallel and claim.agent and (self.out[claim.agent] or 0) >= set.parallel
    or set.parallel_engine and (self.out[0] or 0) >= set.parallel_engine
end

--- How many calls are out, of an agent and in all.
function queue:count(claim, by)
  local agent = claim.agent
  if agent then self.out[agent] = (self.out[agent] or 0) + by end
  self.out[0] = (self.out[0] or 0) + by
end

local rank = { never = 3, window = 2, wait = 1 }

--- What stands most in the way: nil, or "never", "window", "wait", and the line (nil for
-- the number of calls that may be out at once).
local function obstacle(self, claim, set)
  local found, at
  for i = 1, #set do
    local what = lines.verdict(set[i], claim.money, claim.tokens, claim.calls)
    if what and (not found or rank[what] > rank[found]) then found, at = what, set[i] end
  end
  if not found and parallel_full(self, claim, set) then return "wait", nil end
  return found, at
end

local function grant(self, claim, set)
  lines.hold(set, claim.money, claim.tokens, claim.calls, 1)
  self:count(claim, 1)
end

local function in_the_way(blocked, set)
  for i = 1, #set do
    if blocked[set[i]] then return true end
  end
  return false
end

--- Note why one waits: the line that is in the way holds up those behind who need it, too.
local function note(self, one, what, line, blocked)
  if line then
    blocked[line] = true
    if what == "wait" then self.books:retire(line) end
  else
    blocked[one.set.parallel and one.claim.agent or 0] = true
  end
  one.line = line
  if what ~= "window" then return nil end
  return line.start + lines.passes_by_itself[line.window]
end

--- Whether everybody is held up: by a budget of the engine, or the calls that may be out.
local function all_held_up(blocked, line)
  return line and line.scope == "engine" or blocked[0]
end

--- Look again at those who wait; at everybody, `all`, where somebody may have been stopped.
function queue:admit(all)
  local waiting = self.waiting
  if #waiting == 0 then return end
  local books, kept, called, blocked, soonest = self.books, {}, {}, {}, nil
  local now, held_up = books.now(), false
  for i, one in ipairs(waiting) do
    local claim = one.claim
    if held_up and not all then
      table.move(waiting, i, #waiting, #kept + 1, kept)
      break
    end
    if books.stopped[claim.agent or false] then
      called[#called + 1] = { one, "stopped" }
    elseif held_up or blocked[claim.agent or false] then
      kept[#kept + 1] = one
    else
      local set = books.lines:of(claim, now)
      one.set = set
      if in_the_way(blocked, set) then
        kept[#kept + 1] = one
      else
        local what, line = obstacle(self, claim, set)
        if not what then
          grant(self, claim, set)
          called[#called + 1] = { one }
        elseif what == "never" then
          called[#called + 1] = { one, what, line }
        else
          local ends = note(self, one, what, line, blocked)
          if ends then soonest = math.min(soonest or ends, ends) end
          held_up = all_held_up(blocked, line)
          kept[#kept + 1] = one
        end
      end
    end
  end
  self.waiting, self.blocked = kept, blocked
  if soonest then self:look_at(soonest) end
  for _, call in ipairs(called) do call[1].wake(call[2], call[3], call[1].set) end
end

--- Look again when a short window ends.
function queue:look_at(time)
  if self.alarm and self.alarm_at <= time and self.alarm:active() then return end
  if self.alarm then self.alarm:stop() end
  self.alarm_at = time
  self.alarm = loop.timer(math.max(1, time - self.books.now()), function() self:admit() end)
end

--- A newcomer at the end of the queue: nobody else is looked at.
local function line_up(self, one)
  table.insert(self.waiting, one)
  local claim = one.claim
  if self.blocked[0] or self.blocked[claim.agent or false] or in_the_way(self.blocked, one.set) then return end
  local what, line = obstacle(self, claim, one.set)
  local ends = note(self, one, what, line, self.blocked)
  if ends then self:look_at(ends) end
end

local function drop(self, one)
  for i, other in ipairs(self.waiting) do
    if other == one then return table.remove(self.waiting, i) end
  end
end

--- Hold the claim {money, tokens, calls, agent, deadline} in its lines; waits while that may
-- help. Returns nil, nil and the lines when it is held, else why not ("never", "late",
-- "stopped") and the line.
function queue:enter(claim, set)
  if #self.waiting == 0 or not (self.blocked[0] or self.blocked[claim.agent or false] or in_the_way(self.blocked, set)) then
    local what, line = obstacle(self, claim, set)
    if not what then
      grant(self, claim, set)
      return nil, nil, set
    end
    if what == "never" then return what, line end
  end
  local left_ms = claim.deadline and claim.deadline - self.books.now() or math.huge
  if left_ms <= 0 then return "late", select(2, obstacle(self, claim, set)) end
  return loop.await(function(wake)
    local one, timer = { claim = claim, set = set }, nil
    if left_ms < math.huge then
      timer = loop.timer(left_ms, function()
        drop(self, one)
        wake("late", one.line)
        self:admit()
      end)
    end
    function one.wake(...)
      if timer then timer:stop() end
      wake(...)
    end
    line_up(self, one)
  end)
end

return queue
