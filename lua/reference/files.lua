--- config.lua and manifests in words: a sentence for each field that lua/settings.lua and
--- lua/manifest.lua know, and the list of them for pages and help.
--
--   for _, one in ipairs(files.fields "config") do print(one.path, one.takes, one.about) end
local json = require "json"
local manifest = require "manifest"
local settings = require "settings"
local shape = require "shape"
local values = require "schema.values"

local files = {}

local money_of = { run = "one run may spend this much", hour = "the same in an hour", day = "the same in a day of your zone",
  month = "the same in a month of your zone",
  calls = "calls of models", tokens = "tokens, sent and answered", parallel = "calls that are out at once", warn = "you are told when these parts of a budget are spent" }

local price = { input = "tokens sent", output = "tokens answered", cached = "tokens sent that the provider had kept (else as input)",
  written = "tokens written into the provider's cache", written_1h = "the same, kept there for an hour (else as written)",
  reasoning = "tokens of reasoning, where they have a price of their own", as_of = "when the prices were looked up",
  source = "where", long = "other rates for a whole request whose prompt is long", ["long.over"] = "from more tokens than this on",
  services = "other rates by the service tier that a request asks for, such as batch or flex", ["services.NAME"] = "one of them" }
for _, place in ipairs { "long.", "services.NAME." } do
  for _, rate in ipairs { "input", "output", "cached", "written", "written_1h", "reasoning" } do
    price[place .. rate] = "the same there (else as above)"
  end
end

local kept = { runs = "finished runs are dropped after this", failed = "the same for runs that failed", keep_last = "but so many of an agent are kept" }

--- The words of a part, at another place: { day = ... } below "budget".
local function below(place, words, out)
  for name, about in pairs(words) do out[place .. "." .. name] = about end
end

