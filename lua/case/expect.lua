--- What a case expects, held to what came of it. Each part is matched as a subset.
local errors = require "errors"
local file = require "file"
local json = require "json"
local subset = require "subset"

local expect = {}

local function as_list(value) return type(value) == "table" and value or { value } end

--- Add what `subset` tells of one value.
local function compare(out, path, wanted, got)
  for _, one in ipairs(subset.differences(wanted, got)) do
    one.path = path .. one.path
    out[#out + 1] = one
  end
end

local function differ(out, path, wanted, got, why)
  out[#out + 1] = { path = path, expected = wanted, got = got == nil and json.null or got, why = why }
end

--- Does any of a list hold what is wanted?
local function any_of(wanted, list)
  for _, one in ipairs(list) do
    if #subset.differences(wanted, one) == 0 then return true end
  end
  return false
end

local function lines_of(path)
  local list, text = {}, file.read(path) or ""
  for line in text:gmatch "([^\n]+)\n" do list[#list + 1] = json.decode(line) end
  return list, text
end

local function plain_effects(rows)
  local list = json.array {}
  for i, row in ipairs(rows) do list[i] = { adapter = row.adapter, op = row.op, key = row.key } end
  return list
end

-- The parts ---------------------------------------------------------------------------------

local parts = {}

--- The words of case files for how a run of Keel stands are those of Keel.
function parts.status(out, path, wanted, world)
  local run = world.told.run
  if run.state ~= wanted then
    local err = require("outcome").error(run, world.e)
    differ(out, path, wanted, run.state, err and errors.is(err) and err.message or nil)
  end
end

function parts.outbox(out, path, wanted, world)
  local rows = world.rows
  if #rows ~= #wanted then differ(out, path, wanted, plain_effects(rows), ("%d effects expected, %d made"):format(#wanted, #rows)) end
  for i, one in ipairs(#rows == #wanted and wanted or {}) do
    local at = path .. "/" .. i - 1
    compare(out, at, { adapter = one.adapter, op = one.op, key = one.key }, rows[i])
    local body = json.encode(rows[i].body or {})
    for _, text in ipairs(as_list(one.contains)) do
      if not body:find(json.encode(text):sub(2, -2), 1, true) then differ(out, at .. "/contains", text, rows[i].body) end
    end
  end
end

function parts.outbox_count(out, path, wanted, world)
  if #world.rows ~= wanted then differ(out, path, wanted, #world.rows) end
end

local function values_of(e, kind)
  local list, by_key = json.array {}, {}
  for i, row in ipairs(e:rows("record.find", { type = kind, limit = 100000 })) do
    list[i] = row.value
    by_key[row.key] = row.value
  end
  return list, by_key
end

--- A list: each of these is there, in any order. Anything else: by its key, or the one value.
function parts.records(out, path, wanted, world)
  for _, kind in ipairs(json.sorted_keys(wanted)) do
    local list, by_key = values_of(world.e, kind)
    local at, want = path .. "/" .. kind, wanted[kind]
    if type(want) == "table" and json.is_list(want) then
      for i, one in ipairs(want) do
        local known = type(one) == "table" and one.id and by_key[tostring(one.id)]
        if known then
          compare(out, at .. "/" .. i - 1, one, known)
        elseif not any_of(one, list) then
          differ(out, at .. "/" .. i - 1, one, list, "no record is so")
        end
      end
      if #want == 0 and #list > 0 then differ(out, at, want, list) end
    else
      compare(out, at, want, by_key[kind] ~= nil and by_key[kind] or by_key)
    end
  end
end

local function remembered(world, one)
  local item = world.e:memory():get { kind = one.kind or "note", key = one.key, now = world.now }
  return item
end

function parts.memory(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local item = one.key and remembered(world, one)
    if item then
      compare(out, path .. "/" .. i - 1, one, item)
    else
      differ(out, path .. "/" .. i - 1, one, nil, "nothing is remembered under this")
    end
  end
end

function parts.memory_absent(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    if type(one) == "string" then
      local kind, key = one:match "^([^/]+)/(.+)$"
      one = kind and { kind = kind, key = key } or { key = one }
    end
    local item = one.key and remembered(world, one)
    if item then differ(out, path .. "/" .. i - 1, json.null, { kind = item.kind, key = item.key }, "this is remembered") end
  end
end

function parts.approvals(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local item = world.questions[i]
    local at = path .. "/" .. i - 1
    if not item then
      differ(out, at, one, nil, ("only %d questions were asked"):format(#world.questions))
    else
      local now, plain = world.e:approval(item.id), {}
      for key, value in pairs(one) do
        if key ~= "diff_contains" then plain[key] = value end
      end
      compare(out, at, plain, now)
      local diff = json.encode(item.diff)
      for _, text in ipairs(as_list(one.diff_contains)) do
        if not diff:find(json.encode(text):sub(2, -2), 1, true) then differ(out, at .. "/diff_contains", text, item.diff) end
      end
    end
  end
end

--- Names of what was written down, in this order, others between.
function parts.audit(out, path, wanted, world)
  local rows, at = world.e:rows("audit.list", { limit = 100000 }), 1
  table.sort(rows, function(a, b) return a.id < b.id end)
  for i, name in ipairs(wanted) do
    while rows[at] and rows[at].what ~= name do at = at + 1 end
    if not rows[at] then return differ(out, path .. "/" .. i - 1, name, nil, "nothing like it was written down, or not in this order") end
    at = at + 1
  end
end

function parts.ledger(out, path, wanted, world) compare(out, path, wanted, world.told.ledger) end

--- A text may be nowhere in effects and memories; an object, among the effects.
function parts.never(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local at = path .. "/" .. i - 1
    if type(one) == "table" then
      if any_of(one, world.rows) then differ(out, at, json.null, one, "this effect was made") end
    else
      local needle = json.encode(one):sub(2, -2)
      local found = world.text:find(needle, 1, true) and "an effect" or world.memories:find(needle, 1, true) and "a memory"
      if found then differ(out, at, json.null, one, "this is in " .. found) end
    end
  end
end

-- The face --------------------------------------------------------------------------------------

local function memories_of(e)
  local list = {}
  for line in e:memory():export() do list[#list + 1] = type(line) == "string" and line or json.encode(line) end
  return table.concat(list, "\n")
end

--- Add what differs to told.differences. Returns the paths of what nothing checks here.
function expect.check(played, told)
  local world = { e = played.e, now = played.now, questions = played.questions, told = told }
  world.rows, world.text = lines_of(file.join(played.path, "var", "outbox.jsonl"))
  local wanted, unchecked = played.value.expect or {}, json.array {}
  world.memories = wanted.never and memories_of(played.e) or ""
  for _, name in ipairs(json.sorted_keys(wanted)) do
    if parts[name] then
      parts[name](told.differences, "/expect/" .. name, wanted[name], world)
    else
      unchecked[#unchecked + 1] = "/expect/" .. name
    end
  end
  if played.value.config and played.value.config.budget then unchecked[#unchecked + 1] = "/config/budget" end
  if played.value.vectors then unchecked[#unchecked + 1] = "/vectors" end
  return unchecked
end

return expect
