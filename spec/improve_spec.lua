--- keel test --model, keel improve, keel overrides suggestions: what is learned from edits is
--- measured before anything changes, and taken back to the byte.
local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

local config = [[return { zone = "UTC", owner = "Mira", budget = { day = "$1.00" },
  tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = "%s", key = "sk-s3cret", price = { input = 0.20, output = 0.80 } } } } }]]

local tone = [[
-- A greeting.
return skill {
  version = 1, about = "Greets",
  input = { type = "object", required = { "name" }, properties = { name = { type = "string" } } },
  output = { type = "object", required = { "text" }, properties = { text = { type = "string" } } },
  ["local"] = function(input) return { text = "Dear friend and customer " .. input.name } end,
  model = { tier = "small", prompt = "Greet {name}", max_tokens = 30 },
  examples = { %s },
}
]]

local greeter = [[return agent { version = 1, uses = { "tone" }, locally = { "tone" },
  run = function(ctx, input)
    local said = ctx.skill.tone { name = input.name }
    local v = ctx.approve { subject = "greet:" .. input.name, proposal = said }
    return { outcome = v.outcome }
  end }]]

describe("learning from edits", function()
  local h, server

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = '{"text":"Hi Ana"}', usage = { prompt_tokens = 10, completion_tokens = 5 } }
    local examples = {}
    for i = 1, 6 do examples[i] = ('{ input = { name = "N%d" }, output = { text = "Hi Ana" } }'):format(i) end
    h = home.make { config = config:format(server.base_url), agents = { greeter = greeter }, skills = { tone = tone:format(table.concat(examples, ", ")) } }
  end)
  after_each(function() h:remove() end)

  local function arguments(...)
    local list = { ... }
    for _, word in ipairs { "--home", h.path, "--json" } do list[#list + 1] = word end
    return list
  end

  local function run(...)
    local got = keel(arguments(...))
    return got.code, got.out ~= "" and json.decode((got.out:match "([^\n]*)\n?$")) or nil
  end

  local function edit(name)
    local e = h:open()
    h:run("greeter", { name = name })
    for _, item in ipairs(e:inbox()) do assert(e:decide(item.id, { state = "edited", value = { text = "Hi Ana" }, note = "shorter" })) end
    assert(e:drain())
    h.engine:close()
    h.engine = nil
  end

  it("tests by local code and by the model side by side", function()
    local code, told = run("test", "--model", "tone")
    assert.equal(0, code)
    local one = told.skills[1]
    assert.equal("tone", one.skill)
    assert.equal(0, one["local"].held)
    assert.equal(6, one.model.held)
    assert.equal(1, one.model.score)
    assert.equal(tostring(6 * (10 * 200000 + 5 * 800000)), one.model.cost_picousd)
    server:default { text = '{"text":"Good day"}', usage = { prompt_tokens = 10, completion_tokens = 5 } }
    code, told = run("test", "--model", "tone")
    assert.equal(1, code)
    assert.equal(0, told.skills[1].model.held)
  end)

  it("raises what was decided the same way three times, with its evidence, and never by itself", function()
    for i = 1, 2 do edit("P" .. i) end
    local e = h:open()
    assert.same({}, e:suggestions())
    h.engine:close()
    edit "P3"
    e = h:open()
    local all = e:suggestions()
    assert.equal(1, #all)
    assert.equal("tone", all[1].about)
    assert.equal(3, #all[1].evidence)
    assert.equal(1, #e:event_list { type = "suggestion.raised" })
    -- thirty days later it is no suggestion any more
    h.now = h.now + 31 * 86400000
    assert.same({}, e:suggestions())
    local code, none = run("overrides", "suggestions", "--skill", "tone")
    assert.equal(0, code)
    assert.same({}, none)
  end)

  it("measures on what is held apart, changes nothing, writes when told, and takes it back to the byte", function()
    for i = 1, 6 do edit("Q" .. i) end
    local before = h:read "skills/tone.lua"
    local code, told = run("improve", "tone")
    assert.equal(0, code)
    assert.is_true(told.learned_from > 0 and told.held_apart > 0)
    assert.equal(told.held_apart, told.before.examples)
    assert.equal(told.held_apart, told.after.examples)
    assert.equal(before, h:read "skills/tone.lua")
    code, told = run("improve", "tone", "--apply")
    assert.equal(0, code)
    assert.is_true(told.applied)
    local changed = h:read "skills/tone.lua"
    assert.truthy(changed:find("shots = " .. told.learned_from, 1, true))
    assert.truthy(changed:find("as decided in", 1, true))
    code = run("improve", "tone", "--undo")
    assert.equal(0, code)
    assert.equal(before, h:read "skills/tone.lua")
    code = run("improve", "tone", "--undo")
    assert.equal(2, code)
  end)

  it("knows whose text was edited where the question holds a part of it beside other things", function()
    h:write("agents/greeter.lua", [[return agent { version = 1, uses = { "tone" }, locally = { "tone" },
      run = function(ctx, input)
        local said = ctx.skill.tone { name = input.name }
        local v = ctx.approve { subject = "greet:" .. input.name, proposal = { to = "x@fernline.example", body = said.text } }
        return { outcome = v.outcome }
      end }]])
    local e = h:open()
    h:run("greeter", { name = "Zoe" })
    assert(e:decide(e:inbox()[1].id, { state = "edited", value = { to = "x@fernline.example", body = "Hi Zoe" } }))
    assert(e:drain())
    local one = e:overrides { skill = "tone" }[1]
    assert.same({ text = "Hi Zoe" }, e.as_example(one).output)
    assert.same({ name = "Zoe" }, e.as_example(one).input)
    -- who changes the address only has nothing against the text
    h.now = h.now + 1000
    h:run("greeter", { name = "Yan" })
    local item = e:inbox()[1]
    assert(e:decide(item.id, { state = "edited", value = { to = "y@fernline.example", body = item.proposal.body } }))
    assert(e:drain())
    assert.is_nil(e.as_example(e:overrides { skill = "tone" }[1]))
  end)

  it("learns nothing twice, and takes two improvements back at once", function()
    for i = 1, 4 do edit("Q" .. i) end
    local before = h:read "skills/tone.lua"
    local _, first = run("improve", "tone", "--apply")
    local once = h:read "skills/tone.lua"
    local _, again = run("improve", "tone", "--apply")
    assert.equal(0, again.learned_from)
    assert.is_false(again.applied)
    assert.equal(once, h:read "skills/tone.lua")
    for i = 11, 14 do edit("R" .. i) end
    local _, second = run("improve", "tone", "--apply")
    assert.is_true(second.learned_from > 0)
    assert.truthy(h:read("skills/tone.lua"):find("shots = " .. first.learned_from + second.learned_from, 1, true))
    run("improve", "tone", "--undo")
    assert.equal(before, h:read "skills/tone.lua")
  end)

  it("does not take your own change back with an improvement", function()
    for i = 1, 4 do edit("Q" .. i) end
    run("improve", "tone", "--apply")
    local mine = h:read "skills/tone.lua" .. "-- mine\n"
    h:write("skills/tone.lua", mine)
    local code, told = run("improve", "tone", "--undo")
    assert.equal(2, code)
    assert.equal("K1133", told.error.number)
    assert.equal(mine, h:read "skills/tone.lua")
    assert.truthy(h:read "var/improve/tone.lua")
  end)

  it("shows the model those of the examples that are most like what it is asked about", function()
    local shots = require "shots"
    local pool = { { input = { text = "Please refund the invoice, I was charged twice" }, output = { label = "refund" } } }
    for i = 1, 9 do pool[i + 1] = { input = { text = ("Our meeting number %d is on Tuesday in the office"):format(i) }, output = { label = "meeting" } } end
    local chosen = shots.nearest(pool, { text = "I want my money back for the invoice" })
    assert.equal(shots.most, #chosen)
    assert.equal("refund", chosen[#chosen].output.label)
    assert.same({}, shots.nearest({}, { text = "x" }))
    assert.same({}, shots.nearest({ { input = { text = ("long "):rep(9000) }, output = {} } }, { text = "long" }))
  end)

  it("shows the model the edits that it learned from", function()
    for i = 1, 6 do edit("Q" .. i) end
    run("improve", "tone", "--apply")
    local e = h:open { adapt = nil }
    assert.truthy(e.library.skills.tone.manifest.model.shots > 0)
    local request = require("handler.model").request(e.library.skills.tone, { name = "Z" }, e.library.skills.tone.manifest.examples)
    assert.truthy(request.prompt:find("This is how it was done before", 1, true))
    h.engine:close()
    h.engine = nil
  end)
end)
