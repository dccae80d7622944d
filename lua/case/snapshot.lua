--- What came of a case: how its runs stand, its effects, records, memories, questions, events
--- and bill. Two plays of it that came to the same have equal ones.
local file = require "file"
local json = require "json"
local subset = require "subset"

local snapshot = {}

--- In an order that does not say which came first.
local function sorted(list)
  local place = {}
  for _, one in ipairs(list) do place[one] = assert(json.encode(one)) end
  table.sort(list, function(a, b) return place[a] < place[b] end)
  return list
end

local function effects_of(path)
  local list = json.array {}
  for line in (file.read(file.join(path, "var", "outbox.jsonl")) or ""):gmatch "([^\n]+)\n" do
    local row = json.decode(line)
    list[#list + 1] = { adapter = row.adapter, op = row.op, key = row.key, body = row.body }
  end
  return list
end

local function records_of(e)
  local by_type = {}
  for _, kind in ipairs(e:record_types()) do
    local name = type(kind) == "table" and kind.type or kind
    by_type[name] = {}
    for _, row in ipairs(e:rows("record.find", { type = name, limit = 100000 })) do by_type[name][row.key] = row.value end
  end
  return by_type
end

local function memories_of(e)
  local list = json.array {}
  for line in e:memory():export() do
    local item = type(line) == "string" and json.decode(line) or line
    list[#list + 1] = { kind = item.kind, key = item.key, text = item.text, value = item.value, trust = item.trust, layer = item.layer,
      importance = item.importance, tags = item.tags }
  end
  return list
end

--- Questions, but for those that a kill made (case/people.lua).
local function questions_of(e, asked)
  local of_kill, list = {}, json.array {}
  for _, one in ipairs(asked) do of_kill[one.id] = one.of_kill end
  for _, item in ipairs(e:approvals { limit = 100000 }) do
    if not of_kill[item.id] then
      list[#list + 1] = { kind = item.kind, agent = item.agent, subject = item.subject, proposal = item.proposal, state = item.state, value = item.value,
        note = item.note }
    end
  end
  return list
end

local function events_of(e)
  local list = json.array {}
  for _, row in ipairs(e:event_list { limit = 100000 }) do
    local event = e:event(row.id)
    local delivered = json.array {}
    for _, one in ipairs(row.deliveries) do delivered[#delivered + 1] = { agent = one.agent, state = one.state } end
    list[#list + 1] = { type = event.type, key = event.key, payload = event.payload, trust = event.trust, deliveries = sorted(delivered) }
  end
  return list
end

--- Of a case that was played (lua/case.lua), with its bill.
function snapshot.of(played, ledger)
  local e, runs = played.e, json.array {}
  for _, run in ipairs(e:list { limit = 100000 }) do
    runs[#runs + 1] = { agent = run.agent, state = run.state, output = run.output, error = run.error and { code = run.error.code, number = run.error.number } }
  end
  return { runs = sorted(runs), outbox = effects_of(played.path), records = records_of(e), memory = sorted(memories_of(e)),
    questions = sorted(questions_of(e, played.world.at.questions)), events = sorted(events_of(e)), ledger = ledger }
end

--- Ids of runs, questions and events (core.digest.make_id) hold time and chance, and differ
--- from play to play.
local made_by_chance = { run = true, apr = true, rec = true, evt = true }

local function plain(value)
  local text = assert(json.encode(value)):gsub("(%l%l%l)_(%w+)", function(kind, rest)
    return made_by_chance[kind] and #rest == 16 and kind .. "_ID" or nil
  end)
  return json.decode(text)
end

--- What differs between two of them: { path, expected, got, why? }. `in_any_order`: effects that
--- were on their way at once may have come about one before the other.
function snapshot.differences(wanted, got, in_any_order)
  wanted, got = plain(wanted), plain(got)
  for _, one in ipairs { wanted, got } do
    for _, name in ipairs { "runs", "memory", "questions", "events", in_any_order and "outbox" or nil } do sorted(one[name]) end
  end
  local found = subset.differences(wanted, got)
  if #found > 0 then return found end
  found = subset.differences(got, wanted)
  for _, one in ipairs(found) do one.expected, one.got = one.got, one.expected end
  return found
end

return snapshot
