--- config.lua: read, checked, normalized.
--
--   local settings, err = settings.load("home/config.lua")
--   settings.tiers.small[1].price.input_picousd      --> 200000
--
-- The file is plain Lua that sees nothing but env(NAME) and runs under an
-- instruction bound. Every key is checked; a misspelt one is an error with its
-- line and a suggestion. Money comes out as integer pico-USD, prices as
-- pico-USD per token, times as milliseconds. Keys and secrets come out as
-- objects of secret.lua, and no error shows the text of one.

local errors = require "errors"
local luasource = require "luasource"
local manifest = require "manifest"
local secret = require "secret"
local shape = require "shape"
local suggest = require "suggest"
local values = require "schema.values"
local zones = require "zones"

local settings = {}

settings.providers = { "openai", "anthropic", "ollama", "echo", "recorded" }
settings.embedders = { "builtin", "openai", "ollama" }

--- Instructions that config.lua may take; a thousand times what one needs.
local max_instructions = 10000000

-- Shapes ----------------------------------------------------------------------

local function hidden(value, path)
  if type(value) ~= "string" then
    -- Said without the value: it may be a key in the wrong place.
    shape.refuse("K2103", path, { got = "of type " .. type(value),
      expected = 'a string, best env "NAME"' })
  end
  if value == "" then shape.bad_value(path, "it is empty") end
  return secret.new(value)
end
shape.says(hidden, 'a secret, best `env "NAME"`')

local url = shape.text("^https?://[%w%.%-_%[%]:]+[^%s]*$",
  'an address like "https://api.example.com/v1"')

local host = shape.text("^[%w%.%-_%*%[%]:]+$", "a host name")

local function rates(name, more, required)
  local fields = {}
  for _, rate in ipairs { "input", "output", "cached", "written", "written_1h", "reasoning" } do
    fields[rate] = { shape.price, as = rate .. "_picousd", required = required and (rate == "input" or rate == "output") or nil }
  end
  for field, check in pairs(more or {}) do fields[field] = check end
  return shape.record(name, fields)
end

local long_rates = rates("the rates of long prompts", { over = { shape.integer(1), required = true } })
local price_fields = rates("a price (USD per million tokens)", {
  as_of = shape.text("^%d%d%d%d%-%d%d%-%d%d$", 'a date like "2026-11-01"'), source = shape.text(),
  long = long_rates, services = shape.map(rates("the rates of a service")),
}, true)

--- "free" is a price of nothing, so that no ledger needs a special case.
local function price(value, path)
  if value == "free" then
    return { input_picousd = 0, output_picousd = 0, cached_picousd = 0,
      free = true }
  end
  if type(value) ~= "table" then
    shape.wrong_type(value, path, '"free" or { input =, output = }')
  end
  local out = price_fields(value, path)
  out.cached_picousd = out.cached_picousd or out.input_picousd
  return out
end
shape.says(price, '"free", or a table', shape.facts(price_fields))

local model = shape.record("a tier's entry", {
  provider = { shape.one_of(settings.providers), required = true },
  model = { shape.text(), required = true },
  base_url = url, key = hidden, key_file = shape.text(), price = price,
  context = shape.integer(1), max_output = shape.integer(1),
  max_parallel = { shape.integer(1, 1024), default = 8 },
  timeout = { shape.duration, as = "timeout_ms" }, connect = { shape.duration, as = "connect_ms" },
  first_byte = { shape.duration, as = "first_byte_ms" }, stall = { shape.duration, as = "stall_ms" },
  tools = shape.flag, schema = shape.flag, ca_file = shape.text(), file = shape.text(), record = shape.text(),
})

local embed = shape.record("embed", {
  provider = { shape.one_of(settings.embedders), required = true },
  model = shape.text(), base_url = url, key = hidden, key_file = shape.text(),
  dim = shape.integer(1, 8192), price = price,
})

local function fractions(value, path)
  local list = shape.list(shape.number(0, 1))(value, path)
  table.sort(list)
  return list
end
shape.says(fractions, "a list of numbers, 0 to 1")

local budget = shape.record("the engine's budget", {
  run = { shape.money, as = "run_picousd" },
  hour = { shape.money, as = "hour_picousd" },
  day = { shape.money, as = "day_picousd" },
  month = { shape.money, as = "month_picousd" },
  calls = shape.amount, tokens = shape.amount, parallel = shape.integer(1, 4096),
  warn = { fractions, default = { 0.5, 0.8 } },
})

