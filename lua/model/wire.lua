--- Reading what servers send: any field may be missing, null, or of another type.
local json = require "json"

local wire = {}

--- nil for null and absent.
function wire.present(value)
  if value == json.null then return nil end
  return value
end

--- t[a][b]..., or nil as soon as one is not there.
function wire.field(t, ...)
  for _, key in ipairs { ... } do
    if type(t) ~= "table" then return nil end
    t = wire.present(t[key])
  end
  return t
end

--- The value when it is text.
function wire.text(value)
  return type(value) == "string" and value or nil
end

--- The schema in words, for servers and models that know no other way.
function wire.instruction(schema)
  return "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n" .. assert(json.encode(schema))
end

--- `base` without the slashes at its end, and `path` behind it.
function wire.url(base, path)
  return base:gsub("/+$", "") .. path
end

return wire
