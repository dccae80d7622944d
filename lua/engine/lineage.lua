--- Lineage: what a thing was made of, and what was made of it.
--
-- Methods of the engine and of one that looks on, in a file of their own. A graph of nodes
-- { id, kind, title, at, detail } and edges { from, to, how }: `from` was used to make `to`.
-- Backwards from a run: who or what began it, the memories and events it was given, its
-- model calls, approvals and code; forwards: its effects, what it remembered and published,
-- and the runs that these were given to.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local rfc3339 = require "rfc3339"

local lineage = {}

--- A graph does not grow beyond this; `more` says so then.
local most_nodes = 2000
--- How many generations of runs are followed, in each direction.
local deep = 6

local function time(ms) return ms and rfc3339.format(ms) or nil end

local function money(picousd) return picousd and tostring(picousd) or nil end

-- ---- the graph -------------------------------------------------------------------------

local graph = {}
graph.__index = graph

local function new_graph(e)
  return setmetatable({ e = e, nodes = json.array {}, edges = json.array {}, by_id = {}, linked = {}, done = {} }, graph)
end

--- The node of that id, made when it is not there.
function graph:node(kind, id, title, at, detail)
  local node = self.by_id[id]
  if node then return node end
  if #self.nodes >= most_nodes then
    self.more = true
    return { id = id, left_out = true }
  end
  node = { id = id, kind = kind, title = title, at = at, detail = detail }
  self.by_id[id] = node
  self.nodes[#self.nodes + 1] = node
  return node
end

function graph:edge(from, to, how)
  if from.left_out or to.left_out then return end
  local name = from.id .. "\0" .. to.id .. "\0" .. how
  if self.linked[name] then return end
  self.linked[name] = true
  self.edges[#self.edges + 1] = { from = from.id, to = to.id, how = how }
end

--- Whether this is the first visit of a node in a direction.
function graph:first(direction, id)
  local name = direction .. "\0" .. id
  if self.done[name] then return false end
  self.done[name] = true
  return true
end

-- ---- nodes of each kind --------------------------------------------------------------------

local function run_node(g, row)
  return g:node("run", row.run, ("%s@%d"):format(row.agent, row.version), time(row.created), { state = row.state,
    waiting_for = row.waiting_for, steps = row.steps, cost_picousd = money(row.cost), ended = time(row.ended),
    output = row.output, error = row.error, key = row.key })
end

local function event_node(g, row)
  return g:node("event", row.id, row.type, time(row.time), { key = row.key, trust = row.trust, state = row.state })
end

local function memory_node(g, row)
  local name = row.key and ("%s/%s"):format(row.kind, row.key) or row.kind
  return g:node("memory", row.id, name, time(row.created or row.time), { text = row.text, trust = row.trust, row = row.row,
    layer = row.layer, forgotten = time(row.forgotten), run = row.run })
end

local function person_node(g, name) return g:node("person", "person:" .. name, name) end

local function effect_node(g, row)
  local name, key = row.subject:match "^(%S+) (.*)$"
  return g:node("effect", key or row.subject, name or row.subject, time(row.time), { run = row.run, seq = row.seq,
    audit = row.id, by = row.who })
end

local function memory_row(e, item)
  return e:rows("memory.any", { row = item })[1]
end

-- ---- what a run was made of ------------------------------------------------------------------

--- What people did to a run as a whole: forked it off another, cancelled it, moved it.
local function done_to(g, row, node)
  local forked = false
  for _, audit in ipairs(g.e:rows("audit.of_subject", { subject = row.run, limit = 50 })) do
    local detail = type(audit.detail) == "table" and audit.detail or {}
    if audit.who ~= "engine" then g:edge(person_node(g, audit.who), node, ("%s, %s"):format(audit.what, time(audit.time))) end
    local from = audit.what == "fork" and detail.from and g.e:rows("run.get", { run = detail.from })[1]
    if from then
      forked = true
      g:edge(run_node(g, from), node, "forked at step " .. tostring(detail.at))
    end
  end
  return forked
end

local function began_by(g, row, node)
  local e, told = g.e, done_to(g, row, node)
  if row.parent then
    local parent = e:rows("run.by_id", { id = row.parent })[1]
    if parent then
      told = true
      g:edge(run_node(g, parent), node, "called at step " .. tostring(row.parent_seq))
    end
  end
  for _, event in ipairs(e:rows("event.begun", { run = row.id })) do
    told = true
    g:edge(event_node(g, event), node, event.seq and "came to step " .. event.seq or "began it")
  end
  if told or not row.key then return end
  local slot = row.key:match "^schedule/(.*)$"
  if slot then g:edge(g:node("schedule", row.key, slot, time(row.created)), node, "began it") end
end

--- The sources that a run is pinned to, from its journal's first record; nil for one that was purged.
local function code_of(g, row, records, node)
  local setup
  for _, record in ipairs(records) do
    if record.kind == "start" or record.name == "switch" then setup = record.value or setup end
    for name, source in pairs(type(setup) == "table" and setup.sources or {}) do
      local code = g:node("code", source.hash, source.file, nil, { hash = source.hash,
        version = name == "agent" and row.version or nil })
      g:edge(code, node, name == "agent" and "is its script" or "is its " .. name:gsub("/", " "))
    end
    setup = nil
  end
end

local function models_of(g, row, node)
  for _, call in ipairs(g.e:rows("ledger.of_run", { run = row.run })) do
    local model = g:node("model", call.key, call.model or call.tier or "model", time(call.made), { tier = call.tier,
      provider = call.provider, model = call.model, state = call.state, input = call.input, output = call.output,
      cached = call.cached, cost_picousd = money(call.cost), price = call.price, attempt = call.attempt, seq = call.seq,
      error = call.error, ended = time(call.ended) })
    g:edge(model, node, "answered step " .. tostring(call.seq))
  end
end

local function approvals_of(g, row, node)
  for _, item in ipairs(g.e:rows("approval.of_run", { run = row.id })) do
    local approval = g:node("approval", item.id, item.subject, time(item.created), { kind = item.kind, state = item.state,
      seq = item.seq, note = item.note, by = item.decided_by, decided = time(item.decided_at), digest = item.digest,
      edited = item.state == "edited" or nil, value = item.state == "edited" and item.value or nil })
    g:edge(approval, node, ("%s, step %d"):format(item.state, item.seq))
    if item.decided_by then g:edge(person_node(g, item.decided_by), approval, item.state) end
  end
end

local function used_by(g, row, node)
  for _, use in ipairs(g.e:rows("uses.of_run", { run = row.id })) do
    if use.kind == "m" then
      local item = memory_row(g.e, use.item) or { id = "mem_" .. use.item, kind = "memory, gone" }
      g:edge(memory_node(g, item), node, "read at step " .. use.seq)
    elseif use.kind == "e" then
      local event = g.e:rows("event.numbered", { number = use.item })[1]
      if event then g:edge(event_node(g, event), node, "came to step " .. use.seq) end
    end
  end
end

--- Texts from outside that skills were given under a name (`source`): files, and the parts of a
--- long one, each with the hash of what was read.
local function texts_of(g, row, records, node)
  local function text(name, hash, seq, bytes)
    g:edge(g:node("text", "text:" .. name, name, nil, { hash = hash, bytes = bytes, seq = seq }), node, "read at step " .. seq)
  end
  for _, record in ipairs(records) do
    local named = (record.name or ""):find "^skill:" ~= nil
    local args, value = named and record.args, named and record.value
    if type(args) == "table" and type(args.source) == "string" and type(args.text) == "string" then
      text(args.source, digest.sha256(args.text), record.seq, #args.text)
    end
    for _, part in ipairs(type(value) == "table" and type(value.parts) == "table" and value.parts or {}) do
      if type(part) == "table" and type(part.name) == "string" then text(part.name, part.hash, record.seq) end
    end
  end
end

-- ---- what was made by a run --------------------------------------------------------------------

local changes = { idempotent = true, at_most_once = true }

--- Effects as the audit trail has them; from the journal what is older than that.
local function effects_of(g, row, records, node)
  local told = {}
  for _, audit in ipairs(g.e:rows("audit.of_run", { run = row.run, what = "effect", limit = most_nodes })) do
    told[audit.seq or 0] = true
    if audit.subject then g:edge(node, effect_node(g, audit), "step " .. tostring(audit.seq)) end
  end
  local named = {}
  for _, record in ipairs(records) do
    if record.name and (record.kind == "intent" or record.kind == "step") then named[record.seq] = record end
    local command = named[record.seq]
    if record.kind == "result" and not record.failed and command and not told[record.seq] and changes[record.effect]
      and type(command.args) == "table" and command.args.op then
      local name = command.name:match ":(.*)$" or command.name
      local key = type(command.args.key) == "string" and command.args.key or ("%s/%d"):format(row.run, record.seq)
      g:edge(node, g:node("effect", key, ("%s.%s"):format(name, tostring(command.args.op)), time(record.t),
        { run = row.run, seq = record.seq }), "step " .. record.seq)
    end
  end
end

local function remembered_by(g, row, node)
  for _, item in ipairs(g.e:rows("memory.written_by", { run = row.id, since = row.created,
    ["until"] = row.ended or math.maxinteger })) do
    g:edge(node, memory_node(g, item), "remembered at step " .. tostring(item.seq))
  end
end

local function published_by(g, row, node)
  for _, event in ipairs(g.e:rows("event.published_by", { run = row.id })) do
    g:edge(node, event_node(g, event), "published at step " .. tostring(event.seq))
  end
end

local function called_by(g, row, node)
  for _, child in ipairs(g.e:rows("run.children", { id = row.id })) do
    g:edge(node, run_node(g, child), "called at step " .. tostring(child.parent_seq))
  end
end

-- ---- walking ---------------------------------------------------------------------------------------

local backwards, forwards

local function run_named(e, run) return e:rows("run.get", { run = run })[1] end

--- The journal of a run, read once for both directions.
local function journal(g, row)
  g.journals = g.journals or {}
  g.journals[row.run] = g.journals[row.run] or g.e:journal(row) or {}
  return g.journals[row.run]
end

--- All that went into a run, and into what began it.
local function run_backwards(g, row, depth)
  local node = run_node(g, row)
  if node.left_out or not g:first("back", row.run) then return node end
  began_by(g, row, node)
  code_of(g, row, journal(g, row), node)
  models_of(g, row, node)
  approvals_of(g, row, node)
  used_by(g, row, node)
  texts_of(g, row, journal(g, row), node)
  if depth < deep then
    if row.parent then
      local parent = g.e:rows("run.by_id", { id = row.parent })[1]
      if parent then run_backwards(g, parent, depth + 1) end
    end
    for _, event in ipairs(g.e:rows("event.begun", { run = row.id })) do backwards.event(g, event, depth + 1) end
  end
  return node
end

--- All that came out of a run, and where that went.
local function run_forwards(g, row, depth)
  local node = run_node(g, row)
  if node.left_out or not g:first("on", row.run) then return node end
  effects_of(g, row, journal(g, row), node)
  remembered_by(g, row, node)
  published_by(g, row, node)
  called_by(g, row, node)
  if depth >= deep then return node end
  for _, child in ipairs(g.e:rows("run.children", { id = row.id })) do run_forwards(g, child, depth + 1) end
  for _, event in ipairs(g.e:rows("event.published_by", { run = row.id })) do forwards.event(g, event, depth + 1) end
  for _, item in ipairs(g.e:rows("memory.written_by", { run = row.id, since = row.created,
    ["until"] = row.ended or math.maxinteger })) do forwards.memory(g, item, depth + 1) end
  return node
end

backwards, forwards = {}, {}

function backwards.run(g, row) return run_backwards(g, row, 0) end
function forwards.run(g, row) return run_forwards(g, row, 0) end

function backwards.event(g, row, depth)
  local node = event_node(g, row)
  if not g:first("back", row.id) then return node end
  for _, from in ipairs(g.e:rows("event.publisher", { number = row.number })) do
    local run = g.e:rows("run.by_id", { id = from.run })[1]
    if run then g:edge(run_backwards(g, run, (depth or 0) + 1), node, "published at step " .. from.seq) end
  end
  return node
end

function forwards.event(g, row, depth)
  local node = event_node(g, row)
  if not g:first("on", row.id) then return node end
  for _, to in ipairs(g.e:rows("event.given_to", { number = row.number, limit = most_nodes })) do
    local run = g.e:rows("run.by_id", { id = to.run })[1]
    if run then
      g:edge(node, run_node(g, run), to.seq and "came to step " .. to.seq or "began it")
      run_forwards(g, run, (depth or 0) + 1)
    end
  end
  return node
end

function backwards.memory(g, row, depth)
  local node = memory_node(g, row)
  if not g:first("back", row.id) then return node end
  local run = row.run and g.e:rows("run.by_id", { id = row.run })[1]
  if run then g:edge(run_backwards(g, run, (depth or 0) + 1), node, "remembered at step " .. tostring(row.seq)) end
  return node
end

function forwards.memory(g, row, depth)
  local node = memory_node(g, row)
  if not g:first("on", row.id) then return node end
  for _, use in ipairs(g.e:rows("uses.of_item", { kind = "m", item = row.row, limit = most_nodes })) do
    local run = g.e:rows("run.by_id", { id = use.id })[1]
    if run then
      g:edge(node, run_node(g, run), "read at step " .. use.seq)
      run_forwards(g, run, (depth or 0) + 1)
    end
  end
  return node
end

function backwards.effect(g, row)
  local node = effect_node(g, row)
  local run = row.run and run_named(g.e, row.run)
  if run then
    g:edge(run_backwards(g, run, 0), node, "step " .. tostring(row.seq))
  elseif row.run then
    g:edge(g:node("run", row.run, "purged"), node, "step " .. tostring(row.seq))
  end
  return node
end

function forwards.effect(g, row) return effect_node(g, row) end

local function with_run(direction)
  return function(g, row)
    local run = g.e:rows("run.by_id", { id = row.run_id })[1]
    if run then direction(g, run, 0) end
    return g.by_id[row.id] or g:node("approval", row.id, row.subject, time(row.created), { state = row.state, note = row.note,
      by = row.decided_by })
  end
end

backwards.approval, forwards.approval = with_run(run_backwards), with_run(run_forwards)

-- ---- what was asked about ---------------------------------------------------------------------------

--- Rows of each kind that the id may be. An id that is whole goes before one that begins so.
local finders = {}

function finders.effect(e, id)
  local list = {}
  local named = id:match "^[%w_]+%.[%w_]+ (.+)$" or id
  for _, row in ipairs(e:rows("audit.effect", { key = named, limit = 20 })) do
    if named == id or row.subject == id then list[#list + 1] = { row = row, whole = true } end
  end
  if #list > 0 then return list end
  local run, seq = id:match "^(run_%w+)/(%d+)$"
  local row = run and run_named(e, run)
  if not row then return list end
  -- older than the trail has effects in it: the step says it
  for _, entry in ipairs(e:log(run) or {}) do
    if entry.seq == math.tointeger(tonumber(seq)) then
      list[1] = { whole = true, row = { subject = ("%s.%s %s"):format(entry.name, type(entry.args) == "table" and entry.args.op
        or entry.kind, id), run = run, seq = entry.seq, time = row.created, who = row.agent } }
    end
  end
  return list
end

local function of_prefix(verb, get, field)
  return function(e, id)
    local list = {}
    for _, row in ipairs(e:rows(verb, { prefix = id })) do
      local whole = get(e, row[field])
      if whole then list[#list + 1] = { row = whole, whole = row[field] == id } end
    end
    return list
  end
end

finders.run = of_prefix("run.prefix", run_named, "run")
finders.approval = of_prefix("approval.prefix", function(e, id) return e:rows("approval.get", { id = id })[1] end, "id")
local event_prefix = of_prefix("event.prefix", function(e, id) return e:rows("event.by_id", { id = id })[1] end, "id")

function finders.event(e, id)
  local row = e:rows("event.by_id", { id = id })[1]
  if row then return { { row = row, whole = true } } end
  return event_prefix(e, id)
end

function finders.memory(e, id)
  local list, kind, key = {}, id:match "^([^/]+)/(.+)$"
  local rows = e:rows("memory.history_id", { ns = e.namespace or "main", id = id, row = math.tointeger(tonumber(id:match "^mem_(%d+)$")) })
  if kind and #rows == 0 then rows = e:rows("memory.history", { ns = e.namespace or "main", kind = kind, key = key }) end
  if rows[1] then list[1] = { row = rows[1], whole = true } end
  return list
end

local function find(e, id)
  local all, whole = {}, {}
  for _, kind in ipairs { "run", "effect", "approval", "event", "memory" } do
    for _, one in ipairs(finders[kind](e, id)) do
      one.kind = kind
      all[#all + 1] = one
      if one.whole then whole[#whole + 1] = one end
    end
  end
  return #whole > 0 and whole or all
end

--- What a thing was made of and what was made of it. `id`: of a run, an approval, an event, a
--- memory (its id, or kind/key), the key of an effect ("welcome:P-118", "run_x/7",
--- "mail.send welcome:P-118"); the beginning of an id will do where it is one's alone.
-- Returns { root = { kind, id }, nodes, edges, more }, or nil, err (K1007, K1008, K1904).
function lineage:lineage(id)
  local found = find(self, id)
  local first = found[1]
  if not first then return nil, self:purged(id) or errors.new("K1007", { kind = "run, effect, memory, approval or event",
    name = id, next = "keel runs" }) end
  for i = 2, #found do
    if found[i].kind ~= "effect" or first.kind ~= "effect" then
      return nil, errors.new("K1008", { name = id, count = #found, next = "keel runs" })
    end
  end
  local g = new_graph(self)
  local root
  for _, one in ipairs(found) do
    root = backwards[one.kind](g, one.row)
    forwards[one.kind](g, one.row)
  end
  return { root = { kind = first.kind, id = root.id }, nodes = g.nodes, edges = g.edges, more = g.more }
end

return lineage
