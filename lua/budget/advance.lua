--- Money that is held ahead of the calls that it is for.
--
-- A reservation must be on the disk before its call leaves, and the disk takes longer than
-- a fast call's way out. Where calls of the same budgets come in numbers, the money of the
-- next ones is therefore reserved beforehand, in one row of the ledger: an advance. A call
-- takes its own reservation from it and leaves at once; its row follows with the next
-- commit. Should the process die in between, what was left of the advance counts as spent,
-- as what was taken last is not known: the books are never below the bill.
--
-- There is an advance only while there is plenty: never more than a sixty-fourth of any
-- budget's room, none for the budget of a run, none while somebody waits, and it is let go
-- of when no calls come.
local core = require "core.budget"
local clock = require "core.clock"
local digest = require "core.digest"
local lines = require "budget.lines"
local loop = require "loop"

local advance = {}
advance.__index = advance

local begins_at = 32        -- calls of the same budgets within a minute
local calls_ahead = 512
local least_calls = 16
local share = 64            -- of the room that there is
local idle_ms = 250

function advance.new(books) return setmetatable({ books = books, held = {} }, advance) end

--- So much may be held ahead: money, tokens, calls; or nil.
local function size(set, claim)
  local n = calls_ahead
  local function look(limit, used, each)
    if limit and each > 0 then n = math.min(n, (limit - used) // share // each) end
  end
  for i = 1, #set do
    local line = set[i]
    if lines.passes_by_itself[line.window] then return nil end
    look(line.limit_money, line.spent + line.held, claim.money)
    look(line.limit_tokens, line.tokens + line.held_tokens, claim.tokens)
    look(line.limit_calls, line.calls + line.held_calls, claim.calls)
  end
  if n < least_calls then return nil end
  return n * claim.money, n * claim.tokens, n * claim.calls
end

--- Give back what is left of it.
local function let_go(self, one)
  if one.gone then return end
  one.gone = true
  if self.held[one.place] == one then self.held[one.place] = nil end
  if not one.ready then return end -- its commit says what becomes of it
  local open, tx = pcall(self.books.store.tx, self.books.store)
  if not open then return end -- the store is closed: whoever opens it next counts the rest as spent
  core.settle(tx, { key = one.key, state = "released", error = "an advance that was not needed", now = self.books.now() })
  self.out = (self.out or 0) + 1
  self.books.submit(tx, function(ok)
    self.out = self.out - 1
    if not ok then return end
    lines.hold(one.set, one.money, one.tokens, one.calls, -1)
    self.books.queue:admit()
    if self.out == 0 and self.closed then self.closed() end
  end)
end

--- Nobody used it for a while: the process may want to end.
local function watch(self, one)
  one.timer = loop.timer(idle_ms, function()
    if one.gone then return end
    if one.used then
      one.used = false
      return watch(self, one)
    end
    let_go(self, one)
  end)
end

local function make(self, place, set, claim)
  local money, tokens, calls = size(set, claim)
  if not money then return end
  local books = self.books
  local one = { key = digest.make_id("advance", books.now(), clock.random()), place = place, set = set, money = money,
    tokens = tokens, calls = calls, size = calls }
  local tx = books.store:tx()
  core.reserve(tx, { key = one.key, money = money, tokens = tokens, calls = calls, attempt = 0, now = books.now(), lines = set,
    agent = claim.agent })
  lines.hold(set, money, tokens, calls, 1)
  self.making[place] = one
  self.out = (self.out or 0) + 1
  books.submit(tx, function(ok)
    self.out = self.out - 1
    self.making[place] = nil
    if not ok then
      lines.hold(set, money, tokens, calls, -1)
      return books.queue:admit()
    end
    one.ready = true
    if one.gone then
      one.gone = false
      return let_go(self, one)
    end
    local before = self.held[place]
    self.held[place] = one
    if before then let_go(self, before) end
    watch(self, one)
  end)
end

local function same_lines(a, b)
  if a == b then return true end
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

--- Take the claim's reservation from an advance, and write it down with the next commit.
-- Returns false when there is none to take it from.
function advance:take(claim, set)
  if claim.run or not self.books.posts or #self.books.queue.waiting > 0 then return false end
  self.making = self.making or {}
  local place = claim.agent or 0
  set.count = (set.count or 0) + 1
  local one = self.held[place]
  if one and (not same_lines(one.set, set) or one.size // 2 > one.calls) then
    if not self.making[place] then make(self, place, set, claim) end
    if not same_lines(one.set, set) then
      let_go(self, one)
      one = nil
    end
  end
  if not one then
    if set.count > begins_at and not self.making[place] and not self.closed then make(self, place, set, claim) end
    return false
  end
  if one.money < claim.money or one.tokens < claim.tokens or one.calls < claim.calls then return false end
  one.money, one.tokens, one.calls = one.money - claim.money, one.tokens - claim.tokens, one.calls - claim.calls
  one.used = true
  claim.advance = one.key
  core.post_reserve(self.books.store, claim)
  claim.advance = nil
  return true
end

--- Somebody needs the room of a line: what is held in advance there goes.
function advance:retire(line)
  for _, one in pairs(self.held) do
    for i = 1, #one.set do
      if one.set[i] == line then
        let_go(self, one)
        break
      end
    end
  end
  for _, one in pairs(self.making or {}) do one.gone = true end
end

--- Give everything back, and wait until that is on the disk.
function advance:close()
  self.closed = self.closed or function() end
  for _, one in pairs(self.held) do let_go(self, one) end
  for _, one in pairs(self.making or {}) do one.gone = true end
  while (self.out or 0) > 0 do
    loop.await(function(wake)
      self.closed = wake
      loop.timer(5, wake)
    end)
  end
end

return advance
