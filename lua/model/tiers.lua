--- The tiers of the settings, ready to be called: keys read, prices as integers, one
-- place in the queue for each candidate.
local loop = require "loop"
local price = require "model.price"
local secret = require "secret"
local settings = require "settings"

local tiers = {}

-- ---- taking turns ---------------------------------------------------------------

local turns = {}
turns.__index = turns

--- Wait until fewer than `most` calls of this candidate are out; in order of arrival.
function turns:enter()
  if self.out < self.most then
    self.out = self.out + 1
    return
  end
  loop.await(function(wake) table.insert(self.queue, wake) end)
end

function turns:leave()
  local next_one = table.remove(self.queue, 1)
  if next_one then return next_one() end
  self.out = self.out - 1
end

-- ---- candidates -------------------------------------------------------------------

local function read_key(config, raw)
  if type(raw.key) == "string" then return raw.key end
  if raw.key_file and not raw.key then return settings.key_of(config, raw) end
  return raw.key and secret.reveal(raw.key) or ""
end

--- A candidate of a tier; `problem` says why it cannot be called.
local function candidate(config, raw)
  local entry = {
    provider = raw.provider, model = raw.model, base_url = raw.base_url,
    context = raw.context, max_output = raw.max_output, timeout_ms = raw.timeout_ms, traits = {},
    turns = setmetatable({ out = 0, most = raw.max_parallel or 8, queue = {} }, turns),
  }
  local found, dialect = pcall(require, "model." .. tostring(raw.provider))
  if not found or type(dialect) ~= "table" or not dialect.reply then
    entry.problem = ("provider '%s' is not known"):format(tostring(raw.provider))
    return entry
  end
  entry.dialect = dialect
  entry.base_url = entry.base_url or dialect.default_url
  local why
  entry.price, why = price.read(raw.price)
  if not entry.price then entry.problem = why end
  entry.price_text = entry.price and price.text(entry.price)
  entry.key, why = read_key(config, raw)
  if not entry.key then entry.problem = why and why.message or "its key cannot be read" end
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
    for i, raw in ipairs(list) do out[name][i] = candidate(config, raw) end
  end
  return out
end

return tiers
