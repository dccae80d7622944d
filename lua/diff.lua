--- What changed from one value to another, as a flat list of paths.
local json = require "json"

local diff = {}

local function is_table(v) return type(v) == "table" end

local function keys_of(a, b)
  local seen, keys = {}, {}
  for _, t in ipairs { a, b } do
    for k in pairs(t) do
      if not seen[k] then
        seen[k] = true
        keys[#keys + 1] = k
      end
    end
  end
  table.sort(keys, function(x, y) return tostring(x) < tostring(y) end)
  return keys
end

local function walk(path, a, b, out)
  if is_table(a) and is_table(b) then
    for _, k in ipairs(keys_of(a, b)) do walk(path .. "/" .. tostring(k), a[k], b[k], out) end
  elseif a ~= b then
    out[#out + 1] = { path = path, from = a == nil and json.null or a, to = b == nil and json.null or b }
  end
end

--- A list of { path = "/a/b", from =, to = }; empty when the values are equal.
function diff.values(a, b)
  local out = json.array {}
  walk("", a, b, out)
  return out
end

return diff
