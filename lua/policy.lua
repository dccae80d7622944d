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
-- against the arguments (where.lua), risk a word from above. A `deny` that fits wins over
-- all; config.lua comes before the manifest. One rule is built in: a run that has read text
-- from outside and private memory asks before anything goes out, unless a person approved
-- something in it since, or a rule that names this very effect (no `*`) says "auto".
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

local function fits(one, deed)
  return (one.effect == nil or glob.match(one.effect, deed.effect))
    and (one.agent == nil or glob.match(one.agent, deed.agent))
    and (one.risk == nil or tiers[one.risk] == policy.tier(deed.risk))
    and where.matches(one.where, deed.args)
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

return policy
