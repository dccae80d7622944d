--- Server-sent events and lines of JSON: however the bytes are cut, the same comes out.
local choices = require "choices"
local json = require "json"
local ndjson = require "ndjson"
local sse = require "sse"

local function read(make, text, cuts)
  local told = json.array {}
  local reader = make(function(one) told[#told + 1] = one end, { limit = 200 })
  local at, ok, _, code = 1, nil, nil, nil
  for _, n in ipairs(cuts) do
    ok, _, code = reader:feed(text:sub(at, at + n - 1))
    at = at + n
    if ok == nil and code then break end
  end
  if not code then ok, _, code = reader:feed(text:sub(at)) end
  if reader.finish and not code then reader:finish() end
  for i, one in ipairs(told) do
    told[i] = type(one) == "table" and json.array { one.event or json.null, one.data or json.null, one.id or json.null } or one
  end
  return told, code
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in next, a do if not same(value, b[key]) then return false end end
  for key in next, b do if a[key] == nil then return false end end
  return true
end

return function(bytes)
  local c = choices.of(bytes)
  local make = c:pick { sse.new, ndjson.new }
  local cuts = {}
  for i = 1, c:below(12) do cuts[i] = c:below(20) end
  local text = c:rest()
  local whole, whole_code = read(make, text, {})
  local cut, cut_code = read(make, text, cuts)
  assert(whole_code == cut_code, "a cut that changes what is too large")
  if not whole_code then assert(same(whole, cut), "a cut that changes what is told") end
end
