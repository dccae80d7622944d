local errors = require "errors"

local topics = { "usage", "configuration, manifests, schemas", "scripts", "caps", "budgets",
  "waiting for a person", "divergence and reconciliation", "providers and network",
  "store and machine" }

local function plain(title)
  return (title:gsub("%[: {[%w_]+}%]", ""):gsub("[%[%]]", "")
    :gsub("{([%w_]+)}", function(name) return name:upper() end))
end

local function list(context)
  local t = context.terminal
  local rows = {}
  local topic
  local function flush()
    if topic then
      context.out((topic == 1 and "" or "\n") .. t:style("dim", topics[topic]) .. "\n")
      context.out(t:table({ { "number", style = "name" }, { "exit", right = true },
        { "error", shrink = true } }, rows, { indent = 2, bare = true }))
    end
    rows = {}
  end
  for _, number in ipairs(errors.numbers()) do
    local entry = errors.entry(number)
    local now = tonumber(number:sub(2, 2))
    if now ~= topic then
      flush()
      topic = now
    end
    rows[#rows + 1] = { number, entry.exit, plain(entry.title) }
  end
  flush()
end

local function json_of(number)
  local entry = errors.entry(number)
  return { number = entry.number, code = entry.code, exit = entry.exit,
    message = plain(entry.title), why = entry.cause, next = entry.next,
    level = entry.level, better = entry.mend }
end

--- How a run stands, and what to do about it.
local function run_of(context, id)
  local e, run, err
  e, err = context.look()
  if not e then return nil, err end
  run, err = e:describe(id)
  if not run then return nil, err end
  require("outcome").report(context, e, run)
  return 0
end

return {
  about = "what an error number means, or why a run is as it is; all numbers without one",
  arguments = { { "number", "NUMBER|RUN", optional = true } },
  examples = { "keel explain K2101", "keel explain schema_mismatch", "keel explain run_01" },
  run = function(args, context)
    if not args.number then
      if not context.json then return list(context) end
      local all = require("json").array {}
      for i, number in ipairs(errors.numbers()) do all[i] = json_of(number) end
      context.print_json(all)
      return 0
    end
    if args.number:find "^run_" then return run_of(context, args.number) end
    local text, err = errors.explain(args.number)
    if not text then return nil, err end
    if context.json then
      local number = args.number:upper()
      context.print_json(json_of(errors.entry(number) and number
        or errors.number_of(args.number)))
    else
      context.out(text .. "\n")
    end
    return 0
  end,
}
