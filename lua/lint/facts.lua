--- What can be said of a script without running it.
--
--   local self = facts.of(tree, { kind = "agent" })
--
-- self.calls         every call of ctx or lib: { node, path = "ctx.memory.get", fn }
-- self.manifest      the table that agent{} or skill{} is given; self.entry, the function that runs
-- facts.path(expr)   "ctx.memory" for what is a part of ctx, whatever variable holds it
-- facts.fn_of(expr)  the function node that a value is, when that is certain
-- facts.static(expr) a value that is written there: value, true; or nil, false
-- node.parent and node.in_fn are set; a function has `region` where it is the body of something:
--   { kind = "step"|"undo"|"branch"|"atomic"|"coroutine", call, of }
local facts = {}
facts.__index = facts

-- Walking -----------------------------------------------------------------------------

local parts = {
  Function = { "body" }, Index = { "object", "key" }, Call = { "fn", "args" }, Method = { "object", "args" },
  Binary = { "left", "right" }, Unary = { "operand" }, Paren = { "inner" }, Local = { "values" }, Assign = { "targets", "values" },
  CallStat = { "call" }, Do = { "body" }, While = { "cond", "body" }, Repeat = { "body", "cond" }, If = { "clauses", "other" },
  Clause = { "cond", "body" }, Fornum = { "values", "body" }, Forin = { "values", "body" }, FunctionStat = { "target", "fn" },
  LocalFunction = { "fn" }, Return = { "values" }, Table = { "items" }, list = { "value" }, named = { "key", "value" },
  keyed = { "key", "value" },
}

--- Call enter(node) for a node and all below it, from the top; `false` passes over what is
--- below. leave(node) is called behind a node whose inside was seen, if given.
function facts.walk(node, enter, leave)
  if not node.kind then
    for _, one in ipairs(node) do facts.walk(one, enter, leave) end
    return
  end
  if enter(node) == false then return end
  for _, part in ipairs(parts[node.kind] or {}) do
    if node[part] then facts.walk(node[part], enter, leave) end
  end
  if leave then leave(node) end
end

