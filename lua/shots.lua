--- Which examples a model is shown: those of a list that are most like what it is asked about,
--- by the engine's word vectors, and no more than a prompt has room for.
--
--   shots.nearest(examples, { text = "Where is my copy?" })  --> at most 5, the nearest last
local json = require "json"
local words = require "core.words"

local shots = {}

shots.most, shots.bytes = 5, 6000
local compared = 2000 -- bytes of an input that are compared

--- The texts in a value, one behind the other: names of fields say nothing.
local function texts(value, out)
  if type(value) == "string" then
    out[#out + 1] = value
  elseif type(value) == "table" then
    for _, key in ipairs(json.sorted_keys(value)) do texts(value[key], out) end
  elseif value ~= nil and value ~= json.null then
    out[#out + 1] = tostring(value)
  end
  return out
end

local function page(input)
  local text = table.concat(texts(input, {}), " ")
  local stop = math.min(#text, compared)
  while stop > 0 and stop < #text and text:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  return text:sub(1, stop)
end

--- At most `most` of the examples, the one that is most like the input last, as a model
--- weighs most what it read last. Equally near are taken in their order.
function shots.nearest(examples, input, most)
  local asked, ranked = page(input), {}
  for i, one in ipairs(examples or {}) do
    ranked[i] = { example = one, near = words.similarity(asked, page(one.input)), at = i }
  end
  table.sort(ranked, function(a, b)
    if a.near ~= b.near then return a.near > b.near end
    return a.at < b.at
  end)
  local chosen, bytes = {}, 0
  for _, row in ipairs(ranked) do
    local size = #assert(json.encode(row.example.input)) + #assert(json.encode(row.example.output))
    if #chosen < (most or shots.most) and bytes + size <= shots.bytes then
      bytes = bytes + size
      table.insert(chosen, 1, row.example)
    end
  end
  return chosen
end

return shots
