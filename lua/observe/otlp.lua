--- A run as a trace of OpenTelemetry: OTLP in JSON, with the names of the GenAI conventions
--- (as of semantic-conventions v1.41.0), made from the journal and the ledger.
--
-- Ids are made of the run's id and the step's number, so the same run told twice is the same
-- trace. What it cost is ours to name: keel.cost.picousd, an integer (64 bits are decimal
-- texts in OTLP's JSON). Prompts, answers, arguments and subjects are left out unless they are asked
-- for, and no attribute shows a secret that this process knows of.
local digest = require "core.digest"
local json = require "json"
local program = require "core.program"
local rfc3339 = require "rfc3339"
local secret = require "secret"
local timeline = require "timeline"

local otlp = {}

local internal, client = 1, 3
local ok_status, error_status = 1, 2

local function id_of(text, length) return digest.sha256("keel trace " .. text):sub(1, length) end

--- The most bytes of one content that are sent.
local most_content = 16384

local function nanos(ms) return ms == 0 and "0" or ("%d000000"):format(ms) end
otlp.nanos = nanos

--- { name = value } -> attributes in the order of their names; integers as texts.
local function attributes(values)
  local list = json.array {}
  for _, key in ipairs(json.sorted_keys(values)) do
    local value = values[key]
    local kind = math.type(value) == "integer" and "intValue" or type(value) == "number" and "doubleValue"
      or type(value) == "boolean" and "boolValue" or "stringValue"
    if kind == "intValue" then value = ("%d"):format(value) elseif kind == "stringValue" then value = secret.redact(value) end
    list[#list + 1] = { key = key, value = { [kind] = value } }
  end
  return list
end
otlp.attributes = attributes

--- Texts of a value, without secrets and before they are escaped; the keys, too.
local function redacted(value)
  if type(value) == "string" then return secret.redact(value) end
  if type(value) ~= "table" or json.absent(value) then return value end
  local out = setmetatable({}, getmetatable(value))
  for key, one in pairs(value) do out[redacted(key)] = redacted(one) end
  return out
end

--- A content as an attribute: JSON, cut where a character ends.
local function content(value)
  if value == nil then return nil end
  local text = type(value) == "string" and secret.redact(value) or json.encode(redacted(value)) or ""
  if #text <= most_content then return text end
  local stop = most_content
  while stop > 0 and text:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  return text:sub(1, stop)
end

local function span(run, place, name, kind, from, to, values, failed)
  return { traceId = id_of(run, 32), spanId = id_of(run .. "/" .. place, 16), name = secret.redact(name), kind = kind,
    startTimeUnixNano = nanos(from), endTimeUnixNano = nanos(math.max(from, to)), attributes = attributes(values),
    status = { code = failed and error_status or ok_status } }
end

local function child(run, ...)
  local one = span(run, ...)
  one.parentSpanId = id_of(run .. "/run", 16)
  return one
end

--- Every attempt of a call is a span: each was paid, or may have been.
local function of_attempt(run, row, step)
  local failed = row.state ~= "settled" or row.error ~= nil
  return child(run, ("%s/%d"):format(row.seq or 0, row.attempt) .. "/" .. row.key, "chat " .. (row.model or ""), client, row.made,
    row.ended or row.made, { ["gen_ai.operation.name"] = "chat", ["gen_ai.provider.name"] = row.provider, ["gen_ai.request.model"] = row.model,
      ["gen_ai.response.id"] = row.request_id, ["gen_ai.usage.input_tokens"] = row.input, ["gen_ai.usage.output_tokens"] = row.output,
      ["gen_ai.usage.cache_read.input_tokens"] = row.cached, ["gen_ai.usage.reasoning.output_tokens"] = row.reasoning,
      ["error.type"] = failed and (row.error or row.state) or nil, ["keel.cost.picousd"] = row.cost or 0,
      ["keel.cost.source"] = row.state == "estimated" and "bound" or "local", ["keel.step.seq"] = row.seq, ["keel.tier"] = row.tier,
      ["gen_ai.input.messages"] = step and content(step.args), ["gen_ai.output.messages"] = step and not failed and content(step.result) or nil }, failed)
end

local memory_words = { search = "search_memory", pack = "search_memory", get = "search_memory", history = "search_memory",
  remember = "upsert_memory", forget = "delete_memory" }

--- name, attributes of a step that is no call of a model.
local kinds = {}

function kinds.skill(step) return "execute_tool " .. step.name, { ["gen_ai.operation.name"] = "execute_tool", ["gen_ai.tool.name"] = step.name } end

function kinds.memory(step)
  local word = memory_words[step.name] or step.name
  return word, { ["gen_ai.operation.name"] = word }
end

function kinds.approve(step)
  local verdict = type(step.result) == "table" and step.result or {}
  return "keel.approval", { ["keel.approval.id"] = verdict.id, ["keel.approval.verdict"] = verdict.outcome, ["keel.approval.by"] = verdict.by }
end

function kinds.call(step) return "invoke_agent " .. step.name, { ["gen_ai.operation.name"] = "invoke_agent", ["gen_ai.agent.name"] = step.name } end

local function of_step(run, one, with_content)
  local step = one.step
  local of_kind = kinds[step.kind]
  local name, values
  if of_kind then name, values = of_kind(step) else name, values = "keel." .. step.kind, {} end
  local failed = step.state == "failed"
  values["keel.step.seq"], values["keel.step.attempts"] = step.seq, step.attempts or 1
  values["error.type"] = failed and (type(step.result) == "table" and step.result.code or "error") or nil
  if with_content then
    values["gen_ai.tool.call.arguments"], values["gen_ai.tool.call.result"] = content(step.args), content(step.result)
  end
  return child(run, step.seq, name, internal, one.from, one.to, values, failed)
end

local function of_run(run, began, ended)
  local failed = run.error ~= nil and not json.absent(run.error)
  return span(run.run, "run", "invoke_agent " .. run.agent, internal, began, ended, {
    ["gen_ai.operation.name"] = "invoke_agent", ["gen_ai.agent.name"] = run.agent, ["gen_ai.agent.version"] = tostring(run.version),
    ["keel.run.id"] = run.run, ["keel.run.state"] = run.state, ["error.type"] = failed and (run.error.code or "error") or nil }, failed)
end

--- The spans of a run, its own first, and whether it is over; or nil, err. options: content (with
-- prompts, arguments and answers), finished (only spans that are over: they are not told twice).
function otlp.spans(e, id, options)
  local run, err = e:describe(id)
  if not run then return nil, err end
  local log
  log, err = e:log(run.run)
  if not log then return nil, err end
  options = options or {}
  local began = rfc3339.parse(run.created)
  local ended = run.ended and rfc3339.parse(run.ended) or e.clock()
  local spans, paid, by_seq = json.array {}, {}, {}
  if run.ended or not options.finished then spans[1] = of_run(run, began, ended) end
  for _, step in ipairs(options.content and log or {}) do by_seq[step.seq] = step end
  for _, row in ipairs(e:rows("ledger.of_run", { run = run.run })) do
    if row.seq then paid[row.seq] = true end
    if row.ended or not options.finished then spans[#spans + 1] = of_attempt(run.run, row, by_seq[row.seq]) end
  end
  for _, one in ipairs(timeline.spans(log, began, ended)) do
    local told = one.step.kind == "model" and paid[one.step.seq]
    if not told and (one.step.state ~= "waiting" or not options.finished) then
      spans[#spans + 1] = of_step(run.run, one, options.content)
    end
  end
  return spans, run.ended ~= nil
end

--- What stands around a list of spans or metrics: { resource, scoped }.
function otlp.of_scope(what, list)
  return { resource = { attributes = attributes { ["service.name"] = "keel", ["service.version"] = program.version } },
    scoped = { scope = { name = "keel", version = program.version }, [what] = list } }
end

--- A request to a collector of these spans.
function otlp.of_spans(spans)
  local one = otlp.of_scope("spans", spans)
  return { resourceSpans = json.array { { resource = one.resource, scopeSpans = json.array { one.scoped } } } }
end

--- The trace of a run: { resourceSpans = { ... } }, or nil, err.
function otlp.trace(e, id, options)
  local spans, err = otlp.spans(e, id, options)
  if not spans then return nil, err end
  return otlp.of_spans(spans)
end

--- Send a trace to a collector ("http://127.0.0.1:4318"). Returns true, or nil, message.
function otlp.send(url, trace)
  local reply, message = require("http").request { url = url:gsub("/+$", "") .. "/v1/traces", method = "POST",
    headers = { ["content-type"] = "application/json" }, body = json.encode(trace), limits = { total_ms = 10000, body_bytes = 65536 } }
  if not reply then return nil, message end
  if reply.status < 200 or reply.status > 299 then return nil, ("the collector answered %d"):format(reply.status) end
  return true
end

return otlp
