--- Which name means which variable: functions, blocks, locals and labels, as the parser
--- meets them, by the rules of Lua's own compiler.
--
-- A symbol is { name, kind, line, at, fn, attrib, refs, shadows }: `kind` is local, param,
-- for, function or self; `fn` the node of the function that owns it; `refs` a list of { node,
-- fn, write }, `fn` being the function in which the name stands.

local scope = {}
scope.__index = scope

local most_locals, most_upvalues = 200, 255

--- @param fail  function(token, message, hint) that raises
function scope.new(fail) return setmetatable({ fail = fail, symbols = {} }, scope) end

-- Functions and blocks ------------------------------------------------------------

function scope:open_function(node)
  self.fn = { node = node, outer = self.fn, active = {}, labels = {}, gotos = {}, upvalues = {}, upvalue_count = 0 }
end

function scope:close_function()
  self.fn = self.fn.outer
end

--- kind: "loop" for one that break leaves.
function scope:open_block(kind)
  local fn = self.fn
  fn.block = { outer = fn.block, loop = kind == "loop", locals = #fn.active, labels = #fn.labels, gotos = #fn.gotos }
end

--- What a block leaves behind: gotos that found no label yet look in the block around it.
function scope:close_block()
  local fn = self.fn
  local block = fn.block
  for i = #fn.active, block.locals + 1, -1 do fn.active[i] = nil end
  for i = #fn.labels, block.labels + 1, -1 do fn.labels[i] = nil end
  fn.block = block.outer
  for i = block.gotos + 1, #fn.gotos do
    local jump = fn.gotos[i]
    if not fn.block then
      self.fail(jump.token, ("there is no label '%s' that this goto can reach"):format(jump.name))
    end
    jump.locals = math.min(jump.locals, block.locals)
  end
end

-- Locals --------------------------------------------------------------------------

--- Make a symbol; it is seen from `activate` on.
function scope:symbol(name, kind, token, attrib)
  local made = { name = name, kind = kind, line = token.line, at = token.at, fn = self.fn.node, attrib = attrib, refs = {} }
  self.symbols[#self.symbols + 1] = made
  return made
end

local function active_in(fn, name)
  for i = #fn.active, 1, -1 do
    if fn.active[i].name == name then return fn.active[i] end
  end
end

local function visible(fn, name)
  while fn do
    local found = active_in(fn, name)
    if found then return found end
    fn = fn.outer
  end
end

--- Locals that are declared, seen or not, are counted: hidden ones of loops, too.
function scope:activate(symbols, hidden, token)
  local fn = self.fn
  for i = 1, hidden or 0 do fn.active[#fn.active + 1] = { name = "(for state " .. i .. ")" } end
  for _, symbol in ipairs(symbols) do
    symbol.shadows = visible(fn, symbol.name)
    fn.active[#fn.active + 1] = symbol
  end
  if #fn.active > most_locals then self.fail(token, "a function can have 200 local variables at a time") end
end

function scope:count_upvalue(fn, symbol, token)
  while fn.node ~= symbol.fn do
    if not fn.upvalues[symbol] then
      fn.upvalues[symbol], fn.upvalue_count = true, fn.upvalue_count + 1
      if fn.upvalue_count > most_upvalues then self.fail(token, "a function can use 255 variables of functions around it") end
    end
    fn = fn.outer
  end
end

--- The symbol that a name means here, or nil for a global.
function scope:find(name) return visible(self.fn, name) end

--- Note that a node of this name stands here. Returns its symbol, or nil.
function scope:use(node, token)
  local symbol = visible(self.fn, node.name)
  if symbol then
    self:count_upvalue(self.fn, symbol, token)
    symbol.refs[#symbol.refs + 1] = { node = node, fn = self.fn.node }
    node.ref = symbol.refs[#symbol.refs]
  end
  return symbol
end

-- Jumps -----------------------------------------------------------------------------

function scope:loop_around()
  local block = self.fn.block
  while block do
    if block.loop then return block end
    block = block.outer
  end
end

function scope:add_goto(name, token)
  local fn = self.fn
  for _, label in ipairs(fn.labels) do
    if label.name == name then return end
  end
  fn.gotos[#fn.gotos + 1] = { name = name, token = token, locals = #fn.active }
end

--- last: nothing but labels and semicolons stands behind it in its block, whose locals are
--- then over.
function scope:add_label(name, token, last)
  local fn = self.fn
  for _, label in ipairs(fn.labels) do
    if label.name == name then
      self.fail(token, ("the label '%s' is there already, in line %d"):format(name, label.token.line))
    end
  end
  local locals = last and fn.block.locals or #fn.active
  fn.labels[#fn.labels + 1] = { name = name, token = token }
  for i = #fn.gotos, fn.block.gotos + 1, -1 do
    local jump = fn.gotos[i]
    if jump.name == name then
      if jump.locals < locals then
        self.fail(jump.token, ("this goto jumps into the scope of the local '%s'"):format(fn.active[jump.locals + 1].name))
      end
      table.remove(fn.gotos, i)
    end
  end
end

return scope
