--- Does a value hold what is expected of it? Objects are matched as a subset: what
-- is not named under `expected` may be anything. Lists must be as long, item by item.
--
--   subset.differences({ label = "bill" }, { label = "spam", sure = 0.4 })
--   --> { { path = "/label", expected = "bill", got = "spam" } }

local json = require "json"

local subset = {}

local function equal_number(a, b)
  return type(a) == "number" and type(b) == "number" and math.abs(a - b) <= 1e-9
end

local walk

local function walk_list(path, expected, got, out)
  if #expected ~= #got then
    out[#out + 1] = { path = path, expected = expected, got = got,
      why = ("%d items expected, %d there"):format(#expected, #got) }
    return
  end
  for i, item in ipairs(expected) do walk(path .. "/" .. i - 1, item, got[i], out) end
end

function walk(path, expected, got, out)
  if expected == json.null then expected = nil end
  if got == json.null then got = nil end
  if type(expected) ~= "table" or type(got) ~= "table" then
    if expected ~= got and not equal_number(expected, got) then
      out[#out + 1] = { path = path, expected = expected == nil and json.null or expected,
        got = got == nil and json.null or got }
    end
  elseif json.is_list(expected) then
    if next(got) ~= nil and not json.is_list(got) then
      out[#out + 1] = { path = path, expected = expected, got = got }
    else
      walk_list(path, expected, got, out)
    end
  else
    for _, key in ipairs(json.sorted_keys(expected)) do
      walk(path .. "/" .. tostring(key), expected[key], got[key], out)
    end
  end
end

--- A list of { path, expected, got, why? }; empty when everything expected is there.
function subset.differences(expected, got)
  local out = json.array {}
  walk("", expected, got, out)
  return out
end

return subset
