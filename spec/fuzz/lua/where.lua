--- Any conditions on any payload: wrong with a sentence, or an answer; and what fits has
-- the text by which it is looked for.
local choices = require "choices"
local json = require "json"
local where = require "where"

local words = { "a", "b", "a.b", "", "=", "~=", "<", "<=", ">", ">=", "in", "prefix", "==", "x", "10", "1.0", "$function", "." }

local function is_member(list, text)
  for _, one in ipairs(list) do if one == text then return true end end
  return false
end

return function(bytes)
  local c = choices.of(bytes)
  -- what reaches it was kept before
  local want = json.unpack(json.pack(c:value(words)) or json.pack {})
  local payload = json.unpack(json.pack(c:value(words)) or json.pack {})
  local path, message = where.problem(want)
  if path then
    assert(type(message) == "string" and message ~= "")
    return
  end
  local fits = where.matches(want, payload)
  assert(type(fits) == "boolean")
  local probe = where.probe(want)
  if fits and probe and type(payload) == "table" then
    assert(is_member(where.probes(payload), probe), "it fits, and is not found: " .. probe)
  end
  local name = c:pick(words)
  local text = where.text(payload, name)
  assert(text == nil or type(text) == "string")
end
