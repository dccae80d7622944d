--- What `keel serve` says on standard error: lines for a person, or one JSON object a line.
--
--   local log = require("observe.log").new { json = true }
--   log:line("info", "the engine is back", { run = "run_1k2m" })
--   --> {"time":"2026-11-02T09:00:00.000Z","level":"info","msg":"the engine is back","run":"run_1k2m"}
--
-- No line shows a secret that this process knows of (secret.redact), whoever said it.
local clock = require "core.clock"
local errors = require "errors"
local json = require "json"
local rfc3339 = require "rfc3339"
local secret = require "secret"
local terminal = require "terminal"

local log = {}
log.__index = log

--- How errors look as text: as in a terminal without colours, for names and messages are others' words.
local manner = { no_color = true, getenv = os.getenv, command = function(text) return "keel " .. text end }

--- The first fields of a line, in this order; others follow by their names.
local first = { "time", "level", "msg", "run", "agent" }

--- options: json, write(text) (standard error), now() -> ms.
function log.new(options)
  return setmetatable({ json = options.json, now = options.now or clock.now_ms,
    write = options.write or function(text) io.stderr:write(text) end }, log)
end

local function redacted(value)
  return type(value) == "string" and secret.redact(value) or value
end

local function object(fields)
  local parts, taken = {}, {}
  local function add(name)
    if fields[name] == nil or taken[name] then return end
    taken[name] = true
    parts[#parts + 1] = json.encode(name) .. ":" .. (json.encode(redacted(fields[name])) or '"?"')
  end
  for _, name in ipairs(first) do add(name) end
  for _, name in ipairs(json.sorted_keys(fields)) do add(name) end
  return "{" .. table.concat(parts, ",") .. "}\n"
end

local function put(self, level, text, fields)
  local out = { time = rfc3339.format(self.now()), level = level, msg = text }
  for name, value in pairs(fields or {}) do out[name] = value end
  self.write(object(out))
end

--- Say a sentence. level: debug, info, warn, error; fields: more of it, for JSON.
function log:line(level, text, fields)
  if self.json then return put(self, level, text, fields) end
  self.write("keel: " .. terminal.message(secret.redact(text)) .. "\n")
end

--- What a run says by ctx.log.
function log:of_run(run, level, text)
  if self.json then return put(self, level, text, { run = run.run, agent = run.agent }) end
  self.write(("%s %s: %s: %s\n"):format(terminal.message(run.agent), run.run, level, terminal.message(secret.redact(text))))
end

--- Say an error, or any other message.
function log:problem(err)
  if not errors.is(err) then return self:line("error", tostring(err)) end
  if self.json then
    return put(self, "error", err.message, { number = err.number, code = err.code, file = err.file, line = err.line, run = err.run,
      agent = err.agent, why = err.cause, next = err.next })
  end
  self.write(secret.redact(require("view").problem(manner, err)) .. "\n")
end

return log
