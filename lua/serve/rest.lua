--- A served engine whose store takes no changes: the disk is full, or refuses to write.
--
-- The engine that failed is closed: nothing it had not made true is true, and nothing is
-- tried on top of it. In its place stands one that only looks, so commands and pages that
-- read go on being answered, and whatever would change something is refused with the
-- failure's own error. Every second a new engine is opened, which must write to exist; the
-- first that can takes up the runs where the store left them, as after a crash.
local engine = require "engine"
local loop = require "loop"

local rest = {}

local try_ms = 1000

--- What may pass without anybody's help here: no room, a disk that fails, no right to write.
local passing = { K9002 = true, K9005 = true, K9006 = true }

--- Whether a failure of an engine is one to wait out.
function rest.passes(err)
  return err ~= nil and passing[err.number] == true
end

--- An engine that looks on and says `err` to whoever wants to change something; or nil.
function rest.onlooker(home, err, code)
  local e = engine.look { home = home }
  if not e then return nil end
  e.resting = err
  code = code or err.code
  function e.commit() return nil, err.message, code end
  function e.pump() end
  e.admit = e.pump
  require("serve.guest").welcome(e)
  return e
end

--- Put an engine that only looks in the place of `failed` (which may be one itself), and keep
--- trying. `on` = { swap = function(e), open = function() -> e | nil, err,
--- note = function(text), stopping = function() -> bool }. Returns true when an engine works
--- again, or nil, err: when nothing can even be looked at, or the failure became another one.
function rest.until_it_works(home, failed, err, code, on)
  -- opened before the other is closed: who is last takes the log along, which wants room
  local looking = failed.resting and failed or rest.onlooker(home, err, code)
  if looking ~= failed then failed:close() end
  if not looking then return nil, err end
  on.swap(looking)
  on.note(("the store takes no changes: %s; reading goes on, trying again every second"):format(err.message))
  while not on.stopping() do
    local woken = false
    local alarm = loop.timer(try_ms, function() woken = true end)
    while not woken and not on.stopping() do loop.turn(true) end
    alarm:stop()
    if on.stopping() then break end
    local e, why = on.open()
    if e then
      looking:close()
      on.swap(e)
      on.note("the store takes changes again")
      return true
    end
    if not rest.passes(why) then
      looking:close()
      return nil, why
    end
    looking.resting = why
  end
  return true
end

return rest
