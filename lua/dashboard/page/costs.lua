--- The money: by day, agent, model and tier; the budget and where it leads; how quick and
--- how sound the calls are.
local chart = require "dashboard.chart"
local html = require "dashboard.html"
local layout = require "dashboard.layout"
local money = require("terminal").money
local rfc3339 = require "rfc3339"
local words = require "dashboard.words"

local h = html.h
local costs = {}

local day_ms = 86400000
local spans = { ["1"] = "a day", ["7"] = "a week", ["30"] = "30 days", ["90"] = "90 days" }

local function pico(row) return math.tointeger(tonumber(row.cost_picousd) or 0) or 0 end

local function day_of(row)
  local day = row.day
  return type(day) == "number" and rfc3339.format(math.tointeger(day) or 0):sub(1, 10) or tostring(day)
end

--- Every day of a stretch, with what was spent on it by the rows.
local function by_day(v, rows, since, till)
  local of, list = {}, {}
  for _, row in ipairs(rows) do of[day_of(row)] = (of[day_of(row)] or 0) + pico(row) end
  local at = since
  while at < till do
    local date = words.date(v, at)
    if not list[1] or list[#list].label ~= date then list[#list + 1] = { label = date, value = of[date] or 0, text = money(of[date] or 0) } end
    at = at + day_ms // 2
  end
  return list
end

local function share(rows, name)
  local sum = 0
  for _, row in ipairs(rows) do sum = sum + pico(row) end
  table.sort(rows, function(a, b) return pico(a) > pico(b) end)
  local out = {}
  for i, row in ipairs(rows) do
    if i > 50 then break end
    local part = sum > 0 and pico(row) / sum * 100 or 0
    local label = tostring(row[name] or "?")
    out[i] = { name == "agent" and words.agent_link(label) or label, words.money(pico(row)),
      h.svg { class = "share", viewBox = "0 0 100 8", preserveAspectRatio = "none", role = "img", ["aria-label"] = ("%.0f %%"):format(part), h.title { ("%.1f %%"):format(part) }, h.rect { class = "bar", x = "0", y = "0", width = ("%.1f"):format(part), height = "8" } },
      tostring(row.calls or 0), tostring(row.failed or 0), tostring((row.input or 0)), tostring((row.output or 0)) }
  end
  return out
end

local function table_by(rows, name, title)
  if #rows == 0 then return words.none "No call was made." end
  return words.table(title, { { name }, { "cost", right = true }, { "share", wide = true }, { "calls", right = true }, { "failed", right = true }, { "tokens in", right = true, wide = true }, { "out", right = true, wide = true } }, share(rows, name))
end

local function month_limit(v)
  local ok, budgets = pcall(require("budget").list, v.e.store, { limits = v.e.settings.budget, zone = v.e.settings.zone, now = v.now })
  for _, row in ipairs(ok and budgets or {}) do
    if row.scope == "engine" and row.window == "month" then return row.limit_picousd end
  end
end

--- The month against its budget: `list` are its days until now.
local function burn(v, start, list)
  local limit = month_limit(v)
  local sum, spent, labels = 0, {}, {}
  for i, day in ipairs(list) do
    sum = sum + day.value
    spent[i], labels[i] = sum, day.label
  end
  local next_month = v.zone:start("month", start + 32 * day_ms)
  local of = (next_month - start + day_ms // 2) // day_ms
  local pace = #spent > 0 and sum // #spent or 0
  local words_of = limit and pace > 0 and (sum >= limit and "The month's budget is spent." or sum + pace * (of - #spent) > limit
    and ("At this pace it is spent on %s."):format(words.date(v, start + (limit // pace) * day_ms)) or ("At this pace the month ends at %s of %s."):format(money(pace * of), money(limit)))
    or ("At this pace the month ends at %s."):format(money(pace * of))
  return { h.p { words_of }, chart.burn("Spent this month", { spent = spent, of = of, limit = limit, money = money, labels = labels, last = words.date(v, next_month - 1), about = words_of }) }
end

--- How long calls took, by one of their names: rows { n, failed, buckets } added up. Bucket i
--- counts those of at most 10 ms << i, but for the last.
local function took_by(rows, name)
  local of, list = {}, {}
  for _, row in ipairs(rows) do
    local key = tostring(row[name] or "?")
    local sum = of[key]
    if not sum then
      sum = { name = key, n = 0, failed = 0, buckets = {} }
      of[key], list[#list + 1] = sum, sum
    end
    sum.n, sum.failed = sum.n + (row.n or 0), sum.failed + (row.failed or 0)
    for i, count in ipairs(row.buckets or {}) do sum.buckets[i] = (sum.buckets[i] or 0) + count end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- The time within which this part of them was.
local function within(row, part)
  local seen = 0
  for i, count in ipairs(row.buckets) do
    seen = seen + count
    if seen >= part * row.n and seen > 0 then return words.took(10 << math.min(i - 1, 13)) end
  end
end

local function latency(v, since, till)
  local rows, err = v:ask("latency", { since_ms = since, until_ms = till, by = { "model", "agent" } })
  if not rows then return v:missing(err) end
  local out = {}
  for _, by in ipairs { "model", "agent" } do
    local cells = {}
    for i, row in ipairs(took_by(rows, by)) do
      if i > 50 then break end
      local rate = row.n + row.failed > 0 and row.failed / (row.n + row.failed) * 100 or 0
      cells[i] = { row.name, tostring(row.n + row.failed), within(row, 0.5), within(row, 0.95), within(row, 0.99), rate > 0 and words.state(("%.1f %%"):format(rate), rate >= 5 and "bad" or "warn") or "0 %" }
    end
    if #cells > 0 then out[#out + 1] = words.table("Latency by " .. by, { { by }, { "calls", right = true }, { "half within", right = true }, { "95 % within", right = true }, { "99 % within", right = true, wide = true }, { "failed", right = true } }, cells, { caption = true }) end
  end
  return #out > 0 and out or words.none "No call was made."
end

local kinds = { { "agents", "By agent", "agent", "Cost by agent" }, { "models", "By model", "model", "Cost by model" }, { "tiers", "By tier", "tier", "Cost by tier" } }

--- /costs
function costs.show(v)
  local days = spans[v.query.days or ""] and tonumber(v.query.days) or 30
  local till, month = v.now + 1, v.zone:start("month", v.now)
  local since = v.zone:start("day", v.now - (days - 1) * day_ms)
  local sums, err = v:ask("cost_tables", { since_ms = since, until_ms = till })
  local monthly = sums and since > month and v:ask("costs", { since_ms = month, until_ms = till, by = { "day" } }) or sums and sums.day
  local list, sum, by = sums and by_day(v, sums.day, since, till), 0, {}
  for _, day in ipairs(list or {}) do sum = sum + day.value end
  for i, one in ipairs(kinds) do by[i] = layout.section(one[1], one[2], sums and table_by(sums[one[3]], one[3], one[4]) or v:missing(err)) end
  local choices = {}
  for i, one in ipairs { "1", "7", "30", "90" } do choices[i] = h.li { h.a { href = "/costs?days=" .. one, ["aria-current"] = tonumber(one) == days and "true", spans[one] } } end
  local ways = h.nav { ["aria-label"] = "How far back", h.ul { class = "choices", choices } }
  local budget = layout.section("budget", "This month", monthly and burn(v, month, by_day(v, monthly, month, till)) or v:missing(err))
  if sums and #sums.agent == 0 then
    return { title = "Costs", live = "costs", body = { ways, h.div { id = "none", ["data-live"] = true, layout.empty("No model was called in this time, so nothing was spent. What calls cost will stand here by day, agent, model and tier.",
      'keel model --tier small "hello"', "calls one.") }, budget } }
  end
  return { title = "Costs", live = "costs", body = { ways,
    layout.section("days", "By day", { list and { h.p { words.money(sum), " in ", spans[tostring(math.tointeger(days))] }, chart.bars("Spent by day", list, { value = "spent", about = money(sum) .. " in all" }) } or v:missing(err) }),
    budget, by, layout.section("latency", "How quick, how sound" .. (days > 30 and ", in the last 30 days" or ""), latency(v, math.max(since, v.now - 30 * day_ms), till)) } }
end

return costs
