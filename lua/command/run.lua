local function print_steps(context, e, id, seen)
  local log, err = e:log(id)
  if not log then return nil, err end
  local fresh = {}
  for _, step in ipairs(log) do
    local mark = step.seq .. step.state
    if not seen[mark] then
      seen[mark] = true
      fresh[#fresh + 1] = step
    end
  end
  if #fresh == 0 then return true end
  if context.json then
    for _, step in ipairs(fresh) do context.print_json { step = step } end
  else
    if seen.saying then context.out "\n" end
    seen.saying = nil
    for _, step in ipairs(fresh) do
      context.out(require("view").step_line(context.terminal, step))
    end
  end
  io.stdout:flush()
  return true
end

--- What a model says while it says it: on a terminal, or as JSON.
local function show_words(context, e, id, seen)
  if not context.json and not context.terminal.tty then return function() end end
  return e:hear_text(function(run, seq, text)
    if run.run ~= id then return end
    if context.json then return context.print_json { text = text, seq = seq } end
    if seen.saying ~= seq then
      context.out((seen.saying and "\n" or "") .. context.terminal:style("dim", ("… %d "):format(seq)))
    end
    seen.saying = seq
    context.out(table.concat(require("terminal").lines(text), "\n"))
    if not context.served then io.stdout:flush() end
  end)
end

--- Turn the loop, showing steps, until the run is over or waits for somebody.
local function follow(context, e, id)
  local loop, clock = require "loop", require "core.clock"
  local seen, shown = {}, clock.mono_us()
  local quiet <close> = setmetatable({}, { __close = show_words(context, e, id, seen) })
  while true do
    local ok, err = e:drain(function()
      if clock.mono_us() - shown > 100000 then
        print_steps(context, e, id, seen)
        shown = clock.mono_us()
      end
    end)
    print_steps(context, e, id, seen)
    if not ok then return nil, err end
    local run = e:describe(id)
    if run.state ~= "waiting" or run.waiting_for ~= "timer" then return true end
    if loop.in_task() then loop.sleep(50) else loop.turn(true) end
  end
end

return {
  about = "start an agent, and tell what came of it",
  arguments = { { "agent", "AGENT" } },
  flags = {
    { "input", "FILE|-", "the input: a JSON file, or - for standard input" },
    { "file", "PATH", "the input: a file as it is, such as a mail (.eml) or a note (.md)" },
    { "follow", nil, "show steps as they are recorded, and wait for timers" },
  },
  notes = "Without --input or --file the input is {}. The run is durable from its first"
    .. " moment: what is recorded is never done twice. Exit codes: 0 done, 1 rejected,"
    .. " 3 the script failed, 4 a cap, 5 the budget, 6 it waits, 7 it needs you to"
    .. " reconcile, 8 a provider.",
  examples = { "keel run support_triage --file mail.eml",
    "echo '{\"who\":\"Ana\"}' | keel run hello --input -" },
  remote = true,
  run = function(args, context)
    local input, err = require("input").of(args, "run")
    if err then return nil, err end
    if input == nil then input = {} end
    local e, run, ok
    e, err = context.engine()
    if not e then return nil, err end
    run, err = e:start(args.agent, input)
    if not run then return nil, err end
    if args.follow then ok, err = follow(context, e, run.run) else ok, err = e:drain() end
    if not ok then return nil, err end
    return require("outcome").report(context, e, e:describe(run.run))
  end,
}
