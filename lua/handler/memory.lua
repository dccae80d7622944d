--- ctx.memory: what was learned, in the agent's namespace. Writes become true together
--- with the step; the manifest's memory.read and memory.write say what may be touched.
local glob = require "glob"
local json = require "json"
local memory = require "memory"

local ops = {}

local function refuse(cmd, action, name)
  error({ code = "memory_not_allowed", number = "K3009", raise = true, message =
    ("agent '%s' may not %s '%s' (see memory in its manifest)"):format(cmd.run.agent, action, name) }, 0)
end

local function allowed(cmd, action, kind, key)
  local patterns = (cmd.run.setup.memory or {})[action]
  if patterns == nil then return end
  local name = ("%s/%s"):format(kind, key or "")
  for _, pattern in ipairs(patterns) do
    if glob.match(pattern, name) then return end
  end
  refuse(cmd, action, name)
end

local function arguments(cmd)
  local args = {}
  for k, v in pairs(cmd.args) do args[k] = v end
  if args.ns ~= nil and args.ns ~= cmd.engine.namespace then refuse(cmd, "use the namespace", tostring(args.ns)) end
  args.ns = cmd.engine.namespace
  return args
end

--- What the permission is for: no kind is the kind of notes, when a key is named.
local function kind_of(args)
  return type(args.kind) == "string" and args.kind or args.kind == nil and args.key ~= nil and "note" or ""
end

--- Which memories a run was given, for whoever asks what it was made of: their rows' numbers;
--- and for the gate, what it has seen.
local function note_uses(cmd, items)
  cmd.engine:saw_memory(cmd, items)
  local rows = json.array {}
  for _, item in ipairs(items) do
    local row = item.row or math.tointeger(tonumber(tostring(item.id):match "^mem_(%d+)$"))
      or (cmd.engine:rows("memory.get_id", { ns = cmd.engine.namespace, id = item.id, now = cmd.now })[1] or {}).row
    rows[#rows + 1] = row
  end
  if #rows > 0 then cmd.tx:add("uses.put", { kind = "m", run = cmd.run.id, seq = cmd.seq, items_json = rows }) end
end

function ops.remember(cmd)
  local item = arguments(cmd)
  allowed(cmd, "write", item.kind or "note", item.key or item.id)
  cmd.effect = "local"
  item.run, item.seq, item.now = cmd.run.id, cmd.seq, cmd.now
  if item.trust ~= "external" and cmd.engine:is_tainted(cmd.run, cmd.args) then item.trust = "external" end
  local ok, message, code = cmd.engine:memory():put(cmd.tx, item)
  if not ok then return nil, { code = code or "error", message = message } end
  if item.key then cmd.engine:fact_written_by(cmd, { memory = item.kind or "note", key = item.key }) end
  return { kind = item.kind, key = item.key }
end

function ops.get(cmd)
  local args = arguments(cmd)
  allowed(cmd, "read", kind_of(args), args.key)
  cmd.effect = "read"
  local item, message, code = cmd.engine:memory():get(args)
  if message then return nil, { code = code, message = message } end
  if item then note_uses(cmd, { item }) end
  return item
end

--- What is found, or, with `tokens` (ctx.memory.pack), what of it goes into so many: only
--- what the manifest allows, and the run's own working layer.
function ops.search(cmd)
  local args = arguments(cmd)
  args.allow, args.run = (cmd.run.setup.memory or {}).read, cmd.run.id
  cmd.effect = "read"
  local m = cmd.engine:memory()
  local found, message, code = m[args.tokens and "pack" or "search"](m, args)
  if not found then return nil, { code = code, message = message } end
  note_uses(cmd, found.items or found)
  return found
end

function ops.history(cmd)
  local args = arguments(cmd)
  allowed(cmd, "read", kind_of(args), args.key)
  cmd.effect = "read"
  local rows, message, code = cmd.engine:memory():history(args)
  if not rows then return nil, { code = code, message = message } end
  note_uses(cmd, rows)
  return rows
end

function ops.forget(cmd)
  local args = arguments(cmd)
  allowed(cmd, "write", kind_of(args), args.key)
  cmd.effect = "local"
  local ok, message, code = memory.drop(cmd.tx, args, cmd.now, "forgotten by " .. cmd.run.agent)
  if not ok then return nil, { code = code, message = message } end
  cmd.tx:add("audit.put", { now = cmd.now, who = cmd.run.agent, what = "memory.forget", run = cmd.run.run, seq = cmd.seq,
    subject = ("%s/%s"):format(args.kind or args.id or args.layer or "all", args.key or "*") })
  if args.key then cmd.engine:fact_written_by(cmd, { memory = kind_of(args), key = args.key }) end
  return true
end

--- The module raises for wrong arguments; that is the script's fault, not ours.
return function(cmd)
  local result = table.pack(pcall(ops[cmd.name], cmd))
  if result[1] then return table.unpack(result, 2, result.n) end
  local message = result[2]
  if type(message) == "string" then
    message = { code = "wrong_use", raise = true, message = ("ctx.memory.%s: %s"):format(cmd.name,
      message:gsub("^[%w_/]+%.lua:%d+: ", ""):gsub("^memory%.%l+: ", ""):gsub("^" .. cmd.name .. ": ", "")) }
  end
  error(message, 0)
end
