--- Routes about what things cost and where they come from: sums, the audit trail, lineage.
local tools = require "serve.api.tools"

local function words(text)
  local list = {}
  for word in (text or ""):gmatch "[%w_]+" do list[#list + 1] = word end
  return #list > 0 and list or nil
end

local function sums(method, default)
  return function(e, _, ask)
    return tools.call(e, method, { since_ms = ask.since, until_ms = ask["until"], by = words(ask.by) or default })
  end
end

local function audit(e, _, ask) return tools.call(e, "audit", ask) end
local function verify(e) return tools.call(e, "audit_verify") end
local function why(e, id) return tools.call(e, "lineage", id) end

local span = { since = "time", ["until"] = "time", by = "text" }

return {
  { "GET", "/api/costs", "What calls of models cost; `by` is day,agent,model,tier,run", sums("costs", { "day" }), query = span, answer = "array" },
  { "GET", "/api/latency", "How long things took; `by` is model, agent or skill", sums("latency", { "model" }), query = span, answer = "array" },
  { "GET", "/api/audit", "The audit trail, newest first", audit,
    query = { limit = "count", before = "seq", who = "text", what = "text", subject = "text", run = "text" }, answer = "array" },
  { "GET", "/api/audit/verify", "Whether the audit trail is whole", verify },
  { "GET", "/api/why/{name}", "What a thing was made of, and what was made of it", why },
}
