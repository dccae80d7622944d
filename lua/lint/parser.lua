--- Lua 5.4 as a tree, with places and variables.
--
--   local tree, problem = parser.parse(text)
--   tree.body     -- the statements; tree is the node of the file as a function
--   problem       -- { line, at, message, hint } for what Lua would refuse
--
-- Nodes are tables { kind, line, at, stop, ... }; spec/lint_parser_spec.lua holds the parser
-- to `load` on every file of the house and on what chance makes of them.
--
--   expressions  Nil True False Vararg · Number String {value} · Name {name, symbol, write}
--     Function {params, vararg, body, name} · Index {object, key, dot} · Call {fn, args}
--     Method {object, name, args} · Binary {op, left, right} · Unary {op, operand}
--     Paren {inner} · Table {items: {kind = list|named|keyed, key, value, line, at}}
--   statements   Local {symbols, values} · Assign {targets, values} · CallStat {call}
--     Do While Repeat {cond, body} · If {clauses: Clause {cond, body}, other} · Fornum Forin
--     {symbols, values, body} · FunctionStat {target, fn} · LocalFunction {symbol, fn}
--     Return {values} · Break · Goto Label {name}
local lexer = require "lexer"
local scope = require "lint.scope"

local parser = {}
parser.__index = parser

local most_levels = 195

-- Helpers ---------------------------------------------------------------------------

local function fail(token, message, hint)
  error({ lint_syntax = true, line = token.line, at = token.at, message = message, hint = hint }, 0)
end

local function node(kind, token, fields)
  fields = fields or {}
  fields.kind, fields.line, fields.at = kind, token.line, token.at
  return fields
end

local function shown(token)
  if token.kind == "end of file" then return "the end of the file" end
  if token.kind == "string" then return "a string" end
  return "'" .. tostring(token.value) .. "'"
end

function parser:next()
  local token = self.token
  self.previous = token
  self.index = self.index + 1
  self.token = self.tokens[self.index] or self.last
  if self.token.problem then fail(self.token, self.token.problem) end
  return token
end

--- Is the token this symbol or word? Strings and names are never.
function parser:at(what)
  local kind = self.token.kind
  return kind == what or kind == "word" and self.token.value == what
end

function parser:accept(what)
  return self:at(what) and self:next() or nil
end

local slips = {
  ["!"] = "'not' negates, and ~= is 'not equal'", ["&"] = nil,
  ["="] = "one '=' sets, and '==' compares", ["+"] = "there is no += and no ++ in Lua: write x = x + 1",
}

--- What somebody most likely meant, for the token that does not fit.
function parser:slip()
  local token, before = self.token, self.previous
  if before and before.value == "local" and token.kind == "=" then return '["local"] = function(input, lib) ... end: local is a word of Lua' end
  if token.kind == "word" and before and (before.kind == "." or before.kind == "{" or before.kind == ",") then
    return ('%s is a word of Lua: as a field it is written ["%s"]'):format(token.value, token.value)
  end
  if token.kind == "!" or token.kind == "~=" and before and before.kind == "!" then return slips["!"] end
  if token.kind == "=" and before and before.kind:find "^[-+*/]$" then return slips["+"] end
  return slips[token.kind]
end

function parser:expect(what, hint)
  if not self:at(what) then
    fail(self.token, ("'%s' expected near %s"):format(what, shown(self.token)), hint or self:slip())
  end
  return self:next()
end

--- The one that closes what `opener` opened.
function parser:close(what, opener)
  if self:at(what) then
    self:note_indent(what, opener)
    return self:next()
  end
  local message = ("'%s' expected near %s"):format(what, shown(self.token))
  local hint = self:slip()
  if opener.line ~= self.token.line then
    message = ("%s, to close '%s' of line %d"):format(message, opener.value, opener.line)
    if self.odd and what == "end" then
      hint = ("by their indentation, '%s' of line %d was closed by the '%s' of line %d: is an end missing before it?"):format(
        self.odd.opener.value, self.odd.opener.line, self.odd.closer.value, self.odd.closer.line)
    end
  end
  fail(self.token, message, hint)
end

