--- ECMA-262 pattern text (unicode mode) -> tree.
--
--   choice   := sequence { "|" sequence }
--   sequence := { term [ quantifier ] }
--   term     := "(" choice ")" | "[" class "]" | escape | anchor | character
--
-- Nodes are { kind = ... }: empty, set{set}, assertion{name}, sequence{...},
-- choice{...}, repeated{body,min,max,width_zero}, look{body,behind,negated}.

local charset = require "regex.charset"

local parser = {}

local max_depth = 100
local max_length = 10000

local Reader = {}
Reader.__index = Reader

local function code(character) return utf8.codepoint(character) end

local function refuse(reader, message, unsupported)
  error({ regex = true, message = message, at = reader.at,
    unsupported = unsupported or nil })
end

--- The character at the reading position (or `ahead` further), nil at the end.
function Reader:peek(ahead)
  local point = self.points[self.at + (ahead or 0)]
  return point and utf8.char(point)
end

function Reader:take()
  local character = self:peek()
  self.at = self.at + 1
  return character
end

--- Skip the ASCII text when it is next.
function Reader:accept(text)
  for i = 1, #text do
    if self.points[self.at + i - 1] ~= text:byte(i) then return false end
  end
  self.at = self.at + #text
  return true
end

local function single(point)
  return { kind = "set", set = charset.of { point, point } }
end

-- Escapes ---------------------------------------------------------------

local controls = { t = 9, n = 10, v = 11, f = 12, r = 13 }
local shorthand = {
  d = charset.digit, w = charset.word, s = charset.space,
  D = charset.negate(charset.digit), W = charset.negate(charset.word),
  S = charset.negate(charset.space),
}

local function hex(reader, digits)
  local text = ""
  for _ = 1, digits do text = text .. (reader:take() or "") end
  if #text ~= digits or not text:match("^%x+$") then
    refuse(reader, "expected " .. digits .. " hexadecimal digits")
  end
  return math.tointeger(tonumber(text, 16))
end

--- \uXXXX, \u{X...} and a surrogate pair \uD83D\uDE00.
local function unicode_escape(reader)
  if reader:accept("{") then
    local text = ""
    while reader:peek() and reader:peek() ~= "}" do
      text = text .. reader:take()
    end
    local point = text:match("^%x+$") and #text <= 8 and tonumber(text, 16)
    if not reader:accept("}") or not point or point > 0x10FFFF then
      refuse(reader, "expected \\u{...} with a code point up to 10FFFF")
    end
    return math.tointeger(point)
  end
  local point = hex(reader, 4)
  if point >= 0xD800 and point <= 0xDBFF and reader:accept("\\u") then
    local low = hex(reader, 4)
    if low >= 0xDC00 and low <= 0xDFFF then
      return 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00)
    end
    refuse(reader, "expected the second half of a surrogate pair")
  end
  return point
end

local function property(reader, negated)
  local name = ""
  if not reader:accept("{") then refuse(reader, "expected \\p{Name}") end
  while reader:peek() and reader:peek() ~= "}" do name = name .. reader:take() end
  if not reader:accept("}") then refuse(reader, "\\p{ is not closed") end
  local set = charset.property(name)
  if not set then
    refuse(reader, ("the property \\p{%s} is not supported (L, Lu, Ll, Nd, P,"
      .. " Z are)"):format(name), true)
  end
  return negated and charset.negate(set) or set
end

--- What an escape (after the backslash) means inside and outside a class:
-- a set, or a code point.
local function escape(reader)
  local c = reader:take()
  if not c then refuse(reader, "the pattern ends in a backslash") end
  if shorthand[c] then return shorthand[c] end
  if controls[c] then return nil, controls[c] end
  if c == "p" or c == "P" then return property(reader, c == "P") end
  if c == "u" then return nil, unicode_escape(reader) end
  if c == "x" then return nil, hex(reader, 2) end
  if c == "c" then
    local letter = reader:take() or ""
    if not letter:match("^%a$") then refuse(reader, "expected \\c and a letter") end
    return nil, letter:upper():byte() - 64
  end
  if c == "0" and not (reader:peek() or ""):match("^%d$") then return nil, 0 end
  if #c == 1 and c:match("^%w$") then
    refuse(reader, ("\\%s means nothing in a pattern"):format(c))
  end
  return nil, code(c)
end

-- Classes ---------------------------------------------------------------

local function class_atom(reader)
  if reader:accept("\\") then
    if reader:accept("b") then return nil, 8 end
    return escape(reader)
  end
  local c = reader:take()
  if not c then refuse(reader, "'[' is not closed") end
  return nil, code(c)
end

