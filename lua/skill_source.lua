--- Edits of a skill's source that leave the rest of it as it is.
local skill_source = {}

--- Put examples into a skill's source: behind the `{` of its own `examples`, or as a field of
--- its own before the last brace. Returns the text, or nil.
function skill_source.with_examples(text, examples)
  local literal, lines = require "literal", {}
  for i, one in ipairs(examples) do lines[i] = "    " .. literal(one) .. ",\n" end
  local at = select(2, text:find "\n%s*examples%s*=%s*{")
  if at then return text:sub(1, at) .. "\n" .. table.concat(lines) .. text:sub(at + 1) end
  local last = text:match "^.*()}%s*$"
  if not last then return nil end
  local before = text:sub(1, last - 1):gsub("%s+$", "")
  if not before:find "[,{]$" then before = before .. "," end
  return ("%s\n  examples = {\n%s  },\n%s"):format(before, table.concat(lines), text:sub(last))
end

--- Set a number in the `model` part: a field that is there is changed, else put behind its tier.
-- Returns the text, or nil.
function skill_source.with_model_number(text, name, value)
  local at = text:find "\n%s*model%s*=%s*{"
  if not at then return nil end
  local head, rest = text:sub(1, at - 1), text:sub(at)
  local changed, n = rest:gsub("(%f[%w_]" .. name .. "%s*=%s*)%d+", "%1" .. value, 1)
  if n == 0 then changed, n = rest:gsub("(%f[%w_]tier%s*=%s*\"[^\"]*\"%s*,?)", function(found)
    return (found:find ",%s*$" and found or found .. ",") .. (" %s = %d,"):format(name, value)
  end, 1) end
  return n == 1 and head .. changed or nil
end

return skill_source
