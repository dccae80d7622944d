local json = require "json"
local secret = require "secret"
local settings = require "settings"

local environment = { OPENAI_API_KEY = "sk-hidden-1", PAY_KEY = "pay-hidden-2" }
local function getenv(name) return environment[name] end

local function read(text)
  return settings.from_source(text, "config.lua", getenv)
end

local full = [[
return {
  zone = "Europe/Lisbon", owner = "Mira",
  tiers = { small = { { provider = "openai", model = "gpt-x-mini",
      base_url = "http://127.0.0.1:9000/v1", key = env "OPENAI_API_KEY",
      price = { input = 0.20, output = 0.80, cached = 0.05, as_of = "2026-11-01" },
      context = 128000, max_parallel = 8 } },
    large = { provider = "ollama", model = "qwen", price = "free" } },
  embed = { provider = "builtin" },
  budget = { day = "$5.00", month = "$60.00", warn = { 0.8, 0.5 } },
  adapters = { mail = "outbox", payments = { use = "http_json",
    base_url = "https://pay.example/", hosts = { "pay.example" },
    secret = env "PAY_KEY" } },
  inbox = { ["mail.received"] = "inbox/mail" },
  http = { hosts = { "localhost" },
    webhooks = { ["form.submitted"] = { secret = env "FORM_SECRET" } } },
  memory = { kinds = { turn = { k1 = 0.9, b = 0.4, vector = 0.3 } },
    retention = { turn = "30d" } },
  agents = { support_triage = { auto_reply_min_conf = 0.9 } },
}
]]

describe("config.lua", function()
  it("comes out in the engine's units", function()
    local config = assert(read(full))
    local small = config.tiers.small[1]
    assert.same({ input_picousd = 200000, output_picousd = 800000,
      cached_picousd = 50000, as_of = "2026-11-01" }, small.price)
    assert.equal(0, config.tiers.large[1].price.output_picousd)
    assert.equal(5000000000000, config.budget.day_picousd)
    assert.same({ 0.5, 0.8 }, config.budget.warn)
    assert.equal("http_json", config.adapters.payments.use)
    assert.equal("outbox", config.adapters.mail.use)
    assert.equal("127.0.0.1:7171", config.http.listen)
    assert.same({ age_ms = 2592000000 }, config.memory.retention.turn)
    assert.equal(0.9, config.agents.support_triage.auto_reply_min_conf)
  end)

  it("may be empty", function()
    local config = assert(read("return {}"))
    assert.equal("UTC", config.zone)
    assert.equal("builtin", config.embed.provider)
    assert.equal("outbox", config.adapters.mail.use)
    assert.equal("folder", config.adapters.docs.use)
    assert.equal("inbox/mail", config.inbox["mail.received"])
    assert.equal("127.0.0.1:7171", config.http.listen)
    assert.same({}, config.warnings)
  end)

  it("takes the zone of the machine when it names none", function()
    local function with_zone(zone)
      return settings.from_source("return {}", "config.lua", function(name)
        if name == "TZ" then return zone end
      end).zone
    end
    assert.equal("Europe/Lisbon", with_zone(":Europe/Lisbon"))
    assert.equal("UTC", with_zone("CET-1CEST"))
    assert.equal("UTC", with_zone("../../etc/passwd"))
  end)

  it("is refused at the line that is wrong, with what was meant", function()
    local cases = {
      { "K2101", 2, "budget", "return {\n budgt = {} }" },
      { "K2101", 2, "day", "return { budget = {\n dya = '$1' } }" },
      { "K2005", 2, "Europe/Lisbon", "return {\n zone = 'Europe/Lisbonn' }" },
      { "K2005", 2, "Europe/Lisbon", "return {\n zone = 'Lisbon' }" },
      { "K2105", 2, nil, "return { budget = {\n day = 5 } }" },
      { "K2105", 3, "openai", "return { tiers = { small = {\n {\n"
        .. " provider = 'opnai', model = 'x' } } } }" },
      { "K2102", 2, nil, "return { tiers = {\n small = { provider = 'echo' } } }" },
      { "K2105", 3, nil, "return { tiers = { a = { provider = 'echo',\n"
        .. " model = 'x', price = {\n input = 0.0000001, output = 1 } } } }" },
      { "K2105", 2, nil, "return { http = {\n listen = '7171' } }" },
      { "K2105", 2, nil, "return { inbox = {\n ['mail received'] = 'x' } }" },
      { "K2002", 2, nil, "return {\n zone = = 1 }" },
      { "K2003", 1, nil, "os.exit(1)" },
      { "K2003", 2, nil, "local x = 1\nwhile true do x = x + 1 end" },
    }
    for _, case in ipairs(cases) do
      local config, err = read(case[4])
      assert.is_nil(config, case[4])
      assert.equal(case[1], err.number, tostring(err))
      assert.equal(case[2], err.line, tostring(err))
      assert.equal(case[3], err.suggestion, tostring(err))
      assert.equal(10, err.exit)
    end
    local _, err = read("return 7")
    assert.equal("K2004", err.number)
  end)

  it("says what is allowed but deserves a look", function()
    local config = assert(read(full))
    local text = table.concat(config.warnings, "\n")
    assert.match("FORM_SECRET is not set", text)
    assert.match("webhook 'form.submitted' has no secret", text)
    assert.is_nil(text:find("OPENAI_API_KEY"))
    config = assert(read("return { tiers = { a = { provider = 'echo',"
      .. " model = 'm' } } }"))
    assert.match("tiers.a%[1%] has no price", config.warnings[1])
  end)

  it("is read from a file, and its folder is the home", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("return { owner = 'Mira' }")
    file:close()
    local config = assert(settings.load(path, getenv))
    assert.equal("Mira", config.owner)
    assert.equal(path:match("^(.*)/"), config.home)
    os.remove(path)
    local _, err = settings.load(path, getenv)
    assert.equal("K2001", err.number)
  end)

  it("names a tier that is not configured", function()
    local config = assert(read(full))
    assert.equal("gpt-x-mini", settings.tier(config, "small")[1].model)
    local _, err = settings.tier(config, "smal")
    assert.equal("K2007", err.number)
    assert.equal("small", err.suggestion)
  end)
end)

