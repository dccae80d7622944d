--- The models of a case: which scripted reply answers which call.
--
-- Replies are given in their order, each once, to the first call that they are meant for: by
-- the name of the skill (`extract` means extract_notes as well) or of a step around it, and
-- the tier. A name that no skill here has means any call of its tier. A call that is asked
-- again because the engine died before its answer was kept gets the same answer again.
local json = require "json"

local models = {}
models.__index = models

--- nano-USD a token, where a case names no prices (the tiers of the acceptance cases).
models.usual_prices = { small = { ["in"] = 200, out = 800 }, large = { ["in"] = 3000, out = 15000 }, embed = { ["in"] = 0, out = 0 } }

--- `strict`: a call without a reply is a difference (the case counts calls).
-- world, the replies ({ skill, tier, reply | error, usage, max_out? }) and of which part each is,
--- faults (case/faults.lua), engine() -> the engine that asks.
function models.new(world, replies, parts, faults, engine, strict)
  return setmetatable({ world = world, replies = replies, parts = parts, faults = faults, engine = engine, asks = {}, failed = {}, strict = strict }, models)
end

local function is_named(wanted, name)
  return name ~= nil and (wanted == name or name:sub(1, #wanted + 1) == wanted .. "_")
end

--- Who asks: the skill, the steps around it.
local function names_of(self, who)
  local names = { who.skill }
  local e = self.engine()
  for _, run in pairs(e.active) do
    if run.run == who.run then
      for _, name in ipairs(run.handle:inside(who.seq)) do names[#names + 1] = name end
    end
  end
  return names
end

--- Whether any skill of the home is called so.
local function known(self, wanted)
  local skills = self.engine().library.skills
  if skills[wanted] then return true end
  for name in pairs(skills) do
    if is_named(wanted, name) then return true end
  end
  return false
end

local function fits(self, one, names)
  for _, name in ipairs(names) do
    if is_named(one.skill, name) then return true end
  end
  return false
end

--- The index of the reply of these parts that is next for this call, in the order of the script.
local function next_of(self, asked, names, is_part)
  local used = self.world.at.used_replies
  local other_tier, any_name
  for i, one in ipairs(self.replies) do
    if not used[tostring(i)] and is_part(self.parts[i]) then
      if fits(self, one, names) then
        if one.tier == asked.tier then return i end
        other_tier = other_tier or i
      elseif one.tier == asked.tier and not known(self, one.skill) then
        any_name = any_name or i
      end
    end
  end
  return any_name or other_tier
end

local function choose(self, asked, names)
  local now = self.world.at.part
  return next_of(self, asked, names, function(part) return part == now end) or next_of(self, asked, names, function(part) return part < now end)
end

local function place_of(asked)
  local who = asked.who or {}
  return ("%s/%s"):format(who.run or "", who.seq or "")
end

--- Whether the call asks for a better answer than the one before.
local function is_repair(asked)
  local last = asked.messages[#asked.messages - 1]
  return #asked.messages > 1 and last ~= nil and last.role == "assistant"
end

--- The reply for this call, by its number: the one it was given before the engine died, or
--- the next. Not yet taken.
local function upcoming(self, asked)
  local place = place_of(asked)
  local given, n = self.world.at.given[place] or {}, (self.asks[place] or 0) + 1
  -- what was asked again and again until it was answered is not begun again; what failed, fails as before
  if n == 1 and #given > 1 and not self.world.at.given_up[place] then n = #given end
  local names = names_of(self, asked.who or {})
  return given[n] or choose(self, asked, names), place, n, names
end

--- How many tokens the request counts, and room for the answer that is scripted.
function models:size(asked)
  local one = self.replies[upcoming(self, asked) or 0]
  if not one then return 1 end
  local usage = one.usage or {}
  asked.max_tokens = math.max(one.max_out or usage.max_out or asked.max_tokens, usage.out or 0)
  return math.max(1, usage["in"] or 0)
end

local failures = {
  http_503 = { code = "overloaded", status = 503, message = "503 Service Unavailable" },
  rate_limit = { code = "rate_limited", status = 429, message = "429 Too Many Requests", headers = { ["retry-after"] = "20" } },
  timeout = { code = "timeout", sent = false, message = "no connection within the time" },
  lost_ack = { code = "connection_lost", message = "the connection was lost" },
  overloaded = { code = "overloaded", status = 529, message = "overloaded" },
  server_error = { code = "server_error", status = 500, message = "500 Internal Server Error" },
  context_length = { code = "context_length", status = 400, message = "the request is too long" },
  content_filter = { code = "content_filter", status = 400, message = "the provider's filter stopped it" },
}
failures.rate_limited, failures["429"], failures["503"] = failures.rate_limit, failures.rate_limit, failures.http_503

local function failure_of(kind, usage)
  local like = failures[kind] or { code = kind, message = "the case has it fail: " .. kind }
  local failure = { charge = "none", began = false, usage = usage, headers = like.headers or {} }
  for key, value in pairs(like) do failure[key] = value end
  if failure.sent == nil then failure.sent = true end
  return failure
end

--- A call that the case has no reply to. One that asks again, for a better answer or after
--- an error, meets what it met before.
local function not_scripted(self, asked, names, place)
  local before = self.failed[place]
  if before then return nil, before end
  if not is_repair(asked) then
    local n = 0
    for _ in pairs(self.world.at.used_replies) do n = n + 1 end
    if self.strict then
      self.world:differ("/model/" .. n, nil, { skill = names[1] or json.null, tier = asked.tier }, "this was asked, and the case has no reply to it")
    else
      table.insert(self.world.at.unchecked, ("/model/%d: %s was asked, and the case has no reply to it"):format(n, names[1] or asked.tier))
    end
  end
  return nil, { code = "not_scripted", message = "the case has no reply to this", charge = "none", headers = { ["x-should-retry"] = "false" } }
end

local function take(self, index, place, n)
  local at = self.world.at
  at.used_replies[tostring(index)] = true
  at.given[place] = at.given[place] or json.array {}
  at.given[place][n] = index
  self.asks[place] = n
  self.world:keep()
end

--- The answer to a call, or nil and a failure (model/send.lua).
function models:reply(asked)
  local index, place, n, names = upcoming(self, asked)
  local fault = self.faults:of_model(names, asked.tier, place)
  local one = self.replies[index or 0]
  local usage = one and one.usage and { input = one.usage["in"], output = one.usage.out, cached = 0 } or nil
  local bad = fault == "bad_json" or one and (one.error == "bad_json" or one.error == "invalid_json")
  if fault and fault ~= "bad_json" then return nil, failure_of(fault) end
  if not one then return not_scripted(self, asked, names, place) end
  if not fault then
    take(self, index, place, n)
    if one.tier ~= asked.tier then self.world:differ(("/model/%d/tier"):format(index - 1), one.tier, asked.tier, "this tier was asked") end
  end
  if bad then return { text = '{"this is": no JSON', stop = "end", model = asked.tier, usage = usage or { input = 0, output = 0, cached = 0 } } end
  if one.error then
    self.failed[place] = failure_of(one.error)
    self.failed[place].headers = { ["x-should-retry"] = "false" }
    return nil, failure_of(one.error, usage)
  end
  return { text = assert(json.encode(one.reply)), stop = "end", model = asked.tier, usage = usage or { input = 0, output = 0, cached = 0 } }
end

--- Tiers of a config that this script answers.
function models:tiers(prices)
  local script = { size = function(asked) return self:size(asked) end, reply = function(asked) return self:reply(asked) end }
  local out = {}
  for _, tier in ipairs { "small", "large" } do
    local rates = (prices or {})[tier] or models.usual_prices[tier]
    out[tier] = { { provider = "scripted", model = tier, script = script, max_parallel = 64,
      price = { input = rates["in"] / 1000, output = rates.out / 1000, as_of = "the case", once = true } } }
  end
  return out
end

--- The replies that nothing asked for.
function models:left()
  local list = {}
  for i in ipairs(self.replies) do
    if not self.world.at.used_replies[tostring(i)] then list[#list + 1] = i end
  end
  return list
end

return models
