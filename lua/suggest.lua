--- The nearest name to a misspelt one.
--
-- "did you mean 'budget'?" costs a person a second; hunting for the typo
-- costs minutes. Distance is Damerau-Levenshtein (optimal string alignment):
-- insert, delete, replace, or swap two neighbours, each costs 1. Bytes, not
-- code points: the names compared are keys of ours, all ASCII.

local suggest = {}

--- Names longer than this are not compared: hostile keys must not cost time.
local max_length = 64

local function next_row(a_byte, previous_a_byte, b, rows)
  local row, last, before = rows.new, rows.last, rows.before
  for j = 1, #b do
    local b_byte = b:byte(j)
    local best = last[j - 1] + (a_byte == b_byte and 0 or 1)
    best = math.min(best, last[j] + 1, row[j - 1] + 1)
    if before and j > 1 and a_byte == b:byte(j - 1)
        and previous_a_byte == b_byte then
      best = math.min(best, before[j - 2] + 1)
    end
    row[j] = best
  end
end

--- The number of edits between two strings, an integer >= 0.
function suggest.distance(a, b)
  local last, before = {}, nil
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    next_row(a:byte(i), i > 1 and a:byte(i - 1) or nil, b,
      { new = row, last = last, before = before })
    last, before = row, last
  end
  return last[#b]
end

--- How many edits still count as a slip of the fingers for this word.
local function allowed(word)
  if #word <= 2 then return 1 end
  return math.min(3, math.ceil(#word / 3))
end

local function judge(word, name)
  local lower_word, lower_name = word:lower(), name:lower()
  if lower_word == lower_name then return 0 end
  local d = suggest.distance(lower_word, lower_name)
  -- A cut word ("desc" for "description") is a good guess, but a worse one.
  if #word >= 3 and lower_name:sub(1, #word) == lower_word then
    d = math.min(d, allowed(word))
  end
  return d
end

--- Names as a sorted list, whether given as a list or as the keys of a table.
local function names_of(candidates)
  local names = {}
  for key, value in pairs(candidates) do
    local name = type(key) == "string" and key or value
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- The candidate nearest to `word`, or nil when none is near.
-- @param word       what was written
-- @param candidates a list of names, or a table whose string keys are names
function suggest.nearest(word, candidates)
  if type(word) ~= "string" or #word > max_length then return nil end
  local best, best_distance = nil, allowed(word) + 1
  for _, name in ipairs(names_of(candidates)) do
    if #name <= max_length then
      local d = judge(word, name)
      if d < best_distance and d < math.max(#word, #name) then
        best, best_distance = name, d
      end
    end
  end
  return best
end

return suggest
