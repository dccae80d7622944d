--- A value of JSON's kinds as Lua source, on one line, with its keys sorted.
local json = require "json"

local words = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until while]]):gmatch "%a+" do
  words[word] = true
end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not words[key] then return key end
  return "[" .. (type(key) == "string" and ("%q"):format(key):gsub("\\\n", "\\n") or tostring(key)) .. "]"
end

local function text_of(value)
  if value == nil or value == json.null then return "nil" end
  if type(value) == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if json.is_list(value) then
    for i, part in ipairs(value) do parts[i] = text_of(part) end
  else
    for _, key in ipairs(json.sorted_keys(value)) do parts[#parts + 1] = ("%s = %s"):format(key_text(key), text_of(value[key])) end
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

return text_of
