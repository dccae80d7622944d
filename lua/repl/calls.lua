--- What can be asked of an engine from the REPL: each name, its words of help, and what
--- it does. The same list serves the engine's side of the socket and a REPL that opened
--- the store itself.
--
--   calls.names()                     every name, in order
--   calls.find("memory.search")       -> { name, signature, about, example?, write? }
--   calls.perform(e, name, args, { write = bool, by = text }) -> value | nil, err
--
-- What writes is refused unless `write` says so, and leaves a row in the audit trail.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local suggest = require "suggest"

local calls = {}
local list, by_name = {}, {}

local function define(rows)
  for _, row in ipairs(rows) do
    list[#list + 1], by_name[row.name] = row, row
  end
end

--- A failure of a module as an error of the catalogue.
local function checked(value, message, code)
  if value == nil and message ~= nil then return nil, errors.is(message) and message or errors.from(message, code) end
  return value
end

local function usage(name, detail) return nil, errors.new("K3003", { name = name, detail = detail, message = name .. ": " .. detail,
  next = ".help " .. name }) end

local function a_table(value) return type(value) == "table" and value ~= json.null and value or {} end

local function nearest(name, known) return suggest.nearest(tostring(name), known) end

-- ---- memory ------------------------------------------------------------------------

local function shown(rows)
  local out = json.array {}
  for i, row in ipairs(rows) do out[i] = require("memory").shown(row) end
  return out
end

local function with_ns(e, args)
  local out = {}
  for key, value in pairs(a_table(args)) do out[key] = value end
  out.ns = out.ns or e.namespace
  return out
end

--- How the newest of a namespace are asked for: search without a question.
local function newest(e, args)
  args = with_ns(e, args)
  args.query, args.k = nil, args.k or 20
  return e:memory():search(args)
end

define {
  { name = "memory.search", signature = "memory.search{ query, k?, kind?, layer?, as_of?, where?, ns? }",
    about = "What answers a question, best first, with the parts of each score, which add up to it.",
    example = 'memory.search{ query = "design audit", k = 3 }',
    run = function(e, args)
      if type(args) == "string" then args = { query = args } end
      if type(a_table(args).query) ~= "string" then return usage("memory.search", "'query' (text) is needed") end
      local hits, message, code = e:memory():search(with_ns(e, args))
      if not hits then return checked(nil, message, code) end
      return shown(hits)
    end },
  { name = "memory.get", signature = "memory.get{ kind?, key | id, as_of?, ns? }",
    about = "What holds for a kind and key (kind is 'note' when not told), or an id; nil when nothing does.",
    example = 'memory.get{ kind = "client", key = "fernline" }',
    run = function(e, args)
      local row, message, code = e:memory():get(with_ns(e, args))
      if not row then return checked(nil, message, code) end
      return require("memory").shown(row)
    end },
  { name = "memory.history", signature = "memory.history{ kind?, key | id, ns? }",
    about = "Every version of it, newest first; what was forgotten is a tombstone.",
    example = 'memory.history{ kind = "client", key = "fernline" }',
    run = function(e, args)
      local rows, message, code = e:memory():history(with_ns(e, args))
      return rows and shown(rows) or checked(nil, message, code)
    end },
  { name = "memory.newest", signature = "memory.newest{ k?, kind?, layer?, ns? }",
    about = "What was learned last, newest first (20).", example = 'memory.newest{ kind = "client", k = 5 }',
    run = function(e, args)
      local rows, message, code = newest(e, args)
      return rows and shown(rows) or checked(nil, message, code)
    end },
  { name = "memory.stats", signature = "memory.stats(ns?)",
    about = "How much there is of each namespace, kind and layer.", example = "memory.stats()",
    run = function(e, ns)
      local rows, message, code = e:memory():stats(ns)
      if not rows then return checked(nil, message, code) end
      for _, row in ipairs(rows) do row.newest = row.newest and require("rfc3339").format(row.newest) end
      return rows
    end },
  { name = "memory.similarity", signature = "memory.similarity(a, b)",
    about = "How near two texts are by the embedded word vectors, -1 to 1.",
    example = 'memory.similarity("invoice", "bill")',
    run = function(e, a, b) return e:memory():similarity(a, b) end },
  { name = "memory.remember", write = true,
    signature = "memory.remember{ text, kind?, key?, value?, tags?, importance?, ttl?, layer?, ns? }",
    about = "Remember an item: durable when it returns. Gives { id, outcome = \"new\", \"superseded\" or \"same\" }.",
    example = 'memory.remember{ kind = "client", key = "fernline", text = "pays late" }',
    run = function(e, args)
      local id, outcome, code = e:memory():remember(with_ns(e, args))
      if not id then return checked(nil, outcome, code) end
      return { id = id, outcome = outcome }
    end },
  { name = "memory.forget", write = true, signature = "memory.forget{ kind?, key | id | layer | all = true, reason?, ns? }",
    about = "Forget: every version of a kind and key, an id, a layer, or all. Gives how many. A tombstone stays.",
    example = 'memory.forget{ kind = "client", key = "fernline", reason = "asked to" }',
    run = function(e, args)
      local m = e:memory()
      local n, message, code = m:forget(with_ns(e, args))
      if not n then return checked(nil, message, code) end
      m:settle()
      return n
    end },
}

-- ---- records -----------------------------------------------------------------------

local function record(row)
  local rfc3339 = require "rfc3339"
  return { type = row.type, key = row.key, version = row.version, value = row.value, created = row.created and rfc3339.format(row.created),
    updated = row.updated and rfc3339.format(row.updated) }
end

local function write_record(e, verb, fields)
  local tx = e.store:tx()
  tx:add(verb, fields)
  local ok, message, code = e:commit(tx)
  return ok and true or checked(nil, message, code)
end

define {
  { name = "records.types", signature = "records.types()", about = "The types of records, and how many there are of each.",
    example = "records.types()",
    run = function(e)
      local out = json.array {}
      for i, row in ipairs(e:record_types()) do out[i] = { type = row.type, count = row.n } end
      return out
    end },
  { name = "records.find", signature = "records.find{ type, where?, limit? }",
    about = "Records of a type whose fields are as `where` says (100).", example = 'records.find{ type = "invoice" }',
    run = function(e, args)
      if type(args) == "string" then args = { type = args } end
      args = a_table(args)
      if type(args.type) ~= "string" then return usage("records.find", "'type' (text) is needed") end
      local rows, message, code = e.store:read("record.find", { type = args.type, where_json = args.where, limit = args.limit or 100 })
      if not rows then return checked(nil, message, code) end
      local out = json.array {}
      for i, row in ipairs(rows) do out[i] = record(row) end
      return out
    end },
  { name = "records.get", signature = "records.get{ type, key }", about = "One record, or nil.",
    example = 'records.get{ type = "invoice", key = "fernline" }',
    run = function(e, args)
      args = a_table(args)
      local rows, message, code = e.store:read("record.get", { type = args.type, key = args.key })
      if not rows then return checked(nil, message, code) end
      return rows[1] and record(rows[1]) or nil
    end },
  { name = "records.put", write = true, signature = "records.put{ type, key, value }", about = "Write a record: a new version of it.",
    example = 'records.put{ type = "task", key = "T-1", value = { title = "call Ana" } }',
    run = function(e, args)
      args = a_table(args)
      if type(args.type) ~= "string" or type(args.key) ~= "string" or args.value == nil then
        return usage("records.put", "'type' and 'key' (text) and 'value' are needed")
      end
      return write_record(e, "record.put", { type = args.type, key = args.key, value_json = args.value, now = e.clock(),
        run = 0, seq = 0 })
    end },
  { name = "records.delete", write = true, signature = "records.delete{ type, key }", about = "Delete a record.",
    example = 'records.delete{ type = "task", key = "T-1" }',
    run = function(e, args)
      args = a_table(args)
      if type(args.type) ~= "string" or type(args.key) ~= "string" then
        return usage("records.delete", "'type' and 'key' (text) are needed")
      end
      return write_record(e, "record.drop", { type = args.type, key = args.key })
    end },
}

-- ---- runs --------------------------------------------------------------------------

local function journal_of(e, id)
  local row, err = e:run_row(id)
  if not row then return nil, err end
  local records
  records, err = e:journal(row)
  if not records then return nil, err end
  local out, rfc3339 = json.array {}, require "rfc3339"
  for i, one in ipairs(records) do
    out[i] = { lsn = one.lsn, seq = one.seq, kind = one.kind, name = one.name, effect = one.effect, failed = one.failed or nil,
      t = one.t and rfc3339.format(one.t), args = one.args, value = one.value }
  end
  return out
end

define {
  { name = "runs.list", signature = "runs.list{ agent?, state?, text?, since?, limit? }",
    about = "Runs, newest first (50).", example = 'runs.list{ state = "failed", since = "1d" }',
    run = function(e, args)
      local filter, err = require("selection").filter(a_table(args), { now = e.clock }, "runs")
      if not filter then return nil, err end
      filter.limit = a_table(args).limit
      return e:list(filter)
    end },
  { name = "runs.show", signature = "runs.show(id)", about = "A run: state, input's agent, output, error, cost. An id may be shortened.",
    example = 'runs.show("run_01")', run = function(e, id) return e:describe(tostring(id)) end },
  { name = "runs.log", signature = "runs.log(id)", about = "The steps of a run: arguments, results, attempts, time, cost.",
    example = 'runs.log("run_01")', run = function(e, id) return e:log(tostring(id)) end },
  { name = "runs.journal", signature = "runs.journal(id)", about = "The records of a run as they lie in the journal.",
    example = 'runs.journal("run_01")', run = function(e, id) return journal_of(e, tostring(id)) end },
  { name = "runs.replay", signature = "runs.replay(id)", about = "Play the run again from its journal alone, and compare.",
    example = 'runs.replay("run_01")', run = function(e, id) return e:replay(tostring(id)) end },
  { name = "run", write = true, signature = "run(agent, input?)", about = "Start an agent. Gives the run once it is over or waits.",
    example = 'run("hello", { who = "Ana" })',
    run = function(e, agent, input)
      local started, err = e:start(tostring(agent), input or {})
      if not started then return nil, err end
      local ok
      ok, err = e:drain()
      if not ok then return nil, err end
      return e:describe(started.run)
    end },
  { name = "pause", write = true, signature = "pause(target, note?)",
    about = "Hold a run (its id), an agent (\"agent:NAME\") or everything (\"all\").", example = 'pause("agent:hello")',
    run = function(e, target, note) return e:pause(calls.target(target), { note = note }) end },
  { name = "resume", write = true, signature = "resume(target, note?)", about = "Let go what `pause` holds.", example = 'resume("all")',
    run = function(e, target, note)
      local scope, err = e:resume(calls.target(target), { note = note })
      if not scope then return nil, err end
      e:drain()
      return scope
    end },
  { name = "cancel", write = true, signature = "cancel(id, note?)", about = "Give a run up: what it did is undone.",
    example = 'cancel("run_01", "asked for twice")',
    run = function(e, id, note)
      local cancelled, err = e:cancel(tostring(id), { note = note })
      if not cancelled then return nil, err end
      e:drain()
      return e:describe(cancelled.run)
    end },
}

--- "all", "agent:NAME" or a run's id, as engine:pause takes it.
function calls.target(text)
  text = tostring(text)
  if text == "all" then return { all = true } end
  local agent = text:match("^agent:(.+)$")
  return agent and { agent = agent } or { run = text }
end

-- ---- the owner's side -----------------------------------------------------------------

local function decided(state)
  return function(e, id, options)
    options = type(options) == "string" and { note = options } or a_table(options)
    local item, err = e:decide(tostring(id), { state = options.edit ~= nil and state == "approved" and "edited" or state,
      value = options.edit, note = options.note })
    if not item then return nil, err end
    e:drain()
    return e:describe(item.run)
  end
end

define {
  { name = "inbox", signature = "inbox()", about = "The questions that wait for you, oldest first.", example = "inbox()",
    run = function(e) return e:inbox() end },
  { name = "approve", write = true, signature = "approve(id, { edit?, note? }?)", about = "Say yes, or approve `edit` instead.",
    example = 'approve("apr_01", { note = "as agreed" })', run = decided "approved" },
  { name = "reject", write = true, signature = "reject(id, { note? }?)", about = "Say no.", example = 'reject("apr_01", "too much")',
    run = decided "rejected" },
  { name = "budget", signature = "budget()", about = "What was spent, what is held, and the limits; amounts in pico-USD.",
    example = "budget()",
    run = function(e)
      local rows, message, code = require("budget").list(e.store, { limits = e.settings.budget, zone = e.settings.zone,
        now = e.clock() })
      if not rows then return checked(nil, message, code) end
      for _, row in ipairs(rows) do
        for _, field in ipairs { "limit_picousd", "spent_picousd", "reserved_picousd" } do
          row[field] = row[field] and require("money").to_json(row[field])
        end
      end
      return json.array(rows)
    end },
  { name = "audit", signature = "audit(limit?)", about = "What was decided and changed by a person, newest first (50).",
    example = "audit(10)",
    run = function(e, limit)
      local out, rfc3339 = json.array {}, require "rfc3339"
      for i, row in ipairs(e:rows("audit.list", { limit = math.tointeger(limit) or 50 })) do
        out[i] = { id = row.id, time = rfc3339.format(row.time), who = row.who, what = row.what, subject = row.subject, detail = row.detail }
      end
      return out
    end },
}

-- ---- events, schedules --------------------------------------------------------------------

define {
  { name = "events.list", signature = "events.list{ type?, state?, agent?, limit? }",
    about = "Events, newest first, with where they went.", example = 'events.list{ state = "dead" }',
    run = function(e, args)
      args = a_table(args)
      return e:event_list { type = args.type, state = args.state, agent = args.agent, limit = args.limit }
    end },
  { name = "events.show", signature = "events.show(id)", about = "One event, with its payload.", example = 'events.show("evt_01")',
    run = function(e, id)
      local event, err = e:event(tostring(id))
      if event then event.number = nil end
      return event, err
    end },
  { name = "emit", write = true, signature = "emit(type, payload?, { key? }?)", about = "Publish an event; a key makes it unique for ever.",
    example = 'emit("lead.new", { name = "Ana" })',
    run = function(e, kind, payload, options)
      local event, err = e:emit(tostring(kind), payload or {}, { key = a_table(options).key })
      if not event then return nil, err end
      e:drain()
      return e:event(event.id)
    end },
  { name = "schedules.list", signature = "schedules.list()", about = "Every schedule: what it says, where it stands, what it did last.",
    example = "schedules.list()", run = function(e) return e:schedule_list() end },
  { name = "schedules.next", signature = "schedules.next(count?, agent?)", about = "What fires next (10), by the wall clock and in UTC.",
    example = "schedules.next(5)",
    run = function(e, count, agent) return e:next_firings(math.min(math.tointeger(count) or 10, 1000), nil, agent) end },
}

-- ---- what is there ------------------------------------------------------------------------

local function manifest_of(one, kind)
  local m = one.manifest
  return { [kind] = one.name, version = m.version, about = m.about, file = one.file, hash = one.hash, uses = m.uses, input = m.input,
    output = m.output, examples = kind == "skill" and #(m.examples or {}) or nil }
end

local function all_of(things, kind)
  local out = json.array {}
  for i, name in ipairs(json.sorted_keys(things)) do
    local m = things[name].manifest
    out[i] = { [kind] = name, version = m.version, about = m.about }
  end
  return out
end

--- Settings as they may be shown.
local function open_settings(value)
  if type(value) ~= "table" then return type(value) ~= "function" and value or nil end
  if require("secret").is(value) then return "(secret)" end
  local out = {}
  for key, item in pairs(value) do
    if value.origin == nil or key ~= "origin" then out[key] = open_settings(item) end
  end
  return next(out) ~= nil and out or json.is_list(value) and json.array {} or out
end

define {
  { name = "agents.list", signature = "agents.list()", about = "The agents of this home.", example = "agents.list()",
    run = function(e) return all_of(e.library.agents, "agent") end },
  { name = "agents.show", signature = "agents.show(name)", about = "An agent: version, source, schemas.", example = 'agents.show("hello")',
    run = function(e, name)
      local agent, err = e:agent_named(tostring(name))
      return agent and manifest_of(agent, "agent"), err
    end },
  { name = "skills.list", signature = "skills.list()", about = "The skills of this home.", example = "skills.list()",
    run = function(e) return all_of(e.library.skills, "skill") end },
  { name = "skills.show", signature = "skills.show(name)", about = "A skill: version, source, schemas.", example = 'skills.show("classify")',
    run = function(e, name)
      local one = e.library.skills[tostring(name)]
      if one then return manifest_of(one, "skill") end
      return nil, errors.new("K1006", { name = name, suggestion = nearest(name, e.library.skills) })
    end },
  { name = "skill", signature = "skill(name, input)",
    about = "Call a skill's local implementation: nothing is recorded or spent. `skill.NAME(input)` is the same.",
    example = 'skill("detect_language", { text = "guten Morgen" })',
    run = function(e, name, input)
      if not e.library.skills[tostring(name)] then
        return nil, errors.new("K1006", { name = name, suggestion = nearest(name, e.library.skills) })
      end
      return e.library:try_skill(name, input or {}, e.settings.zone)
    end },
  { name = "config", signature = "config()", about = "config.lua as it is understood; secrets are hidden.", example = "config().zone",
    run = function(e)
      local out = open_settings(e.settings)
      out.origin, out.home = nil, nil
      return out
    end },
  { name = "now", signature = "now()", about = "The engine's time.", example = "now()",
    run = function(e) return require("rfc3339").format(e.clock()) end },
  { name = "model", write = true, signature = "model{ prompt, tier?, schema?, max_tokens? }",
    about = "Ask a model of your tiers once, inside the budget: it spends money.", example = 'model{ tier = "small", prompt = "Say hello" }',
    run = function(e, args)
      args = type(args) == "string" and { prompt = args } or a_table(args)
      local tier = args.tier or "small"
      local ok, err = require("settings").tier(e.settings, tier)
      if not ok then return nil, err end
      local m, message, code = require("model").open { settings = e.settings, store = e.store }
      if not m then return checked(nil, message, code) end
      local answer
      answer, message, code = m:ask { tier = tier, prompt = args.prompt, schema = args.schema, max_tokens = args.max_tokens }
      if not answer then return checked(nil, message, code) end
      return { text = answer.text, value = answer.value, model = answer.model, usage = answer.usage,
        cost_picousd = require("money").to_json(answer.cost_picousd), ms = answer.ms }
    end },
}

-- ---- performing -----------------------------------------------------------------------------

--- Every name, in the order in which they are shown.
function calls.names()
  local names = {}
  for i, row in ipairs(list) do names[i] = row.name end
  return names
end

--- { name, signature, about, example?, write? } of a name, or nil.
function calls.find(name) return by_name[name] end

local function audit(e, row, args, by)
  local tx = e.store:tx()
  tx:add("audit.put", { now = e.clock(), who = by or e.settings.owner or "owner", what = "repl." .. row.name,
    subject = type(args[1]) == "string" and args[1] or row.name, detail_codec = { digest = digest.sha256(json.pack(args)) } })
  local ok, message, code = e:commit(tx)
  return ok and true or checked(nil, message, code)
end

--- Do what was asked. args is a list; options: write, by. Returns the value, or nil, err.
-- Never raises but for faults of the store.
function calls.perform(e, name, args, options)
  local row = by_name[name]
  if not row then
    return nil, errors.new("K3101", { next = ".help", name = name, suggestion = nearest(name, by_name) })
  end
  if row.write and not options.write then return nil, errors.new("K1115", { name = name, next = ".write on" }) end
  if row.write then
    local ok, err = audit(e, row, args, options.by)
    if not ok then return nil, err end
  end
  local ok, value, err = pcall(row.run, e, table.unpack(args))
  if ok then return value, err end
  if errors.is(value) then return nil, value end
  return usage(name, tostring(value):gsub("^[^\n]-:%d+: ", ""))
end

return calls