describe("a secret", function()
  it("is shown nowhere and revealed to the one who asks", function()
    local config = assert(read(full))
    local key = config.tiers.small[1].key
    assert.equal("[secret]", tostring(key))
    assert.is_nil(next(key))
    assert.has_error(function() return "Bearer " .. key end)
    assert.is_nil((json.encode({ config.tiers.small[1] }) or "")
      :find("hidden", 1, true))
    assert.equal("sk-hidden-1", secret.reveal(key))
    assert.equal("sk-hidden-1", settings.key_of(config, config.tiers.small[1]))
    assert.equal("pay-hidden-2",
      secret.reveal(config.adapters.payments.secret))
    assert.equal("", settings.key_of(config, config.tiers.large[1]))
  end)

  it("comes from the first line of a key_file", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write("  sk-from-file \nmore\n")
    file:close()
    local entry = { model = "m", key_file = path }
    assert.equal("sk-from-file", settings.key_of({ home = "/" }, entry))
    os.remove(path)
    local key, err = settings.key_of({ home = "/" }, entry)
    assert.is_nil(key)
    assert.equal("K2006", err.number)
  end)

  it("never appears in an error, even when written into the file", function()
    local literal = "sk-abcdef"
    local sources = {
      "return { tiers = { a = { provider = 'x', model = 'm', key = '%s' } } }",
      "return { tiers = { a = { provider = 'echo', model = 'm', keyy = '%s' } } }",
      "return { tiers = { a = { provider = 'echo', model = 'm' key = '%s' } } }",
      "return { tiers = { a = { key = { '%s' }, provider = 'echo' } } }",
      "return { tiers = { a = { key = 'a' .. '%s', provider = 'e' } } }",
      "return { api_key = '%s' }", "return { key = [[%s]] '%s' }",
      "return { secret = '%s\n' }", "local token = '%s' .. nil",
      "return { http = { webhooks = { a = { secret = '%s', x = 1 } } } }",
      "return { adapters = { p = { secret = '%s' } } }",
    }
    for _, source in ipairs(sources) do
      local config, err = read((source:gsub("%%s", literal)))
      assert.is_nil(config, source)
      assert.is_nil(tostring(err):find(literal, 1, true), tostring(err))
      assert.is_nil(json.encode(require("errors").json(err))
        :find(literal, 1, true))
    end
  end)
end)
