-- A run as a trace: the same ids each time, 64-bit numbers as texts, money to the pico-USD, no content.
local home = require "spec.support.home"
local json = require "json"
local otlp = require "observe.otlp"

describe("a trace", function()
  local h
  after_each(function() h:remove() end)

  it("has a span for the run, each step and each attempt, and says nothing of what was said", function()
    h = home.make { agents = { a = home.agent([[
        ctx.memory.remember{ kind = "fact", key = "k", text = "hidden words" }
        local text = ctx.model{ tier = "small", prompt = "hidden prompt", max_tokens = 30 }
        local v = ctx.approve{ subject = "hidden subject", proposal = text }
        ctx.skill.mail{ op = "send", key = "1", body = "hidden body" }
        error("hidden failure")]], 'uses = { "mail" },') },
      config = [[return { zone = "UTC", tiers = { small = { { provider = "echo", model = "echo-1", price = { input = 1.37, output = 2 } } } } }]] }
    local e = h:open()
    local run = h:run "a"
    h.now = h.now + 60000
    e:decide(e:inbox()[1].id, { state = "approved" })
    assert(e:drain())
    local trace = assert(otlp.trace(e, run.run))
    local text = assert(json.encode(trace))
    assert.is_nil(text:find "hidden")
    assert.equal(text, json.encode(assert(otlp.trace(e, run.run))))
    local spans, names, cost, ids = trace.resourceSpans[1].scopeSpans[1].spans, {}, 0, {}
    for i, span in ipairs(spans) do
      names[i] = span.name
      assert.match("^%x+$", span.traceId)
      assert.same({ 32, 16 }, { #span.traceId, #span.spanId })
      assert.is_nil(ids[span.spanId])
      ids[span.spanId] = true
      assert.equal(i > 1 and spans[1].spanId or nil, span.parentSpanId)
      assert.match("^%d+$", span.startTimeUnixNano)
      assert.is_true(#span.endTimeUnixNano >= 19)
      for _, attribute in ipairs(span.attributes) do
        if attribute.key == "keel.cost.picousd" then cost = cost + math.tointeger(tonumber(attribute.value.intValue)) end
      end
    end
    assert.same({ "invoke_agent a", "chat echo-1", "upsert_memory", "keel.approval", "execute_tool mail" }, names)
    assert.equal(e:rows("ledger.of_run", { run = run.run })[1].cost, cost)
    assert.same({ 2, 1 }, { spans[1].status.code, spans[2].status.code })
  end)

  it("is posted to a collector, which may refuse it", function()
    h = home.make { agents = { a = home.agent "return 1" } }
    local e = h:open()
    local trace = assert(otlp.trace(e, h:run("a").run))
    local ok, message = otlp.send("http://127.0.0.1:1", trace)
    assert.is_nil(ok)
    assert.is_string(message)
  end)
end)