--- An adapter by its name, or { use = name, ... }: what else it takes is its own
-- matter, except that `secret` and `key` are hidden.
local function adapter(value, path)
  if type(value) == "string" then return { use = shape.text()(value, path) } end
  if type(value) ~= "table" then
    shape.wrong_type(value, path, "an adapter's name or { use = ... }")
  end
  if value.use == nil then
    shape.refuse("K2102", shape.at(path, "use"), { field = "use",
      where = "an adapter" })
  end
  local known, module = pcall(require, "adapter." .. tostring(value.use))
  if known and module.shape then
    return module.shape({ secret = hidden, url = url, host = host })(value, path)
  end
  local out = {}
  for _, key in ipairs(values.keys(value)) do
    local check = shape.any
    if key == "secret" or key == "key" then check = hidden end
    if key == "use" then check = shape.text() end
    if key == "base_url" then check = url end
    if key == "hosts" then check = shape.list(host) end
    out[key] = check(value[key], shape.at(path, key))
  end
  return out
end
shape.says(adapter, "an adapter's name, or { use = NAME, ... }")

local function folder(value, path)
  shape.text()(value, path)
  if value:find("\0", 1, true) then shape.bad_value(path, "it holds a zero byte") end
  return value
end
shape.says(folder, "a folder of the home")

local event_name = shape.text("^[%w_]+[%w_.%-]*$",
  'an event type like "mail.received"')

local http = shape.record("http", {
  listen = { shape.text("^[%w%.%-_%[%]:]*:%d+$", 'HOST:PORT like "127.0.0.1:7171"'),
    default = "127.0.0.1:7171" },
  hosts = { shape.list(host), default = {} },
  webhooks = { shape.map(shape.record("a webhook", { secret = hidden }),
    event_name), default = {} },
  metrics = { shape.one_of { "open", "token" }, default = "token" },
})

--- How long memories are kept: lua/memory/retention.lua says what the words mean.
local memory_rule_fields = {
  age = { shape.duration, as = "age_ms" }, count = shape.integer(1, 1 << 40), bytes = shape.bytes,
  faded = shape.number(0, 1), half_life = { shape.duration, as = "half_life_ms" },
  superseded = { shape.duration, as = "superseded_ms" }, summarise = { shape.duration, as = "summarise_ms" },
}
local memory_rule_table = shape.record("a rule of memory.retention", memory_rule_fields)
local memory_rule = shape.says(function(value, path)
  if type(value) == "table" then return memory_rule_table(value, path) end
  return { age_ms = shape.duration(value, path) }
end, 'a duration like "90d", or a table', { fields = memory_rule_fields })

local weight = shape.number(0, 1)
local memory = shape.record("memory", {
  kinds = { shape.map(shape.record("the settings of a kind", {
    k1 = shape.number(0, 10), b = shape.number(0, 1), text = weight, vector = weight, recency = weight,
    importance = weight, context = weight, time = weight,
    ttl = { shape.duration, as = "ttl_ms" },
    half_life = { shape.duration, as = "half_life_ms" } })), default = {} },
  retention = { shape.map(memory_rule), default = {} },
  tombstones = { shape.duration, as = "tombstones_ms" },
})

--- How long what is over is kept; nothing said: for ever.
local function kept_for(more)
  local fields = { runs = { shape.duration, as = "runs_ms" }, failed = { shape.duration, as = "failed_ms" },
    keep_last = shape.integer(0, 1000000) }
  for name, field in pairs(more or {}) do fields[name] = field end
  return shape.record("retention", fields)
end

local retention = kept_for {
  events = { shape.duration, as = "events_ms" },
  tombstones = { shape.duration, as = "tombstones_ms" },
  max_bytes = shape.bytes,
  pack = { shape.duration, as = "pack_ms" },
  every = { shape.duration, as = "every_ms" },
  agents = { shape.map(kept_for()), default = {} },
}

local function zone_shape(getenv)
  return shape.says(function(value, path)
    if type(value) ~= "string" then
      shape.wrong_type(value, path, 'a zone like "Europe/Lisbon"')
    end
    if not zones.exists(value, getenv) then
      shape.refuse("K2005", path, { name = value,
        suggestion = zones.nearest(value, getenv) })
    end
    return value
  end, 'a zone like "Europe/Lisbon"')
