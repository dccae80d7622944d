-- What to do with a lead: points for budget, time, fit and referral, and where they lead.

local defaults = {
  budget = { { from = 5000, points = 40 }, { from = 1500, points = 20 } }, budget_unknown = 10,
  timeline_weeks = 6, timeline_soon = 20, timeline_else = 10,
  fit = { "audit", "redesign", "design system" }, fit_points = 25, fit_else = 5, referral = 15,
  book_call = 70, nurture = 40,
}

--- Words for nothing, as forms and models write them.
local nothing = { [""] = true, none = true, no = true, null = true, ["n/a"] = true, unknown = true, ["-"] = true }

local function absent(value)
  return value == nil or type(value) == "userdata" or type(value) == "string" and nothing[value:lower():gsub("^%s+", ""):gsub("%s+$", "")] == true
end

--- Whether a need names a service, however it is put together: "Design-System", "designsystem".
local function names(need, service)
  return need:find((service:gsub("[%^%$%(%)%%%.%[%]%*%+%?]", "%%%0"):gsub("[%s%-_]+", "[%%s%%-_]*"))) ~= nil
end

return skill {
  version = 1,
  about = "Scores a lead and says where it goes: book_call, nurture, template_offer or decline",
  effect = "pure",
  input = {
    type = "object",
    properties = {
      budget = { type = { "number", "null" } }, timeline_weeks = { type = { "number", "null" } }, need = { type = { "string", "null" } },
      referral = { type = { "string", "boolean", "null" } }, product_interest = { type = { "boolean", "string", "null" } },
      rules = { type = "object", description = "values for the points and thresholds" },
    },
  },
  output = {
    type = "object", required = { "score", "route", "factors" },
    properties = { score = { type = "integer", minimum = 0, maximum = 100 }, route = { enum = { "book_call", "nurture", "template_offer", "decline" } },
      factors = { type = "object", additionalProperties = { type = "integer" } } },
  },

  ["local"] = function(input)
    local rules = setmetatable(input.rules or {}, { __index = defaults })
    local factors = { budget = 0, timeline = rules.timeline_else, fit = rules.fit_else, referral = 0 }
    if absent(input.budget) then
      factors.budget = rules.budget_unknown
    else
      for _, one in ipairs(rules.budget) do
        if input.budget >= one.from and one.points > factors.budget then
          factors.budget = one.points
        end
      end
    end
    if not absent(input.timeline_weeks) and input.timeline_weeks <= rules.timeline_weeks then
      factors.timeline = rules.timeline_soon
    end
    local need = absent(input.need) and "" or input.need:lower():gsub("%f[%a]re[%s%-_]+design", "redesign")
    for _, word in ipairs(rules.fit) do
      if names(need, word:lower()) then
        factors.fit = rules.fit_points
      end
    end
    if not absent(input.referral) and input.referral ~= false then
      factors.referral = rules.referral
    end
    local score = math.min(100, factors.budget + factors.timeline + factors.fit + factors.referral)
    local interest = not absent(input.product_interest) and input.product_interest ~= false
    local route = score >= rules.book_call and "book_call" or score >= rules.nurture and "nurture" or interest and "template_offer" or "decline"
    return { score = score, route = route, factors = factors }
  end,

  examples = {
    { name = "a call", input = { budget = 7000, timeline_weeks = 8, need = "redesign", referral = "fernline.example", product_interest = false },
      output = { score = 90, route = "book_call", factors = { budget = 40, timeline = 10, fit = 25, referral = 15 } } },
    { name = "wants the kit", input = { budget = 300, need = "CRM kit", product_interest = true }, output = { score = 15, route = "template_offer" } },
    { name = "unknown budget, soon, fits", input = { timeline_weeks = 4, need = "Design-System" }, output = { score = 55, route = "nurture" } },
    { name = "nothing here for us", input = { budget = 100, need = "logo" }, output = { score = 15, route = "decline" } },
    { name = "exactly at the threshold", input = { budget = 1500, timeline_weeks = 6, need = "audit" }, output = { score = 65, route = "nurture" } },
    { name = "in one word, and by nobody", input = { need = "Designsystem", referral = "none", product_interest = "no" },
      output = { score = 45, route = "nurture", factors = { fit = 25, referral = 0 } } },
    { name = "again, in two words", input = { budget = 100, need = "Re-design of the shop" }, output = { score = 35, route = "decline" } },
    { name = "software design is no redesign", input = { need = "software design" }, output = { factors = { fit = 5 } } },
    { name = "rules of one's own", input = { budget = 900, need = "audit", rules = { budget = { { from = 800, points = 60 } } } }, output = { score = 95, route = "book_call" } },
  },
}
