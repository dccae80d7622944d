--- A value that must not be seen: printed, encoded or walked it is empty.
--
--   local key = secret.new("sk-...")
--   tostring(key)        --> "[secret]"
--   secret.reveal(key)   --> "sk-..."
--
-- The text is kept beside the object, not in it, so that no pairs(), JSON
-- encoder or error message that meets the object can show it.

local secret = {}

local texts = setmetatable({}, { __mode = "k" })

local meta = { __name = "secret", __metatable = "secret" }
function meta.__tostring() return "[secret]" end
function meta.__concat() error("a secret cannot be joined to text", 2) end
function meta.__newindex() error("a secret cannot be changed", 2) end

--- Wrap a text.
function secret.new(text)
  local hidden = setmetatable({}, meta)
  texts[hidden] = text
  return hidden
end

--- The text of a secret; nil for anything else.
function secret.reveal(hidden) return texts[hidden] end

function secret.is(value) return texts[value] ~= nil end

return secret
