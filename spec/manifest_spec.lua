local manifest = require "manifest"

local code = { ["$function"] = 8 }

local agent_source = [[
return agent {
  version = 1,
  about = "sorts mail",
  on = { { event = "mail.received", key = "message_id" },
         { every = "15m" } },
  input = { type = "object",
            properties = { subject = { type = "string" } } },
  caps = { instructions = 20e6, memory = "32MiB", wall = "60s" },
  budget = { run = "$0.04", day = "$1.00", calls = "30/min" },
  uses = { "classify", "mail" },
  memory = { read = { "client/*" }, write = "ticket/*" },
  run = function(ctx, mail) end,
}
]]

local function agent_table()
  return { version = 1, about = "sorts mail",
    on = { { event = "mail.received", key = "message_id", throttle = "20/min" },
      { every = "15m" } },
    input = { type = "object",
      properties = { subject = { type = "string" } } },
    caps = { instructions = 20e6, memory = "32MiB", wall = "60s" },
    budget = { run = "$0.04", day = "$1.00", calls = "30/min" },
    uses = { "classify", "mail" },
    memory = { read = { "client/*" }, write = "ticket/*" }, run = code }
end

local function check(change)
  local raw = agent_table()
  change(raw)
  return manifest.agent(raw, { file = "agents/triage.lua", name = "triage",
    source = agent_source, skills = { classify = true, mail = true } })
end

