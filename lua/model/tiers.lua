--- The tiers of the settings, ready to be called: keys read, prices as integers, one
-- endpoint (turns, breaker) for each candidate.
local endpoint = require "model.endpoint"
local price = require "model.price"
local secret = require "secret"
local settings = require "settings"

local tiers = {}

local function read_key(config, raw)
  if type(raw.key) == "string" then return raw.key end
  if raw.key_file and not raw.key then return settings.key_of(config, raw) end
  return raw.key and secret.reveal(raw.key) or ""
end

--- The dialect of a provider: model/NAME.lua; nil when there is none.
function tiers.dialect(provider)
  local found, dialect = pcall(require, "model." .. tostring(provider))
  if found and type(dialect) == "table" and dialect.request and (dialect.reply or dialect.at_hand) then return dialect end
  return nil
end

--- A candidate of a tier; `problem` says why it cannot be called.
function tiers.candidate(config, raw)
  local entry = {
    provider = raw.provider, model = raw.model, base_url = raw.base_url, file = raw.file, record = raw.record, script = raw.script, home = config.home,
    context = raw.context, max_output = raw.max_output, timeout_ms = raw.timeout_ms, ca_file = raw.ca_file,
    connect_ms = raw.connect_ms or 10000, first_byte_ms = raw.first_byte_ms or 600000, stall_ms = raw.stall_ms or 60000,
    tools = raw.tools, schema = raw.schema, traits = {}, prepared = {}, endpoint = endpoint.new(raw.max_parallel or 8), key = "",
  }
  if entry.schema == false then entry.traits.plain_schema = true end
  if raw.model == "recorded" then entry.provider = "recorded" end
  local dialect = tiers.dialect(entry.provider)
  if not dialect then
    entry.problem = ("provider '%s' is not known"):format(tostring(raw.provider))
    return entry
  end
  entry.dialect = dialect
  entry.base_url = entry.base_url or dialect.default_url
  local why
  entry.price, why = price.read(entry.provider == "recorded" and "free" or raw.price)
  if not entry.price then
    entry.problem = why
    return entry
  end
  entry.price_text = price.text(entry.price)
  entry.key, why = read_key(config, raw)
  if not entry.key then entry.key, entry.problem = "", why and why.message or "its key cannot be read" end
  -- the newer name of the limit, which its inventor wants and the others may not know
  entry.traits.completion_tokens = raw.provider == "openai" and entry.base_url == dialect.default_url
  return entry
end

--- All tiers of a config: name -> list of candidates, in the order to try.
function tiers.read(config)
  local out = {}
  for name, list in pairs(config.tiers or {}) do
    out[name] = {}
    if list.provider then list = { list } end
    for i, raw in ipairs(list) do out[name][i] = tiers.candidate(config, raw) end
  end
  return out
end

return tiers
