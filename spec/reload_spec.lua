--- What becomes of a save, in every way that editors save.
local file = require "file"
local home = require "spec.support.home"
local loop = require "loop"
local reload = require "reload"
local server = require "spec.support.server"

local function agent(version, extra) return home.agent(("return { v = %d }"):format(version)):gsub("version = 1", "version = " .. version) .. (extra or "") end

local function skill(version, says, needs)
  return ([[return skill { version = %d, input = { type = "object" }, output = { type = "object" }, %s
  examples = { { input = {}, output = { n = %s } } },
  ["local"] = function(input, lib) return %s end }]]):format(version, needs and "needs = { skills = { 'base' } }," or "", says[1],
    needs and "lib.skill.base {}" or "{ n = " .. says[2] .. " }")
end

describe("a save", function()
  local here, e, r, said, notes, published

  local function open()
    e = here:open()
    said, notes, published = {}, {}, {}
    r = assert(reload.open(e, { say = function(err) said[#said + 1] = err end, note = function(text) notes[#notes + 1] = text end,
      on_published = function(list)
        for _, one in ipairs(list) do published[#published + 1] = one end
      end }))
  end

  before_each(function()
    here = home.make { agents = { one = agent(1), uses = home.agent("return ctx.skill.base {}", [[uses = { "base" },]]) },
      skills = { base = skill(1, { 1, 1 }) } }
    open()
  end)

  after_each(function()
    r:close()
    here:remove()
  end)

  local function path(name) return here.path .. "/" .. name end
  local function shell(text, ...) assert(os.execute(text:format(...))) end

  local function comes(version, name)
    server.eventually(function()
      local one = e.library.agents[name or "one"]
      return one and one.manifest.version == version
    end, "version " .. version)
  end

  local function refused(number)
    return server.eventually(function()
      for _, err in ipairs(said) do
        if err.number == number then return err end
      end
    end, number)
  end

  --- Until all news were heard and everything whole was looked at.
  local function settled()
    here:write("agents/zz_last.lua", agent(1, "-- " .. #published .. #said))
    server.eventually(function()
      for _, one in ipairs(published) do
        if one.file == "agents/zz_last.lua" then return true end
      end
    end, "the last one")
  end

  local function times(file_name)
    local n = 0
    for _, one in ipairs(published) do n = n + (one.file == file_name and 1 or 0) end
    return n
  end

  it("by renaming is published once, with its version and hash", function()
    here:write("agents/one.lua", agent(2))
    comes(2)
    assert.equal(1, #published)
    assert.same({ "agents/one.lua", "changed", 2 }, { published[1].file, published[1].what, published[1].version })
    assert.equal(e.library.agents.one.hash, published[1].hash)
    assert.truthy(notes[1]:find("^loaded agents/one.lua@2 %x+$"))
    assert(e:drain())
    local row = e:rows("audit.list", { limit = 1 })[1]
    assert.same({ "publish", "agents/one.lua", published[1].hash }, { row.what, row.subject, row.detail.hash })
    assert.equal(published[1].hash, r:publication("agents/one.lua").hash)
  end)

  it("in place, by sed, by backup, by links of either kind and through a link is seen", function()
    local handle = assert(io.open(path "agents/one.lua", "w"))
    handle:write(agent(2))
    handle:close()
    comes(2)
    shell("sed -i 's/version = 2/version = 3/' '%s'", path "agents/one.lua")
    comes(3)
    os.rename(path "agents/one.lua", path "agents/one.lua~")
    handle = assert(io.open(path "agents/one.lua", "w"))
    handle:write(agent(4))
    handle:close()
    comes(4)
    here:write("five", agent(5))
    os.remove(path "agents/one.lua")
    shell("ln -s ../five '%s'", path "agents/one.lua")
    comes(5)
    here:write("six", agent(6))
    shell("ln -sfn ../six '%s'", path "agents/one.lua")
    comes(6)
    here:write("six", agent(7)) -- the target itself
    comes(7)
    here:write("eight", agent(8))
    os.remove(path "agents/one.lua")
    shell("ln '%s' '%s'", path "eight", path "agents/one.lua")
    comes(8)
    assert.same({}, said)
  end)

  it("that is half written is not read before its writer closes it", function()
    local text = agent(2) .. "\n-- and more\n"
    local handle = assert(io.open(path "agents/one.lua", "w"))
    handle:setvbuf "no"
    handle:write(agent(2)) -- whole Lua, but not the file
    settled()
    assert.equal(1, e.library.agents.one.manifest.version)
    handle:write "\n-- and more\n"
    handle:close()
    comes(2)
    assert.equal(text, e.library.agents.one.text)
    assert.equal(1, times "agents/one.lua")
    assert.same({}, said)
  end)

  it("in a burst is published once, the last of it", function()
    for i = 2, 30 do here:write("agents/one.lua", agent(i)) end
    comes(30)
    settled()
    assert.equal(1, times "agents/one.lua")
  end)

  it("of what was there already publishes nothing", function()
    here:write("agents/one.lua", agent(1))
    shell("touch '%s'", path "agents/uses.lua")
    settled()
    assert.equal(0, times "agents/one.lua")
    assert.equal(0, times "agents/uses.lua")
  end)

  it("that is broken keeps the last good version, and says where and why", function()
    here:write("agents/one.lua", "return agent {\n  version = 2,\n  about = = 1 }")
    local err = refused "K3001"
    assert.same({ "agents/one.lua", 3 }, { err.file, err.line })
    assert.truthy(tostring(err):find(">    3 |   about = = 1 }", 1, true))
    assert.equal(1, e.library.agents.one.manifest.version)
    assert.equal(0, times "agents/one.lua")
    here:write("agents/one.lua", agent(3))
    comes(3)
  end)

  it("that takes back a broken one says that what is used is used again", function()
    local text = here:read "agents/one.lua"
    here:write("agents/one.lua", "return agent {")
    refused "K3001"
    here:write("agents/one.lua", text)
    server.eventually(function() return table.concat(notes, "\n"):find("agents/one.lua is again what is used", 1, true) end, "that")
    assert.equal(0, times "agents/one.lua")
  end)

  it("of a skill that breaks its example is refused, its own or of one that needs it", function()
    here:write("skills/base.lua", skill(2, { 1, 5 }))
    local err = refused "K2201"
    assert.truthy(err.message:find("example 1 of skill 'base' does not hold: /n: expected 1, got 5", 1, true))
    assert.equal(1, e.library.skills.base.manifest.version)
    here:write("skills/top.lua", skill(1, { 1 }, true))
    server.eventually(function() return e.library.skills.top end, "top")
    said = {}
    here:write("skills/base.lua", skill(3, { 2, 2 })) -- its own example holds
    err = refused "K2201"
    assert.truthy(err.message:find("skill 'top'", 1, true))
    assert.equal("skills/base.lua", err.file)
    assert.equal(1, e.library.skills.base.manifest.version)
    settled()
    assert.equal(0, times "skills/base.lua")
    here:write("skills/top.lua", skill(2, { 2 }, true)) -- with base 3 it holds: both are right now
    server.eventually(function() return e.library.skills.base.manifest.version == 3 and e.library.skills.top.manifest.version == 2 end, "both")
  end)

  it("of an agent that uses a skill saved after it heals by itself", function()
    here:write("agents/early.lua", home.agent("return ctx.skill.late {}", [[uses = { "late" },]]))
    refused "K2109"
    here:write("skills/late.lua", skill(1, { 1, 1 }))
    comes(1, "early")
  end)

  it("that deletes an agent ends it for new runs only", function()
    here:write("agents/nap.lua", home.agent "ctx.sleep('1h') return { v = 1 }")
    comes(1, "nap")
    local run = here:run "nap"
    os.remove(path "agents/nap.lua")
    server.eventually(function() return not e.library.agents.nap end, "gone")
    assert.equal("K1005", select(2, e:start("nap", {})).number)
    here.now = here.now + 3600001
    assert(e:drain())
    assert.equal("done", e:describe(run.run).state)
  end)

  it("leaves runs on the version that they began with, and says how they would fare", function()
    here:write("agents/nap.lua", home.agent "ctx.sleep('1h') return { v = 1 }")
    comes(1, "nap")
    local run = here:run "nap"
    here:write("agents/nap.lua", (home.agent "ctx.sleep('2h') return { v = 2 }":gsub("version = 1", "version = 2")))
    comes(2, "nap")
    server.eventually(function() return table.concat(notes, "\n"):find("stays as it began: at step 1 it had sleep:1h", 1, true) end, "that")
    here.now = here.now + 3600001
    assert(e:drain())
    run = e:describe(run.run)
    assert.same({ "done", 1, 1 }, { run.state, run.output.v, run.version })
  end)

  it("of config.lua is for new runs, and a broken one changes nothing", function()
    here:write("agents/zone.lua", home.agent("ctx.sleep('1h') return ctx.config", [[config = { type = "object", properties = { n = { type = "integer" } } },]]))
    here:write("config.lua", [[return { zone = "UTC", owner = "Mira", agents = { zone = { n = 1 } } }]])
    server.eventually(function() return e.settings.agents.zone end, "the settings")
    comes(1, "zone")
    local run = here:run "zone"
    here:write("config.lua", [[return { zone = "UTC", owner = "Mira", agents = { zone = { n = 2 } } }]])
    server.eventually(function() return e.settings.agents.zone.n == 2 end, "new settings")
    here:write("config.lua", [[return { zoen = "UTC" }]])
    local err = refused "K2101"
    assert.same({ "config.lua", "zone" }, { err.file, err.suggestion })
    assert.equal(2, e.settings.agents.zone.n)
    local other = here:run "zone"
    here.now = here.now + 3600001
    assert(e:drain())
    assert.same({ 1, 2 }, { e:describe(run.run).output.n, e:describe(other.run).output.n })
  end)

  it("of an adapter's name in config.lua heals the agents that use it", function()
    here:write("agents/mails.lua", home.agent("return 1", [[uses = { "post" },]]))
    refused "K2109"
    here:write("config.lua", [[return { zone = "UTC", adapters = { post = "outbox" } }]])
    comes(1, "mails")
  end)

  it("is seen where a whole folder is swapped, by renaming or by a link", function()
    assert(file.mkdir(path "other"))
    here:write("other/one.lua", agent(2))
    shell("mv '%s' '%s' && mv '%s' '%s'", path "agents", path "before", path "other", path "agents")
    comes(2)
    server.eventually(function() return not e.library.agents.uses end, "uses to be gone")
    shell("mv '%s' '%s' && ln -s third '%s'", path "agents", path "third", path "agents")
    here:write("third/one.lua", agent(3))
    comes(3)
    assert(file.mkdir(path "fourth"))
    here:write("fourth/one.lua", agent(4))
    shell("ln -sfn fourth '%s'", path "agents")
    comes(4)
    here:write("fourth/one.lua", agent(5))
    comes(5)
  end)

  it("plays only what changed", function()
    for i = 1, 30 do here:write(("agents/many%d.lua"):format(i), agent(1)) end
    settled()
    local before = e.library.entries["agents/many7.lua"]
    here:write("agents/one.lua", agent(2))
    comes(2)
    assert.equal(before, e.library.entries["agents/many7.lua"])
    assert.not_equal(e.library.agents.many7, nil)
  end)

  it("of something that is no file, or is too large, says so", function()
    assert(file.mkdir(path "agents/folder.lua"))
    refused "K1009"
    said = {}
    here:write("agents/one.lua", agent(2, "--" .. ("x"):rep(300000)))
    server.eventually(function() return said[1] end, "a refusal")
    assert.equal(1, e.library.agents.one.manifest.version)
  end)

  it("closes while something is being written", function()
    local handle = assert(io.open(path "agents/one.lua", "w"))
    handle:write "return"
    r:close()
    handle:close()
    loop.turn(false)
  end)
end)
