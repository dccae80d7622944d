--- What a call costs, in integer pico-USD: its bound before, its cost after.
--
-- A price is per token: input, output; cached (read from the provider's cache; input's when
-- absent), written (to it; input's), written_1h (kept for an hour there; written's),
-- reasoning (output's). `long` = {over, ...} are the rates of the whole request once its
-- prompt passes that many tokens; `services` = {batch = {...}, ...} those of a service tier
-- that the request asks for.
local json = require "json"
local money = require "money"

local price = {}

--- No context is larger, so no honest usage is.
price.max_tokens = 20000000

price.names = { "input", "output", "cached", "written", "written_1h", "reasoning" }
local names = price.names

--- What is not said of a price follows from what is.
local function complete(out)
  out.cached, out.written = out.cached or out.input, out.written or out.input
  out.written_1h = out.written_1h or out.written
  out.reasoning = out.reasoning or out.output
  return out
end

local function read_rates(raw, base)
  local out = {}
  for _, name in ipairs(names) do
    out[name] = raw[name .. "_picousd"]
    if out[name] == nil and raw[name] ~= nil then
      local per_token, message = money.per_token(raw[name])
      if not per_token then return nil, message end
      out[name] = per_token
    end
    if out[name] == nil and base then out[name] = base[name] end
  end
  if not out.input or not out.output then return nil, "its price lacks input or output" end
  return complete(out)
end

--- The dearest rates that could apply.
local function dearest(p)
  local input, output = 0, 0
  local function look(rates)
    input = math.max(input, rates.input, rates.cached, rates.written, rates.written_1h)
    output = math.max(output, rates.output, rates.reasoning)
  end
  look(p)
  if p.long then look(p.long) end
  return input, output
end

--- A price as the settings have it ({input_picousd, ...} per token), as config.lua has
-- it ({input = USD per million tokens, ...}), or "free". Returns the rates per token, with
-- free, as_of, long, services, bound_input, bound_output; or nil, message.
function price.read(raw)
  if raw == "free" or type(raw) == "table" and raw.free then
    local out = complete { input = 0, output = 0, free = true }
    out.bound_input, out.bound_output = 0, 0
    return out
  end
  if type(raw) ~= "table" then return nil, "it has no price" end
  local out, message = read_rates(raw)
  if not out then return nil, message end
  out.as_of, out.once = raw.as_of, raw.once
  if raw.long then
    out.long, message = read_rates(raw.long, out)
    if not out.long then return nil, message end
    out.long.over = raw.long.over
  end
  out.bound_input, out.bound_output = dearest(out)
  for service, rates in pairs(raw.services or {}) do
    local of, why = read_rates(rates, out)
    if not of then return nil, why end
    of.as_of = out.as_of
    of.bound_input, of.bound_output = dearest(of)
    out.services = out.services or {}
    out.services[service] = of
  end
  return out
end

--- The price as a row of the ledger keeps it: JSON, pico-USD per token; `once` where the
-- provider bills a request that it gets again after a crash once (scripted ones do).
function price.text(p)
  local function rates(of)
    local out = {}
    for _, name in ipairs(names) do out[name] = of[name] end
    return out
  end
  local out = rates(p)
  out.as_of, out.once = p.as_of, p.once
  if p.long then
    out.long = rates(p.long)
    out.long.over = p.long.over
  end
  return assert(json.encode(out))
end

--- The most that a request can cost: a token holds at least one byte, so the body's
-- bytes bound the input; the dearest rates that could apply. Returns money, tokens.
function price.bound(p, body_bytes, max_tokens)
  return body_bytes * p.bound_input + max_tokens * p.bound_output, body_bytes + max_tokens
end

local function count(value)
  return math.type(value) == "integer" and value >= 0 and value <= price.max_tokens
end

--- The usage with its gaps filled, or nil when it makes no sense: counts are whole,
-- not negative, not beyond any context, and parts are not more than the whole.
function price.usage(raw)
  if type(raw) ~= "table" or not count(raw.input) or not count(raw.output) then return nil end
  local cached, written, hour, reasoning = raw.cached or 0, raw.written or 0, raw.written_1h or 0, raw.reasoning or 0
  if not (count(cached) and count(written) and count(hour) and count(reasoning)) then return nil end
  if cached + written > raw.input or hour > written or reasoning > raw.output then return nil end
  return { input = raw.input, output = raw.output, cached = cached, written = written, written_1h = hour, reasoning = reasoning }
end

--- The cost of a usage.
function price.cost(p, u)
  local rates = p.long and u.input > p.long.over and p.long or p
  return (u.input - u.cached - u.written) * rates.input + u.cached * rates.cached
    + (u.written - u.written_1h) * rates.written + u.written_1h * rates.written_1h
    + (u.output - u.reasoning) * rates.output + u.reasoning * rates.reasoning
end

return price
