local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"
local json = require "json"
local program = require "spec.support.program"
local store = require "store"

local server

local config = [[
return { zone = "UTC", owner = "Mira", budget = { day = "$1.00" },
  tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = "%s", key = "sk-s3cret",
                        price = { input = 0.20, output = 0.80 } } } } }]]

local asker = [[
return agent { version = 1, about = "asks", budget = { run = "$0.01", day = "$0.02" },
  run = function(ctx, input)
    local text, err = ctx.model{ tier = input.tier or "small", prompt = input.prompt, max_tokens = input.max_tokens or 20 }
    if not text then return { code = err.code } end
    return { text = text }
  end }]]

local with_skill = [[
return agent { version = 1, uses = { "label" },
  run = function(ctx, input) return ctx.skill.label{ text = input.text } end }]]

local label = [[
return skill { version = 1, about = "labels a text",
  input = { type = "object", required = { "text" }, properties = { text = { type = "string" } } },
  output = { type = "object", required = { "label" }, properties = { label = { enum = { "bug", "refund" } } } },
  model = { tier = "small", prompt = "Label this: {text}", max_tokens = 30 } }]]

describe("an agent that asks a model", function()
  local h

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    server:books()
    h = home.make { config = config:format(server.base_url), agents = { asker = asker, labeller = with_skill },
      skills = { label = label } }
  end)
  after_each(function() h:remove() end)

  it("gets the text, and its run knows the cost", function()
    h:open()
    local run = h:run("asker", { prompt = "Say hello." })
    assert.equal("done", run.state)
    assert.same({ text = "hello" }, run.output)
    assert.equal(1, server:books().requests)
    local rows = h.engine.store:read("ledger.of_run", { run = run.run })
    assert.equal("settled", rows[1].state)
    assert.equal(10 * 200000 + 5 * 800000, rows[1].cost)
    assert.equal(tostring(rows[1].cost), tostring(run.cost_picousd))
    assert.equal("asker", rows[1].agent)
    assert.same({}, h.engine.store:read("budget.check", {}))
  end)

  it("keeps the books right when nobody waits for the answer any more", function()
    h:write("agents/racer.lua", [[
return agent { version = 1, run = function(ctx)
  local first = ctx.any{
    asked = function() return ctx.model{ tier = "small", prompt = "x", max_tokens = 20 } end,
    quick = function() return ctx.step{ name = "quick", run = function() return 1 end } end }
  return first
end }]])
    h:open()
    local run = h:run("racer")
    assert.equal("quick", run.output)
    assert(h.engine:drain())
    local rows = h.engine.store:read("ledger.of_run", { run = run.run })
    assert.equal("settled", rows[1].state)
    assert.same({}, h.engine.store:read("budget.check", {}))
  end)

  it("sees a refusal of its budget as a value, and nothing was sent", function()
    h:open()
    local run = h:run("asker", { prompt = "Say hello.", max_tokens = 100000 })
    assert.equal("done", run.state)
    assert.same({ code = "budget" }, run.output)
    assert.equal(0, server:books().requests)
  end)

  it("gets a clear error for a tier without a model", function()
    h:open()
    assert.same({ code = "invalid_request" }, h:run("asker", { prompt = "x", tier = "huge" }).output)
  end)

  it("uses a skill by a model, whose output is checked and mended", function()
    h:open()
    server:play({ text = '{"label":"spam"}' }, { text = '{"label":"bug"}' })
    local run = h:run("labeller", { text = "it {crashes}" })
    assert.same({ label = "bug" }, run.output)
    local books = server:books()
    assert.equal("Label this: it {crashes}", books.calls[1].request.messages[1].content)
    assert.equal(2, books.requests)
  end)

  it("does not ask again when its run is played back", function()
    h:open()
    local run = h:run("asker", { prompt = "Say hello." })
    server:books()
    local replay = h.engine:replay(run.run)
    assert.is_true(replay.equal)
    assert.equal(0, server:books().requests)
  end)

  it("counts a call that a crash cut off as spent, and asks again", function()
    -- A child of ours, killed while the server holds the answer.
    server:play { fault = "hang" }
    h:write("input.json", '{"prompt":"Say hello."}')
    local pipe = assert(io.popen(("%s --home %s run asker --input %s/input.json >&2 & echo $!; wait"):format(program,
      h.path, h.path)))
    local pid = pipe:read("l")
    local asked
    for _ = 1, 400 do
      asked = server:books().requests
      if asked > 0 then break end
      os.execute "sleep 0.005"
    end
    assert.equal(1, asked)
    os.execute("kill -9 " .. pid)
    pipe:close()
    h.now = require("core.clock").now_ms()
    h:open()
    assert(h.engine:drain())
    local run = h.engine:describe(h.engine.store:read("run.list", { limit = 1 })[1].run)
    assert.equal("done", run.state)
    local rows = h.engine.store:read("ledger.of_run", { run = run.run })
    assert.equal(2, #rows)
    assert.equal("estimated", rows[1].state)
    assert.equal("settled", rows[2].state)
    assert.same({}, h.engine.store:read("budget.check", {}))
  end)
end)

