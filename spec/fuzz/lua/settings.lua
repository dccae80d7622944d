--- Any text of a config.lua: settings, or an error with a number and a line; never one of
-- ours.
local choices = require "choices"
local errors = require "errors"
local settings = require "settings"

local words = {
  "home", "models", "tiers", "small", "large", "default", "provider", "anthropic", "openai", "ollama", "model", "key", "url",
  "price", "input", "output", "cached", "budget", "run", "hour", "day", "month", "warn", "adapters", "use", "folder", "http_json",
  "outbox", "path", "agents", "serve", "host", "port", "token", "watch", "retention", "keep", "zone", "timezone", "listen",
  "secrets", "webhooks", "secret", "memory", "dialect", "timeout", "retry", "every", "ops", "method", "headers", "effect",
  "Europe/Lisbon", "$1.50", "$5/day", "1h", "7d", "localhost", "https://example.org", "127.0.0.1", "mail", "x", "", "8080", "get",
  "idempotent", "{id}", "/a/{b}",
}

return function(bytes)
  local c = choices.of(bytes)
  local text = c:below(3) == 0 and c:rest() or "return " .. choices.source(c:value(words, -1))
  local config, err = settings.from_source(text, "config.lua", function(name) return name == "SET" and "value" or nil end)
  if config then return assert(type(config.warnings) == "table") end
  assert(errors.is(err) and err.number ~= "K9009", "no error of ours: " .. tostring(err))
  assert(not tostring(err):find("stack traceback", 1, true) and not tostring(err):find("lua/[%w_/]+%.lua:%d"), tostring(err))
end
