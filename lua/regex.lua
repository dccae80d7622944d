--- ECMA-262 patterns (unicode mode), for the `pattern` of JSON Schema.
--
--   local re = assert(regex.compile("^[a-z]+-\\d{4}$"))
--   re:test("abc-2026")                     --> true
--
-- A pattern and a subject may come from outside, so nothing here backtracks:
-- the pattern becomes a small program and all its threads walk the subject
-- side by side (Thompson, Pike). Time is at most program size times subject
-- length, and a step budget bounds even that. What is given up for it: a
-- backreference (\1, \k<n>) is refused by name. Lookahead and lookbehind are
-- answered by a sub-program at the position, inside the same budget.
--
-- A subject that is no valid UTF-8 is read byte by byte.

local parser = require "regex.parser"
local charset = require "regex.charset"

local regex = {}

--- Instructions of one program, all counted repeats written out.
local max_program = 20000

--- Steps that one test may take unless the caller hands in another budget.
regex.default_steps = 2000000

-- Program ---------------------------------------------------------------

-- One instruction is { op, ... }:
--   set S      the code point is in the set S, go to the next instruction
--   split A B  go on at A and at B         jump A    go on at A
--   begin end word nonword                 assertions of no width
--   look P     the sub-program P matches here (ahead or behind, or not)
--   match      accepted

local emit = {}

local function too_large()
  error({ regex = "the pattern is too large: its counted repeats stand for"
    .. " more than " .. max_program .. " instructions" })
end