describe("keel model and keel budget", function()
  local h

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    server:books()
    h = home.make { config = config:format(server.base_url) }
  end)
  after_each(function() h:remove() end)

  local function keel(words)
    local pipe = assert(io.popen(("%s --home %s %s 2>/dev/null </dev/null"):format(program, h.path, words)))
    local out = pipe:read("a")
    local _, _, code = pipe:close()
    return code, out
  end

  it("answers in the agreed JSON", function()
    local code, out = keel 'model --tier small --json "Say hello."'
    assert.equal(0, code)
    local answer = json.decode(out)
    assert.is_true(answer.ms >= 0)
    answer.ms = nil
    assert.same({ text = "hello", model = "gpt-x-mini", usage = { input = 10, output = 5, cached = 0 },
      cost_picousd = "6000000", estimated = false, attempts = 1 }, answer)
  end)

  it("streams, and takes a schema", function()
    local code, out = keel 'model --stream "Say hello."'
    assert.equal(0, code)
    assert.equal("hello\n", out)
    local path = os.tmpname()
    assert(require("file").write(path, '{"type":"object","required":["n"]}'))
    server:play { text = '{"n":1}' }
    code, out = keel("model --json --schema " .. path .. ' "Count."')
    os.remove(path)
    assert.equal(0, code)
    assert.same({ n = 1 }, json.decode(out).value)
  end)

  it("fails with the exit code and the error's number", function()
    server:default { status = 401, text = "bad key sk-s3cret" }
    local code, out = keel 'model --json "Say hello."'
    assert.equal(8, code)
    local err = json.decode(out).error
    assert.equal("auth", err.code)
    assert.equal("K8009", err.number)
    assert.is_nil(out:find("s3cret", 1, true))
    code, out = keel 'model --json --max-tokens 10000000 "Say hello."'
    assert.equal(5, code)
    assert.equal("budget", json.decode(out).error.code)
    code, out = keel 'model --json --tier smal "Say hello."'
    assert.equal(10, code)
    assert.equal("K2007", json.decode(out).error.number)
    assert.equal(9, (function()
      local s = assert(store.open(h.path .. "/var/keel.db"))
      local status = keel 'model --json "Say hello."'
      s:close()
      return status
    end)())
  end)

  it("shows what was spent", function()
    assert.equal(0, (keel 'model "Say hello."'))
    local code, out = keel "budget --json"
    assert.equal(0, code)
    local day
    for _, row in ipairs(json.decode(out)) do
      if row.scope == "engine" and row.window == "day" then day = row end
    end
    assert.same({ scope = "engine", window = "day", limit_picousd = "1000000000000", spent_picousd = "6000000",
      reserved_picousd = "0", tokens = 15, calls = 1, state = "ok" }, day)
    assert.match("engine", (select(2, keel "budget")))
  end)
end)

describe("the example of the docs", function()
  it("runs against any compatible server", function()
    local fake = fake_model.start()
    fake:play({ text = "Hello!" }, { text = '{"label":"bug"}' })
    local pipe = assert(io.popen(("KEEL_BASE_URL=%s %s lua docs/examples/model.lua"):format(fake.base_url, program)))
    local out = pipe:read("a")
    assert.is_true(pipe:close())
    fake:stop()
    assert.match("^Hello!\t%$0%.000006\t1\nbug\t1\n", out)
    assert.match("nil\tthe day budget of engine has no room", out)
    assert.match("engine\tday\t%$0%.000012\t30\t2", out)
    assert.match('"settled"', out)
  end)
end)
