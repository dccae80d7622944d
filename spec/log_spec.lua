-- What keel serve says: for people or as JSON, and never a secret that it knows.
local file = require "file"
local homes = require "spec.support.home"
local json = require "json"
local log = require "observe.log"
local secret = require "secret"
local server = require "spec.support.server"

describe("a log", function()
  it("is one JSON object a line, whatever is said, with time, level and msg first", function()
    local lines = {}
    local one = log.new { json = true, now = function() return 1772442000123 end, write = function(text) lines[#lines + 1] = text end }
    one:line("info", 'a "quoted"\nline \27[2J', { zebra = 1, run = "run_1" })
    one:of_run({ run = "run_2", agent = "a" }, "warn", "said")
    one:problem(require("errors").new("K1013", { name = "/nowhere" }))
    assert.equal(3, #lines)
    assert.matches('^{"time":"2026%-03%-02T09:00:00%.123Z","level":"info","msg":"a ', lines[1])
    for _, line in ipairs(lines) do assert.equal(1, select(2, line:gsub("\n", ""))) end
    local first, second, third = json.decode(lines[1]), json.decode(lines[2]), json.decode(lines[3])
    assert.same({ 'a "quoted"\nline \27[2J', 1, "run_1" }, { first.msg, first.zebra, first.run })
    assert.same({ "warn", "said", "run_2", "a" }, { second.level, second.msg, second.run, second.agent })
    assert.same({ "error", "K1013" }, { third.level, third.number })
  end)

  it("shows no secret: the longest is taken out first, and as it stands in a URL", function()
    secret.new "plant-1"
    secret.new "plant-1-longer"
    secret.new "with space&more"
    assert.equal("a [secret] b [secret] c", secret.redact "a plant-1-longer b plant-1 c")
    assert.equal("x=[secret]", secret.redact "x=with%20space%26more")
    assert.equal("nothing here", secret.redact "nothing here")
  end)
end)

local tell = [[
return agent { version = 1, run = function(ctx, input)
  ctx.log("the key is " .. input.key, "warn")
  error("it failed with " .. input.key)
end }]]

describe("keel serve --log", function()
  local home, served
  after_each(function()
    if served then served:stop("KILL") end
    if home then home:remove() end
    home, served = nil, nil
  end)

  local function serve(words)
    home = homes.make { agents = { tell = tell, broken = "return agent {" }, config =
      [[return { zone = "UTC", http = { webhooks = { ["a.b"] = { secret = env "HOOK" } } }, adapters = { x = { use = "outbox", note = env "PLAIN" } } }]] }
    served = assert(server.start(home, words, "HOOK=hook-planted-1 PLAIN=plain-planted-2"))
    for _, key in ipairs { "hook-planted-1", "plain-planted-2", (file.read(home.path .. "/var/token"):gsub("%s", "")) } do
      served:keel("run tell --input -", json.encode { key = key })
    end
    return served:messages()
  end

  local function has_none(text)
    assert.is_nil(text:find("planted", 1, true))
    assert.is_nil(text:find(file.read(home.path .. "/var/token"):match "%x+", 1, true))
  end

  it("json writes nothing but objects, also of the supervisor, with what runs say and without secrets", function()
    serve "--listen off --log json"
    os.execute("kill -KILL " .. served.paper.pid)
    served:said "the engine is back"
    local text, said = served:messages(), 0
    has_none(text)
    for line in text:gmatch "[^\n]+" do
      local one = assert(json.decode(line), line)
      assert.is_string(one.msg)
      assert.matches("^%d+%-%d+%-%d+T", one.time)
      if one.msg == "the key is [secret]" then
        said = said + 1
        assert.same({ "tell", "warn" }, { one.agent, one.level })
        assert.matches("^run_", one.run)
      end
    end
    assert.equal(3, said)
    assert.truthy(text:find('"level":"warn","msg":"the engine died', 1, true))
  end)

  it("text says the same to people, and is what is written unless told otherwise", function()
    local text = serve "--listen off"
    has_none(text)
    assert.matches("tell run_%w+: warn: the key is %[secret%]", text)
    assert.is_nil(text:find('"msg"', 1, true))
  end)

  it("refuses another form", function()
    home = homes.make {}
    local refused, text = server.start(home, "--log xml")
    assert.is_nil(refused)
    assert.matches("K1004", text)
  end)
end)
