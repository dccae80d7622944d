--- What of memory fits into a prompt: hits packed into a budget of tokens. Methods of a
--- memory.
local rfc3339 = require "rfc3339"

local pack = {}

-- Dear rather than cheap: English has some four bytes a token, other scripts fewer.
local function tokens_of(text) return math.ceil(#text / 3) end

local function clip(text, n)
  if #text <= n then return text end
  local cut = utf8.offset(text, 0, n - 2) or n - 2
  local word = text:sub(1, cut - 1):match "^(.*)%s%S*$"
  if word and #word > n // 2 then return word .. "..." end
  return text:sub(1, cut - 1) .. "..."
end

local function flat(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

-- The first sentences, up to n bytes; the rest is on demand.
local function opening(text, n)
  text = flat(text)
  if #text <= n then return text end
  local best
  for stop in text:gmatch "[.!?]()%s" do
    if stop - 1 > n then break end
    best = stop - 1
  end
  return best and best > n // 3 and text:sub(1, best) or clip(text, n)
end

local function text_of(row)
  if row.text then return row.text end
  return require("json").encode(row.value) or ""
end

-- What there is to show of a hit, from the least to all of it. A value that has a
-- `summary` shows that in between.
local function levels_of(row)
  local text = text_of(row)
  local own = type(row.value) == "table" and type(row.value.summary) == "string" and row.value.summary
  return { { "headline", opening(text, 80) }, { "summary", own or opening(text, 320) }, { "full", text } }
end

local function line_of(row, level)
  local who = row.speaker and row.speaker .. ": " or ""
  local date = rfc3339.format(row.time):sub(1, 10)
  local outside = row.trust == "external" and ", external" or ""
  return ("[%s, %s%s] %s%s"):format(row.id, date, outside, who, level[2])
end

local function add_item(packed, one)
  packed.items[#packed.items + 1] = { id = one.row.id, level = one.levels[one.at][1], tokens = one.cost, score = one.row.score,
    parts = one.row.parts, kind = one.row.kind, key = one.row.key, time = one.row.time, trust = one.row.trust, also = one.row.also }
end

--- Pack what answers a question into `tokens` tokens (1000): `text` is ready for a
-- prompt, one line an item, best first, each with its id. Half of the room goes to
-- headlines; then, best first, whole texts, or summaries where those do not fit; then to
-- more headlines.
-- Fields: those of m:search, `tokens`, `k` (50 hits are looked at). Tokens are reckoned
-- at three bytes each, so that the true count is rarely above.
-- Returns { text, tokens (what it takes), budget, query, items = { { id, level =
-- "headline|summary|full", tokens, score, parts, kind, key, time, trust, also } },
-- left_out = { { id, why = "budget", score, tokens (of its headline) } }, shortened =
-- ids that are not shown whole (m:get gives them) }, or nil, message, code.
function pack:pack(t)
  local budget = t.tokens or 1000
  if math.type(budget) ~= "integer" or budget < 1 then error("pack: 'tokens' is an integer above 0", 2) end
  local query = {}
  for name, value in pairs(t) do query[name] = value end
  query.tokens, query.k = nil, t.k or 50
  local hits, message, code = self:search(query)
  if not hits then return nil, message, code end
  local packed = { tokens = 0, budget = budget, query = t.query, items = {}, left_out = {}, shortened = {} }
  local shown, waiting = {}, {}
  local function headlines(rows, room)
    local rest = {}
    for _, one in ipairs(rows) do
      if packed.tokens + one.cost <= room then
        packed.tokens = packed.tokens + one.cost
        shown[#shown + 1] = one
      else
        rest[#rest + 1] = one
      end
    end
    return rest
  end
  for i, row in ipairs(hits) do
    local levels = levels_of(row)
    waiting[i] = { row = row, levels = levels, at = 1, place = i, cost = tokens_of(line_of(row, levels[1]) .. "\n") }
  end
  waiting = headlines(headlines(waiting, budget // 2), #shown == 0 and budget or 0)
  table.sort(shown, function(x, y) return x.place < y.place end)
  for _, one in ipairs(shown) do
    for level = 3, 2, -1 do
      local cost = tokens_of(line_of(one.row, one.levels[level]) .. "\n")
      if one.at < level and packed.tokens + cost - one.cost <= budget then
        packed.tokens = packed.tokens + cost - one.cost
        one.at, one.cost = level, cost
      end
    end
  end
  for _, one in ipairs(headlines(waiting, budget)) do
    packed.left_out[#packed.left_out + 1] = { id = one.row.id, why = "budget", score = one.row.score, tokens = one.cost }
  end
  table.sort(shown, function(x, y) return x.place < y.place end)
  local lines = {}
  for i, one in ipairs(shown) do
    lines[i] = line_of(one.row, one.levels[one.at])
    add_item(packed, one)
    if flat(one.levels[one.at][2]) ~= flat(one.levels[3][2]) then packed.shortened[#packed.shortened + 1] = one.row.id end
  end
  packed.text = table.concat(lines, "\n")
  return packed
end

return pack
