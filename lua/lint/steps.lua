--- Rules about durable calls: their names and keys, where they stand, how often.
local calls = require "lint.calls"
local facts = require "lint.facts"

local steps = {}

local loops = { While = true, Repeat = true, Fornum = true, Forin = true }

-- Names and keys --------------------------------------------------------------------------

--- Which field of a call tells it apart from others, for the world or for a person.
local function telling(path, node)
  local spec = facts.table_of(node.args[1])
  if path == "ctx.step" then return "name", facts.field(spec, "name") end
  if path == "ctx.approve" then return "subject", facts.field(spec, "subject") end
  if path == "ctx.emit" then return "key", facts.field(facts.table_of(node.args[3]), "key") end
  if path:find "^ctx%.skill%." then return "key", facts.field(spec, "key") end
end

local moving = { ["ctx.now"] = true, ["ctx.now_text"] = true, ["ctx.random"] = true }
local rounding = { sub = true, match = true, ["string.sub"] = true, ["string.match"] = true }

--- What of an expression is another one in each run: dice, or the time as it is; a day or
--- an hour of it is not. nil when there is nothing.
local function moving_part(expr, depth)
  local found
  if depth > 8 then return nil end
  facts.walk(expr, function(node)
    if found or node.kind == "Function" or node.kind == "Binary" and node.op == "//" then return false end
    if node.kind == "Method" and rounding[node.name] then return false end
    if node.kind == "Call" then
      local path, name = facts.path(node.fn), facts.library_name(node.fn)
      if path and moving[path] then found = path .. "()" elseif name == "math.random" then found = "math.random()" end
      if path or rounding[name or ""] then return false end
    elseif node.kind == "Name" then
      local value = facts.only_value(node.symbol)
      if value and value.kind ~= "Table" and value.kind ~= "Function" then found = moving_part(value, depth + 1) end
    end
  end)
  return found
end

local function moving_names(self, report)
  for _, call in ipairs(self.calls) do
    local field, value = telling(call.path, call.node)
    local what = value and moving_part(value, 0)
    if what then report("K2323", value, { field = field, name = call.path, what = what }) end
  end
end

--- For each `if` above a node the clause in which it stands: a table.
local function clauses_above(node)
  local found, below = {}, nil
  while node do
    if node.kind == "If" then found[node] = below and below.kind == "Clause" and below or "else" end
    node, below = node.parent, node
  end
  return found
end

--- Do two nodes stand in different clauses of one if?
local function exclusive(a, b)
  local of_b = clauses_above(b)
  for one, clause in pairs(clauses_above(a)) do
    if of_b[one] and of_b[one] ~= clause then return true end
  end
  return false
end

local function same_names(self, report)
  local by_name = {}
  for _, call in ipairs(self.calls) do
    local value = call.path == "ctx.step" and facts.field(facts.table_of(call.node.args[1]), "name")
    local name = value and facts.static(value)
    if type(name) == "string" then
      local key = call.fn.at .. ":" .. name
      local first = by_name[key]
      if first and not exclusive(first, call.node) then report("K2330", value, { name = name, line = first.line }) end
      by_name[key] = first or call.node
    end
  end
end

-- Where they stand -----------------------------------------------------------------------------

local function writes_apart(self, report)
  local counted = {}
  for _, call in ipairs(self.calls) do
    local fn = calls.writes[call.path] and facts.region(call.node, { step = true, atomic = true })
    if fn and fn.region.kind == "step" then
      local list = counted[fn] or {}
      counted[fn] = list
      if not list[1] or not exclusive(list[#list], call.node) then list[#list + 1] = call.node end
    end
  end
  for _, list in pairs(counted) do
    if #list > 1 then report("K2324", list[2], { count = #list }) end
  end
end

--- The name of the adapter that a path calls; nil for what is none.
function steps.adapter(self, path)
  local name = path:match "^ctx%.skill%.([%w_]+)$"
  return name and self.world.adapters[name] and not self.world.skills[name] and name or nil
end

--- An op of an adapter that only looks, as far as that is told in the call and config.lua.
function steps.only_reads(self, name, node)
  local op = facts.static(facts.field(facts.table_of(node.args[1]), "op"))
  local entry = self.world.adapters[name]
  if (type(entry) == "table" and entry.use or entry) == "folder" then return op == "read" or op == "list" end
  local ops = type(entry) == "table" and entry.ops
  local described = type(ops) == "table" and op and ops[op]
  return type(described) == "table" and described.effect == "read"
end

local function retried_effects(self, report)
  for _, call in ipairs(self.calls) do
    local name = steps.adapter(self, call.path)
    local fn = name and facts.region(call.node, { step = true })
    local last = call.node.parent
    local tail = last.kind == "Return" and last.in_fn == fn
    if fn and facts.field(fn.region.of, "retry") and not facts.field(facts.table_of(call.node.args[1]), "key") and not tail
      and not steps.only_reads(self, name, call.node) then
      report("K2325", call.node, { name = call.path })
    end
  end
end

local function misplaced(self, report)
  for _, call in ipairs(self.calls) do
    if facts.is_command(call.path) then
      if not calls.in_atomic(call.path) and facts.region(call.node, { atomic = true }) then
        report("K2338", call.node, { name = call.path })
      end
      if facts.region(call.node, { coroutine = true }) then report("K2339", call.node, { name = call.path }) end
    end
  end
end

-- Loops ------------------------------------------------------------------------------------------

--- May a call leave a loop, by raising or yielding, or is it not known what it does?
local function may_leave(call, seen)
  local name = facts.library_name(call.fn)
  if name then return name == "error" or name == "assert" or name:find "^coroutine" ~= nil end
  if facts.path(call.fn) then return false end
  local body = facts.fn_of(call.fn)
  if not body then return true end
  if seen[body] then return false end
  seen[body] = true
  local leaves = false
  facts.walk(body.body, function(node)
    if node.kind == "Function" then return false end
    if node.kind == "Call" and may_leave(node, seen) then leaves = true end
  end)
  return leaves
end

--- Is there a way out of a loop, other than its condition?
local function has_exit(loop)
  local found, inner = false, 0
  facts.walk(loop.body, function(node)
    if node.kind == "Function" then return false end
    if loops[node.kind] then inner = inner + 1 end
    if node.kind == "Return" or node.kind == "Goto" or node.kind == "Break" and inner == 0 then found = true end
    if node.kind == "Call" and may_leave(node, {}) then found = true end
  end, function(node)
    if loops[node.kind] then inner = inner - 1 end
  end)
  return found
end

local function endless(self, report)
  facts.walk(self.tree, function(node)
    if node.kind ~= "While" and node.kind ~= "Repeat" then return end
    local value, known = facts.static(node.cond)
    local for_ever = known and (node.kind == "While" and value or node.kind == "Repeat" and not value)
    if for_ever and not has_exit(node) then
      local place = { line = node.line, at = node.at, stop = node.at + (node.kind == "While" and 5 or 6) }
      report(self:commands_in(node) and "K2329" or "K2328", place, {})
    end
  end)
end

function steps.check(self, report)
  if self.kind ~= "agent" and self.kind ~= "skill" then return end
  endless(self, report)
  if self.kind ~= "agent" then return end
  moving_names(self, report)
  same_names(self, report)
  writes_apart(self, report)
  retried_effects(self, report)
  misplaced(self, report)
end

return steps