local function indent_of(text, at)
  local from = at
  while from > 1 and text:byte(from - 1) ~= 10 do from = from - 1 end
  local spaces = text:match("^[ \t]*", from)
  return spaces, from + #spaces == at
end

--- A block whose end stands elsewhere than its beginning is where an end may be missing.
function parser:note_indent(what, opener)
  if self.odd or what ~= "end" or opener.line == self.token.line then return end
  local here, first = indent_of(self.text, self.token.at)
  if first and here ~= indent_of(self.text, opener.at) then self.odd = { opener = opener, closer = self.token } end
end

function parser:name()
  if self.token.kind ~= "name" then fail(self.token, "a name is expected near " .. shown(self.token), self:slip()) end
  return self:next()
end

function parser:deeper()
  self.level = self.level + 1
  if self.level > most_levels then fail(self.token, "this nests too deep") end
end

--- Blocks end here.
function parser:follows(with_until)
  local token = self.token
  if token.kind == "end of file" then return true end
  if token.kind ~= "word" then return false end
  local word = token.value
  return word == "else" or word == "elseif" or word == "end" or with_until and word == "until"
end

-- Expressions -----------------------------------------------------------------------

local binary = { ["+"] = { 10, 10 }, ["-"] = { 10, 10 }, ["*"] = { 11, 11 }, ["%"] = { 11, 11 }, ["^"] = { 14, 13 },
  ["/"] = { 11, 11 }, ["//"] = { 11, 11 }, ["&"] = { 6, 6 }, ["|"] = { 4, 4 }, ["~"] = { 5, 5 }, ["<<"] = { 7, 7 },
  [">>"] = { 7, 7 }, [".."] = { 9, 8 }, ["=="] = { 3, 3 }, ["<"] = { 3, 3 }, ["<="] = { 3, 3 }, ["~="] = { 3, 3 },
  [">"] = { 3, 3 }, [">="] = { 3, 3 }, ["and"] = { 2, 2 }, ["or"] = { 1, 1 } }
local unary = { ["not"] = true, ["-"] = true, ["#"] = true, ["~"] = true }
local unary_priority = 12

function parser:operator()
  local token = self.token
  if token.kind == "word" then return token.value end
  return token.kind ~= "name" and token.kind ~= "string" and token.kind ~= "number" and token.kind or nil
end

local finish