local function set_parents(tree)
  local stack, fns = {}, {}
  facts.walk(tree, function(node)
    node.parent, node.in_fn = stack[#stack], fns[#fns]
    stack[#stack + 1] = node
    if node.kind == "Function" then fns[#fns + 1] = node end
  end, function(node)
    stack[#stack] = nil
    if node.kind == "Function" then fns[#fns] = nil end
  end)
end

--- The nearest node above that is one of these kinds, within the same function.
function facts.above(node, kinds)
  local at = node.parent
  while at and at.kind ~= "Function" do
    if kinds[at.kind] then return at end
    at = at.parent
  end
end

--- Is `node` inside of `outer`, or the same?
function facts.inside(node, outer)
  while node do
    if node == outer then return true end
    node = node.parent
  end
  return false
end

-- Values --------------------------------------------------------------------------------

--- How often a variable is set after its declaration.
function facts.writes(symbol)
  if symbol.writes then return symbol.writes end -- counted once: it is asked for at each use
  local n = 0
  for _, ref in ipairs(symbol.refs) do
    if ref.write then n = n + 1 end
  end
  symbol.writes = n
  return n
end

--- Is the value of a variable ever used?
function facts.is_read(symbol)
  for _, ref in ipairs(symbol.refs) do
    if not ref.write then return true end
  end
  return false
end

function facts.without_paren(expr)
  while expr and expr.kind == "Paren" do expr = expr.inner end
  return expr
end

local writes, without_paren = facts.writes, facts.without_paren

--- The node of the value of a variable that is set where it is declared and never again.
function facts.only_value(symbol)
  if symbol and symbol.value and writes(symbol) == 0 then return without_paren(symbol.value) end
end

local only_value = facts.only_value

--- What a value is that is written in the source: value, true. nil, false when it is not.
function facts.static(expr, depth)
  depth, expr = depth or 0, without_paren(expr)
  if not expr or depth > 20 then return nil, false end
  if expr.kind == "String" or expr.kind == "Number" then return expr.value, true end
  if expr.kind == "True" or expr.kind == "False" then return expr.kind == "True", true end
  if expr.kind == "Nil" then return nil, true end
  if expr.kind == "Name" and expr.symbol then
    local value = only_value(expr.symbol)
    if value then return facts.static(value, depth + 1) end
  end
  if expr.kind == "Binary" and expr.op == ".." then
    local a, known_a = facts.static(expr.left, depth + 1)
    local b, known_b = facts.static(expr.right, depth + 1)
    if known_a and known_b and type(a) == "string" and type(b) == "string" then return a .. b, true end
  end
  return nil, false
end

--- The text with which a value begins, as far as it is written there, and whether that is
--- all of it: "client/" for "client/" .. id.
function facts.beginning(expr, depth)
  depth, expr = depth or 0, without_paren(expr)
  if depth > 20 or not expr then return "", false end
  local value, known = facts.static(expr)
  if known then return type(value) == "string" and value or "", type(value) == "string" end
  if expr.kind == "Binary" and expr.op == ".." then
    local text, whole = facts.beginning(expr.left, depth + 1)
    if whole then return text .. facts.beginning(expr.right, depth + 1), false end
    return text, false
  end
  return "", false
end

--- The table that an expression is, when it is written there or in a variable that is set
--- once.
function facts.table_of(expr)
  expr = without_paren(expr)
  if expr and expr.kind == "Table" then return expr end
  local value = expr and expr.kind == "Name" and only_value(expr.symbol)
  return value and value.kind == "Table" and value or nil
end

--- The function that a variable holds which is declared first and set once, later.
local function set_later(symbol)
  for _, ref in ipairs(symbol.refs) do
    local at = ref.write and ref.node.parent
    if at and at.kind == "FunctionStat" then return at.fn end
    if at and at.kind == "Assign" and #at.targets == 1 and at.values[1] and at.values[1].kind == "Function" then return at.values[1] end
  end
end

--- The function node that a value is for certain, or nil.
function facts.fn_of(expr)
  expr = without_paren(expr)
  if not expr then return nil end
  if expr.kind == "Function" then return expr end
  local symbol = expr.kind == "Name" and expr.symbol
  if not symbol then return nil end
  local value = only_value(symbol)
  if value then return value.kind == "Function" and value or nil end
  if symbol.kind == "local" and not symbol.value and writes(symbol) == 1 then return set_later(symbol) end
end

--- The value of a table's field by name; nil.
function facts.field(made, name)
  for _, item in ipairs(made and made.items or {}) do
    if item.key and item.key.kind == "String" and item.key.value == name then return item.value end
  end
end

--- The texts of a list that is written there, or one text: { value, node } each; what is
--- computed is left out.
function facts.texts(expr)
  local made, list = facts.table_of(expr), {}
  local one = not made and facts.static(expr)
  if type(one) == "string" then list[1] = { value = one, node = expr } end
  for _, item in ipairs(made and made.items or {}) do
    local value = item.kind == "list" and facts.static(item.value)
    if type(value) == "string" then list[#list + 1] = { value = value, node = item.value } end
  end
  return list
end

--- The name of a global function that is called: "pcall"; or "table.insert". nil else.
function facts.library_name(fn)
  fn = without_paren(fn)
  if fn.kind == "Name" then return not fn.symbol and fn.name or nil end
  local object = fn.kind == "Index" and without_paren(fn.object)
  if object and object.kind == "Name" and not object.symbol and fn.key.kind == "String" then return object.name .. "." .. fn.key.value end
end

-- ctx ---------------------------------------------------------------------------------------

--- "ctx.memory.get" for what is a part of ctx (or "lib.zone" for a skill's), else nil. What
--- is computed is "?".
function facts.path(expr, depth)
  depth, expr = depth or 0, without_paren(expr)
  if not expr or depth > 12 then return nil end
  if expr.kind == "Name" then
    local symbol = expr.symbol
    if not symbol then return nil end
    if symbol.ctx_path and writes(symbol) == 0 then return symbol.ctx_path end
    local value = only_value(symbol)
    return value and (value.kind == "Index" or value.kind == "Name") and facts.path(value, depth + 1) or nil
  end
  if expr.kind ~= "Index" then return nil end
  local object = facts.path(expr.object, depth + 1)
  if not object then return nil end
  local key = facts.static(expr.key)
  return object .. "." .. (type(key) == "string" and key or "?")
end

local function mark(symbol, path)
  if not symbol or symbol.ctx_path or writes(symbol) > 0 then return false end
  symbol.ctx_path = path
  return true
end

--- Parameters that are ctx: of the function that runs, of any called so, and of those to
--- which it is handed.
local function mark_ctx(self, tree)
  local skill = self.kind == "skill"
  if self.entry then mark(self.entry.params[skill and 2 or 1], skill and "lib" or "ctx") end
  for _, fn in ipairs(skill and {} or tree.functions) do
    for _, param in ipairs(fn.params) do
      if param.name == "ctx" then mark(param, "ctx") end
    end
  end
  if self.entry and not skill then self.input = self.entry.params[2] end
  local more = true
  while more do
    more = false
    for _, node in ipairs(self.all_calls) do
      local fn = node.kind == "Call" and facts.fn_of(node.fn)
      for i, arg in ipairs(fn and node.args or {}) do
        local path = facts.path(arg)
        if path and mark(fn.params[i], path) then more = true end
      end
    end
  end
end

-- The manifest -----------------------------------------------------------------------------

local function find_manifest(self, tree)
  for _, node in ipairs(self.all_calls) do
    local name = node.kind == "Call" and facts.library_name(node.fn)
    if name == "agent" or name == "skill" then
      self.kind = self.kind or name
      self.manifest, self.manifest_call = facts.table_of(node.args[1]), node
    end
  end
  local last = tree.body[#tree.body]
  if not self.manifest and last and last.kind == "Return" then self.manifest = facts.table_of(last.values[1]) end
  local run = self.manifest and facts.field(self.manifest, self.kind == "skill" and "local" or "run")
  self.entry = facts.fn_of(run)
end

-- Regions ------------------------------------------------------------------------------------

local function set_region(fn, kind, call, of)
  if fn and not fn.region then fn.region = { kind = kind, call = call, of = of } end
end

--- Functions that become branches: those in the table, and those that are put into the
--- variable which is handed over.
local function mark_branches(call, path)
  local arg = without_paren(call.args[1])
  if not arg then return end
  local made = facts.table_of(arg)
  for _, item in ipairs(made and made.items or {}) do set_region(facts.fn_of(item.value), "branch", call, path) end
  local symbol = arg.kind == "Name" and arg.symbol
  for _, ref in ipairs(symbol and symbol.refs or {}) do
    local index = ref.node.parent
    local assign = index.kind == "Index" and index.object == ref.node and index.write and index.parent
    for i, target in ipairs(assign and assign.kind == "Assign" and assign.targets or {}) do
      if target == index then set_region(facts.fn_of(assign.values[i]), "branch", call, path) end
    end
  end
end

local function mark_regions(self)
  for _, call in ipairs(self.calls) do
    local node, path = call.node, call.path
    if path == "ctx.step" then
      local spec = facts.table_of(node.args[1])
      set_region(facts.fn_of(facts.field(spec, "run")), "step", node, spec)
      set_region(facts.fn_of(facts.field(spec, "undo")), "undo", node, spec)
    elseif path == "ctx.atomic" then
      set_region(facts.fn_of(node.args[1]), "atomic", node)
    elseif path == "ctx.all" or path == "ctx.any" then
      mark_branches(node, path)
    end
  end
  for _, node in ipairs(self.all_calls) do
    local name = node.kind == "Call" and facts.library_name(node.fn)
    if name == "coroutine.create" or name == "coroutine.wrap" then set_region(facts.fn_of(node.args[1]), "coroutine", node) end
  end
end

--- The function around a node that is the body of one of these kinds, however deep; nil.
function facts.region(node, kinds)
  local fn = node.kind == "Function" and node or node.in_fn
  while fn do
    if fn.region and kinds[fn.region.kind] then return fn end
    fn = fn.in_fn
  end
end

-- What functions do -----------------------------------------------------------------------------

local quiet = { ["ctx.now"] = true, ["ctx.now_text"] = true, ["ctx.random"] = true, ["ctx.log"] = true, ["ctx.array"] = true }

--- Is a path that is called a command, which waits for a record?
function facts.is_command(path) return path:find "^ctx%." ~= nil and not quiet[path] end

--- A call in `node` that makes a command, itself or through functions of the file; nil. The
--- bodies of functions in it count, as if they were called.
function facts:commands_in(node)
  local found
  facts.walk(node, function(one)
    if found then return false end
    if one.kind ~= "Call" then return end
    local path = facts.path(one.fn)
    if path and facts.is_command(path) then
      found = one
    else
      local fn = facts.fn_of(one.fn)
      if fn and not facts.inside(fn, node) and self:acts(fn) then found = one end
    end
  end)
  return found
end

--- Does a function make commands?
function facts:acts(fn)
  if self.acting[fn] == nil then
    self.acting[fn] = false
    self.acting[fn] = self:commands_in(fn) ~= nil
  end
  return self.acting[fn]
end

-- The face -----------------------------------------------------------------------------------------

--- The facts of a tree. options: { kind = "agent" | "skill" | "config"; nil finds it out,
--- world = what is around it (lint.lua) }.
function facts.of(tree, options)
  local self = setmetatable({ tree = tree, kind = options.kind, world = options.world or { adapters = {}, skills = {} },
    calls = {}, all_calls = {}, acting = {} }, facts)
  set_parents(tree)
  facts.walk(tree, function(node)
    if node.kind == "Call" or node.kind == "Method" then self.all_calls[#self.all_calls + 1] = node end
  end)
  find_manifest(self, tree)
  mark_ctx(self, tree)
  for _, node in ipairs(self.all_calls) do
    local path = node.kind == "Call" and facts.path(node.fn)
    if path then self.calls[#self.calls + 1] = { node = node, path = path, fn = node.in_fn } end
  end
  mark_regions(self)
  return self
end

return facts
