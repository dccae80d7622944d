-- A collector is told of runs and sums by itself; what it does never matters to a run.
local clock = require "core.clock"
local export = require "observe.export"
local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"
local http = require "http"
local json = require "json"
local loop = require "loop"
local otlp = require "observe.otlp"
local server = require "spec.support.server"

describe("an export", function()
  local h, collector, exporter, notes

  setup(function() collector = fake_model.start() end)
  teardown(function() collector:stop() end)
  before_each(function()
    collector:play()
    collector:default { body = "{}" }
    collector:books()
    notes = {}
  end)
  after_each(function()
    if exporter then exporter:close() end
    if h then h:remove() end
    h, exporter = nil, nil
  end)

  local function config(more)
    return ([[return { zone = "UTC", otlp = { url = "%s/", secret = "planted-bearer", headers = { ["x-tenant"] = "planted-tenant" }, %s },
      tiers = { small = { { provider = "echo", model = "echo-1", price = { input = 1.37, output = 2 } } } } }]]):format(collector.url, more or "")
  end

  local function open(body, more, on)
    h = home.make { agents = { a = home.agent(body, 'uses = { "mail" },') }, config = config(more) }
    local e = h:open()
    on = on or {}
    on.engine = function() return e end
    on.note = function(_, text) notes[#notes + 1] = text end
    exporter = export.new(on)
    e.on_rest, e.exports = function(id) exporter:offer(id) end, exporter
    return e
  end

  local function rest() server.eventually(function() return not exporter.working end, "coming to rest") end

  local function spans_of(books)
    local list = {}
    for _, call in ipairs(books.calls) do
      assert.equal("/v1/traces", call.path)
      assert.equal("Bearer planted-bearer", call.authorization)
      assert.equal("planted-tenant", call.headers["x-tenant"])
      for _, span in ipairs(call.request.resourceSpans[1].scopeSpans[1].spans) do list[#list + 1] = span end
    end
    return list
  end

  it("tells the spans of a run as they are over, each once, and its own at its end", function()
    local e = open [[ctx.step{ name = "one", run = function() return 1 end }
      ctx.approve{ subject = "s", proposal = "p" }
      ctx.skill.mail{ op = "send", key = "1", body = "b" }]]
    local run = h:run "a"
    assert.equal("waiting", run.state)
    rest()
    local before = spans_of(collector:books())
    assert.same({ 1, "keel.step" }, { #before, before[1].name })
    e:decide(e:inbox()[1].id, { state = "approved" })
    assert(e:drain())
    rest()
    local after = spans_of(collector:books())
    local ids, names = {}, {}
    for _, span in ipairs(before) do ids[span.spanId] = true end
    for i, span in ipairs(after) do
      names[i] = span.name
      assert.is_nil(ids[span.spanId])
      ids[span.spanId] = true
    end
    assert.same({ "invoke_agent a", "keel.approval", "execute_tool mail" }, names)
    for _, span in ipairs(otlp.spans(e, run.run)) do
      assert.is_true(ids[span.spanId])
      ids[span.spanId] = nil
    end
    assert.is_nil(next(ids))
    assert.same({ runs = 0, spans = 0, points = 0 }, exporter.dropped)
  end)

  it("queues no more runs than its cap, and counts those that found no place", function()
    open("return 1", "queue = 3", { first_wait_ms = 1, longest_wait_ms = 2 })
    collector:default { status = 503, body = "" }
    h:run "a"
    server.eventually(function() return exporter.trouble end, "trying to send the first")
    for _ = 1, 10 do assert.equal("done", h:run("a").state) end
    assert.equal(7, exporter.dropped.runs)
    assert.truthy(require("observe.metrics").text(h.engine):find('keel_otlp_dropped_total{what="runs"} 7', 1, true))
    collector:default { body = "{}" }
    collector:books()
    rest()
    local count = 0
    for _, call in ipairs(collector:books().calls) do
      if call.status == 200 then count = count + #call.request.resourceSpans[1].scopeSpans[1].spans end
    end
    assert.equal(4, count)
    local said = table.concat(notes, "\n")
    assert.equal(1, select(2, said:gsub("trying again", "")))
    assert.equal(1, select(2, said:gsub("the queue is full", "")))
    assert.equal(1, select(2, said:gsub("takes what it is sent again", "")))
  end)

  it("waits as long as the collector says, not as long as it would", function()
    open("return 1", nil, { first_wait_ms = 3600000, longest_wait_ms = 3600000 })
    collector:play({ status = 429, headers = { ["Retry-After"] = "0" }, body = "" },
      { status = 503, headers = { ["Retry-After"] = "Sun, 06 Nov 1994 08:49:37 GMT" }, body = "" })
    h:run "a"
    rest()
    local states = {}
    for i, call in ipairs(collector:books().calls) do states[i] = call.status end
    assert.same({ 429, 503, 200 }, states)
    collector:play { status = 503, headers = { ["Retry-After"] = "1" }, body = "" }
    local began = clock.mono_us()
    h:run "a"
    rest()
    assert.is_true(clock.mono_us() - began >= 990000)
  end)

  it("tries only what may pass again: 400 and 500 drop what was sent, and the next is sent", function()
    open("return 1", nil, { first_wait_ms = 1 })
    for i, status in ipairs { 400, 401, 413, 500 } do
      collector:play { status = status, body = "no" }
      h:run "a"
      rest()
      assert.equal(i, exporter.dropped.spans)
      assert.equal(1, collector:books().requests)
    end
    h:run "a"
    rest()
    assert.same({ 1, 4 }, { exporter.delivered.spans, exporter.dropped.spans })
  end)

  it("tries again when the connection is lost, and counts what is rejected of a part", function()
    open("return 1", nil, { first_wait_ms = 1 })
    collector:play({ fault = "reset" }, { fault = "cut", body = "{}" }, { fault = "garbage" },
      { body = '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}' })
    h:run "a"
    rest()
    assert.equal(1, exporter.dropped.spans) -- garbage is no reply: it is dropped
    h:run "a"
    rest()
    assert.same({ 0, 2 }, { exporter.delivered.spans, exporter.dropped.spans })
  end)

  it("sends long runs in several requests", function()
    open "for i = 1, 1100 do ctx.step{ name = 's' .. i, run = function() return i end } end"
    h:run "a"
    rest()
    local books, sizes = collector:books(), {}
    for i, call in ipairs(books.calls) do sizes[i] = #call.request.resourceSpans[1].scopeSpans[1].spans end
    assert.same({ 512, 512, 77 }, sizes)
  end)

  local secretive = [[
    local key = "planted-" .. "bearer"
    ctx.log("log " .. key)
    ctx.memory.remember{ kind = "fact", key = "k", text = "words " .. key }
    ctx.model{ tier = "small", prompt = "prompt " .. key, max_tokens = 30 }
    ctx.skill.mail{ op = "send", key = "1", body = "argument " .. key }
    error("failure " .. key)]]

  it("never shows a secret, and what was said only when it is asked for", function()
    for _, content in ipairs { false, true } do
      open(secretive, "content = " .. tostring(content))
      assert.equal("failed", h:run("a").state)
      rest()
      local spans = spans_of(collector:books())
      local text = json.encode(spans)
      assert.is_true(#spans >= 4)
      assert.is_nil(text:find("planted", 1, true))
      for _, word in ipairs { "prompt [secret]", "argument [secret]", "words [secret]" } do
        assert.equal(content, text:find(word, 1, true) ~= nil, word)
      end
      exporter:close()
      h:remove()
    end
    h = nil
  end)

  it("sends the sums, with money to the pico-USD as integers", function()
    local e = open([[for i = 1, 3 do ctx.model{ tier = "small", prompt = "hello " .. i, max_tokens = 30 } end]], 'metrics_every = "10ms"')
    h:run "a"
    rest()
    collector:books()
    exporter:begin()
    local books
    server.eventually(function()
      books = collector:books()
      return books.requests > 0
    end, "being told")
    local call, metrics = books.calls[1], {}
    assert.equal("/v1/metrics", call.path)
    for _, metric in ipairs(call.request.resourceMetrics[1].scopeMetrics[1].metrics) do
      assert.is_nil(metrics[metric.name])
      metrics[metric.name] = metric
    end
    local cost = 0
    for _, row in ipairs(e.store:read("ledger.list", { since = 0, limit = 10 })) do cost = cost + row.cost end
    local sum = metrics["keel.cost.picousd"].sum
    assert.same({ 2, true, ("%d"):format(cost) }, { sum.aggregationTemporality, sum.isMonotonic, sum.dataPoints[1].asInt })
    assert.is_true(cost > 0)
    local took = metrics["gen_ai.client.operation.duration"].histogram.dataPoints[1]
    assert.same({ "3", 15, 14, 0.01 }, { took.count, #took.bucketCounts, #took.explicitBounds, took.explicitBounds[1] })
    local all = 0
    for _, n in ipairs(took.bucketCounts) do all = all + math.tointeger(tonumber(n)) end
    assert.equal(3, all)
    local usage = metrics["gen_ai.client.token.usage"].histogram.dataPoints
    assert.same({ 2, "3", { "3" } }, { #usage, usage[1].count, usage[1].bucketCounts })
    assert.is_true(usage[1].sum > 0)
    assert.equal("1", metrics["keel.runs"].sum.dataPoints[1].asInt)
  end)

  it("keeps neither a run nor the engine's end waiting when the collector hangs or is not there", function()
    for _, url in ipairs { collector.url, "http://127.0.0.1:1" } do
      collector:default { fault = "hang" }
      h = home.make { agents = { a = home.agent "return 1" },
        config = ([[return { zone = "UTC", otlp = { url = "%s", metrics_every = "20ms" } }]]):format(url) }
      local served = assert(server.start(h, "--listen 127.0.0.1:0"))
      assert.equal("done", served:json("run a").state)
      if url == collector.url then server.eventually(function() return collector:books().requests > 0 end, "being asked") end
      assert.equal("done", served:json("run a").state)
      local page = http.request { url = served.paper.url .. "metrics", headers = { authorization = "Bearer " .. h:read("var/token"):match "%x+" } }
      assert.truthy(page.body:find("keel_otlp_dropped_total", 1, true))
      local began = loop.now()
      assert.equal(0, served:stop "TERM")
      assert.is_true(loop.now() - began < 2500)
      h:remove()
    end
    h = nil
  end)

  it("is told of by keel doctor", function()
    collector:default { status = 400, body = "" }
    h = home.make { agents = { a = home.agent "return 1" }, config = config() }
    local served = assert(server.start(h))
    assert.equal("done", served:json("run a").state)
    server.eventually(function() return served:messages():find("1 spans dropped", 1, true) end, "dropping")
    assert.matches("1 spans were not told", (served:keel "doctor"))
    served:stop "TERM"
  end)

  it("refuses settings that no request could carry", function()
    local settings = require "settings"
    for _, text in ipairs { 'otlp = {}', 'otlp = { url = "ftp://x" }', 'otlp = { url = "http://x", secret = "a\\nb" }',
      'otlp = { url = "http://x", headers = { ["a b"] = "x" } }', 'otlp = { url = "http://x", headers = { a = "x\\r\\ny: z" } }' } do
      local config_of, err = settings.from_source("return { " .. text .. " }", "config.lua", function() end)
      assert.is_nil(config_of, text)
      assert.is_string(err.number)
    end
  end)
end)
