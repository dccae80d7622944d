--- What the ops of an adapter take and do, said once in a table and checked in one place:
---
---   ops = { send = { args = { to = "texts!", subject = "text" }, effect = "idempotent", risk = "outward",
---     perform = function(self, args, key, cmd) -> result | nil, err,
---     probe = function(self, args, key) -> "happened", result | "not" | "unknown",
---     undo = function(self, args, key, result) -> result | nil, err } }
---
--- A type is a word of `types` below; "!" behind it says that the field must be there. `op` and `key`
--- are fields of every op. A wrong field or type is the script's mistake: it raises (K3003).
local rfc3339 = require "rfc3339"
local suggest = require "suggest"

local contract = {}

local function is_text(v) return type(v) == "string" end

local function is_list(check)
  return function(v)
    if type(v) ~= "table" then return false end
    local n = 0
    for _ in pairs(v) do n = n + 1 end
    for i = 1, n do
      if not check(v[i]) then return false end
    end
    return true
  end
end

local all_texts = is_list(is_text)

local types = {
  text = { "text", is_text },
  name = { "text that is not empty", function(v) return is_text(v) and v ~= "" end },
  texts = { "text, or a list of texts", function(v) return is_text(v) and v ~= "" or type(v) == "table" and #v > 0 and all_texts(v) end },
  list = { "a list of texts", all_texts },
  number = { "a number", function(v) return type(v) == "number" end },
  sum = { 'text or a number, like "12.50"', function(v) return type(v) == "number" or is_text(v) and v:find "^%-?%d+%.?%d*$" ~= nil end },
  whole = { "a whole number from 0", function(v) return math.type(v) == "integer" and v >= 0 end },
  flag = { "true or false", function(v) return type(v) == "boolean" end },
  instant = { 'a time like "2026-03-05T10:00:00Z"', function(v) return is_text(v) and rfc3339.parse(v) ~= nil end },
  tables = { "a list of tables", is_list(function(v) return type(v) == "table" end) },
}

--- The words that a type may be: "text", "text!".
function contract.is_type(word) return type(word) == "string" and types[word:match "^(%a+)!?$"] ~= nil end

contract.type_names = {}
for name in pairs(types) do contract.type_names[#contract.type_names + 1] = name end
table.sort(contract.type_names)

--- A script's mistake.
function contract.wrong(message)
  error({ code = "wrong_use", number = "K3003", raise = true, message = message }, 0)
end

--- A failing world: nil, err.
function contract.failure(self, code, message, more)
  local err = more or {}
  err.code, err.message = code, ("adapter '%s': %s"):format(self.name, message)
  return nil, err
end

--- Raise unless `given` is what the op takes.
function contract.check(self, name, op, given)
  for field, value in pairs(given) do
    local kind = op.args[field]
    if field ~= "op" and field ~= "key" and not kind then
      local near = suggest.nearest(tostring(field), op.args)
      contract.wrong(("%s.%s takes no '%s'%s"):format(self.name, name, tostring(field), near and (", did you mean '" .. near .. "'?") or ""))
    end
    local known = kind and types[kind:match("%a+")]
    if known and not known[2](value) then
      contract.wrong(("%s.%s: '%s' is %s, it must be %s"):format(self.name, name, field,
        is_text(value) and ("%q"):format(value:sub(1, 60)) or "of type " .. (math.type(value) or type(value)), known[1]))
    end
  end
  for field, kind in pairs(op.args) do
    if kind:sub(-1) == "!" and given[field] == nil then
      contract.wrong(("%s.%s needs '%s': %s"):format(self.name, name, field, types[kind:match("%a+")][1]))
    end
  end
end

--- What lua/adapter.lua wants of an op; nil when there is none of that name.
function contract.op(self, name)
  local op = self.ops[name]
  if not op then return nil end
  local function checked(fn)
    return fn and function(cmd, key, result)
      contract.check(self, name, op, cmd.args)
      return fn(self, cmd.args, key, result, cmd)
    end
  end
  local perform = checked(op.perform)
  return { effect = op.effect, risk = op.risk or "reversible", probe = checked(op.probe), undo = checked(op.undo), retry = op.retry, keeps = op.keeps,
    perform = function(cmd, key) return perform(cmd, key) end }
end

return contract
