-- Which work comes first, by arithmetic:
--
--   score    = 0.40 value + 0.30 urgency + 0.20 cash + 0.10 relation        (4 decimals)
--   value    = min(1, money * probability / hours left / 150)
--   urgency  = clamp(1 - days to due / 21, 0, 1)
--   cash     = clamp(1 - days to cash / 60, 0, 1) * clamp(6 / runway, 0.5, 2) / 2
--   runway   = cash / burn, in months;  relation: gold 1, silver 0.6, bronze 0.3
--
-- The capacity is filled from the top; what does not fit is deferred, and something smaller
-- below it may still fit. What the owner puts first comes first.

local defaults = {
  weights = { value = 0.40, urgency = 0.30, cash = 0.20, relation = 0.10 },
  relation = { gold = 1, silver = 0.6, bronze = 0.3 },
  rate = 150, due_days = 21, cash_days = 60, safe_months = 6,
}

local function clamp(x, low, high)
  return math.max(low, math.min(high, x))
end

local function rounded(x, decimals)
  local m = 10 ^ decimals
  return math.floor(x * m + 0.5 + 1e-9) / m
end

--- What is wrong with an item, or nil.
local function problem_of(item)
  if type(item.hours_left) ~= "number" or item.hours_left <= 0 then
    return "hours_left must be more than 0"
  elseif type(item.value) ~= "number" or item.value < 0 then
    return "its value must be a number, 0 or more"
  elseif type(item.p_paid) ~= "number" or item.p_paid < 0 or item.p_paid > 1 then
    return "p_paid must be between 0 and 1"
  elseif type(item.days_to_due) ~= "number" or type(item.days_to_cash) ~= "number" then
    return "days_to_due and days_to_cash must be numbers"
  end
end

local function setting(input, name)
  local out, given = {}, input[name] or {}
  for key, value in pairs(defaults[name]) do
    out[key] = given[key] or value
  end
  for key, value in pairs(given) do
    out[key] = value
  end
  return out
end

