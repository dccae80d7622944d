--- Routes about agents, budgets, schedules, events and memory.
local errors = require "errors"
local json = require "json"
local tools = require "serve.api.tools"

local function command(name, args_of)
  return function(e, id, given, who) return tools.command(e, name, args_of(id, given), who) end
end

local function agents() return {} end
local function one_agent(id) return { agent = id } end
local function switch(verb)
  return function(id, body) return { agent = verb, name = id, note = body.note } end
end
local function schedule(action)
  return function(id) return { action = action, words = { id } } end
end

local function set_budget(_, body)
  local words = { body.window }
  if body.scope and body.scope ~= "" then table.insert(words, 1, body.scope) end
  for word in body.limit:gmatch "%S+" do words[#words + 1] = word end
  return { action = "set", words = words }
end

local function fire(e, id, body, who)
  return tools.acted(e, function(face) return face:trigger_schedule(id, who:options(body)) end, function(run)
    return require("outcome").json(e:describe(run.run))
  end)
end

local function emit(e, _, body)
  return tools.acted(e, function(face)
    return face:emit(body.type, body.payload == nil and {} or body.payload, { key = body.key })
  end, function(event) return { new = event.new, id = event.id } end)
end

local function dead(e, _, ask) return e:event_list { state = "dead", agent = ask.agent, limit = ask.limit } end

local function retry(_, body) return { verb = "retry", id = body.id, agent = body.agent, all = body.all } end

local function drop(e, _, body, who)
  local event, err = e:event(body.id)
  if not event or event.id ~= body.id then return nil, err or errors.new("K1007", { kind = "event", name = body.id }) end
  return tools.command(e, "events", { verb = "drop", id = body.id, agent = body.agent }, who)
end

local function ask_memory(e, what, question)
  local memory = e:memory()
  local ok, found, message, code = pcall(memory[what], memory, question)
  if not ok then
    if type(found) ~= "string" then error(found, 0) end
    return nil, errors.new("K1004", { name = "the question", detail = (found:gsub("^[%w_/.]+:%d+: ", "")) })
  end
  if found == nil and message then return nil, errors.from(message, code) end
  return found
end

local function search(e, _, ask)
  local found, err = ask_memory(e, "search", { ns = ask.ns, query = ask.q, k = ask.k, kind = ask.kind, as_of = ask.as_of })
  if not found then return nil, err end
  local out = json.array {}
  for i, row in ipairs(found) do out[i] = require("memory").shown(row) end
  return out
end

local function one_memory(e, id, ask)
  local found, err = ask_memory(e, "get", { ns = ask.ns, id = id })
  if found then return require("memory").shown(found) end
  return nil, err or errors.new("K1007", { kind = "memory", name = id })
end

local function forget(e, _, body)
  local count, err = ask_memory(e, "forget", { ns = body.ns, id = body.id, kind = body.kind, key = body.key, reason = body.reason })
  if not count then return nil, err end
  if count == 0 and (body.id or body.key) then
    return nil, errors.new("K1007", { kind = "memory", name = body.id or body.key })
  end
  local settled
  settled, err = ask_memory(e, "settle") -- the bytes go, too
  if not settled and err then return nil, err end
  return { forgotten = count }
end

local name = { note = "text" }

return {
  { "GET", "/api/agents", "The agents of this home", command("agents", agents), answer = "array" },
  { "GET", "/api/agents/{id}", "One agent", command("agents", one_agent) },
  { "POST", "/api/agents/{id}/enable", "Let an agent go on", command("agents", switch "enable"), body = name },
  { "POST", "/api/agents/{id}/disable", "Switch an agent off", command("agents", switch "disable"), body = name },
  { "GET", "/api/budget", "What was spent, what is held, and the limits", command("budget", function() return {} end), answer = "array" },
  { "POST", "/api/budget", "Set a limit over those of the files", command("budget", set_budget), body = { scope = "text", window = "text!", limit = "text!" } },
  { "GET", "/api/schedules", "What fires by the clock", command("schedule", function() return {} end), answer = "array" },
  { "POST", "/api/schedules/{name}/pause", "Hold a schedule", command("schedule", schedule "pause"), body = {} },
  { "POST", "/api/schedules/{name}/resume", "Let a schedule go on", command("schedule", schedule "resume"), body = {} },
  { "POST", "/api/schedules/{name}/trigger", "Fire a schedule now", fire, body = {} },
  { "GET", "/api/events", "Events, newest first, and where they went", function(e, _, ask) return e:event_list(ask) end,
    query = { type = "text", state = "text", agent = "text", since = "time", limit = "count" }, answer = "array" },
  { "POST", "/api/events", "Publish an event", emit, body = { type = "text!", payload = "json", key = "text" } },
  { "GET", "/api/dead", "Events that could not start a run", dead, query = { agent = "text", limit = "count" }, answer = "array" },
  { "POST", "/api/dead/retry", "Try again what is dead", command("events", retry), body = { id = "text", agent = "text", all = "truth" } },
  { "POST", "/api/dead/drop", "Give up what is dead of an event", drop, body = { id = "text!", agent = "text" } },
  { "GET", "/api/memory/search", "What answers a question, with the parts of its score", search,
    query = { ns = "text!", q = "text!", k = "count", kind = "text", as_of = "time" }, answer = "array" },
  { "POST", "/api/memory/forget", "Forget an item, by id or by kind and key", forget,
    body = { ns = "text!", id = "text", kind = "text", key = "text", reason = "text" } },
  { "GET", "/api/memory/{name}", "One item of memory", one_memory, query = { ns = "text!" } },
}
