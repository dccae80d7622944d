--- Which line of a Lua file a table key stands on.
--
--   luasource.line(text, { "budget", "day" })
--
-- A manifest is checked after it ran, when only values are left. To point at
-- the wrong one, its file is read again as tokens (strings, comments and
-- function bodies understood) and the table that the file returns is walked
-- along the path of keys. Keys that are computed are not seen; then the nearest
-- enclosing key is shown.

local lexer = require "lexer"

local luasource = {}

--- All tokens of a source, as lexer.tokens gives them; a first line that begins with # is
-- passed over. Never fails: broken source gives the tokens that it seems to have.
function luasource.tokens(text) return (lexer.tokens(text, true)) end

-- Tables --------------------------------------------------------------------

local openers = { ["("] = 1, ["{"] = 1, ["["] = 1,
  [")"] = -1, ["}"] = -1, ["]"] = -1 }
local blocks = { ["function"] = 1, ["if"] = 1, ["do"] = 1, ["repeat"] = 1,
  ["end"] = -1, ["until"] = -1 }

--- How much a token opens (+1) or closes (-1).
local function nesting(token)
  if token.kind == "word" then return blocks[token.value] or 0 end
  return openers[token.kind] or 0
end

--- The index of the token after a field's value: its ',' or ';' or the '}'.
local function skip_value(tokens, i)
  local depth = 0
  while tokens[i] do
    local kind = tokens[i].kind
    if depth == 0 and (kind == "," or kind == ";" or kind == "}") then return i end
    depth = depth + nesting(tokens[i])
    i = i + 1
  end
  return i
end

--- The key of the field at token i and where its value begins.
local function field_key(tokens, i, position)
  local token, after = tokens[i], tokens[i + 1]
  if token.kind == "name" and after and after.kind == "=" then
    return token.value, i + 2
  end
  local close, equals = tokens[i + 2], tokens[i + 3]
  if token.kind == "[" and close and close.kind == "]" and equals
      and equals.kind == "=" then
    if after.kind == "string" then return after.value, i + 4 end
    if after.kind == "number" then return tonumber(after.value), i + 4 end
  end
  return position, i
end

--- The first '{' of a value: `{ ... }`, `agent { ... }`, `f({ ... })`.
local function table_of_value(tokens, i)
  local last = skip_value(tokens, i)
  for j = i, math.min(last - 1, i + 6) do
    if tokens[j].kind == "{" then return j end
    if tokens[j].kind == "word" then return nil end
  end
end

--- The line of the path below the table that opens at token i.
local function walk(tokens, i, path, depth)
  local position, wanted = 1, path[depth]
  i = i + 1
  while tokens[i] and tokens[i].kind ~= "}" do
    local key, value = field_key(tokens, i, position)
    if key == position then position = position + 1 end
    if key == wanted then
      local line, found = tokens[i].line, depth
      local inner = depth < #path and table_of_value(tokens, value)
      if inner then
        local deeper, reached = walk(tokens, inner, path, depth + 1)
        if deeper then line, found = deeper, reached end
      end
      return line, found
    end
    i = skip_value(tokens, value)
    if tokens[i] and tokens[i].kind ~= "}" then i = i + 1 end
  end
end

--- The '{' of the table that the file returns: after its last outer `return`.
local function returned_table(tokens)
  local depth, found = 0, nil
  for i, token in ipairs(tokens) do
    if depth == 0 and token.kind == "word" and token.value == "return" then
      found = i
    end
    depth = math.max(0, depth + nesting(token))
  end
  return found and table_of_value(tokens, found + 1), found
end

--- The line on which a path of keys stands in the returned table.
-- @param path  list of keys; integers count positions in a list from 1
-- @return the line, and how many keys of the path were found (0: only the
--   table itself); line 1 when the file returns no table
function luasource.line(text, path)
  local tokens = luasource.tokens(text)
  local start, returned = returned_table(tokens)
  if not start then return returned and tokens[returned].line or 1, 0 end
  local line, reached = walk(tokens, start, path, 1)
  if line then return line, reached end
  return tokens[start].line, 0
end

return luasource
