-- The outside world as an adapter that a test holds in its hand: what arrived there, and
-- how it behaves. `use = "world"` in config.lua's adapters, after world.install().
local world = {}
world.__index = world

--- A new world; config: adapters = { bank = "world" }.
function world.install()
  local self = setmetatable({ arrived = {}, undone = {}, probes = 0 }, world)
  package.loaded["adapter.world"] = { open = function() return self end, op = world.op }
  return self
end

local function count(self, key)
  local n = 0
  for _, one in ipairs(self.arrived) do
    if one.key == key then n = n + 1 end
  end
  return n
end
world.count = count

--- on(cmd, key, arrive): what happens to an attempt; arrive() records it. Default: arrives,
--- answers { ok = true }.
function world:op(name)
  if name ~= "pay" and name ~= "send" and name ~= "look" then return nil end
  return {
    effect = name == "pay" and "at_most_once" or name == "send" and "idempotent" or "read",
    perform = function(cmd, key)
      local function arrive()
        if name ~= "send" or count(self, key) == 0 then
          self.arrived[#self.arrived + 1] = { op = name, key = key, args = cmd.args }
        end
      end
      self.attempts = (self.attempts or 0) + 1
      if self.on then return self.on(cmd, key, arrive) end
      arrive()
      return { ok = true }
    end,
    probe = self.knows and function(_, key)
      self.probes = self.probes + 1
      if count(self, key) > 0 then return "happened", { ok = true, probed = true } end
      return "not"
    end,
    retry = self.retry,
    undo = self.undoes and function(_, key, result)
      self.undone[#self.undone + 1] = { key = key, result = result }
      return { undone = true }
    end,
  }
end

return world
