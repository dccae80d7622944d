--- The fake of the outside world: every effect is a line of var/outbox.jsonl, written
--- with its own fsync, outside the store. A key that is there already is not written
--- again, so any op is idempotent by its key.
local file = require "file"
local json = require "json"
local loop = require "loop"
local rfc3339 = require "rfc3339"

local outbox = { own_words = true }
outbox.__index = outbox

local function keys_in(path)
  local keys = {}
  for line in (file.read(path) or ""):gmatch("([^\n]*)\n") do
    local row = json.decode(line)
    if row and row.key then keys[row.adapter .. "\0" .. row.op .. "\0" .. row.key] = row end
  end
  return keys
end

--- `name` is the adapter's role: mail, billing, ...
function outbox.open(e, name)
  local self = setmetatable({ name = name, path = file.join(e.home, "var", "outbox.jsonl"), known = {} }, outbox)
  e.outbox_keys = e.outbox_keys or keys_in(self.path)
  self.keys = e.outbox_keys
  return self
end

local function body_of(args)
  local body = {}
  for k, v in pairs(args) do
    if k ~= "op" and k ~= "key" then body[k] = v end
  end
  return body
end

--- The outbox is ours, not the world's: when the disk refuses it the engine stops, as for
--- the store, and the run sends again when it is taken up at the next start.
local function refused(cmd, message, code)
  cmd.engine:fail_store(message, code)
  return loop.await(function() end)
end

local risks = { refund = "irreversible", charge = "irreversible", pay = "irreversible", payout = "irreversible",
  transfer = "irreversible", delete = "irreversible", draft = "reversible", create = "reversible", hold = "reversible",
  void_draft = "reversible", delete_if_empty = "reversible", unschedule = "reversible", label = "reversible" }

--- Any op is taken: the outbox stands for every service.
function outbox:op(op)
  local place = self.name .. "\0" .. op .. "\0"
  return {
    effect = "idempotent",
    risk = risks[op] or "outward",
    probe = function(_, key)
      if self.keys[place .. key] then return "happened", { key = key, sent = true } end
      return "not"
    end,
    perform = function(cmd, key)
      if not self.keys[place .. key] then
        local row = { adapter = self.name, op = op, key = key, body = body_of(cmd.args),
          at = rfc3339.format(cmd.engine.clock()) }
        local ok, message, code = file.append_sync(self.path, json.encode(row))
        if not ok then return refused(cmd, message, code) end
        self.keys[place .. key] = row
      end
      return { key = key, sent = true }
    end,
  }
end

return outbox
