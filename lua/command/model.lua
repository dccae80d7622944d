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

local function open(context)
  local file, settings = require "file", require "settings"
  local config, err = settings.load(file.join(context.home, "config.lua"), context.getenv)
  if not config then return nil, err end
  local errors = require "errors"
  local made, message, code = file.mkdir(file.join(context.home, "var"))
  if not made then return nil, errors.from(message, code) end
  local path = file.join(context.home, "var", "keel.db")
  local store
  store, message, code = require("store").open(path)
  if not store then return nil, errors.from(message, code, { name = path }) end
  local m
  m, message, code = require("model").open { settings = config, store = store }
  if not m then return nil, errors.from(message, code) end
  return m, config, store
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
      attempts = answer.attempts }
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

return {
  about = "ask a model of your tiers once, inside the budget",
  arguments = { { "prompt", "PROMPT" } },
  flags = {
    { "tier", "T", "the tier of config.lua to ask (small)" },
    { "stream", nil, "show the answer as it comes" },
    { "schema", "FILE", "a JSON Schema that the answer must fit" },
    { "max-tokens", "N", "the longest answer", kind = "count" },
  },
  examples = { 'keel model --tier small "Say hello"', 'keel model --schema task.json --json "Call Ana on Monday"' },
  notes = "The most that the call can cost is held in the budget before it leaves. PROMPT - reads"
    .. " the standard input.",
  remote = true,
  run = function(args, context)
    local errors = require "errors"
    local schema, m, config, store, ok, err
    if args.schema then
      schema, err = schema_of(args.schema)
      if err then return nil, err end
    end
    m, config, store = open(context)
    if not m then return nil, config end
    local tier = args.tier or "small"
    ok, err = require("settings").tier(config, tier)
    if not ok then
      store:close()
      return nil, err
    end
    local streamed = args.stream and not context.json
    local answer, message, code = m:ask { tier = tier, prompt = prompt_of(args), schema = schema,
      max_tokens = args.max_tokens, on_text = args.stream and function(text)
        if not streamed then return end
        context.out(harmless(context, text))
        io.stdout:flush()
      end or nil }
    store:close()
    if not answer then return nil, errors.from(message, code, { provider = "the provider" }) end
    print_answer(context, answer, streamed)
    return 0
  end,
}
