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

--- Texts that no log and no export may show, longest first: one may be a part of another. They
-- are known for as long as the process lives, since an old one may still be in what is told.
local known, is_known = {}, {}

--- Shorter ones are in every other sentence.
local shortest = 4

local meta = { __name = "secret", __metatable = "secret" }
function meta.__tostring() return "[secret]" end
function meta.__concat() error("a secret cannot be joined to text", 2) end
function meta.__newindex() error("a secret cannot be changed", 2) end

local function add(text)
  if #text < shortest or is_known[text] then return end
  is_known[text] = true
  known[#known + 1] = text
  table.sort(known, function(a, b)
    if #a ~= #b then return #a > #b end
    return a < b
  end)
end

--- A text that is a secret from here on, though it is handled as a text.
function secret.remember(text)
  add(text)
  add((text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))) -- as in a URL
end

--- A text without the secrets of this process.
function secret.redact(text)
  for _, one in ipairs(known) do
    local from, to = text:find(one, 1, true)
    if from then
      local out, at = {}, 1
      while from do
        out[#out + 1] = text:sub(at, from - 1)
        at = to + 1
        from, to = text:find(one, at, true)
      end
      out[#out + 1] = text:sub(at)
      text = table.concat(out, "[secret]")
    end
  end
  return text
end

--- Wrap a text.
function secret.new(text)
  secret.remember(text)
  local hidden = setmetatable({}, meta)
  texts[hidden] = text
  return hidden
end

--- The text of a secret; nil for anything else.
function secret.reveal(hidden) return texts[hidden] end

function secret.is(value) return texts[value] ~= nil end

return secret
