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

--- Days from today to the date of the work, or of the task that it is: as it is now, whoever moved it.
local function days_to_due(ctx, item, today)
  local task = item.task and ctx.records.get { type = "task", key = item.task }
  local due = task and task.due or item.days_to_due == nil and item.due or nil
  if type(due) ~= "string" or not due:find("^%d%d%d%d%-%d%d%-%d%d") then
    return item.days_to_due
  end
  return ctx.time.parts { at = due:sub(1, 10) .. "T12:00:00Z", zone = "UTC" }.day - today.day
end

local function work_of(ctx, today)
  local list = ctx.array()
  for _, row in ipairs(ctx.records.find { type = "work", limit = 10000 } or {}) do
    local item = row.value
    if item.state ~= "done" and item.state ~= "cancelled" then
      list[#list + 1] = { id = item.id or row.key, value = ctx.skill.amount_of { record = item, field = "value" }.amount, p_paid = item.p_paid or 1,
        hours_left = item.hours_left, days_to_due = days_to_due(ctx, item, today), days_to_cash = item.days_to_cash, tier = item.tier, title = item.title }
    end
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end

--- Reasons by id, in whatever form they came.
local function reasons_of(said, items)
  local out = {}
  for _, list in ipairs { said.reasons or said, said.items or {}, said.plan or {} } do
    for key, one in pairs(list) do
      if type(key) == "number" and type(one) == "string" then
        key = items[key] and items[key].id
      end
      if type(key) == "string" and type(one) == "string" then
        out[key] = one
      elseif type(one) == "table" and one.id then
        local why = one.reason or one.text or one.why
        out[one.id] = type(why) == "string" and why or nil
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
  local reasons = said and reasons_of(said, items) or {}
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

--- The ids of known work in whatever a person or a memory says: "WK-3 first, I promised",
--- { first = "WK-3" }, { plan = { { id = "WK-3" }, ... } }; in their order.
local function ids_in(said, known)
  local found = {}
  if type(said) == "string" then
    local places = {}
    for id in pairs(known) do
      -- WK-1 is not in WK-10
      local at = said:find("%f[%w]" .. id:gsub("%p", "%%%0") .. "%f[^%w%-_]")
      places[#places + 1] = at and { at = at, id = id } or nil
    end
    table.sort(places, function(a, b) return a.at < b.at end)
    for i, one in ipairs(places) do
      found[i] = one.id
    end
  elseif type(said) == "table" and said.id then
    return ids_in(said.id, known)
  elseif type(said) == "table" then
    for _, one in ipairs(#said > 0 and said or { said.first, said.top, said.order, said.ids, said.plan, said.items }) do
      table.move(ids_in(one, known), 1, 100, #found + 1, found)
    end
  end
  return found
end

--- What the plan of last time had, also what is gone since.
local function last_plan(ctx)
  local kept = ctx.memory.get { kind = "plan", key = "plan:last" }
  local value = kept and kept.value
  if type(value) ~= "table" then
    return {}
  end
  local list, ids = #value > 0 and value or value.ids or value.order or value.plan or value.items or {}, {}
  for i, one in ipairs(list) do
    ids[i] = type(one) == "table" and tostring(one.id) or tostring(one)
  end
  return ids
end

--- The plan with what you put first: by your edit, or by the words beside it.
local function promised(ctx, verdict, ask, output)
  local known, reason = {}, {}
  for _, list in ipairs { output.plan, output.deferred } do
    for _, one in ipairs(list) do
      known[one.id], reason[one.id] = true, one.reason
    end
  end
  ask.first = ids_in(verdict.value, known)
  if #ask.first == 0 then
    ask.first = ids_in(verdict.note or "", known)
  end
  local again = ctx.skill.plan_priorities(ask)
  local function told(list)
    local out = ctx.array()
    for i, one in ipairs(list) do
      out[i] = { id = one.id, score = one.score, reason = reason[one.id] }
    end
    return out
  end
  output.plan, output.deferred, output.used_h = told(again.plan), told(again.deferred), again.used_h
  return { first = ctx.array(ask.first), reason = verdict.note }
end

return agent {
  version = 1,
  about = "Ranks the week's work by arithmetic and asks about what changed",
  -- what comes within ten seconds is one run; `schedule` asks for a plan by hand
  on = { { cron = "45 7 * * 1-5", coalesce = "10s" }, { event = "schedule", coalesce = "10s" }, { event = "payment.received", coalesce = "10s" },
    { event = "deadline.changed", coalesce = "10s" } },

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

  run = function(ctx, input)
    if ctx.event and ctx.event.type == "deadline.changed" then
      local _, err = ctx.call("keep_deadlines", input) -- it has been told, too, but may not be done
      if err then
        ctx.emit("invalid_item", { event = ctx.event.key, why = err.message })
      end
    end
    local today = ctx.time.parts { at = ctx.now_text() }
    local money, work = money_of(ctx), work_of(ctx, today)
    local ask = { work = work, capacity_h = ctx.config.capacity_h, cash = money.cash, burn = money.burn, weights = ctx.config.weights,
      relation = ctx.config.relation }
    local ranked = ctx.skill.plan_priorities(ask)
    for _, one in ipairs(ranked.invalid) do
      ctx.emit("invalid_item", one)
    end
    local plan, deferred = explain(ctx, ranked)
    local output = { runway_months = ranked.runway_months or ctx.null, plan = plan, deferred = deferred, used_h = ranked.used_h }

    local changed, count = changes(ctx, last_plan(ctx), plan)
    local accepted, override = true, nil
    if count > 0 then
      local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).plan, default = { timebox_s = 7200, on_timeout = "keep_last_plan" }, reversible = true }
      local verdict = assert(ctx.approve { subject = "plan:" .. today.date, proposal = { changes = changed }, within = terms.within, otherwise = terms.otherwise,
        remind = terms.remind, risk = "low" })
      accepted = verdict.approved
      override = verdict.outcome == "edited" and promised(ctx, verdict, ask, output) or nil
    end

    local ids, order = ctx.array(), {}
    for i, one in ipairs(output.plan) do
      ids[i], order[i] = one.id, ("%d. %s (%.4f)"):format(i, one.id, one.score)
    end
    ctx.memory.remember { layer = "session", kind = "plan", key = "plan:" .. today.date, text = "Plan: " .. table.concat(order, ", "),
      value = { ids = ids, accepted = accepted, override = override }, ttl = "30d" }
    if accepted then
      ctx.memory.remember { layer = "session", kind = "plan", key = "plan:last", text = "The plan accepted last: " .. table.concat(order, ", "),
        value = { ids = ids, date = today.date }, ttl = "90d" }
    end
    return output
  end,
}