end

local default_adapters = { mail = { use = "outbox" }, docs = { use = "folder" } }
local default_inbox = { ["mail.received"] = "inbox/mail",
  ["file.created"] = "inbox/notes" }

local approvals = shape.record("approvals", {
  undo = { shape.duration, as = "undo_ms" },
  web_undo = { shape.duration, as = "web_undo_ms", default = 15000 },
})

--- Where traces and metrics go by themselves: lua/observe/export.lua.
local function header_secret(value, path)
  if type(value) == "string" and value:find "%c" then shape.bad_value(path, "it holds a control character") end
  return hidden(value, path)
end
shape.says(header_secret, 'a secret, best `env "NAME"`')

local otlp = shape.record("otlp", {
  url = { url, required = true }, headers = { shape.map(header_secret, shape.text("^[%w!#$%%&'*+.^_`|~-]+$", "a header's name")), default = {} },
  secret = header_secret, ca_file = shape.text(), content = { shape.flag, default = false },
  metrics_every = { shape.duration, as = "metrics_every_ms", default = 60000 }, queue = { shape.integer(1, 1000000), default = 2048 },
})

--- When an event alert.raised is published: lua/engine/alerts.lua.
local alert = shape.record("alert", { failures = { shape.integer(1, 1000), default = 3 } })

--- Mailboxes that are watched: lua/serve/mailboxes.lua.
local function watch_every(value, path)
  local ms = shape.duration(value, path)
  if ms < 1000 then shape.bad_value(path, "a server is asked once a second at most") end
  return ms
end
shape.says(watch_every, 'a duration from "1s" on')

local function watch_since(value, path)
  if value ~= "now" and value ~= "all" then shape.duration(value, path) end
  return value
end
shape.says(watch_since, '"now", "all", or a duration like "7d"')

local watched = shape.record("a watched mailbox", {
  adapter = { shape.text(), required = true }, folder = shape.text("^[^%c]+$", "a folder's name"),
  event = { event_name, default = "mail.received" }, every = { watch_every, as = "every_ms", default = 60000 },
  since = { watch_since, default = "now" }, seen = { shape.flag, default = false },
})

--- The adapter of an entry of `watch`, and the mailbox's names: `name` for people, `id` for the store.
local function complete_watch(one, adapters, path)
  local entry, place = adapters[one.adapter], shape.at(path, "adapter")
  if not entry then
    shape.bad_value(place, ("there is no adapter '%s'"):format(one.adapter), suggest.nearest(one.adapter, adapters))
  end
  local _, module = pcall(require, "adapter." .. entry.use)
  if type(module) ~= "table" or not module.account then
    shape.bad_value(place, ("adapter '%s' is '%s'; mailboxes of 'imap' can be watched, and folders by `inbox`"):format(one.adapter, entry.use))
  end
  one.folder = one.folder or entry.folders.inbox
  one.name = one.adapter .. "/" .. one.folder
  one.id = ("%s/%s %s"):format(module.account(entry), one.folder, one.event)
  one.since_ms = require("duration").parse(one.since)
end

local function check_watches(config)
  local seen = {}
  for i, one in ipairs(config.watch) do
    local path = { "watch", i }
    complete_watch(one, config.adapters, path)
    if seen[one.id] then shape.bad_value(path, ("%s is watched already, for the same event"):format(one.name)) end
    seen[one.id] = true
  end
  return config
end

local function config_shape(getenv)
  local function default_of(record) return record({}, {}) end
  local record = shape.record("config.lua", {
    zone = { zone_shape(getenv), default = zones.default(getenv) },
    owner = { shape.text(), default = "owner" },
    tiers = { shape.map(shape.one_or_list(model)), default = {} },
    embed = { embed, default = { provider = "builtin" } },
    budget = { budget, default = default_of(budget) },
    adapters = { shape.map(adapter), default = default_adapters },
    inbox = { shape.map(folder, event_name), default = default_inbox },
    watch = { shape.list(watched), default = {} },
    http = { http, default = default_of(http) },
    memory = { memory, default = default_of(memory) },
    retention = { retention, default = default_of(retention) },
    policy = { require("policy").shape(true), default = {} },
    approvals = { approvals, default = default_of(approvals) },
    otlp = otlp, alert = { alert, default = default_of(alert) },
    agents = { shape.map(shape.map(shape.any)), default = {} },
  })
  return shape.says(function(value, path) return check_watches(record(value, path)) end, "a table", shape.facts(record))
