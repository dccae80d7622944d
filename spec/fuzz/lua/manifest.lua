--- The manifest loader, as the engine uses it: a source runs in a sandbox, what it hands
-- over is checked in the trusted state. Whatever the source: a manifest, or an error
-- with a number, a message and a next step; never one of ours.
local choices = require "choices"
local errors = require "errors"
local json = require "json"
local library = require "library"
local manifest = require "manifest"

local words = {
  -- keys of manifests
  "version", "about", "on", "event", "where", "key", "throttle", "debounce", "coalesce", "order", "fair", "priority", "cron",
  "every", "at", "zone", "gap", "fold", "dst", "jitter", "overlap", "catch_up", "within", "keep", "name", "from",
  "concurrency", "input", "output", "config", "caps", "instructions", "memory", "wall", "budget", "run", "hour", "day",
  "month", "calls", "tokens", "warn", "uses", "read", "write", "on_node", "timeout", "effect", "needs", "hosts", "secrets",
  "skills", "examples", "retry", "attempts", "local", "model", "tier", "prompt", "system", "schema", "max_tokens",
  "temperature", "undo", "compensate", "$function", "budgte", "runn",
  -- and of schemas and conditions
  "type", "properties", "required", "items", "enum", "const", "minimum", "maximum", "pattern", "format", "anyOf", "allOf",
  "oneOf", "not", "if", "then", "else", "$ref", "$defs", "#/$defs/a", "#", "additionalProperties", "patternProperties",
  "default", "multipleOf", "minLength", "uniqueItems", "dependentRequired", "unevaluatedProperties", "$id", "$anchor",
  ">", "<=", "~=", "in", "prefix", "=>", "x-mine", "a",
  -- values
  "string", "object", "integer", "array", "number", "boolean", "null", "mail.received", "mail.*", "*", "", "30/min", "5m",
  "1h30m", "0s", "-1s", "99999999999h", "$1.50", "0.000001 USD", "1e9", "32 MB", "-5 KB", "*/5 * * * *", "61 * * * *",
  "@daily", "Europe/Lisbon", "Mars/Base", "2026-01-01T09:00:00Z", "2026-02-30T09:00:00", "skip", "queue_one",
  "pure", "local", "idempotent", "small", "example.org", "date-time", "^[a-z]+$", "(", "[a", "(?<n>a)\\k<n>", "a{1000}{1000}",
}

local function check_error(err)
  assert(errors.is(err), "an error of another kind")
  assert(err.number:match "^K%d+$" and err.number ~= "K9009", "an internal error: " .. tostring(err))
  assert(type(err.message) == "string" and err.message ~= "", "an error without a message")
  local text = tostring(err)
  assert(not text:find("stack traceback", 1, true), "a traceback: " .. text)
  assert(not text:find("lua/[%w_/]+%.lua:%d"), "a place of ours: " .. text)
  assert(json.encode(errors.json(err)), "an error that is no JSON: " .. text)
  assert(err.line == nil or math.type(err.line) == "integer" and err.line >= 1, "a line that is none")
end

local function function_value(c)
  return c:below(2) == 0 and { ["$function"] = c:byte() } or nil
end

--- A manifest in which most is as it should be.
local function table_of(c)
  local out = c:value(words)
  if type(out) ~= "table" then out = {} end
  for _ = 1, c:below(8) do out[c:pick(words)] = c:value(words) end
  if c:below(4) ~= 0 then out.version = 1 end
  if c:below(4) ~= 0 then out.run = { ["$function"] = 3 } end
  if c:below(4) == 0 then out["local"] = function_value(c) end
  if c:below(3) == 0 then out.effect = c:pick { "pure", "read", "local", "idempotent", "at_most_once" } end
  if c:below(3) == 0 then
    out.on = { { [c:pick { "event", "cron", "every", "at" }] = c:pick(words), [c:pick(words)] = c:value(words) }, nil }
  end
  return out
end

local function as_source(kind, raw)
  return ("return %s %s"):format(kind, (choices.source(raw):gsub('{ %["$function"%] = %w+ }', "function() end")))
end

return function(bytes)
  local c = choices.of(bytes)
  local how, kind = c:below(4), c:pick { "agent", "skill" }
  local found, err
  if how == 0 then
    found, err = library.of_source(kind, "one", kind .. "s/one.lua", c:rest())
  elseif how == 1 then
    found, err = library.of_source(kind, "one", kind .. "s/one.lua", as_source(kind, table_of(c)))
  else
    -- as the sandbox may hand it over: no functions, no NaN
    local raw = json.unpack(json.pack(table_of(c)) or json.pack {})
    local source = as_source(kind, raw)
    found, err = manifest[kind](raw, { file = "x.lua", source = source, name = "one", skills = how == 2 and {} or nil })
  end
  if not found then return check_error(err) end
  assert(json.encode(found), "a manifest that is no JSON")
end