local config = {
  zone = "where your days begin and end; schedules that name no zone are in it", owner = "whom approvals are for",
  tiers = "models by what they are for; agents name a tier, never a model", ["tiers.NAME"] = "candidates, tried in this order",
  ["tiers.NAME[].provider"] = "whose interface it speaks; echo says back what it is told, without a network",
  ["tiers.NAME[].model"] = "the model's name there", ["tiers.NAME[].base_url"] = "where it is, if not at the provider's usual address",
  ["tiers.NAME[].key"] = "the key", ["tiers.NAME[].key_file"] = "the file that holds the key, instead",
  ["tiers.NAME[].price"] = "what it costs; without one no budget could hold", ["tiers.NAME[].context"] = "tokens that fit in",
  ["tiers.NAME[].max_output"] = "tokens that an answer may have", ["tiers.NAME[].max_parallel"] = "calls at a time",
  ["tiers.NAME[].timeout"] = "an attempt is given up after this",
  ["tiers.NAME[].connect"] = "or when there is no connection by then (10s)",
  ["tiers.NAME[].first_byte"] = "or when no reply has begun by then", ["tiers.NAME[].stall"] = "or when nothing came for so long (1m)",
  ["tiers.NAME[].tools"] = "false: it takes no tools, and is passed over when a request has some",
  ["tiers.NAME[].schema"] = "false: it knows no schemas, and is told of them in words",
  ["tiers.NAME[].ca_file"] = "certificates to trust instead of the system's", ["tiers.NAME[].file"] = "recorded: the cassette that it answers from",
  ["tiers.NAME[].record"] = "a cassette to which its answers are added, for a recorded tier to give again",
  embed = "what makes vectors of texts", ["embed.provider"] = "builtin needs no network", ["embed.model"] = "the model's name there",
  ["embed.base_url"] = "where it is", ["embed.key"] = "the key", ["embed.key_file"] = "the file that holds the key, instead",
  ["embed.dim"] = "numbers in a vector", ["embed.price"] = "what it costs",
  budget = "money that may be spent, all agents together; what does not fit is not sent",
  policy = "what agents may do by themselves, and what needs a yes; the first rule that fits holds",
  ["policy[].effect"] = "SKILL.OP, with * for any rest", ["policy[].risk"] = "effects of this risk", ["policy[].agent"] = "of this agent only",
  ["policy[].where"] = "only with such arguments", ["policy[].say"] = "what happens: done, asked, refused",
  approvals = "how questions are treated", ["approvals.undo"] = "a decision can be taken back for so long before its run goes on; nothing said: it goes on at once",
  ["approvals.web_undo"] = "the same for decisions in the browser (15s)",
  otlp = "a collector of OpenTelemetry to which keel serve sends traces and metrics", ["otlp.url"] = "where it is, without /v1/traces",
  ["otlp.headers"] = "headers that it wants", ["otlp.headers.NAME"] = "one of them; its value is never shown", ["otlp.secret"] = "sent as a bearer token",
  ["otlp.ca_file"] = "who signs its certificate", ["otlp.content"] = "send prompts, arguments and answers, too (false)",
  ["otlp.metrics_every"] = "how often metrics are sent (60s)", ["otlp.queue"] = "the most runs that wait to be sent; more are dropped and counted (2048)",
  alert = "when keel serve publishes alert.raised", ["alert.failures"] = "when so many runs of an agent failed in a row (3)",
  adapters = "what touches the outside, by the name that agents use", ["adapters.NAME"] = "which one it is; what more it takes is its own matter",
  inbox = "folders that are watched: a file that comes is an event", ["inbox.NAME"] = "the event's type is the name, such as mail.received",
  watch = "mailboxes that are watched: a mail that comes is an event", ["watch[].adapter"] = "which of the adapters; it is an imap one",
  ["watch[].folder"] = "the folder there (the adapter's inbox)", ["watch[].event"] = "the event's type",
  ["watch[].every"] = "how often it is looked at", ["watch[].since"] = "what lay there before the first look: nothing of it is an event, or all, or what is no older",
  ["watch[].seen"] = "true: mails are marked as seen when they are taken",
  http = "the pages and the interface for programs", ["http.listen"] = "where it listens; port 0 takes a free one",
  ["http.hosts"] = "names by which it may be called, besides the loopback's", ["http.webhooks"] = "events that may come from outside, by type",
  ["http.webhooks.NAME"] = "one of them", ["http.webhooks.NAME.secret"] = "what signs it", ["http.metrics"] = "who may read /metrics",
  memory = "how what was learned is found", ["memory.kinds"] = "by kind of memory", ["memory.kinds.NAME"] = "one kind",
  ["memory.kinds.NAME.k1"] = "how much a repeated word counts (BM25)", ["memory.kinds.NAME.b"] = "how much long texts are held back (BM25)",
  ["memory.kinds.NAME.vector"] = "weight of likeness in meaning", ["memory.kinds.NAME.recency"] = "weight of being new",
  ["memory.kinds.NAME.importance"] = "weight of being important", ["memory.kinds.NAME.context"] = "weight of what is near",
  ["memory.kinds.NAME.ttl"] = "hidden after this", ["memory.kinds.NAME.half_life"] = "half as new after this",
  ["memory.kinds.NAME.text"] = "weight of the words", ["memory.kinds.NAME.time"] = "weight of falling into the time that is asked about",
  ["memory.retention"] = "how long memories are kept: by kind, by \"NAMESPACE/KIND\", or \"*\"; nothing said: for ever",
  ["memory.retention.NAME"] = "this long; or what follows", ["memory.retention.NAME.age"] = "what was remembered longer ago goes",
  ["memory.retention.NAME.count"] = "the newest so many stay", ["memory.retention.NAME.bytes"] = "the newest stay that have so many bytes together",
  ["memory.retention.NAME.faded"] = "what is worth less goes: importance, halved every half_life",
  ["memory.retention.NAME.half_life"] = "how fast importance fades (30d)",
  ["memory.retention.NAME.superseded"] = "older versions of a key go after this",
  ["memory.retention.NAME.summarise"] = "a session that is silent so long is put into one summary",
  ["memory.tombstones"] = "what is left of forgotten memories, after this",
  retention = "how long what is over is kept; nothing said: for ever", ["retention.events"] = "events are dropped after this",
  ["retention.tombstones"] = "what is left of dropped runs, after this", ["retention.max_bytes"] = "the store may have this size: the oldest goes first",
  ["retention.pack"] = "what is older is packed", ["retention.every"] = "how often it is looked at", ["retention.agents"] = "other times, by agent",
  ["retention.agents.NAME"] = "of one agent", agents = "settings of agents, by their name", ["agents.NAME"] = "those that its `config` declares",
}
below("budget", money_of, config)
below("tiers.NAME[].price", price, config)
below("embed.price", price, config)
below("retention", kept, config)
below("retention.agents.NAME", kept, config)

