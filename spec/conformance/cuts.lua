--- What of Lua's own test files a run cannot do, and why. A cut is found by what its
-- lines say, not by their numbers, so that other versions of a file keep as much as they
-- can; lines that are not found are not cut. The text itself is only pointed at.
--
-- { WHY, FROM [, TO] }: from the first line that holds FROM, looked for below the cut
-- before it, to
--   the next line that holds TO (or that is TO, when that begins with "=");
--   without TO, the end of the statement: the line itself, or all up to the line that is
--   indented as it and closes it, when its block is still open at its end.
local cuts = {}

--- Differences between a run and stock Lua that are wanted.
cuts.order = { "bytecode", "weak", "order", "address", "sort", "yield" }
cuts.reasons = {
  bytecode = "a run has no string.dump and loads no bytecode",
  weak = "nothing is weak in a run: what a collection takes is no fact that a replay could check",
  order = "a traversal that meets a table, function or coroutine as key raises: its place cannot be replayed",
  address = "a function of the library has no number of its own to print, and no address",
  sort = "table.sort is stable and ends with any order function, so there is none that it refuses",
  yield = "what table.sort and string.gsub call may yield: a run is preempted there, too",
}

cuts.files = {
  strings = {
    { "address", '"%p", print) ~= string.format("%p", assert)' },
  },
  nextvar = {
    { "order", "all kinds of keys" },
    { "order", "t = {[{1}] = 1", "assert(n == 5)" },
    { "order", "bug in 5.4.1", "traversed the whole table" },
  },
  sort = {
    { "sort", "test checks for invalid order functions", "check{1,2,3,4,5,6}" },
  },
  coroutine = {
    { "yield", "pcall(table.sort,{1,2,3}, coroutine.yield)" },
    { "yield", "assert(not coroutine.isyieldable())" },
    { "weak", 'C = {}; setmetatable(C, {__mode = "kv"})' },
    { "weak", "C[1] = x" },
    { "weak", "assert(C[1] == undef)" },
  },
  closure = {
    { "weak", "x = {[1] = {}}" },
    { "weak", "setmetatable(x, {__mode = 'kv'})" },
    { "weak", "while x[1] do" },
    { "weak", "__mode == 'kv'" },
  },
  calls = {
    { "bytecode", "f = load(string.dump(function () return 1 end)" , "f() == 1" },
    { "bytecode", "another bug (in 5.4.0)" },
    { "bytecode", "x = string.dump(load(", "assert(not pcall(string.dump, print))" },
    { "bytecode", "d = string.dump(h)", "assert(x() == 123)" },
    { "bytecode", "x = string.dump(a)", "assert(a()(2)(3)(10) == 15)" },
    { "bytecode", "test for dump/undump with upvalues", "assert(x() == 24)" },
    { "bytecode", "f = load(string.dump(f))", "assert(f() == 10 * nup)" },
    { "bytecode", 'print("testing binary chunks")', "=end" },
  },
}

local function indent(line) return #line:match "^%s*" end

-- Does the line open a block that it does not close? (Comments and strings of the
-- files hold no lone block words on the lines that cuts name.)
local function opens(line)
  local depth, text = 0, line:gsub("%-%-.*$", ""):gsub("%b\"\"", '""'):gsub("%b''", "''")
  for word in text:gmatch "[%a_]+" do
    if word == "do" or word == "function" or word == "then" or word == "repeat" then depth = depth + 1
    elseif word == "end" or word == "until" then depth = depth - 1 end
  end
  return depth > 0
end

local function last_line(lines, from, to)
  if to then
    for i = from, #lines do
      if "=" .. lines[i] == to or lines[i]:find(to, 1, true) then return i end
    end
  elseif not opens(lines[from]) then
    return from
  else
    for i = from + 1, #lines do
      if indent(lines[i]) <= indent(lines[from]) and lines[i]:find "^%s*end" then return i end
    end
  end
end

local function first_line(lines, from, text)
  for i = from, #lines do
    if lines[i]:find(text, 1, true) then return i end
  end
end

--- The text of a file without what its rules (a list of cuts.files) cut, each line kept
-- as an empty one, and a list of { why = , first = , last = }.
function cuts.apply(text, rules)
  local lines, done, at = {}, {}, 1
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do lines[#lines + 1] = line end
  for _, rule in ipairs(rules or {}) do
    local first = first_line(lines, at, rule[2])
    local last = first and last_line(lines, first, rule[3])
    if last then
      for i = first, last do lines[i] = "" end
      local why, before = assert(cuts.reasons[rule[1]]), done[#done]
      if before and before.why == why and before.last == first - 1 then
        before.last = last
      else
        done[#done + 1] = { why = why, first = first, last = last }
      end
      at = last + 1
    end
  end
  return table.concat(lines, "\n"), done
end

return cuts
