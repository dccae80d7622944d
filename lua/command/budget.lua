local function rows_of(context)
  local e, err = context.look()
  if not e then return nil, err end
  local list, message, code = require("budget").list(e.store, { limits = e.settings.budget, zone = e.settings.zone,
    now = context.now() })
  if not list then return nil, require("errors").from(message, code) end
  return list
end

local function as_json(list)
  local json, money = require "json", require "money"
  local out = json.array {}
  for i, row in ipairs(list) do
    out[i] = { scope = row.scope, window = row.window, state = row.state, tokens = row.tokens, calls = row.calls,
      limit_picousd = row.limit_picousd and money.to_json(row.limit_picousd) or json.null,
      spent_picousd = money.to_json(row.spent_picousd), reserved_picousd = money.to_json(row.reserved_picousd) }
  end
  return out
end

local styles = { ok = "good", warn = "warn", spent = "bad" }

local function print_table(context, list)
  local t, rows = context.terminal, {}
  local money = require("terminal").money
  for i, row in ipairs(list) do
    rows[i] = { row.scope, row.window, row.limit_picousd and money(row.limit_picousd) or "", money(row.spent_picousd),
      row.reserved_picousd > 0 and money(row.reserved_picousd) or "", row.tokens, row.calls, row.state }
  end
  context.out(t:table({ { "scope", style = "name", shrink = true, least = 10 }, { "window" }, { "limit", right = true },
    { "spent", right = true }, { "held", right = true }, { "tokens", right = true }, { "calls", right = true },
    { "state", style = function(cell) return styles[cell] end } }, rows))
end

return {
  about = "what was spent, what is held, and the limits",
  notes = "A budget is spent when a call that must be held in it no longer fits; what the outcome of"
    .. " nobody knows counts as spent.",
  run = function(_, context)
    local list, err = rows_of(context)
    if not list then return nil, err end
    if context.json then
      context.print_json(as_json(list))
      return 0
    end
    if #list == 0 then
      context.out "nothing was spent, and no limit is set\n"
      return 0
    end
    print_table(context, list)
    return 0
  end,
}
