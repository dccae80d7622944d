local function usage(number, fields)
  fields.command = "budget"
  return require("errors").new(number, fields)
end

local function as_json(list)
  local json, money = require "json", require "money"
  local out = json.array {}
  for i, row in ipairs(list) do
    out[i] = { scope = row.scope, window = row.window, state = row.state, tokens = row.tokens, calls = row.calls,
      limit_picousd = row.limit_picousd and money.to_json(row.limit_picousd) or json.null,
      spent_picousd = money.to_json(row.spent_picousd), reserved_picousd = money.to_json(row.reserved_picousd),
      set_by = row.set_by }
  end
  return out
end

local styles = { ok = "good", warn = "warn", spent = "bad" }

local function print_table(context, list)
  local t, rows = context.terminal, {}
  local money = require("terminal").money
  for i, row in ipairs(list) do
    rows[i] = { row.scope, row.window, row.limit_picousd and money(row.limit_picousd) .. (row.set_by and " *" or "") or "",
      money(row.spent_picousd), row.reserved_picousd > 0 and money(row.reserved_picousd) or "", row.tokens, row.calls, row.state }
  end
  context.out(t:table({ { "scope", style = "name", shrink = true, least = 10 }, { "window" }, { "limit", right = true },
    { "spent", right = true }, { "held", right = true }, { "tokens", right = true }, { "calls", right = true },
    { "state", style = function(cell) return styles[cell] end } }, rows))
end

--- Agents that make no paid calls, said under the table.
local function print_stopped(context, e)
  local stopped = e:stopped()
  for _, name in ipairs(require("json").sorted_keys(stopped)) do
    local row = stopped[name]
    context.out(("agent %s is %s%s\n"):format(name, row.state, row.reason and ": " .. require("terminal").escape(row.reason) or ""))
    context.out(require("view").next(context, "agents enable " .. name))
  end
end

local function show(_, context)
  local e, err = context.look()
  if not e then return nil, err end
  local list, message, code = require("budget").list(e.store, { limits = e.settings.budget, zone = e.settings.zone,
    now = context.now() })
  if not list then return nil, require("errors").from(message, code) end
  if context.json then
    context.print_json(as_json(list))
    return 0
  end
  if #list == 0 then context.out "nothing was spent, and no limit is set\n" else print_table(context, list) end
  print_stopped(context, e)
  return 0
end

-- ---- set ---------------------------------------------------------------------------

local windows = { run = true, hour = true, day = true, month = true, min = true }

--- "$5.00", "300 calls", "20000 tokens", "none" -> the limit, or nil (none), or false, err.
local function limit_of(words)
  local text = table.concat(words, " ")
  if text == "none" then return nil end
  local n, what = text:match "^(%d+) (%l+)$"
  if n and (what == "calls" or what == "tokens") and math.tointeger(tonumber(n)) then return { [what] = math.tointeger(tonumber(n)) } end
  local picousd, message = require("money").parse(text)
  if picousd then return { money = picousd } end
  return false, usage("K1004", { name = "LIMIT", detail = message .. '; or "300 calls", "20000 tokens", "none"' })
end

--- [SCOPE] WINDOW LIMIT: scope "engine" unless it is named.
local function set(words, context)
  local scope = "engine"
  if words[1] and not windows[words[1]] then scope = table.remove(words, 1) end
  local window = table.remove(words, 1)
  if not window or #words == 0 then return nil, usage("K1003", { name = "[SCOPE] WINDOW LIMIT" }) end
  if not windows[window] then
    return nil, usage("K1004", { name = "WINDOW", detail = "it is run, min, hour, day or month",
      suggestion = require("suggest").nearest(window, windows) })
  end
  local limit, err = limit_of(words)
  if limit == false then return nil, err end
  if window == "min" and limit and limit.money then
    return nil, usage("K1004", { name = "LIMIT", detail = "a minute is limited in calls or tokens" })
  end
  local e
  e, err = context.engine()
  if not e then return nil, err end
  if scope ~= "engine" then
    local name = scope:gsub("^agent:", "")
    local agent
    agent, err = e:agent_named(name)
    if not agent then return nil, err end
    scope = "agent:" .. name
  end
  local ok
  ok, err = e:set_budget(scope, window, limit, { channel = context.channel })
  if not ok then return nil, err end
  if context.json then
    local money = require "money"
    context.print_json { scope = scope, window = window, limit_picousd = limit and limit.money and money.to_json(limit.money)
      or require("json").null, calls = limit and limit.calls, tokens = limit and limit.tokens }
  else
    context.out(limit and ("the %s budget of %s is %s now, over what the files say\n"):format(window, scope, table.concat(words, " "))
      or ("the %s budget of %s is what the files say again\n"):format(window, scope))
  end
  return 0
