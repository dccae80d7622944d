--- What an agent may do by itself, and what needs its owner's yes first.
--
-- Effects have a risk, in words and in tiers:
--
--   0  read          nothing changes
--   1  reversible    can be taken back: a draft, a label, a folder          (also "low")
--   2  outward       others see it, and it can be made good: a mail, a post (also "medium")
--   3  irreversible  money that leaves, what is deleted for good            (also "high")
--
-- `policy` in config.lua and in an agent's manifest is a list of rules, and the first that
-- fits says what happens:
--
--   policy = { { effect = "payments.refund", where = { amount = { ["<="] = 50 } }, say = "auto" },
--              { risk = "irreversible", say = "ask" },
--              { effect = "mail.send", agent = "newsletter", say = "auto" } }
--
-- effect is SKILL.OP, agent a name (`*` stands for any rest in both), where is matched
-- against the arguments (where.lua), risk a word from above. A rule that asks or denies holds
-- for worse risks, too, and takes "900" for 900. A `deny` that fits wins over all; config.lua
-- comes before the manifest. What only reads is denied by rules that name it, and asked about
-- by those that name it in full. One rule is built in: a run that has read text
-- from outside and private memory asks before anything goes out, unless a person has seen
-- it since, or a rule that names this very effect (no `*`) says "auto".
local glob = require "glob"
local shape = require "shape"
local where = require "where"

local policy = {}

--- The words of the tiers, from 0.
policy.words = { [0] = "read", "reversible", "outward", "irreversible" }

local tiers = { read = 0, reversible = 1, low = 1, outward = 2, medium = 2, compensable = 2, irreversible = 3, high = 3, critical = 3 }

--- The tier of a risk's word; what nobody named, and a word that we do not know, is outward.
function policy.tier(risk)
  if math.type(risk) == "integer" and risk >= 0 and risk <= 3 then return risk end
  return tiers[risk] or 2
end

-- ---- what a file may say -----------------------------------------------------------

local said = { auto = true, ask = true, deny = true }

local function rule(fields)
  return shape.record("a rule of policy", fields)
end

local fields = {
  effect = shape.text("^[%w_*]+%.?[%w_.*%-]*$", 'an effect like "mail.send" or "payments.*"'),
  risk = shape.one_of { "read", "reversible", "outward", "irreversible" },
  where = shape.any,
  say = { shape.one_of { "auto", "ask", "deny" }, required = true },
}

local with_agent = { agent = shape.text("^[%w_*]+$", "an agent's name") }
for name, field in pairs(fields) do with_agent[name] = field end

--- The shape of `policy`: in config.lua a rule may name an agent.
function policy.shape(names_agents)
  return shape.list(rule(names_agents and with_agent or fields))
end

-- ---- what it means -----------------------------------------------------------------

local function asks_for_a_number(want)
  if type(want) == "number" then return true end
  for _, part in pairs(type(want) == "table" and want or {}) do
    if asks_for_a_number(part) then return true end
  end
  return false
end

--- The arguments with numbers in place of texts that hold one, where `want` has numbers: a
--- service may take "900" for 900.
local function with_numbers(want, got)
  if type(got) == "string" then return asks_for_a_number(want) and tonumber(got) or got end
  if type(got) ~= "table" or type(want) ~= "table" then return got end
  local out = setmetatable({}, getmetatable(got))
  for key, part in pairs(got) do out[key] = with_numbers(want[key], part) end
  return out
end

--- What says "auto" fits what it names and no more; what holds back fits what is worse, too.
local function fits(one, deed)
  local holds_back, tier = one.say ~= "auto", one.risk and policy.tier(deed.risk) - tiers[one.risk]
  return (one.effect == nil or glob.match(one.effect, deed.effect))
    and (one.agent == nil or glob.match(one.agent, deed.agent))
    and (tier == nil or tier == 0 or holds_back and tier > 0)
    and (where.matches(one.where, deed.args)
      or holds_back and where.matches(one.where, with_numbers(one.where, deed.args)))
end

local function described(one)
  return ("the policy says %s for %s"):format(one.say, one.effect or one.risk and one.risk .. " effects" or "every effect")
end

--- What to do with `deed` = { effect = "SKILL.OP", agent, risk, args }: "auto", "ask" or "deny",
--- and the reason, a sentence; the third says that the rule names this very effect.
-- @param lists  lists of rules, the first of most weight
function policy.say(lists, deed)
  local first
  for _, rules in ipairs(lists) do
    for _, one in ipairs(rules) do
      if said[one.say] and fits(one, deed) then
        if one.say == "deny" then return "deny", described(one), true end
        first = first or one
      end
    end
  end
  if not first then return "auto", nil, false end
  return first.say, described(first), first.effect ~= nil and not first.effect:find("*", 1, true)
end

--- The same for what only reads: no effect, so a rule must name it. A `deny` may do that with
--- a `*`; it is asked about by its whole name alone.
function policy.say_of_read(lists, deed)
  local first
  for _, rules in ipairs(lists) do
    for _, one in ipairs(rules) do
      if said[one.say] and one.effect and one.effect ~= "*" and fits(one, deed) then
        if one.say == "deny" then return "deny", described(one) end
        first = first or not one.effect:find("*", 1, true) and one or nil
      end
    end
  end
  if not first then return "auto" end
  return first.say, described(first)
end

return policy
