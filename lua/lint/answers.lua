--- Rules about what calls answer: errors that nobody looks at, verdicts that are not asked,
--- nil that is taken for a value.
local facts = require "lint.facts"
local steps = require "lint.steps"

local answers = {}

--- The variables that take a call's results, a list of symbols, when it is all that stands
--- at the end of a local or an assignment; nil when it is used in another way.
local function takers(call)
  local parent = call.parent
  if parent.kind == "Local" and parent.values[#parent.values] == call then
    return table.move(parent.symbols, #parent.values, #parent.symbols, 1, {})
  end
  if parent.kind ~= "Assign" or parent.values[#parent.values] ~= call then return nil end
  local list = {}
  for i = #parent.values, #parent.targets do
    local symbol = parent.targets[i].kind == "Name" and parent.targets[i].symbol
    if not symbol then return nil end
    list[#list + 1] = symbol
  end
  return list
end

-- Errors ----------------------------------------------------------------------------------

local function ignored(call)
  if call.parent.kind == "CallStat" then return true end
  local list = takers(call)
  for _, symbol in ipairs(list or {}) do
    if facts.is_read(symbol) then return false end
  end
  return list ~= nil
end

--- The command that a pcall protects, by name; nil when it protects none.
local function protected(self, node)
  local name, body = facts.library_name(node.fn), node.args[1]
  if name ~= "pcall" and name ~= "xpcall" or not body then return nil end
  local path = facts.path(body)
  if path then return facts.is_command(path) and path or nil end
  local fn = facts.fn_of(body)
  local found = fn and self:commands_in(fn)
  return found and (facts.path(found.fn) or "what is protected here") or nil
end

local function swallowed(self, report)
  for _, node in ipairs(self.all_calls) do
    local name = node.kind == "Call" and protected(self, node)
    if name and ignored(node) then report("K2326", node, { name = name }) end
  end
  for _, call in ipairs(self.calls) do
    local name = steps.adapter(self, call.path)
    local acts = name and not steps.only_reads(self, name, call.node) or call.path == "ctx.call"
    if acts and call.node.parent.kind == "CallStat" then report("K2326", call.node, { name = call.path }) end
  end
end

-- Verdicts ----------------------------------------------------------------------------------

--- Is a node only asked whether it is nil or false?
local function as_truth(node)
  local parent = node.parent
  while parent.kind == "Paren" or parent.kind == "Unary" and parent.op == "not"
    or parent.kind == "Binary" and (parent.op == "and" or parent.op == "or") do
    node, parent = parent, parent.parent
  end
  return (parent.kind == "Clause" or parent.kind == "While" or parent.kind == "Repeat") and parent.cond == node
end

local function truth_only(symbol)
  for _, ref in ipairs(symbol.refs) do
    if not ref.write and not as_truth(ref.node) then return false end
  end
  return facts.is_read(symbol)
end

--- function -> the place of its last command.
local function last_commands(self)
  local last = {}
  for _, call in ipairs(self.calls) do
    if facts.is_command(call.path) then last[call.fn] = math.max(last[call.fn] or 0, call.node.at) end
  end
  return last
end

local function verdicts(self, report)
  local last = last_commands(self)
  for _, call in ipairs(self.calls) do
    local node = call.path == "ctx.approve" and call.node
    local symbol = node and (takers(node) or {})[1]
    if node and (node.parent.kind == "CallStat" or symbol and not facts.is_read(symbol)) then
      if last[call.fn] > node.stop then
        report("K2336", node, { detail = "the run goes on, whatever is decided" })
      end
    elseif node and (as_truth(node) or symbol and truth_only(symbol)) then
      report("K2336", node, { detail = "it is only asked whether there is an answer, and there always is one" })
    end
  end
end

local handled = { hold = true, reject = true, skip = true, escalate = true }

--- value -> how often a text stands in the file.
local function texts_of(tree)
  local count = {}
  facts.walk(tree, function(node)
    if node.kind == "String" then count[node.value] = (count[node.value] or 0) + 1 end
  end)
  return count
end

local function words(self, report)
  local count
  for _, call in ipairs(self.calls) do
    local value = call.path == "ctx.approve" and facts.field(facts.table_of(call.node.args[1]), "otherwise")
    local word = value and facts.static(value)
    if type(word) == "string" and not handled[word] then
      count = count or texts_of(self.tree)
      if not count.applied and (count[word] or 0) < 2 then report("K2335", value, { name = word }) end
    end
  end
end

-- nil -----------------------------------------------------------------------------------------

local reasons = { ["ctx.model"] = "no tier, no room in the budget, or no answer", ["ctx.call"] = "the other run may fail",
  ["ctx.records.get"] = "nothing may be kept under this key", ["ctx.memory.get"] = "nothing may be kept under this key" }

--- Why a call may give nil; nil when it does not, or raises instead.
local function why_nil(self, call)
  local path = facts.path(call.fn)
  if not path then return nil end
  if path == "ctx.wait" then
    return facts.field(facts.table_of(call.args[1]), "within") and "the time may be over before the event comes" or nil
  end
  return reasons[path] or steps.adapter(self, path) and "the world may refuse" or nil
end

--- Is a variable ever asked whether it is there, or handed on to who may ask?
local function is_checked(symbol)
  for _, ref in ipairs(symbol.refs) do
    local parent = ref.node.parent
    local taken_for_value = (parent.kind == "Index" or parent.kind == "Method") and parent.object == ref.node
    if not ref.write and not taken_for_value then return true end
  end
  return false
end

local function nils(self, report)
  facts.walk(self.tree, function(node)
    local object = (node.kind == "Index" or node.kind == "Method") and facts.without_paren(node.object)
    local why = object and object.kind == "Call" and why_nil(self, object)
    if why then report("K2337", object, { name = facts.path(object.fn), why = why }) end
  end)
  for _, call in ipairs(self.calls) do
    local why, list = why_nil(self, call.node), call.node.parent.kind == "Local" and takers(call.node)
    local symbol, err = (list or {})[1], (list or {})[2]
    if why and symbol and symbol.refs[1] and facts.writes(symbol) == 0 and not (err and facts.is_read(err)) and not is_checked(symbol) then
      report("K2337", symbol.refs[1].node, { name = symbol.name, why = why })
    end
  end
end

function answers.check(self, report)
  if self.kind ~= "agent" then return end
  swallowed(self, report)
  verdicts(self, report)
  words(self, report)
  nils(self, report)
end

return answers
