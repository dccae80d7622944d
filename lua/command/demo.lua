local function printer(context)
  return function(...) context.out(string.format(...) .. "\n") end
end

--- Ask at the terminal: approved, rejected, or nil to leave it open.
local function ask(context)
  context.out("  your decision? [a]pprove, [r]eject, [l]ater: ")
  io.stdout:flush()
  local line = io.read("l")
  local letter = (line or "l"):lower():match("^%s*(%a)")
  return ({ a = "approved", y = "approved", r = "rejected", n = "rejected" })[letter]
end

local function decide_all(context, e, asking)
  local say, view = printer(context), require "view"
  for _, item in ipairs(e:inbox()) do
    say "\nOne question for you:\n"
    context.out(view.question(context, item))
    local state
    if asking then
      state = ask(context)
    else
      state = "approved"
      say("\n  No terminal here, so the demo answers with the first of these: approve.")
    end
    if state then
      local decided, err = e:decide(item.id, { state = state, note = not asking and "the demo's answer" or nil })
      if not decided then return nil, err end
    end
  end
  return e:drain()
end

local function learned(context, e)
  local terminal, view = require "terminal", require "view"
  local t, rows = context.terminal, {}
  for _, kind in ipairs(e:record_types()) do
    for _, row in ipairs(e:records(kind.type)) do
      rows[#rows + 1] = { kind.type, row.key, view.short(row.value) }
    end
  end
  context.out("\n" .. t:style("strong", "What was learned") .. "\n")
  context.out(t:table({ { "record", style = "name" }, { "key", shrink = true, most = 34 },
    { "value", shrink = true, least = 20, most = 72 } }, rows, { indent = 2 }))
  local count = 0
  for _, stat in ipairs(e:memory():stats()) do count = count + (stat.current or 0) end
  context.out(("  and %d memories, found again with: %s\n"):format(count,
    context.command "memory search --ns main QUERY"))
  return terminal
end

local function sent(context, e)
  local file, json = require "file", require "json"
  local view, t = require "view", context.terminal
  local rows = {}
  for line in (file.read(file.join(e.home, "var", "outbox.jsonl")) or ""):gmatch("[^\n]+") do
    local row = json.decode(line)
    if row then rows[#rows + 1] = { row.adapter .. "." .. row.op, row.key, view.short(row.body) } end
  end
  context.out("\n" .. t:style("strong", "What went out") .. "  (var/outbox.jsonl; the world is a file here)\n")
  if #rows == 0 then return context.out "  nothing\n" end
  context.out(t:table({ { "effect", style = "name" }, { "key", shrink = true, most = 34 },
    { "what", shrink = true, least = 20, most = 72 } }, rows, { indent = 2 }))
end

local function finished(context, e, began)
  local terminal, view = require "terminal", require "view"
  local t, list = context.terminal, e:list { limit = 1000 }
  context.out("\n" .. t:style("strong", "What ran") .. "\n")
  context.out(view.runs(t, list, context.now()))
  learned(context, e)
  sent(context, e)
  local steps, cost = 0, 0
  for _, run in ipairs(list) do steps, cost = steps + run.steps, cost + math.tointeger(tonumber(run.cost_picousd)) end
  local clock = require "core.clock"
  context.out(("\n%d runs, %d durable steps, %s spent, %s in all.\n"):format(#list, steps,
    terminal.money(tostring(cost)), terminal.took((clock.mono_us() - began) // 1000)))
  local first = list[#list]
  context.out("\n" .. view.next(context, "show " .. (first and first.run or "RUN"),
    "replay " .. (first and first.run or "RUN"), "memory search --ns main 'design audit of the booking flow'"))
  return list
end

local openings = {
  new = "A scratch home at %s: real mail and notes, two agents, no key, no network.",
  open = "Going on with the demo at %s (FRESH=1 or --fresh starts over).",
  changed = "The files of the demo at %s changed, so it starts over.",
}

local function as_json(context, e, problems)
  local json, outcome = require "json", require "outcome"
  local runs, records = e:list { limit = 1000 }, {}
  for i, run in ipairs(runs) do runs[i] = outcome.json(run) end
  for _, kind in ipairs(e:record_types()) do
    records[kind.type] = json.array {}
    for i, row in ipairs(e:records(kind.type)) do records[kind.type][i] = { key = row.key, value = row.value } end
  end
  local bad = json.array {}
  for i, problem in ipairs(problems) do bad[i] = require("errors").json(problem.err) end
  context.print_json { runs = runs, records = records, inbox = e:inbox(), problems = bad }
end

return {
  about = "run the main job on sample mail and notes, in a scratch home",
  flags = {
    { "from", "DIR", "take config.lua, agents, skills and spec/data from here (.)" },
    { "fresh", nil, "forget an earlier demo in this home" },
    { "ask", nil, "ask for the decision even without a terminal" },
  },
  examples = { "keel demo --home build/demo", "keel demo --home build/demo --fresh" },
  run = function(args, context)
    local clock, demo = require "core.clock", require "demo"
    local began, say = clock.mono_us(), printer(context)
    local state, err = demo.prepare(args.from or ".", context.home, args.fresh)
    if not state then return nil, err end
    if not context.json then say(openings[state], context.home) end
    local e, problems
    e, err = context.engine()
    if not e then return nil, err end
    problems, err = demo.work(e)
    if not problems then return nil, err end
    local t = context.terminal
    for _, problem in ipairs(e.library.problems) do context.err(tostring(problem) .. "\n") end
    for _, problem in ipairs(problems) do context.err(tostring(problem.err) .. "\n") end
    local asking = args.ask or (require("file").isatty(0) and t.tty)
    local ok
    if context.json then
      for _, item in ipairs(e:inbox()) do e:decide(item.id, { state = "approved", note = "the demo's answer" }) end
      ok, err = e:drain()
      if not ok then return nil, err end
      as_json(context, e, problems)
      return 0
    end
    ok, err = decide_all(context, e, asking and not context.json)
    if not ok then return nil, err end
    finished(context, e, began)
    return 0
  end,
}