end

-- ---- what nobody knows ----------------------------------------------------------------

local function entry_json(row)
  local money, rfc3339 = require "money", require "rfc3339"
  return { key = row.key, run = row.run, agent = row.agent, seq = row.seq, attempt = row.attempt, tier = row.tier,
    provider = row.provider, model = row.model, state = row.state, cost_picousd = money.to_json(row.cost or 0),
    reserved_picousd = money.to_json(row.money), request_id = row.request_id, why = row.error, made = rfc3339.format(row.made) }
end

local function unknown(_, context)
  local e, err = context.look()
  if not e then return nil, err end
  local json, list, rows = require "json", nil, {}
  list = json.array {}
  for i, row in ipairs(e:rows("ledger.estimated", { limit = 1000 })) do
    list[i] = entry_json(row)
    rows[i] = { row.key, row.agent or "", row.model or "", require("terminal").money(row.cost), row.error or "" }
  end
  if context.json then
    context.print_json(list)
  elseif #rows == 0 then
    context.out "what every call cost is known\n"
  else
    context.out(context.terminal:table({ { "call", style = "name" }, { "agent", shrink = true, least = 8 },
      { "model", shrink = true, least = 8 }, { "counted", right = true }, { "why", shrink = true, least = 12 } }, rows))
  end
  return 0
end

local function resolve(words, context)
  local key, amount = words[1], words[2]
  if not key or not amount then return nil, usage("K1003", { name = "CALL COST" }) end
  local cost, message = require("money").parse(amount)
  if not cost then return nil, usage("K1004", { name = "COST", detail = message }) end
  local e, err = context.engine()
  if not e then return nil, err end
  local ok, why, code = require("budget").resolve(e.store, function(tx) return e:commit(tx) end, key,
    { cost = cost, note = "resolved by " .. (e.settings.owner or "owner") }, context.now())
  if not ok and code == "conflict" then
    return nil, usage("K1004", { name = "CALL", detail = ("no call %s has an unknown outcome; keel budget unknown lists them"):format(key) })
  end
  if not ok then return nil, require("errors").from(why, code) end
  if e.models then e.models.books:look_anew() end
  if context.json then
    context.print_json { key = key, cost_picousd = require("money").to_json(cost) }
  else
    context.out(("%s cost %s\n"):format(key, amount))
  end
  return 0
end

local actions = { show = show, set = set, unknown = unknown, resolve = resolve }

return {
  about = "what was spent, what is held, and the limits; set one, or settle what nobody knew",
  arguments = { { "action", "show|set|unknown|resolve", optional = true },
    { "words", "[SCOPE] WINDOW LIMIT|CALL COST", optional = true, many = true } },
  notes = "A budget is spent when a call that must be held in it no longer fits; what the outcome of"
    .. " nobody knows counts as spent. `set` puts a limit over what config.lua and manifests say, for the engine or an"
    .. " agent, until it is set to none: it is marked with *. `unknown` lists calls whose cost is an estimate, and"
    .. " `resolve` puts in what the provider's bill says of one.",
  examples = { "keel budget", "keel budget set day '$8.00'", "keel budget set triage month '$20'", "keel budget set day none",
    "keel budget unknown" },
  remote = true,
  run = function(args, context)
    local name = args.action or "show"
    local action = actions[name]
    if not action then
      return nil, usage("K1001", { name = "budget " .. name, suggestion = require("suggest").nearest(name, actions) })
    end
    return action(args.words or {}, context)
  end,
}
