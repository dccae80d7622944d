--- Rules about variables that a replay does not set again: of the file, of a step's outside,
--- of branches that share them.
local facts = require "lint.facts"

local state = {}

local loops = { While = true, Repeat = true, Fornum = true, Forin = true }

-- Changes ----------------------------------------------------------------------------

local mutators = { ["table.insert"] = true, ["table.remove"] = true, ["table.sort"] = true, rawset = true }

--- The variable at the root of `a.b[c]`, and the node of its name.
local function root_of(expr)
  expr = facts.without_paren(expr)
  while expr and expr.kind == "Index" do expr = facts.without_paren(expr.object) end
  return expr and expr.kind == "Name" and expr.symbol or nil, expr
end

--- `t[#t + 1] = x`
local function appends(index)
  local key = facts.without_paren(index.key)
  local left = key.kind == "Binary" and key.op == "+" and facts.without_paren(key.left)
  return left and left.kind == "Unary" and left.op == "#" or false
end

--- Everything in a file that changes a variable or what it holds: a list of { symbol, node,
--- how = "set" | "field" | "append", key }.
local function changes_of(tree)
  local list = {}
  local function add(symbol, node, how, key)
    if symbol then list[#list + 1] = { symbol = symbol, node = node, how = how, key = key } end
  end
  facts.walk(tree, function(node)
    if node.kind == "Name" and node.write then
      add(node.symbol, node, "set")
    elseif node.kind == "Index" and node.write then
      local symbol, name = root_of(node)
      add(symbol, name, appends(node) and "append" or "field", (facts.static(node.key)))
    elseif node.kind == "Call" and node.args[1] and mutators[facts.library_name(node.fn) or ""] then
      local symbol, name = root_of(node.args[1])
      add(symbol, name, "append")
    end
  end)
  return list
end

--- The functions that run when `fn` does, as far as that is certain: itself, those written
--- in it, and those of the file that are named in it. A set.
local function reached_from(fn)
  local set, queue = {}, { fn }
  while #queue > 0 do
    local one = table.remove(queue)
    if not set[one] then
      set[one] = true
      facts.walk(one, function(node)
        if node.kind == "Function" and node ~= one then queue[#queue + 1] = node end
        local target = node.kind == "Name" and not node.write and facts.fn_of(node)
        if target then queue[#queue + 1] = target end
      end)
    end
  end
  return set
end

--- A place where a variable is read, other than those that `inside(node)` is true for; being
--- the table of `t.x = 1` is no reading.
local function read_outside(symbol, inside)
  for _, ref in ipairs(symbol.refs) do
    local parent = ref.node.parent
    local only_set = parent.kind == "Index" and parent.object == ref.node and parent.write
    if not ref.write and not only_set and not inside(ref.node) then return ref.node end
  end
end

-- Steps ---------------------------------------------------------------------------------

--- What is before a step is not after it: the reads of a name that cannot see its change.
local function before(node, call)
  return node.at < call.at and node.in_fn == call.in_fn and not facts.above(call, loops)
end

local function leaks_of(call, body, spec, changes, report, leaked)
  local inside, told = reached_from(body), {}
  for _, change in ipairs(changes) do
    local symbol = change.symbol
    local outer = inside[change.node.in_fn] and not inside[symbol.fn] and not told[symbol]
    if outer and read_outside(symbol, function(node) return inside[node.in_fn] or before(node, call) end) then
      told[symbol], leaked[change.node] = true, true
      local name = facts.static(facts.field(spec, "name"))
      report("K2322", change.node, { name = symbol.name, step = type(name) == "string" and name or nil })
    end
  end
end

--- Variables that steps change for others. Returns the nodes that were told of, a set.
local function leaks(self, changes, report)
  local leaked = {}
  for _, call in ipairs(self.calls) do
    local spec = call.path == "ctx.step" and facts.table_of(call.node.args[1])
    local body = spec and facts.fn_of(facts.field(spec, "run"))
    if body then leaks_of(call.node, body, spec, changes, report, leaked) end
  end
  return leaked
end

-- The file ---------------------------------------------------------------------------------

local function of_file(self, changes, leaked, report)
  if not self.entry then return end
  local running, told = reached_from(self.entry), {}
  for _, change in ipairs(changes) do
    local symbol = change.symbol
    if symbol.fn == self.tree and running[change.node.in_fn] and not leaked[change.node] and not told[symbol]
      and read_outside(symbol, function(node) return node == change.node end) then
      told[symbol] = true
      report("K2321", change.node, { name = symbol.name, what = "the " .. self.kind })
    end
  end
end

-- Branches -----------------------------------------------------------------------------------

local function used_in(symbol, fn)
  for _, ref in ipairs(symbol.refs) do
    if facts.inside(ref.node, fn) then return true end
  end
  return false
end

--- Do two changes of one table touch the same part of it?
local function collide(change, other)
  if change.how == "append" or other.how == "append" then return change.how == other.how end
  return change.key == nil or other.key == nil or change.key == other.key
end

--- Does a change in one branch matter to another?
local function clashes(change, other, changes)
  if not used_in(change.symbol, other) then return false end
  if change.how == "set" then return true end
  for _, second in ipairs(changes) do
    if second.symbol == change.symbol and facts.inside(second.node, other) and collide(change, second) then return true end
  end
  return false
end

local function shared(change, fn) return facts.inside(change.node, fn) and not facts.inside(change.symbol.fn, fn) end

--- Branches written one by one: what one changes and another uses.
local function between(fns, changes, tell)
  for _, fn in ipairs(fns) do
    for _, change in ipairs(changes) do
      for _, other in ipairs(shared(change, fn) and fns or {}) do
        if other ~= fn and clashes(change, other, changes) then tell(change) end
      end
    end
  end
end

--- One function, made many times in a loop: what it adds to and reads, or appends to.
local function among(fn, loop, changes, tell)
  for _, change in ipairs(changes) do
    local symbol = change.symbol
    local reads = false
    for _, ref in ipairs(symbol.refs) do reads = reads or not ref.write and facts.inside(ref.node, fn) end
    if shared(change, fn) and symbol.at < loop.at and (change.how == "append" or change.how == "set" and reads) then tell(change) end
  end
end

local function branches(self, changes, report)
  for _, call in ipairs(self.calls) do
    if call.path == "ctx.all" or call.path == "ctx.any" then
      local fns, told = {}, {}
      for _, fn in ipairs(self.tree.functions) do
        if fn.region and fn.region.kind == "branch" and fn.region.call == call.node then fns[#fns + 1] = fn end
      end
      local function tell(change)
        if told[change.symbol] then return end
        told[change.symbol] = true
        report("K2327", change.node, { name = change.symbol.name, what = call.path })
      end
      between(fns, changes, tell)
      for _, fn in ipairs(fns) do
        local loop = facts.above(fn, loops)
        if loop then among(fn, loop, changes, tell) end
      end
    end
  end
end

function state.check(self, report)
  if self.kind ~= "agent" and self.kind ~= "skill" then return end
  local changes = changes_of(self.tree)
  local leaked = leaks(self, changes, report)
  of_file(self, changes, leaked, report)
  branches(self, changes, report)
end

return state