local function push(program, instruction)
  program.total.size = program.total.size + 1
  if program.total.size > max_program then too_large() end
  program[#program + 1] = instruction
  return instruction
end

local function emit_node(program, node) return emit[node.kind](program, node) end

function emit.empty() end

function emit.set(program, node) push(program, { op = "set", set = node.set }) end

function emit.assertion(program, node) push(program, { op = node.name }) end

function emit.sequence(program, node)
  for _, part in ipairs(node) do emit_node(program, part) end
end

function emit.choice(program, node)
  local ends = {}
  for i = 1, #node - 1 do
    local split = push(program, { op = "split", a = #program + 2 })
    emit_node(program, node[i])
    ends[#ends + 1] = push(program, { op = "jump" })
    split.b = #program + 1
  end
  emit_node(program, node[#node])
  for _, jump in ipairs(ends) do jump.a = #program + 1 end
end

local function emit_star(program, body)
  local start = #program + 1
  local split = push(program, { op = "split", a = start + 1 })
  emit_node(program, body)
  push(program, { op = "jump", a = start })
  split.b = #program + 1
end

function emit.repeated(program, node)
  for _ = 1, node.min do
    emit_node(program, node.body)
    -- A body without instructions repeats to nothing, however often.
    if node.width_zero then break end
  end
  if node.max == math.huge then return emit_star(program, node.body) end
  local splits = {}
  for _ = node.min + 1, node.max do
    splits[#splits + 1] = push(program, { op = "split", a = #program + 2 })
    emit_node(program, node.body)
  end
  for _, split in ipairs(splits) do split.b = #program + 1 end
end

local function assemble(node, total)
  local program = { total = total }
  emit_node(program, node)
  push(program, { op = "match" })
  return program
end

function emit.look(program, node)
  local look = push(program, { op = "look", behind = node.behind,
    negated = node.negated })
  look.program = assemble(node.body, program.total)
end

-- Matching --------------------------------------------------------------

local run

local function is_word(code)
  return code ~= nil and charset.contains(charset.word, code)
end

local function at_border(subject, at)
  return is_word(subject[at - 1]) ~= is_word(subject[at])
end

--- Does the sub-program of a look instruction hold at this position? The
-- answer is kept: one program is asked at most once per position.
local function look(machine, instruction, at)
  local known = machine.looks[instruction]
  if not known then
    known = {}
    machine.looks[instruction] = known
  end
  if known[at] == nil then
    if instruction.behind then
      known[at] = run(machine, instruction.program, 1, true, at)
    else
      known[at] = run(machine, instruction.program, at, false, nil)
    end
  end
  return known[at] ~= instruction.negated
end

local holds = {
  ["begin"] = function(_, _, at) return at == 1 end,
  ["end"] = function(machine, _, at) return at == #machine.subject + 1 end,
  word = function(machine, _, at) return at_border(machine.subject, at) end,
  nonword = function(machine, _, at)
    return not at_border(machine.subject, at)
  end,
  look = look,
}

--- Put a thread and all that it reaches without reading into `threads`.
-- Returns true when one of them is the accepting instruction.
local function follow(machine, program, threads, first, at)
  local stack, accepted = { first }, false
  while #stack > 0 do
    local pc = table.remove(stack)
    if threads.mark[pc] ~= at then
      threads.mark[pc] = at
      machine.steps = machine.steps - 1
      if machine.steps < 0 then error(machine) end
      local instruction = program[pc]
      local op = instruction.op
      if op == "set" then
        threads[#threads + 1] = pc
      elseif op == "split" then
        stack[#stack + 1] = instruction.b
        stack[#stack + 1] = instruction.a
      elseif op == "jump" then
        stack[#stack + 1] = instruction.a
      elseif op == "match" then
        accepted = true
      elseif holds[op](machine, instruction, at) then
        stack[#stack + 1] = pc + 1
      end
    end
  end
  return accepted
end

--- Walk the subject from `first`. With `floating` a new thread starts at
-- every position; with `stop` only a match that ends right there counts.
function run(machine, program, first, floating, stop)
  local subject, at = machine.subject, first
  local threads, next_threads = { mark = {} }, { mark = {} }
  local accepted = follow(machine, program, threads, 1, at)
  while true do
    if accepted and (not stop or at == stop) then return true end
    local code = subject[at]
    if at == stop or not code then return false end
    if #threads == 0 and not floating then return false end
    accepted = false
    for i = 1, #threads do
      local pc = threads[i]
      machine.steps = machine.steps - 1
      if charset.contains(program[pc].set, code) then
        accepted = follow(machine, program, next_threads, pc + 1, at + 1)
          or accepted
      end
      threads[i] = nil
    end
    at = at + 1
    if machine.steps < 0 then error(machine) end
    if floating then
      accepted = follow(machine, program, next_threads, 1, at) or accepted
    end
    threads, next_threads = next_threads, threads
  end
end

--- The code points of a string; of broken UTF-8 its bytes.
local function code_points(text)
  local points = {}
  if utf8.len(text) then
    for _, code in utf8.codes(text) do points[#points + 1] = code end
  else
    for i = 1, #text do points[i] = text:byte(i) end
  end
  return points
end

local methods = {}
methods.__index = methods

--- Does the pattern match anywhere in the subject? Anchors narrow that.
-- @param steps  budget of this test, default regex.default_steps
-- @return true or false, steps left; or nil, message when the budget is spent
function methods:test(subject, steps)
  steps = (steps or regex.default_steps) - #subject
  if steps < 0 then return nil, "the pattern takes too many steps here" end
  local machine = { subject = code_points(subject), looks = {}, steps = steps }
  local ok, answer = pcall(run, machine, self.program, 1,
    not self.anchored, nil)
  if ok then return answer, machine.steps end
  if answer == machine then
    return nil, "the pattern takes too many steps here"
  end
  error(answer, 0)
end

--- True when every match must begin at the start: no thread floats then.
local function is_anchored(node)
  if node.kind == "sequence" then
    return node[1] ~= nil and is_anchored(node[1])
  end
  return node.kind == "assertion" and node.name == "begin"
end

--- A pattern ready to test subjects.
-- @return the pattern; or nil, { message=, at=, unsupported= } where `at` is
--   the code point (from 1) that is wrong and `unsupported` is true for valid
--   ECMA-262 that is refused here
function regex.compile(pattern)
  local tree, problem = parser.parse(pattern)
  if not tree then return nil, problem end
  local ok, program = pcall(assemble, tree, { size = 0 })
  if not ok then
    if type(program) ~= "table" then error(program, 0) end
    return nil, { message = program.regex, at = 1, unsupported = true }
  end
  return setmetatable({ pattern = pattern, program = program,
    anchored = is_anchored(tree) }, methods)
end

return regex
