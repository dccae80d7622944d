-- What stands around a call of a model: prices, endpoints, routing, cassettes, the doctor.
local endpoint = require "model.endpoint"
local fake_model = require "spec.support.fake_model"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local loop = require "loop"
local model = require "model"
local price = require "model.price"
local program = require "spec.support.program"
local store = require "store"

describe("a price", function()
  local p = assert(price.read { input = 2, output = 8, cached = 0.5, written = 2.5, written_1h = 4, reasoning = 9, as_of = "2026-11-01",
    long = { over = 1000, input = 4, output = 12 }, services = { batch = { input = 1, output = 4 } } })

  it("counts each kind of token at its own rate", function()
    local u = assert(price.usage { input = 100, output = 50, cached = 20, written = 30, written_1h = 10, reasoning = 5 })
    assert.equal(50 * 2000000 + 20 * 500000 + 20 * 2500000 + 10 * 4000000 + 45 * 8000000 + 5 * 9000000, price.cost(p, u))
  end)

  it("is another for a whole request whose prompt is long", function()
    local u = assert(price.usage { input = 1001, output = 10 })
    assert.equal(1001 * 4000000 + 10 * 12000000, price.cost(p, u))
    u = assert(price.usage { input = 1000, output = 10 })
    assert.equal(1000 * 2000000 + 10 * 8000000, price.cost(p, u))
  end)

  it("is bound by the dearest rates that could apply", function()
    assert.equal(10 * 4000000 + 5 * 12000000, (price.bound(p, 10, 5)))
    math.randomseed(3)
    for _ = 1, 2000 do
      local body, most = math.random(1, 3000), math.random(1, 500)
      local input, output = math.random(0, body), math.random(0, most)
      local cached = math.random(0, input)
      local written = math.random(0, input - cached)
      local u = price.usage { input = input, output = output, cached = cached, written = written,
        written_1h = math.random(0, written), reasoning = math.random(0, output) }
      assert.is_true(price.cost(p, u) <= price.bound(p, body, most))
    end
  end)

  it("of a service is that service's", function()
    assert.equal(1000000, p.services.batch.input)
    assert.equal(8000000, p.output)
  end)

  it("takes no usage that cannot be", function()
    for _, wrong in ipairs { { input = -1, output = 1 }, { input = 1.5, output = 1 }, { input = 1 }, { input = 1, output = 1, cached = 2 },
      { input = 1, output = 1, written = 1, written_1h = 2 }, { input = 1, output = 1, reasoning = 2 },
      { input = 1 << 50, output = 1 }, { input = "3", output = 1 } } do
      assert.is_nil(price.usage(wrong))
    end
  end)
end)

