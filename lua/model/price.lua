--- What a call costs, in integer pico-USD: its bound before, its cost after.
local json = require "json"
local money = require "money"

local price = {}

--- No context is larger, so no honest usage is.
price.max_tokens = 20000000

local names = { "input", "output", "cached", "written", "reasoning" }

--- A price as the settings have it ({input_picousd, ...} per token), as config.lua has
-- it ({input = USD per million tokens, ...}), or "free". Returns {input, output, cached,
-- written, reasoning, free, as_of} per token, or nil, message.
function price.read(raw)
  if raw == "free" or type(raw) == "table" and raw.free then
    return { input = 0, output = 0, cached = 0, written = 0, reasoning = 0, free = true }
  end
  if type(raw) ~= "table" then return nil, "it has no price" end
  local out = { as_of = raw.as_of }
  for _, name in ipairs(names) do
    out[name] = raw[name .. "_picousd"]
    if out[name] == nil and raw[name] ~= nil then
      local per_token, message = money.per_token(raw[name])
      if not per_token then return nil, message end
      out[name] = per_token
    end
  end
  if not out.input or not out.output then return nil, "its price lacks input or output" end
  out.cached, out.written = out.cached or out.input, out.written or out.input
  out.reasoning = out.reasoning or out.output
  return out
end

--- The price as a row of the ledger keeps it: JSON, pico-USD per token.
function price.text(p)
  local out = { as_of = p.as_of }
  for _, name in ipairs(names) do out[name] = p[name] end
  return assert(json.encode(out))
end

--- The most that a request can cost: a token holds at least one byte, so the body's
-- bytes bound the input; the dearest rates that could apply. Returns money, tokens.
function price.bound(p, body_bytes, max_tokens)
  local input = math.max(p.input, p.cached, p.written)
  local output = math.max(p.output, p.reasoning)
  return body_bytes * input + max_tokens * output, body_bytes + max_tokens
end

local function count(value)
  return math.type(value) == "integer" and value >= 0 and value <= price.max_tokens
end

--- The usage with its gaps filled, or nil when it makes no sense: counts are whole,
-- not negative, not beyond any context, and parts are not more than the whole.
function price.usage(raw)
  if type(raw) ~= "table" or not count(raw.input) or not count(raw.output) then return nil end
  local u = { input = raw.input, output = raw.output }
  for _, part in ipairs { "cached", "written", "reasoning" } do
    u[part] = raw[part] == nil and 0 or raw[part]
    if not count(u[part]) then return nil end
  end
  if u.cached + u.written > u.input or u.reasoning > u.output then return nil end
  return u
end

--- The cost of a usage.
function price.cost(p, u)
  return (u.input - u.cached - u.written) * p.input + u.cached * p.cached + u.written * p.written
    + (u.output - u.reasoning) * p.output + u.reasoning * p.reasoning
end

return price
