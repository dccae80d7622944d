-- What to work on this week: ranked by arithmetic, explained in words, decided by you.
--
-- The ranking weighs what pays, what is due, what brings cash and for whom it is, against
-- the months that your money lasts. You are shown only what changed since the plan that you
-- accepted last. "WK-3 first, I promised" holds for this plan and no other.

--- Cash and burn in the currency of the settings: { cash, burn, currency }.
local function money_of(ctx)
  local burn = ctx.skill.amount_of { record = ctx.config, field = "burn" }
  local currency = burn.currency or "eur"
  local name = "cash_" .. currency
  local cash = ctx.records.get { type = name, key = name }
  if type(cash) == "table" then
    cash = ctx.skill.amount_of { record = cash }.amount or cash.value
  end
  return { cash = tonumber(cash), burn = burn.amount }
end

local function work_of(ctx)
  local list = ctx.array()
  for _, row in ipairs(ctx.records.find { type = "work", limit = 10000 } or {}) do
    local item = row.value
    if item.state ~= "done" and item.state ~= "cancelled" then
      list[#list + 1] = { id = item.id or row.key, value = ctx.skill.amount_of { record = item, field = "value" }.amount, p_paid = item.p_paid or 1,
        hours_left = item.hours_left, days_to_due = item.days_to_due, days_to_cash = item.days_to_cash, tier = item.tier, title = item.title }
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

--- Reasons by id, in whatever form they came.
local function reasons_of(said)
  local out = {}
  for _, list in ipairs { said.reasons or {}, said.items or {}, said.plan or {} } do
    for key, one in pairs(list) do
      if type(key) == "string" and type(one) == "string" then
        out[key] = one
      elseif type(one) == "table" and one.id then
        out[one.id] = one.reason or one.text
      end
    end
  end
  return out
end

local function cut(text)
  if #text <= 200 then
    return text
  end
  return text:sub(1, (utf8.offset(text, 0, 197) or 197) - 1) .. "..."
end