describe("an agent's manifest", function()
  it("comes out in the engine's units", function()
    local agent = assert(check(function() end))
    assert.equal("triage", agent.name)
    assert.same({
      { kind = "event", event = "mail.received", key = "message_id",
        throttle = { count = 20, per_ms = 60000 } },
      { kind = "every", every_ms = 900000, jitter_ms = 0, overlap = "skip",
        catch_up = { within_ms = 86400000, keep = "one" } } }, agent.on)
    assert.same({ instructions = 20000000, memory_bytes = 33554432,
      wall_ms = 60000 }, agent.caps)
    assert.equal("integer", math.type(agent.caps.instructions))
    assert.same({ run_picousd = 40000000000, day_picousd = 1000000000000,
      calls = { count = 30, per_ms = 60000 } }, agent.budget)
    assert.same({ read = { "client/*" }, write = { "ticket/*" } }, agent.memory)
    assert.equal(code, agent.run)
  end)

  it("says how its events are delivered", function()
    local agent = assert(check(function(raw)
      raw.concurrency = 4
      raw.on = { event = "mail.*", where = { size = { [">"] = 3 } }, order = "thread", fair = "client.id", priority = "urgency",
        debounce = "10s", coalesce = "1m", throttle = "20/min" }
    end))
    assert.equal(4, agent.concurrency)
    assert.same({ { kind = "event", event = "mail.*", where = { size = { [">"] = 3 } }, order = "thread", fair = "client.id",
      priority = "urgency", debounce_ms = 10000, coalesce_ms = 60000, throttle = { count = 20, per_ms = 60000 } } }, agent.on)
    for field, bad in pairs { where = { { ["$function"] = 4 }, { a = { ["$function"] = 4 } }, { n = { ["=>"] = 1 } },
        { n = { ["in"] = 3 } } }, throttle = { "20/run", "0/min", "often" }, debounce = { "0s", 10 }, coalesce = { "soon" },
      priority = { true, 1 / 0 }, order = { 1 }, fair = { "" }, event = { "*", "mail.*.x" } } do
      for i, value in ipairs(bad) do
        local _, err = check(function(raw)
          raw.on = { event = "mail.received" }
          raw.on[field] = value
        end)
        assert.is_truthy(err, field .. " " .. i)
        assert.match("^K210[35]$", err.number)
      end
    end
    assert.equal("K2105", select(2, check(function(raw) raw.concurrency = 0 end)).number)
  end)

  it("needs no more than a version and a run", function()
    local agent = assert(manifest.agent({ version = 1, run = code },
      { name = "small" }))
    assert.same(manifest.default_caps, agent.caps)
    assert.same({}, agent.on)
    agent.caps.wall_ms = 1
    assert.equal(60000, manifest.default_caps.wall_ms)
  end)

  it("takes one trigger without a list", function()
    local agent = assert(check(function(raw)
      raw.on = { cron = "45 7 * * 1-5", zone = "UTC" }
    end))
    assert.equal("cron", agent.on[1].kind)
    agent = assert(check(function(raw)
      raw.on = { at = "2026-03-02T09:00:00Z" }
    end))
    assert.equal(1772442000000, agent.on[1].at_ms)
  end)

  it("takes what a schedule may have beside its times", function()
    local agent = assert(check(function(raw)
      raw.on = { { cron = "30 2 * * SUN", zone = "Europe/Lisbon", name = "digest", jitter = "30s", dst = "twice",
          overlap = "queue_one", catch_up = { within = "2h", keep = "all" }, input = { issue = 62 } },
        { every = "1h", from = "2026-03-02T09:00:00Z", catch_up = "10m" } }
    end))
    assert.same({ kind = "cron", cron = "30 2 * * SUN", zone = "Europe/Lisbon", name = "digest", jitter_ms = 30000,
      fold = "twice", overlap = "queue_one", catch_up = { within_ms = 7200000, keep = "all" }, input = { issue = 62 } },
      agent.on[1])
    assert.equal(1772442000000, agent.on[2].from_ms)
    assert.same({ within_ms = 600000, keep = "one" }, agent.on[2].catch_up)
  end)

  it("is refused at the line that is wrong, with what was meant", function()
    local cases = {
      { "K2101", 1, "budget", function(raw) raw.bugdet = {} end },
      { "K2102", 2, nil, function(raw) raw.version = nil end },
      { "K2103", 2, nil, function(raw) raw.version = "1" end },
      { "K2105", 2, nil, function(raw) raw.version = 0 end },
      { "K2101", 5, "every", function(raw) raw.on[2] = { evry = "15m" } end },
      { "K2105", 5, nil, function(raw) raw.on[2].every = "soon" end },
      { "K2105", 5, nil, function(raw) raw.on[2].cron = "* * * * *" end },
      { "K2105", 5, nil, function(raw) raw.on[2] = { cron = "0 0 30 2 *" } end },
      { "K2005", 5, "Europe/Lisbon", function(raw) raw.on[2] = { cron = "@daily", zone = "Europe/Lissbon" } end },
      { "K2105", 5, "queue_one", function(raw) raw.on[2].overlap = "queue_on" end },
      { "K2105", 5, "shift", function(raw) raw.on[2] = { cron = "@daily", dst = "shft" } end },
      { "K2101", 5, nil, function(raw) raw.on[2].dst = "shift" end },
      { "K2105", 5, nil, function(raw) raw.on[2].every = "200ms" end },
      { "K2105", 5, nil, function(raw) raw.on = { { every = "1m", name = "a" }, { every = "2m", name = "a" } } end },
      { "K2106", 7, nil,
        function(raw) raw.input.properties.subject.type = "strng" end },
      { "K2106", 6, nil, function(raw) raw.input.propertys = {} end },
      { "K2103", 6, nil, function(raw) raw.input = "object" end },
      { "K2105", 8, nil, function(raw) raw.caps.memory = "lots" end },
      { "K2101", 8, "memory", function(raw) raw.caps.memry = "1MiB" end },
      { "K2105", 9, nil, function(raw) raw.budget.day = "1.00" end },
      { "K2109", 10, "classify", function(raw) raw.uses[1] = "clasify" end },
      { "K2103", 12, nil, function(raw) raw.run = "x" end },
    }
    for _, case in ipairs(cases) do
      local agent, err = check(case[4])
      assert.is_nil(agent)
      assert.equal(case[1], err.number, tostring(err))
      assert.equal(case[2], err.line, tostring(err))
      assert.equal(case[3], err.suggestion, tostring(err))
      assert.equal("agents/triage.lua", err.file)
      assert.equal(10, err.exit)
    end
  end)

  it("is refused when the file returns something else", function()
    for _, raw in ipairs { 7, "x", true, code } do
      local agent, err = manifest.agent(raw, { file = "agents/x.lua" })
      assert.is_nil(agent)
      assert.equal("K2107", err.number)
    end
    local _, err = manifest.agent({ version = 1, run = code },
      { file = "agents/my-agent.lua", name = "my-agent" })
    assert.equal("K2108", err.number)
  end)

  it("never raises, whatever a script put there", function()
    local junk = { 1, -1, "x", "", true, {}, { 1 }, { {} }, { a = 1 }, code,
      { { event = 1 } }, 0 / 0, 1e300, { [1.5] = 1 }, { "a", x = 1 } }
    local fields = { "version", "about", "on", "input", "output", "config", "caps",
      "budget", "uses", "memory", "on_node", "run" }
    for _, field in ipairs(fields) do
      for _, value in ipairs(junk) do
        local agent, err = check(function(raw) raw[field] = value end)
        assert.is_truthy(agent or err.number)
        assert.is_string(agent and "" or tostring(err))
      end
    end
  end)
end)

