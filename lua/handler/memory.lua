--- ctx.memory: what was learned, in the agent's namespace. Writes become true together
--- with the step; the manifest's memory.read and memory.write say what may be touched.
local glob = require "glob"
local memory = require "memory"

local ops = {}

local function refuse(cmd, action, name)
  error({ code = "memory_not_allowed", number = "K3009", raise = true, message =
    ("agent '%s' may not %s '%s' (see memory in its manifest)"):format(cmd.run.agent, action, name) }, 0)
end

local function allowed(cmd, action, kind, key)
  local patterns = (cmd.run.setup.memory or {})[action]
  if patterns == nil then return end
  local name = ("%s/%s"):format(kind or "", key or "")
  for _, pattern in ipairs(patterns) do
    if glob.match(pattern, name) then return end
  end
  refuse(cmd, action, name)
end

local function arguments(cmd)
  local args = {}
  for k, v in pairs(cmd.args) do args[k] = v end
  args.ns = args.ns or cmd.engine.namespace
  return args
end

function ops.remember(cmd)
  local item = arguments(cmd)
  allowed(cmd, "write", item.kind, item.key)
  cmd.effect = "local"
  item.run, item.seq, item.now = cmd.run.id, cmd.seq, cmd.now
  local ok, message, code = memory.put(cmd.tx, item)
  if not ok then return nil, { code = code or "error", message = message } end
  return { kind = item.kind, key = item.key }
end

function ops.get(cmd)
  local args = arguments(cmd)
  allowed(cmd, "read", args.kind, args.key)
  cmd.effect = "read"
  local item, message, code = cmd.engine:memory():get(args)
  if message then return nil, { code = code, message = message } end
  return item
end

function ops.search(cmd)
  local args = arguments(cmd)
  args.allow = (cmd.run.setup.memory or {}).read
  cmd.effect = "read"
  local hits, message, code = cmd.engine:memory():search(args)
  if not hits then return nil, { code = code, message = message } end
  return hits
end

function ops.history(cmd)
  local args = arguments(cmd)
  allowed(cmd, "read", args.kind, args.key)
  cmd.effect = "read"
  return cmd.engine:memory():history(args)
end

function ops.forget(cmd)
  local args = arguments(cmd)
  allowed(cmd, "write", args.kind, args.key)
  cmd.effect = "local"
  local ok, message, code = memory.drop(cmd.tx, args, cmd.now, "forgotten by " .. cmd.run.agent)
  if not ok then return nil, { code = code, message = message } end
  return true
end

return function(cmd) return ops[cmd.name](cmd) end
