--- Any pattern: refused with a place, or ready; then any subject gets an answer within
-- its budget, and the same answer twice.
local choices = require "choices"
local regex = require "regex"

local parts = { "a", "b", ".", "*", "+", "?", "{2}", "{1,3}", "{0,}", "(", ")", "(?:", "(?=", "(?!", "(?<=", "|", "[", "]",
  "[^a-c]", "\\d", "\\W", "\\b", "^", "$", "\\u0041", "\\x41", "\\p{L}", "\\p{Lu}", "\\1", "(?<n>", "\\k<n>", "[\\s\\S]",
  "{1000}", "\\", "-", "é", "😀", "\\cA", "[a-", "*?", "+?", "\\B", "\\0", "\\u{1F600}", "[]", "[^]" }

return function(bytes)
  local c = choices.of(bytes)
  local pattern, subject = "", c:text(30)
  if c:below(3) == 0 then
    pattern = c:rest()
  else
    while c:more() and #pattern < 200 do pattern = pattern .. c:pick(parts) end
  end
  local compiled, problem = regex.compile(pattern)
  if not compiled then
    assert(type(problem.message) == "string" and problem.message ~= "" and math.type(problem.at) == "integer")
    return
  end
  local first, left = compiled:test(subject, 20000)
  local second, left_again = compiled:test(subject, 20000)
  assert(first == second and left == left_again, "another answer")
  if first == nil then assert(type(left) == "string") else assert(left >= 0, "more than its budget") end
end