function parser:list()
  local values = { self:expression() }
  while self:accept "," do values[#values + 1] = self:expression() end
  return values
end

function parser:name_use()
  local token = self:name()
  local made = node("Name", token, { name = token.value, stop = token.stop })
  made.symbol = self.scope:use(made, token)
  if not made.symbol then self.globals[#self.globals + 1] = { node = made, fn = self.scope.fn.node } end
  return made
end

function parser:primary()
  if self:at "(" then
    local open = self:next()
    local inner = self:expression()
    self:close(")", open)
    return finish(self, node("Paren", open, { inner = inner }))
  end
  if self.token.kind == "name" then return self:name_use() end
  fail(self.token, "nothing can begin with " .. shown(self.token) .. " here", self:slip())
end

function parser:arguments()
  local token = self.token
  if token.kind == "string" then
    self:next()
    return { finish(self, node("String", token, { value = token.value })) }
  end
  if self:at "{" then return { self:table() } end
  if not self:at "(" then fail(token, "arguments are expected near " .. shown(token)) end
  self:next()
  local args = {}
  if not self:at ")" then args = self:list() end
  self:close(")", token)
  return args
end

function parser:suffixed()
  local made = self:primary()
  while true do
    local token = self.token
    if token.kind == "." then
      self:next()
      local key = self:name()
      made = node("Index", made, { object = made, dot = true, key = node("String", key, { value = key.value, stop = key.stop }) })
    elseif token.kind == "[" then
      self:next()
      local key = self:expression()
      self:close("]", token)
      made = node("Index", made, { object = made, key = key })
    elseif token.kind == ":" then
      self:next()
      local name = self:name()
      made = node("Method", made, { object = made, name = name.value, name_at = name.at, name_line = name.line, colon = token.at })
      made.args = self:arguments()
    elseif token.kind == "(" or token.kind == "string" or token.kind == "{" then
      local args = self:arguments()
      made = node("Call", made, { fn = made, args = args })
    else
      return made
    end
    finish(self, made)
  end
end

--- The end of a node is that of the last token that was read.
function finish(self, made)
  made.stop = self.previous.stop
  return made
end

function parser:item()
  local token = self.token
  if token.kind == "[" then
    self:next()
    local key = self:expression()
    self:close("]", token)
    self:expect "="
    return { kind = "keyed", key = key, line = token.line, at = token.at, value = self:expression() }
  end
  local after = self.tokens[self.index + 1]
  if token.kind == "name" and after and after.kind == "=" then
    self:next()
    self:next()
    return { kind = "named", key = node("String", token, { value = token.value, stop = token.stop }), line = token.line, at = token.at,
      value = self:expression() }
  end
  return { kind = "list", line = token.line, at = token.at, value = self:expression() }
end

function parser:table()
  local open = self:expect "{"
  local made = node("Table", open, { items = {} })
  while not self:at "}" do
    made.items[#made.items + 1] = self:item()
    if not (self:accept "," or self:accept ";") then break end
  end
  self:close("}", open)
  return finish(self, made)
end

local constants = { ["nil"] = "Nil", ["true"] = "True", ["false"] = "False" }

function parser:simple()
  local token = self.token
  if token.kind == "number" or token.kind == "string" then
    self:next()
    return finish(self, node(token.kind == "number" and "Number" or "String", token, { value = token.value }))
  end
  if token.kind == "word" and constants[token.value] then
    self:next()
    return finish(self, node(constants[token.value], token))
  end
  if token.kind == "..." then
    if not self.scope.fn.node.vararg then fail(token, "'...' stands outside of a function that takes it") end
    self:next()
    return finish(self, node("Vararg", token))
  end
  if token.kind == "{" then return self:table() end
  if self:at "function" then
    self:next()
    return self:body(token)
  end
  return self:suffixed()
end

function parser:expression(limit)
  limit = limit or 0
  self:deeper()
  local token, op, left = self.token, self:operator(), nil
  if op and unary[op] then
    self:next()
    local operand = self:expression(unary_priority)
    left = finish(self, node("Unary", token, { op = op, operand = operand }))
  else
    left = self:simple()
  end
  op = self:operator()
  while op and binary[op] and binary[op][1] > limit do
    local place = self:next()
    local right = self:expression(binary[op][2])
    left = finish(self, node("Binary", left, { op = op, left = left, right = right, op_at = place.at }))
    op = self:operator()
  end
  self.level = self.level - 1
  return left
end

--- Parameters and body of a function whose word `function` is `opener`.
function parser:body(opener, method)
  local made = node("Function", opener, { params = {}, outer = self.scope.fn.node })
  self.functions[#self.functions + 1] = made
  self.scope:open_function(made)
  self.scope:open_block()
  if method then made.params[1] = self.scope:symbol("self", "self", opener) end
  local open = self:expect "("
  if not self:at ")" then
    repeat
      if self:at "..." then
        self:next()
        made.vararg = true
        break
      end
      local name = self:name()
      made.params[#made.params + 1] = self.scope:symbol(name.value, "param", name)
    until not self:accept ","
  end
  self:close(")", open)
  self.scope:activate(made.params, 0, opener)
  made.body = self:block()
  self.scope:close_block()
  self:close("end", opener)
  self.scope:close_function()
  return finish(self, made)
end

-- Statements ------------------------------------------------------------------------

--- A block in a scope of its own.
function parser:scoped(kind)
  self.scope:open_block(kind)
  local list = self:block()
  self.scope:close_block()
  return list
end

local function write_to(self, target, token)
  local symbol = target.kind == "Name" and target.symbol
  target.write = true
  if not symbol then return end
  target.ref.write = true
  if symbol.attrib then
    fail(token, ("'%s' is <%s> and cannot be set again"):format(symbol.name, symbol.attrib),
      ("it was declared in line %d"):format(symbol.line))
  end
end

local statements = {}

statements["if"] = function(self, opener)
  local made = node("If", opener, { clauses = {} })
  repeat
    local word = self:next()
    local cond = self:expression()
    self:expect "then"
    made.clauses[#made.clauses + 1] = node("Clause", word, { cond = cond, body = self:scoped() })
  until not self:at "elseif"
  if self:accept "else" then made.other = self:scoped() end
  self:close("end", opener)
  return made
end

statements["while"] = function(self, opener)
  self:next()
  local cond = self:expression()
  self.scope:open_block "loop"
  self:expect "do"
  local body = self:scoped()
  self:close("end", opener)
  self.scope:close_block()
  return node("While", opener, { cond = cond, body = body })
end

statements["do"] = function(self, opener)
  self:next()
  local body = self:scoped()
  self:close("end", opener)
  return node("Do", opener, { body = body })
end

statements["repeat"] = function(self, opener)
  self:next()
  self.scope:open_block "loop"
  self.scope:open_block()
  local body = self:block()
  self:close("until", opener)
  local cond = self:expression()
  self.scope:close_block()
  self.scope:close_block()
  return node("Repeat", opener, { body = body, cond = cond })
end

local function loop_body(self, opener, symbols, hidden)
  self.scope:activate({}, hidden, opener)
  self:expect "do"
  self.scope:open_block()
  self.scope:activate(symbols, 0, opener)
  local body = self:block()
  self.scope:close_block()
  self:close("end", opener)
  self.scope:close_block()
  return body
end

statements["for"] = function(self, opener)
  self:next()
  self.scope:open_block "loop"
  local first = self:name()
  local symbols = { self.scope:symbol(first.value, "for", first) }
  if self:accept "=" then
    local values = { self:expression() }
    self:expect ","
    values[2] = self:expression()
    if self:accept "," then values[3] = self:expression() end
    return node("Fornum", opener, { symbols = symbols, values = values, body = loop_body(self, opener, symbols, 3) })
  end
  while self:accept "," do
    local name = self:name()
    symbols[#symbols + 1] = self.scope:symbol(name.value, "for", name)
  end
  self:expect "in"
  local values = self:list()
  return node("Forin", opener, { symbols = symbols, values = values, body = loop_body(self, opener, symbols, 4) })
end

statements["function"] = function(self, opener)
  self:next()
  local target, method = self:name_use(), false
  local name_token = self.previous
  while self:at "." or self:at ":" do
    method = self:next().kind == ":"
    local key = self:name()
    target = node("Index", target, { object = target, dot = true, key = node("String", key, { value = key.value, stop = key.stop }), stop = key.stop })
    if method then break end
  end
  local made = self:body(opener, method)
  made.name = target.kind == "Name" and target.name or target.key.value
  write_to(self, target, name_token)
  return node("FunctionStat", opener, { target = target, fn = made, method = method })
end

local function local_function(self, opener)
  local name = self:name()
  local symbol = self.scope:symbol(name.value, "function", name)
  self.scope:activate({ symbol }, 0, name)
  local made = self:body(opener)
  made.name = name.value
  symbol.value = made
  return node("LocalFunction", opener, { symbol = symbol, fn = made })
end

local function attrib_of(self)
  if not self:accept "<" then return nil end
  local name = self:name()
  if name.value ~= "const" and name.value ~= "close" then
    fail(name, ("there is no attribute '%s'"):format(name.value), "there are <const> and <close>")
  end
  self:expect ">"
  return name.value
end

statements["local"] = function(self, opener)
  self:next()
  if self:at "function" then
    local word = self:next()
    return local_function(self, word)
  end
  local symbols, closing = {}, false
  repeat
    local name = self:name()
    local attrib = attrib_of(self)
    if attrib == "close" and closing then fail(name, "one local statement can have one <close>") end
    closing = closing or attrib == "close"
    symbols[#symbols + 1] = self.scope:symbol(name.value, "local", name, attrib)
  until not self:accept ","
  local values = self:accept "=" and self:list() or {}
  for i, symbol in ipairs(symbols) do
    symbol.value = values[i]
    if values[i] and values[i].kind == "Function" then values[i].name = symbol.name end
  end
  self.scope:activate(symbols, 0, opener)
  return node("Local", opener, { symbols = symbols, values = values })
end

statements["return"] = function(self, opener)
  self:next()
  local values = {}
  if not self:follows(true) and not self:at ";" then values = self:list() end
  self:accept ";"
  return node("Return", opener, { values = values })
end

statements["break"] = function(self, opener)
  self:next()
  if not self.scope:loop_around() then fail(opener, "break stands outside of a loop") end
  return node("Break", opener)
end

statements["goto"] = function(self, opener)
  self:next()
  local name = self:name()
  self.scope:add_goto(name.value, name)
  return node("Goto", opener, { name = name.value })
end

local function label(self, opener, list)
  self:next()
  local name = self:name()
  self:expect "::"
  while self:at ";" or self:at "::" do self:statement(list) end
  self.scope:add_label(name.value, name, self:follows(false))
  return node("Label", opener, { name = name.value })
end

--- A call, or an assignment.
local function expression_statement(self, opener)
  local first = self:suffixed()
  if not (self:at "=" or self:at ",") then
    if first.kind ~= "Call" and first.kind ~= "Method" then
      fail(self.token, "a value alone does nothing: a call or '=' is expected near " .. shown(self.token), self:slip())
    end
    return node("CallStat", opener, { call = first })
  end
  local targets = { first }
  while self:accept "," do targets[#targets + 1] = self:suffixed() end
  for _, target in ipairs(targets) do
    if target.kind ~= "Name" and target.kind ~= "Index" then fail(self.token, "only variables and fields can be set", self:slip()) end
    write_to(self, target, { line = target.line, at = target.at })
  end
  self:expect "="
  return node("Assign", opener, { targets = targets, values = self:list() })
end

function parser:statement(list)
  local opener = self.token
  if self:accept ";" then return end
  self:deeper()
  local made
  if self:at "::" then
    made = label(self, opener, list)
  else
    local read = opener.kind == "word" and statements[opener.value] or expression_statement
    made = read(self, opener)
  end
  list[#list + 1] = finish(self, made)
  self.level = self.level - 1
end

function parser:block()
  local list = {}
  while not self:follows(true) do
    local returns = self:at "return"
    self:statement(list)
    if returns then break end
  end
  return list
end

-- The face ----------------------------------------------------------------------------

local function whole(self)
  for _, comment in ipairs(self.comments) do
    if comment.open then self.last = { kind = "end of file", line = comment.line, at = comment.at, problem = "the long comment is not closed" } end
  end
  local main = { kind = "Function", line = 1, at = 1, params = {}, vararg = true, main = true }
  self.functions[1] = main
  self.scope:open_function(main)
  self.scope:open_block()
  self.index = 0
  self.previous = nil
  self:next()
  main.body = self:block()
  if self.token.kind ~= "end of file" then
    local behind = self.previous and self.previous.value == "return" or #main.body > 0 and main.body[#main.body].kind == "Return"
    fail(self.token, ("%s does not fit here"):format(shown(self.token)), self:slip()
      or behind and "nothing stands behind a return in its block" or "there is an end too many before it, or one here")
  end
  self.scope:close_block()
  main.stop = #self.text + 1
  return main
end

--- The tree of a source: the node of a function, the file. It also has `functions` (all
--- function nodes), `globals` (names that are no variable: { node, fn }), `symbols` (every
--- variable, in order) and `comments`. Or nil and { line, at, message, hint }.
-- @param plain_file  a first line that begins with # is passed over
function parser.parse(text, plain_file)
  local self = setmetatable({ text = text, functions = {}, globals = {}, level = 0 }, parser)
  self.tokens, self.comments = lexer.tokens(text, plain_file)
  local lines = select(2, text:gsub("\n", "")) + 1
  if text:sub(-1) == "\n" then lines = math.max(1, lines - 1) end
  self.last = { kind = "end of file", line = lines, at = #text + 1, stop = #text + 1 }
  self.scope = scope.new(fail)
  local ok, result = pcall(whole, self)
  if not ok then
    if type(result) ~= "table" or not result.lint_syntax then error(result, 0) end
    return nil, result
  end
  result.functions, result.globals, result.symbols, result.comments = self.functions, self.globals, self.scope.symbols, self.comments
  return result
end

return parser
