--- Rules about values whose text, order or length is no fact: tables as keys and as text,
--- lists with holes, keys that are fractions.
local facts = require "lint.facts"

local values = {}

-- Keys -----------------------------------------------------------------------------------

--- Is a variable indexed by a name somewhere (`row.id`), as only tables are?
local function indexed(symbol)
  for _, ref in ipairs(symbol.refs) do
    local parent = ref.node.parent
    if parent.kind == "Index" and parent.object == ref.node and parent.dot then return true end
  end
  return false
end

--- What kind of reference a key is, in the plural; nil when it is not known to be one.
local function reference_kind(key)
  key = facts.without_paren(key)
  if facts.table_of(key) then return "tables" end
  if facts.fn_of(key) then return "functions" end
  local symbol = key.kind == "Name" and key.symbol
  if symbol and symbol.kind == "for" and facts.writes(symbol) == 0 and indexed(symbol) then return "tables" end
end

--- symbol -> what its keys are, for tables of this file.
local function keyed_by_reference(tree)
  local found = {}
  facts.walk(tree, function(node)
    if node.kind == "Index" and node.write then
      local object = facts.without_paren(node.object)
      local kind = object.kind == "Name" and facts.table_of(object) and reference_kind(node.key)
      if kind then found[object.symbol] = kind end
    elseif node.kind == "Local" then
      for i, symbol in ipairs(node.symbols) do
        local made = node.values[i] and node.values[i].kind == "Table" and node.values[i]
        for _, item in ipairs(made and made.items or {}) do
          local kind = item.kind == "keyed" and reference_kind(item.key)
          if kind then found[symbol] = kind end
        end
      end
    end
  end)
  return found
end

local function walked(self, report)
  local found = keyed_by_reference(self.tree)
  for _, node in ipairs(next(found) and self.all_calls or {}) do
    local name = node.kind == "Call" and facts.library_name(node.fn)
    local arg = (name == "pairs" or name == "next") and node.args[1] and facts.without_paren(node.args[1])
    local kind = arg and arg.kind == "Name" and arg.symbol and found[arg.symbol]
    if kind then report("K2331", node, { name = arg.name, what = kind }) end
  end
end

-- Text -----------------------------------------------------------------------------------------

--- "a table" or "a function", for what has no text of its own; nil for all else.
local function nameless(expr)
  if not expr then return nil end
  return facts.table_of(expr) and "a table" or facts.fn_of(expr) and "a function" or nil
end

local function address_texts(self, report)
  for _, node in ipairs(self.all_calls) do
    local name, what = node.kind == "Call" and facts.library_name(node.fn), nil
    if name == "tostring" or node.kind == "Call" and facts.path(node.fn) == "ctx.log" then
      what = nameless(node.args[1])
    elseif name == "string.format" then
      local format = facts.static(node.args[1])
      for i = 2, type(format) == "string" and format:find "%%%-?%d*s" and #node.args or 0 do what = what or nameless(node.args[i]) end
    end
    if what then report("K2332", node, { what = what }) end
  end
end

-- Lengths ------------------------------------------------------------------------------------------

--- A list with a nil before another item.
local function has_hole(made)
  local hole = false
  for _, item in ipairs(made and made.items or {}) do
    if item.kind == "list" then
      if hole then return true end
      hole = facts.without_paren(item.value).kind == "Nil"
    end
  end
  return false
end

local counting = { ipairs = true, ["table.concat"] = true, ["table.unpack"] = true }

local function holes_and_fractions(self, report)
  facts.walk(self.tree, function(node)
    local list
    if node.kind == "Unary" and node.op == "#" then
      list = node.operand
    elseif node.kind == "Call" and counting[facts.library_name(node.fn) or ""] then
      list = node.args[1]
    end
    if list and has_hole(facts.table_of(list)) then report("K2333", node, {}) end
    local key = (node.kind == "Index" or node.kind == "keyed") and facts.without_paren(node.key)
    if key and key.kind == "Binary" and key.op == "/" then report("K2334", key, {}) end
  end)
end

function values.check(self, report)
  if self.kind ~= "agent" and self.kind ~= "skill" then return end
  walked(self, report)
  address_texts(self, report)
  holes_and_fractions(self, report)
end

return values