describe("an endpoint", function()
  it("gives agents turns in turn, however many calls one has waiting", function()
    local e, order = endpoint.new(1), {}
    for i = 1, 6 do
      loop.spawn(function()
        local who = i <= 5 and "many" or "one"
        e:enter(who)
        order[#order + 1] = who
        loop.sleep(1)
        e:leave()
      end)
    end
    loop.run()
    assert.same({ "many", "many", "one", "many", "many", "many" }, order)
  end)

  it("is left alone after five failures in a row, longer each time, and tried by one", function()
    local e = endpoint.new(4)
    for i = 1, 4 do e:note("server_error", i) end
    assert.is_nil(e:closed_for(5))
    e:note("timeout", 10)
    assert.equal(1000, e:closed_for(10))
    assert.equal(1, e:closed_for(1009))
    assert.is_nil(e:closed_for(1010))
    assert.is_truthy(e:closed_for(1010)) -- another one has to wait for that one
    e:note("overloaded", 1011)
    assert.equal(2000, e:closed_for(1011))
    assert.is_nil(e:closed_for(3011))
    e:note(nil, 3012)
    assert.is_nil(e:closed_for(3012))
    assert.equal(0, e.failures)
  end)

  it("takes a refusal for a sign of life", function()
    local e = endpoint.new(4)
    for i = 1, 4 do e:note("server_error", i) end
    e:note("rate_limited", 5)
    e:note("server_error", 6)
    assert.is_nil(e:closed_for(7))
  end)
end)

describe("the model client", function()
  local server, s, path

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    server:books()
    s = assert(store.open(":memory:"))
    path = os.tmpname()
  end)
  after_each(function()
    assert.same({}, s:read("budget.check", {}))
    s:close()
    os.execute("rm -rf " .. path)
  end)

  local function candidate(more)
    local out = { provider = "openai", model = "m", base_url = server.base_url, key = "sk-s3cret-key",
      price = { input = 0.20, output = 0.80 } }
    for key, value in pairs(more or {}) do out[key] = value end
    return out
  end

  local function open(tiers, more)
    local options = { store = s, settings = { tiers = tiers }, retry = { attempts = 1 }, sleep = function() end }
    for key, value in pairs(more or {}) do options[key] = value end
    return assert(model.open(options))
  end

  local function told(trace)
    local out = {}
    for i, step in ipairs(trace) do out[i] = step.model .. " " .. step.outcome end
    return out
  end

  it("passes over candidates that lack what a request needs, and says so", function()
    local m = open { small = { candidate { model = "plain", tools = false }, candidate { model = "tiny", context = 10 },
      candidate { model = "dear", price = false }, candidate { model = "good" } } }
    local answer = assert(m:ask { prompt = ("word "):rep(30), tools = { { name = "look" } }, max_tokens = 20 })
    assert.same({ "plain passed over", "tiny passed over", "dear passed over", "good answered" }, told(answer.trace))
    assert.match("takes no tools", answer.trace[1].why)
    assert.match("context", answer.trace[2].why)
    assert.match("no price", answer.trace[3].why)
    assert.equal(1, server:books().requests)
  end)

  it("asks the next one where the first fails, and tells what both cost", function()
    server:play { fault = "reset" }
    local m = open { small = { candidate { model = "a" }, candidate { model = "b" } } }
    local answer = assert(m:ask { prompt = "x", max_tokens = 20 })
    assert.same({ "a connection_lost", "b answered" }, told(answer.trace))
    assert.is_true(answer.trace[1].estimated)
    assert.equal(answer.cost_picousd, answer.trace[1].cost_picousd + answer.trace[2].cost_picousd)
  end)

  it("sends nothing to a server that failed again and again, and takes another", function()
    server:default { status = 500 }
    local m = open { small = { candidate { model = "a" } } }
    for _ = 1, 5 do m:ask { prompt = "x" } end
    server:books()
    local answer, message, code, detail = m:ask { prompt = "x" }
    assert.is_nil(answer)
    assert.equal("overloaded", code)
    assert.match("failed 5 times in a row", message)
    assert.is_true(detail.retry_after_ms > 0)
    assert.equal(0, server:books().requests)
  end)

  it("waits once for all calls when a server asks to be left alone", function()
    local waits = {}
    local m = open({ small = { candidate() } }, { retry = { attempts = 2 }, sleep = function(ms) waits[#waits + 1] = ms end })
    server:play { status = 429, headers = { ["retry-after"] = "3" } }
    assert(m:ask { prompt = "x" })
    assert(m:ask { prompt = "y" })
    assert.equal(3000, waits[1])
    assert.is_true(waits[2] > 2900 and waits[2] <= 3000, waits[2])
  end)

  it("lets a call be given up, and counts it at its bound", function()
    server:default { fault = "hang" }
    local m, token, code = open { small = { candidate() } }, {}, nil
    loop.spawn(function() code = select(3, m:ask({ prompt = "x" }, { token = token })) end)
    local timer = loop.timer(30, function() token.cancel() end)
    loop.run()
    assert.equal("cancelled", code)
    assert.equal("estimated", s:read("ledger.list", { since = 0, limit = 1 })[1].state)
    assert.is_false(timer:active())
  end)

  it("records answers, and gives them again without a server", function()
    os.remove(path)
    local asked = { prompt = "What is the capital of Portugal?", max_tokens = 20 }
    server:play({ text = "Lisbon" }, { text = "Lisboa" })
    local m = open { small = { candidate { record = path } } }
    assert(m:ask(asked))
    assert(m:ask(asked))
    assert.is_nil(file.read(path):find("sk-s3cret", 1, true))
    server:books()
    m = open { small = { { provider = "recorded", model = "tape", file = path } } }
    for i, want in ipairs { "Lisbon", "Lisboa", "Lisboa" } do
      local answer = assert(m:ask(asked))
      assert.equal(want, answer.text, i)
      assert.equal(0, answer.cost_picousd)
      assert.is_true(answer.recorded)
      assert.match("^recorded:", answer.model)
    end
    local answer, message, code = m:ask { prompt = "And of Spain?" }
    assert.is_nil(answer)
    assert.equal("invalid_request", code)
    assert.match("no answer to this", message)
    assert.equal(0, server:books().requests)
  end)

  it("says what is wrong with a cassette", function()
    assert(file.write(path, "not json\n"))
    for name, want in pairs { [path] = "line 1", ["/nowhere/x.jsonl"] = "nowhere" } do
      local m = open { small = { { provider = "recorded", model = "tape", file = name } } }
      local _, message, code = m:ask { prompt = "x" }
      assert.equal("invalid_request", code)
      assert.match(want, message)
    end
    local m = open { small = { { provider = "openai", model = "recorded" } } }
    assert.match("needs `file`", (select(2, m:ask { prompt = "x" })))
  end)
end)

describe("keel model doctor", function()
  local server, h
  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  after_each(function() h:remove() end)

  local function run(words)
    local pipe = io.popen(("%s model %s --home '%s' --json 2>/dev/null; echo $?"):format(program, words, h.path))
    local text = pipe:read("a")
    pipe:close()
    local body, code = text:match "^(.-)\n?(%d+)\n$"
    return json.decode(body), tonumber(code)
  end

  local function checks(entry)
    local out = {}
    for _, check in ipairs(entry.checks) do out[check.what] = check.ok == json.null and "look" or check.ok end
    return out
  end

  it("looks at prices, keys and servers, spends nothing, and ends with what it found", function()
    h = home.make { config = ([[
return { zone = "UTC", tiers = {
  good = { { provider = "openai", model = "m", base_url = "%s", key = "k", price = { input = 1, output = 2, as_of = "2099-01-01" } } },
  stale = { { provider = "openai", model = "m", base_url = "%s", key = "k", price = { input = 1, output = 2, as_of = "2020-01-01" } } },
  away = { { provider = "ollama", model = "m", base_url = "http://127.0.0.1:9", price = "free" } },
  blind = { { provider = "echo", model = "m" } } } }]]):format(server.base_url, server.base_url) }
    server:default { body = '{"data":[{"id":"m"}]}' }
    local list, code = run "doctor"
    assert.equal(1, code)
    local by = {}
    for _, entry in ipairs(list) do by[entry.where] = entry end
    assert.same({ price = true, server = true, key = true, model = true }, checks(by["good[1]"]))
    assert.is_true(by["good[1]"].ok)
    assert.is_nil(checks(by["stale[1]"]).price)
    assert.is_true(by["stale[1]"].ok)
    assert.same({ price = true, server = false }, checks(by["away[1]"]))
    assert.same({ price = false }, checks(by["blind[1]"]))
    server:default { status = 401, text = "bad key k" }
    list = run "doctor"
    for _, entry in ipairs(list) do
      if entry.where == "good[1]" then assert.same({ price = true, server = true, key = false }, checks(entry)) end
    end
    assert.is_false(file.exists(h.path .. "/var/keel.db"))
    server:books()
    list = run "doctor --offline"
    assert.equal(4, #list)
    assert.equal(0, server:books().requests)
  end)

  it("finds a key file that others may read", function()
    h = home.make { config = ([[
return { zone = "UTC", tiers = { small = { { provider = "openai", model = "m", base_url = "%s", key_file = "key",
  price = { input = 1, output = 2, as_of = "2099-01-01" } } } } }]]):format(server.base_url) }
    h:write("key", "sk-s3cret\n")
    os.execute(("chmod 644 '%s/key'"):format(h.path))
    local list, code = run "doctor --offline"
    assert.equal(1, code)
    assert.match("chmod 600", list[1].checks[2].detail)
    os.execute(("chmod 600 '%s/key'"):format(h.path))
    list, code = run "doctor --offline"
    assert.equal(0, code)
    assert.is_nil(json.encode(list):find "s3cret")
  end)
end)

describe("keel budget and keel agents", function()
  local h
  after_each(function() h:remove() end)

  local function run(words)
    local pipe = io.popen(("%s %s --home '%s' 2>&1; echo $?"):format(program, words, h.path))
    local text = pipe:read("a")
    pipe:close()
    local body, code = text:match "^(.-)\n?(%d+)\n$"
    return body, tonumber(code)
  end

  local agent = [[
return agent { version = 1, about = "asks", budget = { day = "$0.0001" }, run = function(ctx)
  local text, err = ctx.model{ tier = "small", prompt = "hello", max_tokens = 10 }
  return text or err.code
end }]]

  it("set limits, switch agents, and tell of both", function()
    h = home.make { agents = { asker = agent }, config = [[return { zone = "UTC", owner = "Mira", budget = { day = "$1" },
  tiers = { small = { { provider = "echo", model = "echo", price = { input = 1, output = 2, as_of = "2026-11-01" } } } } }]] }
    assert.equal(0, select(2, run "budget set day '$0.000001'"))
    local list = json.decode((run "budget --json"))
    assert.same({ "1000000", "person" }, { list[1].limit_picousd, list[1].set_by })
    assert.match("budget", (run "run asker"))
    local text, code = run "run asker --json"
    assert.equal(5, code)
    assert.equal("K5002", json.decode(text).error.number)
    assert.equal("deactivated", json.decode((run "agents asker --json")).state)
    assert.match("asker is deactivated", (run "budget"))
    assert.equal(0, select(2, run "agents enable asker"))
    assert.equal(0, select(2, run "budget set day none"))
    assert.match("hello", (run "run asker"))
    assert.equal(0, select(2, run "budget set asker day '3 calls'"))
    assert.equal(0, select(2, run "agents disable asker --note holiday"))
    assert.equal("off", json.decode((run "agents asker --json")).state)
    for _, wrong in ipairs { "budget set", "budget set day", "budget set day 5", "budget set fortnight '$1'", "budget set nobody day '$1'",
      "budget frob", "agents enable", "agents enable nobody", "budget set min '$1'", "budget resolve x '$1'" } do
      assert.equal(2, select(2, run(wrong)), wrong)
    end
    assert.equal("[]", (run "budget unknown --json"))
  end)
end)
