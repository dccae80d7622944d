--- keel top: what goes on now, on one screen that refreshes itself.
local refresh_ms, most_runs = 1000, 200

local function day_budget(e, now)
  local list = require("budget").list(e.store, { limits = e.settings.budget, zone = e.settings.zone, now = now }) or {}
  for _, row in ipairs(list) do
    if row.scope == "engine" and row.window == "day" then return row end
  end
end

local function sums(e, since)
  local money, out = require "money", { calls = 0, failed_calls = 0, cost = 0, done = 0, failed = 0 }
  for _, row in ipairs(e:costs { since_ms = since }) do
    out.calls, out.failed_calls, out.cost = out.calls + row.calls, out.failed_calls + row.failed, out.cost + money.from_json(row.cost_picousd)
  end
  for _, row in ipairs(e:run_sums { since_ms = since, by = { "state" } }) do
    if row.state == "done" then out.done = out.done + row.n else out.failed = out.failed + row.n end
  end
  return out
end

--- { time, waiting, open, at_work, done_today, failed_today, calls_today, spent_today_picousd,
--- day_limit_picousd?, stopped = { agent = state }, runs = { run, agent, state, waiting_for, ... } }
local function snapshot(e, now)
  local json, money, rfc3339 = require "json", require "money", require "rfc3339"
  local today = sums(e, assert(require("zone").open(e.settings.zone)):start("day", now))
  local budget, open = day_budget(e, now), e:rows("run.open", {})
  local runs, at_work = json.array {}, 0
  for i = #open, 1, -1 do
    at_work = at_work + (open[i].state == "running" and 1 or 0)
    if #runs < most_runs then runs[#runs + 1] = e:describe(open[i].run) end
  end
  local stopped = {}
  for name, row in pairs(e:stopped()) do stopped[name] = row.state end
  return { time = rfc3339.format(now), waiting = #e:inbox(), open = #open, at_work = at_work, done_today = today.done,
    failed_today = today.failed, calls_today = today.calls, failed_calls_today = today.failed_calls,
    spent_today_picousd = money.to_json(today.cost), day_limit_picousd = budget and budget.limit_picousd and money.to_json(budget.limit_picousd) or nil,
    stopped = stopped, runs = runs }
end

local function bar(part, width)
  local full = math.max(0, math.min(width, math.floor(part * width + 0.5)))
  return "[" .. ("="):rep(full) .. (" "):rep(width - full) .. "]"
end

--- The lines of the screen.
local function lines(context, shot, now)
  local t, terminal, view = context.terminal, require "terminal", require "view"
  local out = {}
  local function add(text) out[#out + 1] = terminal.fit(text, t.width) end
  local waits = shot.waiting > 0 and view.count(shot.waiting, "decision waits for you", "decisions wait for you") or "nothing waits for you"
  add(("%s   %s"):format(shot.time:sub(12, 19) .. " UTC", waits))
  local limit = tonumber(shot.day_limit_picousd)
  add(("today  %s%s  %s%s"):format(terminal.money(shot.spent_today_picousd), limit and " of " .. terminal.money(shot.day_limit_picousd) or "",
    limit and limit > 0 and bar(tonumber(shot.spent_today_picousd) / limit, 20) .. "  " or "", view.count(shot.calls_today, "call")
    .. (shot.failed_calls_today > 0 and (", %d without an answer"):format(shot.failed_calls_today) or "")))
  add(("runs   %d open, %d at work; today %d done, %d not"):format(shot.open, shot.at_work, shot.done_today, shot.failed_today))
  for _, name in ipairs(require("json").sorted_keys(shot.stopped)) do add(("agent %s is %s"):format(terminal.escape(name), shot.stopped[name])) end
  out[#out + 1] = ""
  local rows = {}
  for i, run in ipairs(shot.runs) do
    rows[i] = { run.run, run.agent, run.state == "waiting" and not require("json").absent(run.waiting_for) and "waits: " .. run.waiting_for or run.state,
      terminal.took(math.max(0, now - (view.ms(run.created) or now))), run.steps, terminal.money(run.cost_picousd) }
  end
  if #rows > 0 then
    local text = t:table({ { "run", style = "name" }, { "agent", shrink = true, least = 8 }, { "state" }, { "since", right = true },
      { "steps", right = true, drop = 1 }, { "cost", right = true } }, rows)
    for line in text:gmatch "([^\n]*)\n" do out[#out + 1] = line end
  end
  return out
end

--- What is shown now; the store is open for that moment only.
local function look(context)
  local e, err = require("engine").look { home = context.home }
  if not e then return nil, err end
  local ok, shot = pcall(snapshot, e, context.now())
  e:close()
  if not ok then error(shot, 0) end
  return shot
end

local function paint(context, shot)
  local rows = math.max(3, (require("core.program").rows or function() return 24 end)(1) or 24)
  local all = lines(context, shot, context.now())
  local out = { "\27[H" }
  for i = 1, rows - 1 do out[#out + 1] = (all[i] or "") .. "\27[K\r\n" end
  out[#out + 1] = context.terminal:style("dim", "q ends") .. "\27[K"
  io.stdout:write(table.concat(out))
  io.stdout:flush()
end

--- Until q, Ctrl-C or the end of the terminal.
local function live(context)
  local keys, message, code = require("core.keys").open()
  if not keys then return nil, require("errors").from(message, code) end
  local exit = 0
  local ok, fault = xpcall(function()
    while true do
      context.terminal = require("terminal").new { no_color = context.no_color, getenv = context.getenv }
      local shot, err = look(context)
      if not shot then error(err, 0) end
      paint(context, shot)
      local bytes, why = keys:read(refresh_ms)
      if not bytes then
        exit = why == "interrupt" and 130 or 0
        return
      end
      if bytes:find "[qQ\27]" then return end
    end
  end, function(what) return type(what) == "table" and what or debug.traceback(tostring(what), 2) end)
  keys:close()
  if ok then return exit end
  if require("errors").is(fault) then return nil, fault end
  error(fault, 0)
end

return {
  about = "what goes on now: runs, decisions, money, refreshed every second",
  flags = { { "once", nil, "show it once" } },
  notes = "Without a terminal, with --once and with --json it is shown once. q ends it.",
  run = function(args, context)
    if context.json then
      local shot, err = look(context)
      if not shot then return nil, err end
      context.print_json(shot)
      return 0
    end
    local program = require "core.program"
    if not args.once and program.isatty(0) and program.isatty(1) then return live(context) end
    local shot, err = look(context)
    if not shot then return nil, err end
    context.out(table.concat(lines(context, shot, context.now()), "\n") .. "\n")
    return 0
  end,
}