end

--- The shape of config.lua, for pages that tell of it.
function settings.shape() return config_shape(function() end) end

-- Hiding ----------------------------------------------------------------------

local function is_secret_name(name)
  name = name:lower()
  return name ~= "key_file" and (name:find("key") or name:find("secr")
    or name:find("token") or name:find("pass")) ~= nil
end

--- Is this string token the NAME of env "NAME" or env("NAME")?
local function is_env_name(tokens, i)
  local before = tokens[i - 1]
  if before and before.value == "(" then before = tokens[i - 2] end
  return before ~= nil and before.kind == "name" and before.value == "env"
end

local brackets = { ["{"] = 1, ["("] = 1, ["["] = 1,
  ["}"] = -1, [")"] = -1, ["]"] = -1 }

--- The set of token indexes that stand in the value of a secret field.
local function secret_values(tokens)
  local found, depth, until_depth = {}, 0, nil
  for i, token in ipairs(tokens) do
    depth = depth + (brackets[token.kind] or 0)
    if until_depth and (depth < until_depth
        or depth == until_depth and (token.kind == "," or token.kind == ";")) then
      until_depth = nil
    end
    if until_depth then found[i] = true end
    local after = tokens[i + 1]
    if not until_depth and token.kind == "name" and is_secret_name(token.value)
        and after and after.kind == "=" then
      until_depth = depth
    end
  end
  return found
end

