--- Any bytes have tokens, in order; any path has a line that the text has.
local choices = require "choices"
local luasource = require "luasource"

local keys = { "a", "on", 1, 2, "run", "budget", "local" }

return function(bytes)
  local c = choices.of(bytes)
  local path = {}
  for i = 1, c:below(4) do path[i] = c:pick(keys) end
  local text = c:rest()
  local at, line, lines = 1, 1, select(2, text:gsub("\n", "")) + 1
  for _, token in ipairs(luasource.tokens(text)) do
    assert(token.at >= at and token.stop > token.at and token.line >= line and token.line <= lines)
    at, line = token.stop, token.line
  end
  local found, reached = luasource.line(text, path)
  assert(math.type(found) == "integer" and found >= 1 and found <= lines)
  assert(reached >= 0 and reached <= #path)
end