return skill {
  version = 1,
  about = "Ranks work by value, urgency, cash and relation, and fills the week's hours",
  effect = "pure",
  input = {
    type = "object", required = { "work", "capacity_h" },
    properties = {
      work = { type = "array", items = { type = "object", required = { "id" } } },
      capacity_h = { type = "number", minimum = 0 },
      cash = { type = "number" }, burn = { type = "number", minimum = 0 },
      weights = { type = "object" }, relation = { type = "object" },
      first = { type = "array", items = { type = "string" }, description = "ids that the owner wants first" },
    },
  },
  output = {
    type = "object", required = { "plan", "deferred", "invalid", "used_h" },
    properties = {
      plan = { type = "array" }, deferred = { type = "array" }, invalid = { type = "array" }, used_h = { type = "number" },
      runway_months = { type = { "number", "null" } }, cash_factor = { type = "number" },
    },
  },

  ["local"] = function(input, lib)
    local weights, relation = setting(input, "weights"), setting(input, "relation")
    local runway = input.cash and input.burn and input.burn > 0 and input.cash / input.burn or nil
    local pressure = runway and runway > 0 and defaults.safe_months / runway or runway and math.huge or 0
    local factor = clamp(pressure, 0.5, 2) / 2
    local ranked, invalid, place = {}, {}, {}
    for i, id in ipairs(input.first or {}) do
      place[id] = place[id] or i
    end
    for _, item in ipairs(input.work) do
      local why = problem_of(item)
      if why then
        invalid[#invalid + 1] = { id = item.id, why = why }
      else
        local parts = {
          value = math.min(1, item.value * item.p_paid / item.hours_left / defaults.rate),
          urgency = clamp(1 - item.days_to_due / defaults.due_days, 0, 1),
          cash = clamp(1 - item.days_to_cash / defaults.cash_days, 0, 1) * factor,
          relation = relation[item.tier] or 0,
        }
        local score = 0
        for _, name in ipairs { "value", "urgency", "cash", "relation" } do
          score = score + weights[name] * parts[name]
          parts[name] = rounded(parts[name], 4)
        end
        ranked[#ranked + 1] = { id = item.id, score = rounded(score, 4), hours = item.hours_left, parts = parts }
      end
    end
    table.sort(ranked, function(a, b)
      local x, y = place[a.id] or math.huge, place[b.id] or math.huge
      if x ~= y then
        return x < y
      elseif a.score ~= b.score then
        return a.score > b.score
      end
      return a.id < b.id
    end)
    local plan, deferred, used = {}, {}, 0
    for _, one in ipairs(ranked) do
      if used + one.hours <= input.capacity_h + 1e-9 then
        used = used + one.hours
        plan[#plan + 1] = one
      else
        deferred[#deferred + 1] = one
      end
    end
    return { plan = plan, deferred = deferred, invalid = invalid, used_h = rounded(used, 2),
      runway_months = runway and rounded(runway, 2) or lib.null, cash_factor = rounded(factor, 4) }
  end,

  examples = {
    { name = "a week of five", input = { capacity_h = 24, cash = 14200, burn = 3550, work = {
        { id = "WK-1", value = 1800, p_paid = 0.95, hours_left = 10, days_to_due = 4, days_to_cash = 14, tier = "gold" },
        { id = "WK-2", value = 600, p_paid = 1.0, hours_left = 6, days_to_due = 2, days_to_cash = 7, tier = "silver" },
        { id = "WK-3", value = 4200, p_paid = 0.6, hours_left = 18, days_to_due = 18, days_to_cash = 45, tier = "gold" },
        { id = "WK-4", value = 900, p_paid = 0.8, hours_left = 5, days_to_due = 9, days_to_cash = 3, tier = "bronze" },
        { id = "WK-5", value = 0, p_paid = 1.0, hours_left = 3, days_to_due = 3, days_to_cash = 60, tier = "bronze" } } },
      output = { runway_months = 4, cash_factor = 0.75, used_h = 24, plan = { { id = "WK-1", score = 0.8579 }, { id = "WK-2", score = 0.7306 },
        { id = "WK-4", score = 0.7279 }, { id = "WK-5", score = 0.2871 } }, deferred = { { id = "WK-3", score = 0.5537 } } } },
    { name = "no hours left is no work", input = { capacity_h = 8, cash = 1, burn = 1, work = { { id = "A", value = 1, p_paid = 1, hours_left = 0, days_to_due = 1, days_to_cash = 1 } } },
      output = { plan = {}, invalid = { { id = "A" } } } },
    { name = "no burn, no runway, least pressure", input = { capacity_h = 8, cash = 100, burn = 0, work = {} }, output = { cash_factor = 0.25, used_h = 0 } },
    { name = "ties go by id", input = { capacity_h = 8, cash = 1, burn = 1, work = {
        { id = "B", value = 150, p_paid = 1, hours_left = 1, days_to_due = 0, days_to_cash = 0, tier = "gold" },
        { id = "A", value = 150, p_paid = 1, hours_left = 1, days_to_due = 0, days_to_cash = 0, tier = "gold" } } },
      output = { plan = { { id = "A", score = 1 }, { id = "B", score = 1 } } } },
    { name = "what the owner wants first is first, and may push others out", input = { capacity_h = 10, cash = 1, burn = 1, first = { "S" }, work = {
        { id = "R", value = 1500, p_paid = 1, hours_left = 8, days_to_due = 1, days_to_cash = 1, tier = "gold" },
        { id = "S", value = 10, p_paid = 1, hours_left = 4, days_to_due = 30, days_to_cash = 90, tier = "bronze" },
        { id = "T", value = 10, p_paid = 1, hours_left = 6, days_to_due = 30, days_to_cash = 90, tier = "bronze" } } },
      output = { plan = { { id = "S" }, { id = "T" } }, deferred = { { id = "R" } } } },
  },
}
