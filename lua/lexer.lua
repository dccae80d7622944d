--- The words of Lua 5.4: tokens with their places.
--
--   local tokens, comments = lexer.tokens("local x = 1 -- one")
--
-- Never fails. What Lua would refuse (a string that is not closed, a number that is none)
-- is a token with `problem`, a sentence; who must refuse it looks there. Lines are counted
-- by line feeds, as excerpts are.

local lexer = {}

lexer.words = {}
for word in ([[and break do else elseif end false for function goto if in local
    nil not or repeat return then true until while]]):gmatch "%S+" do
  lexer.words[word] = true
end

-- Strings ---------------------------------------------------------------------

local plain = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v",
  ["\\"] = "\\", ['"'] = '"', ["'"] = "'" }

--- "\u{20AC}": the text and where it ends; nil, and the problem.
local function code_point(text, at)
  local digits, stop = text:match("^{(%x+)}()", at)
  if not digits then return nil, "\\u is written as \\u{XXX}" end
  local value = tonumber(digits:match "^0*(.*)$":sub(1, 9), 16) or 0
  if #digits:match "^0*(.*)$" > 8 or value >= 1 << 31 then return nil, "the code point is too large" end
  return utf8.char(value), stop
end

--- What stands at `at`, behind a backslash: the text and where it ends; nil, and the problem.
local function escape(text, at)
  local c = text:sub(at, at)
  if plain[c] then return plain[c], at + 1 end
  if c == "\n" or c == "\r" then
    local pair = text:sub(at, at + 1)
    return "\n", at + ((pair == "\r\n" or pair == "\n\r") and 2 or 1)
  end
  if c == "z" then return "", text:match("^%s*()", at + 1) end
  if c == "u" then return code_point(text, at + 1) end
  local digits = c == "x" and text:match("^%x%x", at + 1)
  if digits then return string.char(tonumber(digits, 16)), at + 3 end
  if c == "x" then return nil, "\\x wants two hexadecimal digits" end
  digits = text:match("^%d%d?%d?", at)
  if not digits then return nil, "there is no escape \\" .. c end
  if tonumber(digits) > 255 then return nil, "\\" .. digits .. " is larger than a byte" end
  return string.char(tonumber(digits)), at + #digits
end

--- A quoted string that opens at `at`: its end, what it holds, its problem.
local function quoted(text, at)
  local quote, parts, i, problem = text:sub(at, at), {}, at + 1, nil
  local ordinary = '^[^\\\n\r' .. quote .. ']+'
  while true do
    local run = text:match(ordinary, i)
    if run then
      parts[#parts + 1], i = run, i + #run
    end
    local c = text:sub(i, i)
    if c == quote then return i + 1, table.concat(parts), problem end
    if c ~= "\\" then return i, table.concat(parts), "the string is not closed" end
    local value, stop = escape(text, i + 1)
    if value then
      parts[#parts + 1], i = value, stop
    elseif i >= #text then
      return i + 1, table.concat(parts), "the string is not closed"
    else
      problem, i = problem or stop, i + 2
    end
  end
end

--- A long bracket "[==[ ... ]==]" that opens at `at`: its end, what it holds, whether it
--- is open. nil when there is none.
local function long_bracket(text, at)
  local level, start = text:match("^%[(=*)%[()", at)
  if not level then return nil end
  local first, last = text:find("]" .. level .. "]", start, true)
  local value = text:sub(start, (first or #text + 1) - 1)
  if value:find("\r", 1, true) then value = value:gsub("\r\n", "\n"):gsub("\n\r", "\n"):gsub("\r", "\n") end
  return (last or #text) + 1, (value:gsub("^\n", "")), not first
end

-- Tokens ----------------------------------------------------------------------

--- The characters of a numeral, read as Lua reads them: more than can be a number.
local function numeral(text, at)
  local exponent = text:find("^0[xX]", at) and "[pP]" or "[eE]"
  local i = exponent == "[pP]" and at + 2 or at + 1
  while true do
    local stop = text:match("^" .. exponent .. "[+-]?()", i) or text:match("^[%x.]()", i)
    if not stop then break end
    i = stop
  end
  return text:match("^[%a_]()", i) or i
end

local long_symbols = { ["..."] = true, [".."] = true, ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true,
  ["<<"] = true, [">>"] = true, ["//"] = true, ["::"] = true }

local function symbol(text, at)
  for length = 3, 2, -1 do
    local piece = text:sub(at, at + length - 1)
    if long_symbols[piece] then return piece end
  end
  return text:sub(at, at)
end

--- The token at `at`: kind, value, where it ends, problem.
local function token_at(text, at)
  local name, stop = text:match("^([%a_][%w_]*)()", at)
  if name then return lexer.words[name] and "word" or "name", name, stop end
  local c = text:sub(at, at)
  if c == '"' or c == "'" then
    local ends, value, problem = quoted(text, at)
    return "string", value, ends, problem
  end
  if c == "[" then
    local ends, value, open = long_bracket(text, at)
    if ends then return "string", value, ends, open and "the long string is not closed" or nil end
    if text:sub(at + 1, at + 1) == "=" then return "[", "[", at + 1, "a long string begins with [[ or [=[" end
  end
  if text:find("^%.?%d", at) then
    local ends = numeral(text, at)
    local raw = text:sub(at, ends - 1)
    local value = tonumber(raw)
    return "number", value or raw, ends, not value and ("'%s' is not a number"):format(raw) or nil
  end
  local piece = symbol(text, at)
  return piece, piece, at + #piece
end

--- The end of the comment that opens at `at`, and whether it is open.
local function skip_comment(text, at)
  local stop, _, open = long_bracket(text, at + 2)
  if stop then return stop, open end
  return text:match("^[^\n\r]*()", at), false
end

--- All tokens of a source: a list of { kind, value, line, at, stop, problem? } (bytes
-- at..stop-1). `kind` is name, word, string, number or the symbol itself. Then the comments:
-- { line, at, stop, last_line }; one that is not closed has `open`.
-- @param plain_file  a first line that begins with # is passed over, as `lua FILE` does
function lexer.tokens(text, plain_file)
  local list, comments, at, line, feed = {}, {}, 1, 1, text:find("\n", 1, true)
  if plain_file then at = text:match "^#[^\n]*()" or 1 end
  local function line_at(position)
    while feed and feed < position do
      line, feed = line + 1, text:find("\n", feed + 1, true)
    end
    return line
  end
  while true do
    at = text:match("^%s*()", at)
    if not at or at > #text then return list, comments end
    if text:sub(at, at + 1) == "--" then
      local from = line_at(at)
      local stop, open = skip_comment(text, at)
      comments[#comments + 1] = { line = from, at = at, stop = stop, open = open or nil, last_line = line_at(stop) }
      at = stop
    else
      local kind, value, stop, problem = token_at(text, at)
      list[#list + 1] = { kind = kind, value = value, line = line_at(at), at = at, stop = stop, problem = problem }
      at = stop
    end
  end
end

return lexer
