--- Changes to a script that a replay of its old journal must notice: mutants.make(script,
-- r) gives { kind, source, body } or nil where this kind of change finds no place. `body`:
-- the change lies in the body of a step, which a replay does not run.
local lexer = require "spec.determinism.lexer"
local scripts = require "spec.determinism.scripts"

local mutants = {}

--- Change one word of one block: fits(words, i) -> new text, or nil.
local function of_word(fits)
  return function(script, r)
    local places = {}
    for b, block in ipairs(script.blocks) do
      local words = lexer(block)
      for i, word in ipairs(words) do
        local text = fits(words, i, r)
        if text then places[#places + 1] = { b, word, text } end
      end
    end
    if #places == 0 then return nil end
    local b, word, text = table.unpack(r.pick(places))
    local blocks = table.move(script.blocks, 1, #script.blocks, 1, {})
    blocks[b] = blocks[b]:sub(1, word.at - 1) .. text .. blocks[b]:sub(word.at + #word.text)
    return blocks, word.body
  end
end

local function is(word, text) return word ~= nil and word.text == text end

local kinds = {}

kinds.constant = of_word(function(words, i, r)
  local n = words[i].kind == "number" and math.tointeger(tonumber(words[i].text))
  return n and ("%d"):format(n + r.pick { 1, 2, 10 })
end)

kinds.fraction = of_word(function(words, i)
  local n = words[i].kind == "number" and not math.tointeger(words[i].text) and tonumber(words[i].text)
  return n and n ~= math.huge and ("%.17g"):format(n * 1.0000001 + 1e-9) or nil
end)

kinds.text = of_word(function(words, i)
  local text = words[i].text
  return words[i].kind == "string" and #text > 2 and text:sub(1, -2) .. "q" .. text:sub(-1) or nil
end)

local other = { ["+"] = "-", ["-"] = "+", ["*"] = "+", ["/"] = "*", ["//"] = "*", ["%"] = "//", ["<"] = ">=", [">"] = "<=",
  ["<="] = ">", ["=="] = "~=", ["~="] = "==" }
kinds.operator = of_word(function(words, i)
  return words[i].kind == "op" and other[words[i].text] or nil
end)

kinds.loop = of_word(function(words, i, r)
  local word = words[i]
  if word.kind ~= "number" or not is(words[i + 1], "do") or not is(words[i - 1], ",") then return nil end
  local n = math.tointeger(tonumber(word.text))
  return n and ("%d"):format(n + r.pick { 1, -1 })
end)

kinds.name = of_word(function(words, i)
  local text = words[i].text
  return is(words[i - 2], "name") and is(words[i - 1], "=") and words[i].kind == "string" and '"other_' .. text:sub(2) or nil
end)

kinds.branch = of_word(function(words, i)
  return is(words[i], "if") and "if not" .. (is(words[i + 1], "not") and " not" or "") or nil
end)

kinds.order_of_a_sort = of_word(function(words, i)
  return words[i].text == "<" and is(words[i - 4], "return") and ">" or nil
end)

kinds.error_class = of_word(function(words, i)
  local after = is(words[i - 2], "code") or is(words[i - 2], "error") or is(words[i - 2], "message")
  return after and words[i].kind == "string" and words[i].text:sub(1, -2) .. "_new" .. words[i].text:sub(-1) or nil
end)

kinds.child_input = of_word(function(words, i)
  local call
  for back = 1, 14 do call = call or is(words[i - back], "call") and is(words[i - back - 2], "ctx") end
  return call and words[i].kind == "number" and words[i].text .. "1" or nil
end)

kinds.format = of_word(function(words, i)
  local text = words[i].kind == "string" and words[i].text
  local changed, n = (text or ""):gsub("%%%.?%d*([gfaexXdioc])", "%%7.2%1", 1)
  return n > 0 and not changed:find("%%7%.2[aci]") and changed or nil
end)

--- Change the list of blocks: change(blocks, at, r) -> false when it cannot there.
local function of_blocks(fits, change)
  return function(script, r)
    local places = {}
    for b, block in ipairs(script.blocks) do
      if fits(block, script.blocks, b) then places[#places + 1] = b end
    end
    if #places == 0 then return nil end
    local blocks = table.move(script.blocks, 1, #script.blocks, 1, {})
    change(blocks, r.pick(places), r)
    return blocks, false
  end
end

local function commands(block) return block:find("ctx%.%l+[%.%({]") and not block:find("^mix%(pcall%(function") end
local function has_next(_, blocks, b) return b + 1 < #blocks and blocks[b] ~= blocks[b + 1] end

kinds.command_removed = of_blocks(commands, function(blocks, b) table.remove(blocks, b) end)
kinds.command_twice = of_blocks(commands, function(blocks, b) table.insert(blocks, b, blocks[b]) end)
kinds.command_added = of_blocks(function() return true end, function(blocks, b)
  table.insert(blocks, b, [=[ctx.step{ name = "new", run = function() --[[b]] return 1 --[[e]] end }]=])
end)
kinds.blocks_swapped = of_blocks(function(block, blocks, b)
  return has_next(block, blocks, b) and commands(block) and commands(blocks[b + 1])
end, function(blocks, b) blocks[b], blocks[b + 1] = blocks[b + 1], blocks[b] end)
kinds.work_moved = of_blocks(has_next, function(blocks, b) blocks[b], blocks[b + 1] = blocks[b + 1], blocks[b] end)
kinds.undo_order = of_blocks(function(block) return block:find("undo = ", 1, true) end, function(blocks, b, r)
  for other_b = #blocks, 1, -1 do
    if other_b ~= b and blocks[other_b]:find("undo = ", 1, true) then
      blocks[b], blocks[other_b] = blocks[other_b], blocks[b]
      return
    end
  end
  blocks[b] = blocks[b]:gsub("u(%d+)\"", "u%1" .. r(1, 9) .. '"', 1)
end)

--- Work that changes nothing but the path.
kinds.more_work = of_blocks(function() return true end, function(blocks, b, r)
  local work, last = ("for i = 1, %d do local _ = i * 2 end "):format(r(1, 20)), blocks[b]:find("^return ")
  if last then table.insert(blocks, b, work) else blocks[b] = work .. blocks[b] end
end)
--- The last bit of the state of the script.
kinds.state = of_blocks(function() return true end, function(blocks, b) table.insert(blocks, b, "h = h ~ 1") end)

--- Arguments { a, b } the other way round.
function kinds.arguments_swapped(script, r)
  local places = {}
  for b, block in ipairs(script.blocks) do
    for from, x, y, to in block:gmatch("()args = { ([^,{}]+), ([^,{}]+) }()") do places[#places + 1] = { b, from, x, y, to } end
  end
  if #places == 0 then return nil end
  local b, from, x, y, to = table.unpack(r.pick(places))
  local blocks = table.move(script.blocks, 1, #script.blocks, 1, {})
  blocks[b] = ("%sargs = { %s, %s }%s"):format(blocks[b]:sub(1, from - 1), y, x, blocks[b]:sub(to))
  return blocks, false
end

--- The same keys put into a table in another order.
function kinds.key_order(script, r)
  local places = {}
  for b, block in ipairs(script.blocks) do
    for line, next_line in block:gmatch("\n(t%[[^\n]+)\n%f[t](t%[[^\n]+)") do
      if line ~= next_line then places[#places + 1] = { b, line, next_line } end
    end
  end
  if #places == 0 then return nil end
  local b, line, next_line = table.unpack(r.pick(places))
  local blocks = table.move(script.blocks, 1, #script.blocks, 1, {})
  local from, to = blocks[b]:find(line .. "\n" .. next_line, 1, true)
  blocks[b] = blocks[b]:sub(1, from - 1) .. next_line .. "\n" .. line .. blocks[b]:sub(to + 1)
  return blocks, false
end

mutants.kinds = {}
for kind in pairs(kinds) do mutants.kinds[#mutants.kinds + 1] = kind end
table.sort(mutants.kinds)

--- A mutant of this script, or nil: { kind, source, blocks, body }.
function mutants.make(script, kind, r)
  local blocks, body = kinds[kind](script, r)
  if not blocks then return nil end
  local source = scripts.join(blocks)
  if source == script.source or not load(source) then return nil end
  return { kind = kind, source = source, blocks = blocks, body = body or false }
end

return mutants
