--- The outbox as a case has it (case/faults.lua): what a service is known to be able to do is
--- kept to, and things go wrong in it where the case says so.
--
-- A mail that was sent and money that was moved cannot be looked up: whether that happened,
-- when its answer is lost, only a person can tell. Everything else is found by its key.
local outbox = require "adapter.outbox"

local scripted = { own_words = true }
scripted.__index = scripted

--- Operations that nothing can look up afterwards.
local blind = { send = true, refund = true, pay = true, charge = true, payout = true, transfer = true }

--- `settings.faults(cmd, op, key, when)` -> err, or nil: before the effect, which is then not
--- performed, or after it.
function scripted.open(e, name, settings)
  return setmetatable({ outbox = outbox.open(e, name), faults = settings.faults }, scripted)
end

function scripted:op(name)
  local op = self.outbox:op(name)
  local perform = op.perform
  if blind[name] then op.effect, op.probe = "at_most_once", nil end
  function op.perform(cmd, key)
    local err = self.faults(cmd, name, key, "before_effect")
    if err then return nil, err end
    local result, failure = perform(cmd, key)
    err = failure or self.faults(cmd, name, key, "after_effect")
    if err then return nil, err end
    return result
  end
  return op
end

return scripted