local agent = {
  version = "its number: runs under way keep the one they began with", about = "what it does, in a sentence", on = "what starts it",
  concurrency = "runs of it at a time", input = "what its input must be", output = "what its result must be",
  config = "settings that it takes, from agents.NAME of config.lua", caps = "bounds of what runs between two steps",
  ["caps.instructions"] = "instructions of Lua", ["caps.memory"] = "memory", ["caps.wall"] = "time",
  budget = "money, calls and tokens that it may spend", ["budget.loops"] = "paid calls may fail so often in a row (5); five times as often may the same thing be asked",
  uses = "skills and adapters that it may call, as ctx.skill.NAME",
  locally = "skills that are done by their local code for it, also where a model is configured", memory = "what of the memory it may touch: patterns like client/*",
  ["memory.read"] = "may be read", ["memory.write"] = "may be written", on_node = "the machine that runs it, where there are several",
  timeout = "a run is given up after this", policy = "what of its effects needs a yes; the first rule that fits holds, behind those of config.lua",
  ["policy[].effect"] = "SKILL.OP, with * for any rest", ["policy[].risk"] = "effects of this risk",
  ["policy[].where"] = "only with such arguments", ["policy[].say"] = "what happens: done, asked, refused",
  run = "function(ctx, input) that does the work and returns the result",
  ["on[].event"] = "events of this type, or of all that begin so (mail.*)", ["on[].where"] = "only where the payload is so",
  ["on[].key"] = "the payload's field that says which event it is: twice the same starts one run", ["on[].throttle"] = "so many in a time; more wait",
  ["on[].priority"] = "who waits goes in this order, higher first", ["on[].order"] = "one after the other, for each value of this field",
  ["on[].fair"] = "by turns, for each value of this field", ["on[].debounce"] = "begin when it has been quiet for this long",
  ["on[].coalesce"] = "what comes in this time is one run", ["on[].cron"] = "minute, hour, day, month, weekday",
  ["on[].every"] = "at this interval", ["on[].from"] = "counted from then", ["on[].at"] = "once, then", ["on[].name"] = "what the schedule is called",
  ["on[].zone"] = "the zone of its wall clock", ["on[].input"] = "the payload of its input", ["on[].jitter"] = "later by chance, up to this",
  ["on[].overlap"] = "when the run before still goes on", ["on[].dst"] = "when clocks change", ["on[].catch_up"] = "slots that were missed",
  ["on[].catch_up.within"] = "as old as this", ["on[].catch_up.keep"] = "all of them, or the last",
}
below("budget", money_of, agent)

local skill = {
  version = "its number", about = "what it does, in a sentence", input = "what it takes", output = "what it gives",
  effect = "what it does to the world", needs = "what it reaches", ["needs.hosts"] = "hosts", ["needs.secrets"] = "secrets, by name",
  ["needs.skills"] = "other skills, as lib.skill.NAME", examples = "inputs with what must come of them; `keel test` runs them",
  ["examples[].name"] = "what it shows", ["examples[].input"] = "an input", ["examples[].output"] = "parts of the output",
  retry = "what is done when it fails", ["local"] = "function(input, lib) that does it in Lua", model = "how a model does it, instead",
  ["model.tier"] = "which tier is asked", ["model.prompt"] = "what it is told; {field} is a field of the input",
  ["model.system"] = "what it is told before", ["model.schema"] = "what it must answer (else `output`)", ["model.max_tokens"] = "how long the answer may be",
  ["model.temperature"] = "how freely it answers", ["model.attempts"] = "how often it is asked when the answer does not fit",
  ["model.shots"] = "among so many of the examples, from the first, the five most like the input are shown to the model (`keel improve`)",
}

files.words = { config = config, agent = agent, skill = skill }

-- Lists ---------------------------------------------------------------------------------

local walk

local function walk_fields(facts, path, out)
  for _, name in ipairs(values.keys(facts.fields)) do
    local rule = facts.fields[name]
    if type(rule) ~= "table" then rule = { rule } end
    walk(rule[1], path == "" and name or path .. "." .. name, out, rule)
  end
end

--- A default as people would write it.
local function shown(path, rule)
  if path == "zone" then return "the zone of the machine" end
  local default, as = rule.default, rule.as or ""
  if type(default) == "table" then return next(default) ~= nil and json.is_list(default) and json.encode(default) or nil end
  if default ~= nil and as:find "_ms$" then return require("duration").format(default) end
  if default ~= nil and as:find "_bytes$" then return require("bytesize").format(default) end
  return default ~= nil and tostring(default) or nil
end

local function add(path, facts, out, rule)
  if path == "" or out.seen[path] then return end
  out.seen[path] = true
  local default = shown(path, rule)
  local place = path:match "%.NAME$" or path:match "%[%]$"
  if place and not out.words[path] then return end -- what the line above says already
  out[#out + 1] = { path = path, takes = facts.words, about = out.words[path], default = default,
    required = rule.required and not path:find "^on%[%]" }
end

function walk(checker, path, out, rule)
  local facts = shape.facts(checker)
  add(path, facts, out, rule)
  if facts.fields then walk_fields(facts, path, out) end
  if facts.item then walk(facts.item, facts.named and path .. ".NAME" or path .. "[]", out, {}) end
  for _, kind in ipairs(facts.choices and values.keys(facts.choices) or {}) do
    local one = shape.facts(facts.choices[kind])
    if one.fields then walk_fields(one, path, out) end
  end
end

--- The fields of "config", "agent" or "skill": a list of { path = "budget.day", takes, about,
--- required, default }, as `docs/reference` and `keel api` show them.
function files.fields(name)
  local shapes = { config = settings.shape(), agent = manifest.shapes.agent, skill = manifest.shapes.skill }
  local out = { seen = {}, words = files.words[name] }
  walk(shapes[name], "", out, {})
  out.seen, out.words = nil, nil
  return out
end

return files
