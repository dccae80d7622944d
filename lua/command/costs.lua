--- keel costs: where the money went, from sums that are kept with the calls.
local errors = require "errors"

local dimensions = { day = true, agent = true, model = true, tier = true, run = true }

local function usage(name, detail, suggestion)
  return errors.new("K1004", { command = "costs", name = name, detail = detail, suggestion = suggestion })
end

local function dimensions_of(text)
  local by = {}
  for word in text:gmatch "[^,%s]+" do
    if not dimensions[word] then
      return nil, usage("--by", "it is day, agent, model, tier or run", require("suggest").nearest(word, dimensions))
    end
    by[#by + 1] = word
  end
  return by
end

--- A time (RFC 3339), or a duration back from now.
local function time_of(context, name, text)
  if text == nil then return nil end
  local ms = require("rfc3339").parse(text)
  if ms then return ms end
  local back = require("duration").parse(text)
  if back then return context.now() - back end
  return nil, usage("--" .. name, ("expected a time, or how long ago (7d), got '%s'"):format(text))
end

local function total_of(rows)
  local money, sum = require "money", { calls = 0, failed = 0, estimated = 0, unpriced = 0, input = 0, output = 0, cached = 0 }
  local cost, wasted, guessed = 0, 0, 0
  for _, row in ipairs(rows) do
    for name in pairs(sum) do sum[name] = sum[name] + (row[name] or 0) end
    cost, wasted = cost + money.from_json(row.cost_picousd), wasted + money.from_json(row.wasted_picousd)
    guessed = guessed + money.from_json(row.estimated_picousd)
  end
  sum.cost_picousd, sum.wasted_picousd, sum.estimated_picousd = money.to_json(cost), money.to_json(wasted), money.to_json(guessed)
  return sum
end

local function dollars(text) return require("terminal").money(text) end

local function print_rows(context, rows, by)
  local columns, cells = {}, {}
  for _, name in ipairs(by) do columns[#columns + 1] = { name, style = "name", shrink = true, least = 8 } end
  for _, name in ipairs { "cost", "calls", "failed", "in", "out" } do columns[#columns + 1] = { name, right = true } end
  for i, row in ipairs(rows) do
    local line = {}
    for _, name in ipairs(by) do line[#line + 1] = row[name] and row[name] ~= "" and row[name] or "-" end
    for _, value in ipairs { dollars(row.cost_picousd), row.calls, row.failed, row.input, row.output } do line[#line + 1] = value end
    cells[i] = line
  end
  context.out(context.terminal:table(columns, cells))
end

--- What the sum does not say by itself.
local function print_total(context, total)
  local view = require "view"
  local parts = { ("%s in %s"):format(dollars(total.cost_picousd), view.count(total.calls, "call")) }
  if total.failed > 0 then
    parts[#parts + 1] = ("%s of it for %s without an answer"):format(dollars(total.wasted_picousd), view.count(total.failed, "attempt"))
  end
  if total.estimated > 0 then
    parts[#parts + 1] = ("%s of it estimated (keel budget unknown)"):format(dollars(total.estimated_picousd))
  end
  if total.unpriced > 0 then parts[#parts + 1] = view.count(total.unpriced, "call") .. " without a price" end
  context.out(table.concat(parts, "; ") .. "\n")
end

--- The attempts of one run, each with its price.
local function of_run(e, args, context)
  local run, err = e:run_row(args.run)
  if not run then return nil, err end
  local json, money, rfc3339 = require "json", require "money", require "rfc3339"
  local list, cells = json.array {}, {}
  for i, row in ipairs(e:rows("ledger.of_run", { run = run.run })) do
    list[i] = { key = row.key, seq = row.seq, attempt = row.attempt, tier = row.tier, provider = row.provider, model = row.model,
      state = row.state, cost_picousd = money.to_json(row.cost or 0), input = row.input, output = row.output, cached = row.cached,
      price = row.price, error = row.error, made = rfc3339.format(row.made), ms = row.ended and row.ended - row.made or nil }
    cells[i] = { row.seq or "", row.attempt, row.model or "", row.state, row.input or "", row.output or "", dollars(list[i].cost_picousd),
      row.error or "" }
  end
  if context.json then
    context.print_json(list)
  elseif #cells == 0 then
    context.out "this run asked no model\n"
  else
    context.out(context.terminal:table({ { "step", right = true }, { "try", right = true }, { "model", style = "name", shrink = true, least = 8 },
      { "state" }, { "in", right = true }, { "out", right = true }, { "cost", right = true }, { "why", shrink = true, least = 8 } }, cells))
  end
  return 0
end

return {
  about = "where the money went: by day, agent, model, tier or run, to the pico-dollar",
  flags = {
    { "by", "WORDS", "day,agent,model,tier,run: one or more, with commas (agent,model)" },
    { "since", "TIME", "from then on, or so long ago (7d); the beginning of this month" },
    { "until", "TIME", "until then (now)" },
    { "run", "RUN", "every attempt of this run" },
    { "limit", "N", "by run: at most so many (1000)", kind = "count" },
  },
  notes = "The sums are kept with the calls, so a million of them take no longer. Times are rounded outwards to quarters of"
    .. " an hour. What failed attempts cost and what is only estimated is in the sum, and said apart. Money is a decimal"
    .. " string of pico-USD with --json.",
  examples = { "keel costs", "keel costs --by day --since 7d", "keel costs --by run --since 1d", "keel costs --run run_1k2m" },
  run = function(args, context)
    local e, err = context.look()
    if not e then return nil, err end
    if args.run then return of_run(e, args, context) end
    local by, since, till
    by, err = dimensions_of(args.by or "agent,model")
    if by then since, err = time_of(context, "since", args.since) end
    if not err then till, err = time_of(context, "until", args["until"]) end
    if err then return nil, err end
    if not since then
      local zone = assert(require("zone").open(e.settings.zone))
      since = zone:start("month", context.now())
    end
    local rows = e:costs { since_ms = since, until_ms = till, by = by, limit = args.limit }
    if context.json then
      context.print_json(rows)
      return 0
    end
    if #rows == 0 then
      context.out "nothing was spent in this time\n"
      return 0
    end
    print_rows(context, rows, by)
    print_total(context, total_of(rows))
    return 0
  end,
}