local function class_item(reader, flat, sets)
  local set, from = class_atom(reader)
  if reader:peek() == "-" and reader:peek(1) and reader:peek(1) ~= "]" then
    reader:take()
    local set_to, to = class_atom(reader)
    if set or set_to then
      -- [\w-.]: with a set on one side the dash is a dash.
      sets[#sets + 1], sets[#sets + 2] = set, set_to
      for _, point in ipairs { code("-"), from or to } do
        flat[#flat + 1], flat[#flat + 2] = point, point
      end
      return
    end
    if to < from then refuse(reader, "a range out of order in '[...]'") end
    flat[#flat + 1], flat[#flat + 2] = from, to
  elseif set then
    sets[#sets + 1] = set
  else
    flat[#flat + 1], flat[#flat + 2] = from, from
  end
end

local function class(reader)
  local negated = reader:accept("^")
  local flat, sets = {}, {}
  while not reader:accept("]") do class_item(reader, flat, sets) end
  sets[#sets + 1] = charset.of(flat)
  local set = charset.union(sets)
  return { kind = "set", set = negated and charset.negate(set) or set }
end

-- Terms -----------------------------------------------------------------

local choice

local looks = {
  { "?=", { behind = false, negated = false } },
  { "?!", { behind = false, negated = true } },
  { "?<=", { behind = true, negated = false } },
  { "?<!", { behind = true, negated = true } },
}

local function group_head(reader)
  for _, look in ipairs(looks) do
    if reader:accept(look[1]) then return look[2] end
  end
  if reader:accept("?:") then return nil end
  if reader:accept("?<") then
    local name = ""
    while (reader:peek() or ""):match("^[%w_$]$") do
      name = name .. reader:take()
    end
    if name == "" or name:match("^%d") or not reader:accept(">") then
      refuse(reader, "expected a group name as in (?<name>...)")
    end
  elseif reader:accept("?") then
    refuse(reader, "'(?' is followed by something that ECMA-262 does not know")
  end
  return nil
end

local function group(reader)
  reader.depth = reader.depth + 1
  if reader.depth > max_depth then refuse(reader, "groups are nested too deep") end
  local look = group_head(reader)
  local body = choice(reader)
  if not reader:accept(")") then refuse(reader, "'(' is not closed") end
  reader.depth = reader.depth - 1
  if not look then return body end
  return { kind = "look", body = body, behind = look.behind,
    negated = look.negated }
end

local function escaped_term(reader)
  if reader:accept("b") then return { kind = "assertion", name = "word" } end
  if reader:accept("B") then return { kind = "assertion", name = "nonword" } end
  if (reader:peek() or ""):match("^[1-9]$") or reader:accept("k<") then
    refuse(reader, "backreferences are not supported", true)
  end
  local set, point = escape(reader)
  if set then return { kind = "set", set = set } end
  return single(point)
end

local function term(reader)
  local c = reader:take()
  if c == "(" then return group(reader) end
  if c == "[" then return class(reader) end
  if c == "." then return { kind = "set", set = charset.dot } end
  if c == "^" then return { kind = "assertion", name = "begin" } end
  if c == "$" then return { kind = "assertion", name = "end" } end
  if c == "\\" then return escaped_term(reader) end
  if c == "*" or c == "+" or c == "?" then
    refuse(reader, ("'%s' has nothing to repeat"):format(c))
  end
  return single(code(c))
end

-- Quantifiers -----------------------------------------------------------

local simple_counts = { ["*"] = { 0, math.huge }, ["+"] = { 1, math.huge },
  ["?"] = { 0, 1 } }

--- {2} {2,} {2,5} -> least, most; nil when the brace is only a brace, as in
-- "^{.*}$" (browsers read it so too).
local function braces(reader)
  local start, text = reader.at, ""
  while (reader:peek(1) or ""):match("^[%d,]$") do
    reader:take()
    text = text .. reader:peek()
  end
  reader:take()
  local min, comma, max = text:match("^(%d+)(,?)(%d*)$")
  if not min or (comma == "" and max ~= "") or not reader:accept("}") then
    reader.at = start
    return nil
  end
  local low = tonumber(min)
  local high = comma == "" and low or tonumber(max) or math.huge
  if high < low then refuse(reader, "a count out of order") end
  if low > 100000 or (high ~= math.huge and high > 100000) then
    refuse(reader, "a count above 100000 is not supported", true)
  end
  return low, high
end

--- Does the node never read a character? Repeating it then changes nothing.
local function width_zero(node)
  if node.kind == "set" then return false end
  if node.kind == "repeated" then return node.width_zero end
  for _, part in ipairs(node) do
    if not width_zero(part) then return false end
  end
  return true
end

local function quantified(reader, node)
  local counts = simple_counts[reader:peek()]
  local min, max
  if counts then
    reader:take()
    min, max = counts[1], counts[2]
  elseif reader:peek() == "{" then
    min, max = braces(reader)
  end
  if not min then return node end
  reader:accept("?") -- lazy or greedy: the yes or no is the same
  if node.kind == "assertion" or node.kind == "look" then
    refuse(reader, "an assertion cannot be repeated")
  end
  return { kind = "repeated", body = node, min = min, max = max,
    width_zero = width_zero(node) }
end

local function sequence(reader)
  local node = { kind = "sequence" }
  while reader:peek() and reader:peek() ~= "|" and reader:peek() ~= ")" do
    node[#node + 1] = quantified(reader, term(reader))
  end
  return node
end

function choice(reader)
  local node = { kind = "choice", sequence(reader) }
  while reader:accept("|") do node[#node + 1] = sequence(reader) end
  return #node == 1 and node[1] or node
end

--- The tree of a pattern; or nil, { message, at, unsupported }.
function parser.parse(pattern)
  if not utf8.len(pattern) then
    return nil, { message = "the pattern is not valid UTF-8", at = 1 }
  end
  if #pattern > max_length then
    return nil, { message = "the pattern is longer than 10000 bytes", at = 1,
      unsupported = true }
  end
  local reader = setmetatable({ points = { utf8.codepoint(pattern, 1, -1) },
    at = 1, depth = 0 }, Reader)
  local ok, tree = pcall(choice, reader)
  if ok and reader.at <= #reader.points then
    ok, tree = false, { regex = true, message = "')' closes nothing",
      at = reader.at }
  end
  if ok then return tree end
  if type(tree) ~= "table" or not tree.regex then error(tree, 0) end
  tree.regex = nil
  return nil, tree
end

return parser
