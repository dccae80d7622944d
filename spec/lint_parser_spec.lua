-- The parser of lint, held to Lua's own compiler.
local lexer = require "lexer"
local parser = require "lint.parser"
local file = require "file"

local thorough = os.getenv "KEEL_THOROUGH" == "1"

--- The sources of the house.
local function sources()
  local pipe, list = assert(io.popen "git ls-files '*.lua'"), {}
  for path in pipe:lines() do
    local text = file.read(path)
    if text then list[#list + 1] = { path = path, text = (text:gsub("^#[^\n]*", "")) } end
  end
  pipe:close()
  return list
end

--- Does the parser say of a text what `load` says?
local function agree(text)
  return (load(text, "=x", "t") ~= nil) == (parser.parse(text) ~= nil)
end

--- The disagreement, kept short enough to read.
local function told(text)
  local _, compiler = load(text, "=x", "t")
  local _, problem = parser.parse(text)
  return ("Lua says %s, the parser %s:\n%s"):format(tostring(compiler), problem and problem.line .. ": " .. problem.message or "ok", text:sub(1, 3000))
end

local bits = { "end", "do", "then", "local", "x", "=", "==", "(", ")", "{", "}", ",", ";", "..", "...", "goto a", "::a::", "break",
  "return", "function", "if", "else", "until", "repeat", "<const>", "<close>", "'", '"', "[[", "]]", "--[[", "\\", "1e", "0x", "~=", "~",
  "not", "for", "in", "while", "\n", "\0", "\\z", "\\u{", "local a <const> = 1 a = 2", "::b::", "goto b", "!", "#", "%", "//" }

--- A text with one change made by chance.
local function mutated(text, tokens, dice)
  local a, b = tokens[dice(#tokens)], tokens[dice(#tokens)]
  local how = dice(6)
  if how == 1 then return text:sub(1, a.at - 1) .. text:sub(a.stop) end
  if how == 2 then return text:sub(1, a.at - 1) .. bits[dice(#bits)] .. " " .. text:sub(a.at) end
  if how == 3 then return text:sub(1, a.at - 1) .. text:sub(b.at, b.stop - 1) .. text:sub(a.stop) end
  if how == 4 then return text:sub(1, dice(#text)) end
  if how == 5 then
    local at = dice(#text)
    return text:sub(1, at - 1) .. string.char(dice(256) - 1) .. text:sub(at + 1)
  end
  if a.at > b.at then a, b = b, a end
  return text:sub(1, a.at - 1) .. text:sub(b.at)
end

--- Dice of our own: the same in every run.
local function dice_of(seed)
  local state = seed
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return ((state >> 33) % n) + 1
  end
end

--- Programs of nothing but blocks, jumps, locals and loops: where scopes decide.
local function jumpy(dice, depth)
  local out = {}
  for _ = 1, dice(4) do
    local kind = dice(depth > 0 and 12 or 7)
    local name = ({ "a", "b", "c" })[dice(3)]
    if kind == 1 then out[#out + 1] = "goto " .. name
    elseif kind == 2 then out[#out + 1] = "::" .. name .. "::"
    elseif kind == 3 then out[#out + 1] = "local " .. name .. " = 1"
    elseif kind == 4 then out[#out + 1] = "local " .. name .. " <const> = 1"
    elseif kind == 5 then out[#out + 1] = name .. " = 2"
    elseif kind == 6 then out[#out + 1] = dice(2) == 1 and "break" or ";"
    elseif kind == 7 then out[#out + 1] = "f(...)"
    elseif kind == 8 then out[#out + 1] = "do " .. jumpy(dice, depth - 1) .. " end"
    elseif kind == 9 then out[#out + 1] = "while x do " .. jumpy(dice, depth - 1) .. " end"
    elseif kind == 10 then out[#out + 1] = "repeat " .. jumpy(dice, depth - 1) .. " until " .. name
    elseif kind == 11 then out[#out + 1] = "for " .. name .. " = 1, 2 do " .. jumpy(dice, depth - 1) .. " end"
    else out[#out + 1] = "local function " .. name .. "(" .. (dice(2) == 1 and "..." or "") .. ") " .. jumpy(dice, depth - 1) .. " end" end
  end
  return table.concat(out, " ")
end

describe("the parser of lint", function()
  it("accepts every source of the house that Lua accepts, and no other", function()
    local seen, refused = 0, 0
    for _, one in ipairs(sources()) do
      local tree = parser.parse(one.text)
      assert((load(one.text, "=x", "t") ~= nil) == (tree ~= nil), one.path .. ": " .. told(one.text))
      seen = seen + 1
      if not tree then refused = refused + 1 end
    end
    assert(seen > 500, "the sources were not found")
    assert(refused > 0, "the corpus of broken sources was not among them")
  end)

  it("agrees with Lua about sources that were changed by chance", function()
    local list, dice = {}, dice_of(7)
    for _, one in ipairs(sources()) do
      if #one.text < 6000 then list[#list + 1] = one end
    end
    local valid, broken = 0, 0
    for _ = 1, thorough and 20000 or 700 do
      local one = list[dice(#list)]
      one.tokens = one.tokens or lexer.tokens(one.text)
      if #one.tokens > 5 then
        local text = mutated(one.text, one.tokens, dice)
        assert(agree(text), told(text))
        if load(text, "=x", "t") then valid = valid + 1 else broken = broken + 1 end
      end
    end
    assert(valid > 50 and broken > 250, ("%d valid, %d broken"):format(valid, broken))
  end)

  it("agrees with Lua about jumps, labels, constants and what they can see", function()
    local dice, valid, broken = dice_of(11), 0, 0
    for _ = 1, thorough and 50000 or 3000 do
      local text = jumpy(dice, 3)
      assert(agree(text), told(text))
      if load(text, "=x", "t") then valid = valid + 1 else broken = broken + 1 end
    end
    assert(valid > 150 and broken > 500, ("%d valid, %d broken"):format(valid, broken))
  end)

  it("reads numbers, strings and comments as Lua does", function()
    for _, text in ipairs { "3", "0x.8p1", "3.", ".5e-3", "0xA", "0xffffffffffffffffff", "1e400", "'\\x41\\65\\u{20AC}\\z  \n  b'",
      "'\\\na'", "[[\na]]", "[==[]]]==]", "--[[x]] 1", '"\\u{7FFFFFFF}"', "0x1p-2", "'\\r\\n\\0'" } do
      local tree = assert(parser.parse("return " .. text), text)
      local value = load("return " .. text)()
      local read = tree.body[1].values[1].value
      assert.equal(value, read, text)
      assert.equal(math.type(value), math.type(read), text)
    end
    for _, text in ipairs { "3x", "0x", "1e", "'\\q'", "'a", "[[a", "[=a", "--[[", "'\\300'", "'\\xg1'", "'\\u{80000000}'", "..5.." } do
      assert.is_nil((parser.parse("return " .. text)), text)
      assert(agree("return " .. text), text)
    end
  end)

  it("refuses as many locals and upvalues as Lua does", function()
    local function locals(n)
      local out = {}
      for i = 1, n do out[i] = ("local v%d = %d"):format(i, i) end
      return table.concat(out, "\n")
    end
    for _, n in ipairs { 199, 200, 201 } do assert(agree(locals(n)), n .. " locals") end
    for _, n in ipairs { 196, 197, 198 } do
      assert(agree(locals(n) .. "\nfor i = 1, 2 do end"), n .. " locals and a loop")
      assert(agree(locals(n) .. "\nfor k, v in x do end"), n .. " locals and another loop")
    end
  end)

  it("says where a name comes from", function()
    local tree = assert(parser.parse "local a = 1\nlocal function f(b) a = b return g end\nlocal a = f")
    local first, fn, second = tree.body[1].symbols[1], tree.body[2].fn, tree.body[3].symbols[1]
    assert.equal(1, #first.refs)
    assert.is_true(first.refs[1].write)
    assert.equal(fn, first.refs[1].fn)
    assert.equal(first, second.shadows)
    assert.equal("g", tree.globals[1].node.name)
    assert.equal(fn.params[1], fn.body[1].values[1].symbol)
  end)

  it("gives each node the bytes that it was read from", function()
    local text = "local x = ctx.memory.get { key = 'a' }.value + (1)"
    local tree = assert(parser.parse(text))
    local sum = tree.body[1].values[1]
    assert.equal("ctx.memory.get { key = 'a' }.value + (1)", text:sub(sum.at, sum.stop - 1))
    assert.equal("ctx.memory.get { key = 'a' }", text:sub(sum.left.object.at, sum.left.object.stop - 1))
  end)

  it("tells of a missing end what was open, and where an end is likely missing", function()
    local _, problem = parser.parse "local function f()\n  if x then\n    g()\nend\n\nlocal function h()\n  g()\nend\n"
    assert.equal(8, problem.line)
    assert.match("to close 'function' of line 1", problem.message)
    assert.match("'if' of line 2 was closed by the 'end' of line 4", problem.hint)
  end)

  it("knows the slips of other languages", function()
    local function hint(text) return select(2, parser.parse(text)).hint or "" end
    assert.match("~=", hint "if a != b then end")
    assert.match("x = x %+ 1", hint "x += 1")
    assert.match("==", hint "if a = b then end")
    assert.match('%["local"%]', hint "return skill { local = function() end }")
    assert.match('%["end"%]', hint "return t.end")
  end)

  it("survives sources that nest without an end, however long", function()
    for _, text in ipairs { ("("):rep(5000), ("{"):rep(5000), ("x="):rep(10) .. ("-"):rep(5000), ("do "):rep(5000), ("f("):rep(5000),
      ("a.b"):rep(20000, "."), ("'a'.."):rep(5000) .. "1" } do
      local tree, problem = parser.parse("return " .. text)
      assert(tree or problem.line == 1)
    end
  end)
end)
