--- What a case expects, held to what came of it. Each part is matched as a subset.
local errors = require "errors"
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"
local subset = require "subset"

local expect = {}

local function as_list(value) return type(value) == "table" and value or { value } end

--- Whether two texts are the same time, however it is written: 07:30:00Z, 07:30:00.000Z, 08:30+01:00.
local function same_time(a, b)
  if type(a) ~= "string" or type(b) ~= "string" then return false end
  local at = rfc3339.parse((a:gsub("(T%d%d:%d%d)([Zz+-])", "%1:00%2")))
  return at ~= nil and at == rfc3339.parse(b)
end

--- What `subset` tells, times taken for what they are.
local function differences(wanted, got)
  local list = json.array {}
  for _, one in ipairs(subset.differences(wanted, got)) do
    if not same_time(one.expected, one.got) then list[#list + 1] = one end
  end
  return list
end

--- Add what differs in one value.
local function compare(out, path, wanted, got)
  for _, one in ipairs(differences(wanted, got)) do
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
    if #differences(wanted, one) == 0 then return true end
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

--- How the first run of the workflow stands; `deactivated` is said of its agent.
function parts.status(out, path, wanted, world)
  local run = world.told.run
  if not run or run.state == wanted then return end
  if wanted == "deactivated" and world.e:agent_state(run.agent) == "deactivated" then return end
  local err = require("outcome").error(run, world.e)
  differ(out, path, wanted, run.state, err and errors.is(err) and err.message or nil)
end

--- What the first run ended with.
function parts.output(out, path, wanted, world)
  local run = world.told.run
  compare(out, path, wanted, run and run.output ~= nil and run.output or json.null)
end

--- How many runs of the workflow there were.
function parts.runs(out, path, wanted, world)
  local n = #world.e:list { agent = world.told.agent, limit = 100000 }
  if n ~= wanted then differ(out, path, wanted, n) end
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

--- An item as cases write it: with the seconds that it lives, and without what only stores know.
local function as_written(item)
  local one = {}
  for key, value in pairs(item) do one[key] = value end
  local from, to = item.created or item.time, item.expires
  from, to = type(from) == "string" and rfc3339.parse(from) or from, type(to) == "string" and rfc3339.parse(to) or to
  if type(from) == "number" and type(to) == "number" then one.ttl_s = (to - from) // 1000 end
  return one
end

local function all_remembered(world)
  if world.remembered then return world.remembered end
  world.remembered = {}
  for line in world.e:memory():export() do
    local item = type(line) == "string" and json.decode(line) or line
    local full = item.key and world.e:memory():get { kind = item.kind, key = item.key, now = world.now } or item
    for key, value in pairs(full) do item[key] = item[key] == nil and value or item[key] end
    table.insert(world.remembered, as_written(item))
  end
  return world.remembered
end

--- What an item must be without the texts that it must only hold.
local function plain_of(one)
  local plain = {}
  for key, value in pairs(one) do
    if key ~= "contains" and key ~= "text_contains" then plain[key] = value end
  end
  return plain
end

local function holds_texts(one, item)
  local text = json.encode(item)
  for _, wanted in ipairs(as_list(one.contains or one.text_contains)) do
    if not text:find(json.encode(wanted):sub(2, -2), 1, true) then return false end
  end
  return true
end

function parts.memory(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local found, near = false, nil
    for _, item in ipairs(all_remembered(world)) do
      local same_key = one.key == nil or item.key == one.key
      if same_key and (one.kind == nil or item.kind == one.kind) then near = item end
      found = found or same_key and #differences(plain_of(one), item) == 0 and holds_texts(one, item)
    end
    if not found and near and one.key then
      compare(out, path .. "/" .. i - 1, plain_of(one), near)
      if not holds_texts(one, near) then differ(out, path .. "/" .. i - 1 .. "/contains", one.contains or one.text_contains, near) end
    elseif not found then
      differ(out, path .. "/" .. i - 1, one, nil, "nothing like it is remembered")
    end
  end
end

function parts.memory_absent(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local names = type(one) == "string" and { one, one:match "^[^/]+/(.+)$" } or nil
    for _, item in ipairs(all_remembered(world)) do
      local is = names and (item.key == names[1] or names[2] and item.kind .. "/" .. tostring(item.key) == names[1])
        or not names and #differences(one, item) == 0
      if is then differ(out, path .. "/" .. i - 1, json.null, { kind = item.kind, key = item.key }, "this is remembered") end
    end
  end
end

--- Words of cases for how a question stands.
local states = { pending = "open", waiting = "open", held = "open", edit = "edited", withdrawn = "obsolete", timeout = "expired", timed_out = "expired" }

--- A change as people write it: "5200 -> 4900".
local function shown(value)
  if value == nil or value == json.null then return "nothing" end
  if math.type(value) == "float" and value == math.floor(value) and math.abs(value) < 2 ^ 53 then value = math.floor(value) end
  return type(value) == "table" and json.encode(value) or tostring(value)
end

--- Everything that somebody who decides sees: what changed, in words and as data, and the proposal.
local function face_of(question, item)
  local list = { json.encode(question.diff), json.encode(item.proposal), tostring(item.why or ""), tostring(item.subject) }
  for _, one in ipairs(type(question.diff) == "table" and question.diff or {}) do
    list[#list + 1] = ("%s %s -> %s"):format(one.path, shown(one.from), shown(one.to))
  end
  return table.concat(list, "\n")
end

local function is_about(one, item)
  local name = one.subject or one.approval or one.name or one.key
  return name == nil or name == item.subject or (item.subject or ""):sub(1, #name + 1) == name .. ":"
end

local function question_differs(one, question, item, at)
  local found, plain = {}, {}
  for key, value in pairs(one) do
    if key ~= "diff_contains" and key ~= "approval" and key ~= "name" and key ~= "key" and key ~= "subject" and key ~= "contains" then plain[key] = value end
  end
  if plain.state then plain.state = states[plain.state] or plain.state end
  compare(found, at, plain, item)
  local face = face_of(question, item)
  for _, text in ipairs { table.unpack(as_list(one.diff_contains)), table.unpack(as_list(one.contains)) } do
    if not face:find(text, 1, true) and not face:find(json.encode(text):sub(2, -2), 1, true) then differ(found, at .. "/diff_contains", text, face) end
  end
  return found
end

--- Each of these was asked: in this order where several are about the same.
function parts.approvals(out, path, wanted, world)
  local taken = {}
  for i, one in ipairs(wanted) do
    local at, first, hit = path .. "/" .. i - 1, nil, nil
    for n, question in ipairs(world.questions) do
      local item = world.e:approval(question.id)
      local meant = not question.of_kill and (one.kind or question.kind == "approval")
      if not taken[n] and item and is_about(one, item) and meant then
        local found = question_differs(one, question, item, at)
        if #found == 0 then hit = n break end
        first = first or found
      end
    end
    if hit then
      taken[hit] = true
    elseif first then
      for _, difference in ipairs(first) do out[#out + 1] = difference end
    else
      differ(out, at, one, nil, ("%d questions were asked, and none is so"):format(#world.questions))
    end
  end
end

--- Everything that was written down, in its time: the trail, events, what came twice.
local function written_down(world)
  local list = {}
  local function put(at, order, name) list[#list + 1] = { at = at, order = order, name = name, n = #list } end
  for _, row in ipairs(world.e:rows("audit.list", { limit = 100000 })) do
    put(row.time, row.id, row.what)
  end
  for _, event in ipairs(world.e:event_list { limit = 100000 }) do
    put(rfc3339.parse(event.time), 0, event.type)
    for _ = 1, event.duplicates or 0 do put(rfc3339.parse(event.duplicate_at or event.time), 0, "duplicate_event") end
  end
  for _, item in ipairs(world.e:approvals { limit = 10000 }) do
    if item.at then put(rfc3339.parse(item.at), 1 << 40, "approval." .. item.state) end
  end
  local run = world.told.run
  local err = run and require("outcome").error(run, world.e)
  if err and (err.code == "budget" or tostring(err.message):find("budget", 1, true)) then put(math.maxinteger, 0, "budget_exceeded") end
  table.sort(list, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    if a.order ~= b.order then return a.order < b.order end
    return a.n < b.n
  end)
  return list
end

--- Names of what was written down, in this order, others between.
function parts.audit(out, path, wanted, world)
  local rows, at = written_down(world), 1
  for i, name in ipairs(wanted) do
    while rows[at] and rows[at].name ~= name do at = at + 1 end
    if not rows[at] then return differ(out, path .. "/" .. i - 1, name, nil, "nothing like it was written down, or not in this order") end
    at = at + 1
  end
end

--- What models, and other skills, were given: { skill, contains } each of some step.
function parts.asked(out, path, wanted, world)
  local list = {}
  for _, run in ipairs(world.e:list { agent = world.told.agent, limit = 1000 }) do
    for _, step in ipairs(world.e:log(run.run) or {}) do
      list[#list + 1] = step.kind == "skill" and { skill = step.name, text = json.encode(step.args) or "" } or nil
    end
  end
  for i, one in ipairs(wanted) do
    local found = false
    for _, step in ipairs(list) do
      found = found or (one.skill == nil or one.skill == step.skill) and holds_texts(one, step)
    end
    if not found then differ(out, path .. "/" .. i - 1, one, nil, "nothing like it was asked") end
  end
end

--- Events that were published: by type, or as { type, key, payload }.
function parts.events(out, path, wanted, world)
  local list = {}
  for i, event in ipairs(world.e:event_list { limit = 100000 }) do list[i] = world.e:event(event.id) end
  for i, one in ipairs(wanted) do
    one = type(one) == "string" and { type = one } or one
    if not any_of(one, list) then differ(out, path .. "/" .. i - 1, one, nil, "no event is so") end
  end
end

--- Words about a run that its agent published as an event run.WORD; `held`, of a question that
--- outlived its time.
function parts.flags(out, path, wanted, world)
  local set = {}
  for _, event in ipairs(world.e:event_list { type = "run.*", limit = 100000 }) do set[event.type:sub(5)] = true end
  for _, row in ipairs(world.e:rows("approval.open", {})) do
    set.held = set.held or row.stage > 0 or row.deadline ~= nil and row.deadline <= world.now
  end
  for i, name in ipairs(as_list(wanted)) do
    if not set[name] then differ(out, path .. "/" .. i - 1, name, nil, "no run is so") end
  end
end

--- What is set for later: { at, key?, event? }, of timer.set.
function parts.timers(out, path, wanted, world)
  local list = json.array {}
  for i, event in ipairs(world.e:event_list { type = "timer.set", limit = 100000 }) do
    local payload = world.e:event(event.id).payload
    local at = type(payload.at) == "string" and rfc3339.parse(payload.at)
    list[i] = { at = at and rfc3339.format(at) or payload.at, event = payload.event, key = payload.key, payload = payload.payload }
  end
  for i, one in ipairs(wanted) do
    local want, at = {}, type(one) == "string" and rfc3339.parse(one) or type(one) == "table" and one.at and rfc3339.parse(one.at)
    for key, value in pairs(type(one) == "table" and one or {}) do want[key] = value end
    want.at = at and rfc3339.format(at) or want.at
    if not any_of(want, list) then differ(out, path .. "/" .. i - 1, one, list, "no timer is so") end
  end
end

--- Edits and rejections: { skill?, subject?, reason?, proposed?, decided? }.
function parts.overrides(out, path, wanted, world)
  local list = world.e:overrides {}
  for i, one in ipairs(wanted) do
    if not any_of(one, list) then differ(out, path .. "/" .. i - 1, one, list, "no override is so") end
  end
end

--- What was spent: as the ledger has it, row by row.
local function ledger_of(e)
  local sum = { calls = 0, ["in"] = 0, out = 0, nano_usd = 0 }
  local picousd = 0
  for _, row in ipairs(e:rows("ledger.list", { since = 0, limit = 1000000 })) do
    if row.state == "settled" or row.state == "estimated" then
      sum.calls, sum["in"], sum.out = sum.calls + 1, sum["in"] + (row.input or 0), sum.out + (row.output or 0)
      picousd = picousd + (row.cost or 0)
    end
  end
  sum.nano_usd = picousd % 1000 == 0 and picousd // 1000 or picousd / 1000
  return sum
end

function parts.ledger(out, path, wanted, world) compare(out, path, wanted, world.told.ledger) end

--- What an effect, or a memory, of that key was made of: names, all of it as text, the graph.
local function sources_of(world, key)
  local id
  for _, one in ipairs(world.rows) do id = id or one.key == key and one.key or nil end
  for _, item in ipairs(not id and all_remembered(world) or {}) do id = id or item.key == key and item.id or nil end
  local names, graph = {}, id and world.e:lineage(id) or nil
  for _, node in ipairs(graph and graph.nodes or {}) do names[node.id], names[tostring(node.title)] = true, true end
  return names, graph and json.encode(graph.nodes), graph
end

--- Approvals among what it was made of that a person changed.
local function overrides_in(graph)
  local n = 0
  for _, node in ipairs(graph.nodes) do
    local detail = type(node.detail) == "table" and node.detail or {}
    if node.kind == "approval" and (detail.edited or detail.state == "rejected") then n = n + 1 end
  end
  return n
end

function parts.lineage(out, path, wanted, world)
  for _, key in ipairs(json.sorted_keys(wanted)) do
    local names, text, graph = sources_of(world, key)
    local at = path .. "/" .. key:gsub("~", "~0"):gsub("/", "~1")
    if not graph then
      differ(out, at, wanted[key], nil, "nothing was made that is called so")
    else
      local overrides = overrides_in(graph)
      for i, name in ipairs(wanted[key]) do
        local number = math.tointeger(tonumber(name:match "^override#(%d+)$"))
        local found = number and overrides >= number or names[name] or text:find(json.encode(name):sub(2, -2), 1, true)
        if not found then differ(out, at .. "/" .. i - 1, name, nil, "it is not among what this was made of") end
      end
    end
  end
end

--- A text may be nowhere in effects and memories, nor be an effect ("payments.refund"); an
--- object, among the effects.
function parts.never(out, path, wanted, world)
  for i, one in ipairs(wanted) do
    local at = path .. "/" .. i - 1
    if type(one) == "table" then
      if any_of(one, world.rows) then differ(out, at, json.null, one, "this effect was made") end
    else
      local needle = json.encode(one):sub(2, -2)
      local found = world.text:find(needle, 1, true) and "an effect" or world.memories:find(needle, 1, true) and "a memory"
      for _, row in ipairs(world.rows) do
        local name = row.adapter .. "." .. row.op
        found = found or (one == name or one == name .. " " .. tostring(row.key)) and "an effect"
      end
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

--- Add what differs to told.differences, and the paths of what nothing checks to
--- told.unchecked; and to `told` what was spent.
function expect.check(played, told)
  local at = played.world.at
  local world = { e = played.e, now = at.now, questions = at.questions, told = told }
  world.rows, world.text = lines_of(file.join(played.path, "var", "outbox.jsonl"))
  told.ledger = ledger_of(played.e)
  local wanted = played.value.expect or {}
  world.memories = wanted.never and memories_of(played.e) or ""
  for _, name in ipairs(json.sorted_keys(wanted)) do
    if parts[name] then
      parts[name](told.differences, "/expect/" .. name, wanted[name], world)
    else
      table.insert(told.unchecked, "/expect/" .. name)
    end
  end
end

return expect
