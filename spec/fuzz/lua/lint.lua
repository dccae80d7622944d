--- Any bytes: the parser says what Lua's compiler says, and lint finds its places in them.
local lexer = require "lexer"
local lint = require "lint"
local parser = require "lint.parser"

--- What Lua refuses for its own size, which the parser does not count.
local function too_large(message)
  for _, words in ipairs { "too many", "limit", "overflow", "too long", "not enough memory" } do
    if message:find(words, 1, true) then return true end
  end
  return false
end

return function(bytes)
  local kinds = { "agent", "skill", "config" }
  local kind, text = kinds[(bytes:byte() or 0) % 4 + 1], bytes:sub(2)
  local chunk, message = load(text, "=x", "t")
  local tree, problem = parser.parse(text)
  assert(chunk and tree or not chunk and (problem or too_large(message)) or problem and problem.message:find "too deep",
    tostring(message) .. " / " .. tostring(problem and problem.message))
  local lines, at = select(2, text:gsub("\n", "")) + 1, 1
  for _, token in ipairs((lexer.tokens(text))) do
    assert(token.at >= at and token.stop > token.at)
    at = token.stop
  end
  for _, one in ipairs(lint.source(text, { file = "x.lua", kind = kind, world = { adapters = { mail = "outbox" }, skills = {} } })) do
    assert(one.line >= 1 and one.line <= lines and (one.column == nil or one.column >= 1))
    assert(#tostring(one) > 0)
  end
end