--- The items with a reason each: the model's, or the house's own.
local function explain(ctx, ranked)
  local items = {}
  for _, list in ipairs { ranked.plan, ranked.deferred } do
    for _, one in ipairs(list) do
      items[#items + 1] = one
    end
  end
  local risks = ctx.array()
  for _, hit in ipairs(ctx.memory.search { kind = "client", k = 20 } or {}) do
    if tostring(hit.key):find("/risk$") then
      risks[#risks + 1] = hit.text
    end
  end
  local said, err = nil, nil
  if #items > 0 then
    said, err = ctx.skill.explain_plan { items = items, runway_months = ranked.runway_months, risks = risks }
  end
  if err then
    ctx.emit("run.degraded", { why = err.message })
  end
  local reasons = said and reasons_of(said) or {}
  local function told(list)
    local out = ctx.array()
    for i, one in ipairs(list) do
      local reason = reasons[one.id] or ("score %.4f: value %.2f, urgency %.2f, cash %.2f"):format(one.score, one.parts.value, one.parts.urgency, one.parts.cash)
      out[i] = { id = one.id, score = one.score, reason = cut(reason) }
    end
    return out
  end
  return told(ranked.plan), told(ranked.deferred)
end

--- What is another way than in the plan accepted last: ids that moved, came and went.
local function changes(ctx, last, plan)
  local before, out = {}, { moved_up = ctx.array(), moved_down = ctx.array(), new = ctx.array(), gone = ctx.array() }
  for i, id in ipairs(last) do
    before[id] = i
  end
  for i, one in ipairs(plan) do
    local was = before[one.id]
    if not was then
      out.new[#out.new + 1] = one.id
    elseif was > i then
      out.moved_up[#out.moved_up + 1] = one.id
    elseif was < i then
      out.moved_down[#out.moved_down + 1] = one.id
    end
    before[one.id] = nil
  end
  for _, id in ipairs(last) do
    if before[id] then
      out.gone[#out.gone + 1] = id
    end
  end
  return out, #out.moved_up + #out.moved_down + #out.new + #out.gone
end

local function ids_of(list)
  local ids = {}
  for i, one in ipairs(list) do
    ids[i] = type(one) == "table" and one.id or one
  end
  return ids
end

--- The ids that an edit puts first: { first = "WK-3" }, { order = {...} }, { plan = {...} }.
local function wanted_first(value, plan)
  if type(value) ~= "table" then
    return type(value) == "string" and { value } or {}
  end
  local first = value.first or value.order or value.top
  if type(first) == "string" then
    return { first }
  elseif type(first) == "table" then
    return ids_of(first)
  end
  local ids, was = ids_of(value.plan or {}), ids_of(plan)
  return table.concat(ids, "\n") ~= table.concat(was, "\n") and ids or {}
end

--- Two triggers within ten seconds are one plan: that of the run before, if it is so fresh.
local function just_made(ctx)
  local last = ctx.records.get { type = "plan_made", key = "last" }
  return last and last.run ~= ctx.run and ctx.now() - last.ms < 10000 and last.output or nil
end

return agent {
  version = 1,
  about = "Ranks the week's work by arithmetic and asks about what changed",
  on = { { cron = "45 7 * * 1-5" }, { event = "payment.received" }, { event = "deadline.changed" } },

  input = { type = "object" },
  output = {
    type = "object", required = { "runway_months", "plan", "deferred", "used_h" }, additionalProperties = false,
    properties = {
      runway_months = { type = { "number", "null" } }, used_h = { type = "number" },
      plan = { type = "array", items = { ["$ref"] = "#/$defs/i" } }, deferred = { type = "array", items = { ["$ref"] = "#/$defs/i" } },
    },
    ["$defs"] = { i = { type = "object", required = { "id", "score", "reason" }, properties = { id = { type = "string" },
      score = { type = "number", minimum = 0, maximum = 1 }, reason = { type = "string", maxLength = 200 } } } },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      capacity_h = { type = "number", minimum = 0, default = 24 }, approval = { type = "object" },
      weights = { type = "object" }, relation = { type = "object" },
    },
    patternProperties = { ["^burn_[a-z]{3}$"] = { type = "number", minimum = 0 } },
  },

  budget = { run = "$0.009", day = "$0.05" },
  uses = { "amount_of", "approval_terms", "plan_priorities", "explain_plan" },
  memory = { read = { "client/*", "plan/*" }, write = { "plan/*" } },

  run = function(ctx)
    local fresh = just_made(ctx)
    if fresh then
      ctx.log("coalesced with the plan that was just made")
      return fresh
    end
    local money, work = money_of(ctx), work_of(ctx)
    local ask = { work = work, capacity_h = ctx.config.capacity_h, cash = money.cash, burn = money.burn, weights = ctx.config.weights,
      relation = ctx.config.relation }
    local ranked = ctx.skill.plan_priorities(ask)
    for _, one in ipairs(ranked.invalid) do
      ctx.emit("invalid_item", one)
    end
    -- claimed before anybody is asked, so that what comes right behind finds it
    ctx.records.put { type = "plan_made", key = "last", value = { run = ctx.run, ms = ctx.now(), output = { runway_months = ranked.runway_months,
      used_h = ranked.used_h, plan = ctx.array(), deferred = ctx.array() } } }
    local plan, deferred = explain(ctx, ranked)
    local output = { runway_months = ranked.runway_months or ctx.null, plan = plan, deferred = deferred, used_h = ranked.used_h }

    local date = ctx.time.parts { at = ctx.now_text() }.date
    local kept = ctx.memory.get { kind = "plan", key = "plan:last" }
    local last = kept and type(kept.value) == "table" and kept.value.ids or {}
    local changed, count = changes(ctx, last, plan)
    local accepted = true
    if count > 0 then
      local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).plan, default = { timebox_s = 7200, on_timeout = "keep_last_plan" } }
      local proposal = { changes = changed, plan = plan }
      local verdict = assert(ctx.approve { subject = "plan:" .. date, proposal = proposal, within = terms.within, otherwise = terms.otherwise, remind = terms.remind,
        risk = "low" })
      accepted = verdict.approved
      if verdict.outcome == "edited" then
        ask.first = wanted_first(verdict.value, plan)
        local again = ctx.skill.plan_priorities(ask)
        local reason = {}
        for _, list in ipairs { plan, deferred } do
          for _, one in ipairs(list) do
            reason[one.id] = one.reason
          end
        end
        local function told(list)
          local out = ctx.array()
          for i, one in ipairs(list) do
            out[i] = { id = one.id, score = one.score, reason = reason[one.id] or "as before" }
          end
          return out
        end
        output.plan, output.deferred, output.used_h = told(again.plan), told(again.deferred), again.used_h
      end
    end

    local ids, order = ctx.array(ids_of(output.plan)), {}
    for i, one in ipairs(output.plan) do
      order[i] = ("%d. %s (%.4f)"):format(i, one.id, one.score)
    end
    ctx.memory.remember { layer = "session", kind = "plan", key = "plan:" .. date, text = "Plan: " .. table.concat(order, ", "), value = { ids = ids, accepted = accepted }, ttl = "30d" }
    if accepted then
      ctx.memory.remember { layer = "session", kind = "plan", key = "plan:last", text = "The plan accepted last: " .. table.concat(order, ", "), value = { ids = ids, date = date }, ttl = "90d" }
    end
    return output
  end,
}