describe("an agent's settings", function()
  local agent = { name = "triage", config = { type = "object",
    additionalProperties = false, properties = {
      min_conf = { type = "number", default = 0.8 } } } }
  local origin = { file = "config.lua",
    source = "return {\n agents = {\n triage = {\n min_conf = 1 } } }" }

  it("are those of config.lua over the manifest's defaults", function()
    assert.same({ min_conf = 0.8 }, manifest.settings(agent, nil, origin))
    assert.same({ min_conf = 1 },
      manifest.settings(agent, { min_conf = 1 }, origin))
  end)

  it("are refused at their line in config.lua", function()
    local values, err = manifest.settings(agent, { min_conf = "high" }, origin)
    assert.is_nil(values)
    assert.equal("K2104", err.number)
    assert.equal(4, err.line)
    _, err = manifest.settings({ name = "triage" }, { x = 1 }, origin)
    assert.equal("K2101", err.number)
  end)
end)

describe("a skill's manifest", function()
  local origin = { file = "skills/classify.lua", name = "classify",
    source = [[
return skill {
  version = 2,
  effect = "pure",
  input = { type = "object", required = { "text" } },
  needs = { skills = { "tokens" } },
  examples = {
    { input = { text = "a" }, output = {} },
    { input = { txt = "a" }, output = {} },
  },
  ["local"] = function(input, lib) end,
}]] }

  local function skill(change)
    local raw = { version = 2, effect = "pure",
      input = { type = "object", required = { "text" } },
      needs = { skills = { "tokens" } },
      examples = { { input = { text = "a" }, output = { label = "x" } } },
      ["local"] = code }
    change(raw)
    return manifest.skill(raw, origin)
  end

  it("comes out with its defaults", function()
    local one = assert(skill(function(raw) raw.effect = nil end))
    assert.equal("pure", one.effect)
    assert.same({ hosts = {}, secrets = {}, skills = { "tokens" } }, one.needs)
    assert.equal(code, one["local"])
  end)

  it("is refused at the line that is wrong", function()
    local cases = {
      { "K2105", 3, function(raw) raw.effect = "pur" end },
      { "K2104", 8, function(raw)
        raw.examples[2] = { input = { txt = "a" }, output = {} }
      end },
      { "K2102", 7, function(raw) raw.examples[1].output = nil end },
      { "K2110", 1, function(raw) raw["local"] = nil end },
      { "K2102", 1, function(raw) raw.model = { tier = "small" } end },
    }
    for _, case in ipairs(cases) do
      local one, err = skill(case[3])
      assert.is_nil(one)
      assert.equal(case[1], err.number, tostring(err))
      assert.equal(case[2], err.line, tostring(err))
    end
  end)
end)

describe("a script with a syntax error", function()
  it("is shown at its line, with Lua's own words", function()
    local source = "return agent {\n  version = 1\n  about = 2,\n}"
    local _, message = load(source, "=agents/x.lua", "t")
    local err = manifest.source_error(message, source, "agents/x.lua")
    assert.equal("K3001", err.number)
    assert.equal(3, err.line)
    assert.equal(3, err.exit)
    assert.match(">    3 |   about = 2,", tostring(err), 1, true)
  end)

  it("says how to write the field 'local'", function()
    local source = "return skill {\n  local = function() end,\n}"
    local _, message = load(source, "=skills/x.lua", "t")
    local err = manifest.source_error(message, source, "skills/x.lua")
    assert.match('["local"] = function', err.expected, 1, true)
  end)

  it("keeps a message without a line as it is", function()
    local err = manifest.source_error("not enough memory", "", "agents/x.lua")
    assert.equal("not enough memory", err.message)
    assert.is_nil(err.line)
  end)
end)
