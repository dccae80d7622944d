--- What is another in a run than in the one before: steps, result, cost.
local diff = require "diff"
local json = require "json"

local difference = {}

local function name_of(step) return step.kind .. ":" .. (step.name or "") end

--- The longest common part of two lists of names, as pairs of places.
local function common(a, b)
  local rows = {}
  for i = #a + 1, 1, -1 do
    rows[i] = {}
    for j = #b + 1, 1, -1 do
      if i > #a or j > #b then
        rows[i][j] = 0
      elseif a[i] == b[j] then
        rows[i][j] = rows[i + 1][j + 1] + 1
      else
        rows[i][j] = math.max(rows[i + 1][j], rows[i][j + 1])
      end
    end
  end
  local pairs_, i, j = {}, 1, 1
  while i <= #a and j <= #b do
    if a[i] == b[j] then
      pairs_[#pairs_ + 1] = { i, j }
      i, j = i + 1, j + 1
    elseif rows[i + 1][j] >= rows[i][j + 1] then
      i = i + 1
    else
      j = j + 1
    end
  end
  return pairs_
end

--- Logs longer than this are compared place by place: the table of a common part would be
--- large.
local most_steps = 1000

local function matched(before, after)
  local a, b = {}, {}
  for i, step in ipairs(before) do a[i] = name_of(step) end
  for i, step in ipairs(after) do b[i] = name_of(step) end
  if #a <= most_steps and #b <= most_steps then return common(a, b) end
  local list = {}
  for i = 1, math.min(#a, #b) do
    if a[i] == b[i] then list[#list + 1] = { i, i } end
  end
  return list
end

local function brief(step) return { seq = step.seq, kind = step.kind, name = step.name, state = step.state, result = step.result } end

--- The same value without what is another in each run: its own id in texts.
local function nameless(value, run)
  if type(value) == "string" then return (value:gsub(run:gsub("%p", "%%%0"), "RUN")) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = nameless(item, run) end
  return out
end

--- What differs by itself: when a question was decided, and its id.
local by_itself = { approve = { ["result/at"] = true, ["result/id"] = true } }

--- What a step does otherwise: paths below args, result, state.
local function changed(before, after, a, b)
  local list, ignored = json.array {}, by_itself[b.kind] or {}
  for _, field in ipairs { "args", "result", "state" } do
    for _, one in ipairs(diff.values(nameless(a[field], before.run.run), nameless(b[field], after.run.run))) do
      local path = field .. one.path
      if not ignored[path] then list[#list + 1] = { path = path, from = one.from, to = one.to } end
    end
  end
  return list
end

--- Compare two runs, each { run = described, log }. Returns { same, steps = { added,
--- removed, changed = { { seq, name, differences } } }, output = differences, state?,
--- cost_picousd } with the cost of the new one less the old one's.
function difference.of(before, after)
  local out = { steps = { added = json.array {}, removed = json.array {}, changed = json.array {} } }
  local kept, stays = {}, {}
  for _, pair in ipairs(matched(before.log, after.log)) do
    kept[pair[1]], stays[pair[2]] = true, true
    local a, b = before.log[pair[1]], after.log[pair[2]]
    local list = changed(before, after, a, b)
    if #list > 0 then table.insert(out.steps.changed, { seq = b.seq, kind = b.kind, name = b.name, differences = list }) end
  end
  for i, step in ipairs(before.log) do
    if not kept[i] then table.insert(out.steps.removed, brief(step)) end
  end
  for i, step in ipairs(after.log) do
    if not stays[i] then table.insert(out.steps.added, brief(step)) end
  end
  out.output = diff.values(nameless(before.run.output or before.run.error, before.run.run),
    nameless(after.run.output or after.run.error, after.run.run))
  if before.run.state ~= after.run.state then out.state = { from = before.run.state, to = after.run.state } end
  local function cost(run) return math.tointeger(tonumber(run.cost_picousd)) or 0 end
  out.cost_picousd = tostring(cost(after.run) - cost(before.run))
  out.same = #out.steps.added + #out.steps.removed + #out.steps.changed + #out.output == 0 and not out.state
    and out.cost_picousd == "0"
  return out
end

return difference