--- The source with the strings in secret fields blanked, and all other strings
-- that look like a key, so that an excerpt shows none. Lines stay where they
-- are.
local function redact(text)
  local tokens = luasource.tokens(text)
  local secrets = secret_values(tokens)
  local out, from = {}, 1
  for i, token in ipairs(tokens) do
    if token.kind == "string" and not is_env_name(tokens, i) then
      local long = #token.value >= 20 and not token.value:find("[%s/.]")
      if secrets[i] or long then
        local raw = text:sub(token.at, token.stop - 1)
        out[#out + 1] = text:sub(from, token.at - 1) .. '"***"'
          .. ("\n"):rep(select(2, raw:gsub("\n", "")))
        from = token.stop
      end
    end
  end
  return table.concat(out) .. text:sub(from)
end

settings.redact = redact

--- Lua quotes the offending token in a message; a string may be a key.
local function hush(message)
  return (message:gsub("near '[\"'%[].*$", "near a string"))
end

-- Running -----------------------------------------------------------------------

local function place_of(message)
  local line, detail = tostring(message):match("^.-:(%d+):%s*(.*)$")
  return line and math.tointeger(tonumber(line)), detail or tostring(message)
end

--- An error of the file itself (K2002, K2003) at its line.
local function broken(number, message, origin)
  local line, detail = place_of(message)
  return errors.new(number, { detail = hush(detail), line = line,
    file = origin.file, source = origin.source })
end

--- Call with an instruction bound, where the debug library allows one.
local function bounded(chunk)
  local co = coroutine.create(chunk)
  if debug and debug.sethook then
    debug.sethook(co, function()
      error("it takes too long (" .. max_instructions .. " instructions)", 2)
    end, "", max_instructions)
  end
  return coroutine.resume(co)
end

--- What comes from the environment in this length may be a key, wherever it is put.
local env_secret = 8

--- What the file returns, and the names of variables that were asked for and
-- are not set.
local function evaluate(text, origin, getenv)
  local unset = {}
  local function env(name)
    if type(name) ~= "string" then error("env needs a name", 2) end
    local value = getenv(name)
    if value == nil then unset[#unset + 1] = name
    elseif type(value) == "string" and #value >= env_secret then secret.remember(value) end
    return value
  end
  local chunk, message = load(text, "=" .. origin.file, "t", { env = env })
  if not chunk then return nil, broken("K2002", message, origin) end
  local ran, result = bounded(chunk)
  if not ran then return nil, broken("K2003", result, origin) end
  if type(result) ~= "table" then
    return nil, errors.new("K2004", { got = values.type_name(result),
      file = origin.file })
  end
  return result, unset
end

local function located(problem, origin)
  problem.file, problem.source = origin.file, origin.source
  problem.line = luasource.line(origin.source, problem.path)
  return errors.new(problem.number, problem)
end

--- Things that are allowed but that the owner should know of.
local function warnings(config, unset)
  local list = {}
  for _, name in ipairs(unset) do
    list[#list + 1] = ("the environment variable %s is not set"):format(name)
  end
  for _, event in ipairs(values.keys(config.http.webhooks)) do
    if not config.http.webhooks[event].secret then
      list[#list + 1] = ("the webhook '%s' has no secret, so its requests are"
        .. " refused"):format(event)
    end
  end
  for _, tier in ipairs(values.keys(config.tiers)) do
    for i, entry in ipairs(config.tiers[tier]) do
      if not entry.price and entry.provider ~= "recorded" and entry.model ~= "recorded" then
        list[#list + 1] = ("tiers.%s[%d] has no price, so it is never called")
          :format(tier, i)
      end
    end
  end
  return list
end

-- Faces ---------------------------------------------------------------------------

--- Settings from the text of a config file.
-- @param name    the file's name for messages, "config.lua"
-- @param getenv  function(NAME) -> text or nil; os.getenv by default
-- @return the settings: the table of contracts section 1 with `budget`
--   { run_picousd, hour_picousd, day_picousd, month_picousd, warn }, `price`
--   { input_picousd, output_picousd, cached_picousd } per token, `adapters` as
--   { use = name, ... }, tiers always lists, secrets hidden; and `warnings`, a
--   list of sentences, and `origin` for manifest.settings. Or nil, err.
function settings.from_source(text, name, getenv)
  getenv = getenv or os.getenv
  local origin = { file = name or "config.lua", source = redact(text) }
  local raw, unset = evaluate(text, origin, getenv)
  if not raw then return nil, unset end
  local config, problem = shape.check(config_shape(getenv), raw)
  if not config then return nil, located(problem, origin) end
  config.warnings = warnings(config, unset)
  config.origin = origin
  config.hash = require("core.digest").sha256(text)
  return config
end

--- Settings from a file; its folder is the home.
-- @return as from_source, plus `home`; or nil, err
function settings.load(path, getenv)
  local home = path:match("^(.*)/[^/]*$") or "."
  local file, message = io.open(path, "r")
  if not file then
    return nil, errors.new("K2001", { name = home, message = not
      tostring(message):find("No such file", 1, true)
      and ("cannot read %s"):format(message) or nil })
  end
  local text = file:read("a")
  file:close()
  if not text then
    return nil, errors.new("K1009", { name = path })
  end
  local config, err = settings.from_source(text, path:match("[^/]*$"), getenv)
  if config then config.home = home end
  return config, err
end

--- The text of the key of a tier's entry (or of `embed`): from `key`, else from
-- the first line of `key_file`, relative to the home.
-- @return the text, "" when the entry names no key (a local server); or nil, err
function settings.key_of(config, entry)
  if entry.key then return secret.reveal(entry.key) end
  if not entry.key_file then return "" end
  local path = entry.key_file
  if path:sub(1, 1) ~= "/" then path = (config.home or ".") .. "/" .. path end
  local _, _, mode = require("file").stat(path)
  if math.type(mode) == "integer" and mode & 63 ~= 0 then
    return nil, errors.new("K2006", { name = entry.model or entry.provider,
      detail = ("%s may be read by others (its mode is %03o): chmod 600 it"):format(entry.key_file, mode) })
  end
  local file, message = io.open(path, "r")
  local line = file and file:read("l")
  if file then file:close() end
  line = line and line:match("^%s*(.-)%s*$")
  if not line or line == "" then
    return nil, errors.new("K2006", { name = entry.model or entry.provider,
      detail = message or ("%s is empty"):format(entry.key_file) })
  end
  secret.remember(line)
  return line
end

--- The entries of a tier; nil, err (K2007 with a suggestion) when it is unknown.
function settings.tier(config, name)
  local entries = config.tiers[name]
  if entries then return entries end
  return nil, errors.new("K2007", { name = name,
    suggestion = suggest.nearest(name, config.tiers) })
end

--- The settings for one agent, checked against its manifest (see manifest.lua).
function settings.for_agent(config, agent)
  return manifest.settings(agent, config.agents[agent.name], config.origin)
end

return settings
