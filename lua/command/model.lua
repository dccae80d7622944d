local function schema_of(path)
  local errors = require "errors"
  local file, why = io.open(path, "r")
  local text = file and file:read("a")
  if file then file:close() end
  if not text then return nil, errors.new("K1009", { name = path, detail = why }) end
  local value, message = require("json").decode(text)
  if message then
    local line = message:match("line (%d+)")
    return nil, errors.new("K1010", { detail = message, file = path, source = text,
      line = line and math.tointeger(tonumber(line)) })
  end
  return value
end

--- The models of this home and what closes them; those of the engine when it serves.
local function open(context)
  local errors = require "errors"
  if context.served then
    local e = context.engine()
    return e:model_client(), e.settings, function() end
  end
  local file, settings = require "file", require "settings"
  local config, err = settings.load(file.join(context.home, "config.lua"), context.getenv)
  if not config then return nil, err end
  local made, message, code = file.mkdir(file.join(context.home, "var"))
  if not made then return nil, errors.from(message, code) end
  local path = file.join(context.home, "var", "keel.db")
  local store
  store, message, code = require("store").open(path)
  if not store then return nil, errors.from(message, code, { name = path }) end
  local m
  m, message, code = require("model").open { settings = config, store = store }
  if not m then return nil, errors.from(message, code) end
  return m, config, function()
    m:close()
    store:close()
  end
end

local function prompt_of(args)
  if args.prompt ~= "-" then return args.prompt end
  return io.stdin:read("a")
end

--- What a model says is shown, never obeyed: on a terminal without control characters.
local function harmless(context, text)
  if not context.terminal.tty then return text end
  local ending = text:match("\n*$")
  return table.concat(require("terminal").lines(text), "\n") .. ending
end

local function print_answer(context, answer, streamed)
  local json, money = require "json", require "money"
  if context.json then
    context.print_json { text = answer.text, value = answer.value, model = answer.model, usage = answer.usage,
      cost_picousd = money.to_json(answer.cost_picousd), estimated = answer.estimated, ms = answer.ms,
      attempts = answer.attempts, recorded = answer.recorded }
    return
  end
  if streamed then
    context.out "\n"
  elseif answer.value ~= nil then
    context.out(assert(json.encode(answer.value, 2)) .. "\n")
  else
    context.out(harmless(context, answer.text) .. "\n")
  end
  context.err(("%s: %d tokens in, %d out, %s%s, %d ms, %d attempt%s\n"):format(answer.model, answer.usage.input,
    answer.usage.output, require("terminal").money(answer.cost_picousd), answer.estimated and " (estimated)" or "", answer.ms,
    answer.attempts, answer.attempts == 1 and "" or "s"))
end

--- The failure of a call: what it cost all the same, and the part that came.
local function failed(context, message, code, detail, streamed)
  local errors, money = require "errors", require "money"
  detail = detail or {}
  if streamed and detail.text and detail.text ~= "" then
    context.out "\n"
  elseif detail.text and detail.text ~= "" and not context.json then
    context.err("what came: " .. harmless(context, detail.text) .. "\n")
  end
  local next_step = code ~= "budget" and context.command(code == "invalid_request" and "help model" or "model doctor") or nil
  return nil, errors.from(message, code, { provider = detail.model or "the provider", next = next_step, more = {
    attempts = detail.attempts, cost_picousd = detail.cost_picousd and money.to_json(detail.cost_picousd),
    estimated = detail.estimated, status = detail.status, text = detail.text ~= "" and detail.text or nil } })
end

-- ---- doctor ------------------------------------------------------------------------

local marks = { [true] = { "ok", "good" }, [false] = { "bad", "bad" } }

local function print_checks(context, list)
  local rows = {}
  for _, entry in ipairs(list) do
    for i, check in ipairs(entry.checks) do
      local mark = marks[check.ok] or { "look", "warn" }
      rows[#rows + 1] = { i == 1 and entry.where or "", i == 1 and ("%s %s"):format(entry.provider, entry.model) or "", check.what,
        mark[1], check.detail, style = mark[2] }
    end
  end
  context.out(context.terminal:table({ { "tier", style = "name" }, { "model", shrink = true, least = 10 }, { "what" },
    { "is", style = function(_, row) return row.style end }, { "because", shrink = true, least = 16 } }, rows))
end

local function doctor(args, context)
  local file, settings = require "file", require "settings"
  local config, err = settings.load(file.join(context.home, "config.lua"), context.getenv)
  if not config then return nil, err end
  local list = require("model.doctor").check(config, { now = context.now(), offline = args.offline })
  local well = true
  for _, entry in ipairs(list) do well = well and entry.ok end
  if context.json then
    context.print_json(list)
  elseif #list == 0 then
    context.out "no tier has a model: add `tiers` to config.lua\n"
  else
    print_checks(context, list)
    for _, text in ipairs(config.warnings) do context.err("warning: " .. text .. "\n") end
  end
  return well and 0 or 1
end

-- ---- asking ------------------------------------------------------------------------

local function ask(args, context)
  local schema, err
  if args.schema then
    schema, err = schema_of(args.schema)
    if err then return nil, err end
  end
  local prompt = prompt_of(args)
  local m, config, close = open(context)
  if not m then return nil, config end
  local tier, ok = args.tier or "small", nil
  ok, err = require("settings").tier(config, tier)
  if not ok then
    close()
    return nil, err
  end
  local streamed = args.stream and not context.json
  local answer, message, code, detail = m:ask { tier = tier, prompt = prompt, schema = schema,
    max_tokens = args["max-tokens"] or args.max_tokens, timeout = args.timeout, stream = args.stream, on_text = streamed and function(text)
      context.out(harmless(context, text))
      if not context.served then io.stdout:flush() end
    end or nil }
  close()
  if not answer then return failed(context, message, code, detail, streamed) end
  print_answer(context, answer, streamed)
  return 0
end

return {
  about = "ask a model of your tiers once, inside the budget; or check them all",
  arguments = { { "prompt", "PROMPT|doctor" } },
  flags = {
    { "tier", "T", "the tier of config.lua to ask (small)" },
    { "stream", nil, "show the answer as it comes" },
    { "schema", "FILE", "a JSON Schema that the answer must fit" },
    { "max-tokens", "N", "the longest answer", kind = "count" },
    { "timeout", "TIME", "give up after this, all attempts together (2m)" },
    { "offline", nil, "doctor: ask no server" },
  },
  examples = { 'keel model --tier small "Say hello"', 'keel model --schema task.json --json "Call Ana on Monday"',
    "keel model doctor" },
  notes = "The most that the call can cost is held in the budget before it leaves. PROMPT - reads"
    .. " the standard input. doctor looks at every model of config.lua: whether it has a price and of what date,"
    .. " whether its key is there and taken, whether its server answers and knows the model; it reserves and spends"
    .. " nothing, and ends with 1 when something is wrong.",
  remote = true,
  run = function(args, context)
    if args.prompt == "doctor" then return doctor(args, context) end
    return ask(args, context)
  end,
}
