--- What an owner does around the work: begin, look after it, install it, type less.
local completion = require "completion"
local doctor = require "doctor"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local program = require "spec.support.program"

local function found(list, check)
  for _, one in ipairs(list) do
    if one.check == check and (one.state ~= "ok") then return one end
  end
end

local function installed(name) return (os.execute("command -v " .. name .. " >/dev/null 2>&1")) == true end

describe("keel init", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function() os.execute("rm -rf '" .. path .. "'") end)

  it("makes a home whose agent runs, asks, and asks once", function()
    assert.equal(0, keel({ "init", path }).code)
    assert.equal(0, keel({ "test", "--home", path }).code)
    local got = keel { "run", "followup", "--home", path, "--json" }
    assert.same({ 6, "waiting" }, { got.code, json.decode(got.out).state })
    assert.equal(0, keel({ "approve", "apr", "--home", path }).code)
    assert.truthy(file.read(path .. "/var/outbox.jsonl"):find("ines@fernline.example", 1, true))
    assert.same({}, json.decode(keel({ "run", "followup", "--home", path, "--json" }).out).output.decided)
    assert.equal(1, #json.decode(keel({ "schedule", "--home", path, "--json" }).out))
  end)

  it("overwrites nothing", function()
    assert(file.mkdir(path))
    assert(file.write(path .. "/config.lua", "return {}"))
    local got = keel { "init", path, "--json" }
    assert.same({ 2, "K1131" }, { got.code, json.decode(got.out).error.number })
    assert.equal("return {}", file.read(path .. "/config.lua"))
    assert.is_nil((file.kind(path .. "/agents")))
  end)
end)

describe("keel doctor", function()
  local here

  before_each(function() here = home.make { agents = { hello = home.agent "return 1" } } end)
  after_each(function() here:remove() end)

  local function examine() return doctor.examine(here.path, { getenv = function() end }) end

  it("finds nothing bad in a home that is well", function()
    here:open()
    here:run "hello"
    here.engine:close()
    here.engine = nil
    for _, one in ipairs(examine()) do assert(one.state ~= "bad", json.encode(one)) end
    assert.equal(0, keel({ "doctor", "--home", here.path }).code)
  end)

  it("says of each thing that is wrong why, and what to do", function()
    here:write("agents/bad.lua", "return agent {")
    here:write("var/token", "x")
    os.execute("chmod 644 " .. here.path .. "/var/token")
    local list = examine()
    assert.same({ "bad", "K3001", "agents/bad.lua" }, (function(one) return { one.state, one.number, one.file } end)(found(list, "agents and skills")))
    assert.truthy(found(list, "who may read").next:find("chmod 600", 1, true))
    local got = keel { "doctor", "--home", here.path, "--json" }
    assert.equal(1, got.code)
    for _, one in ipairs(json.decode(got.out)) do
      if one.state ~= "ok" then assert(one.why and one.next, json.encode(one)) end
    end
  end)

  it("goes on where the settings, the store or the home itself are broken", function()
    here:write("config.lua", "return {")
    assert.equal("K2002", found(examine(), "settings").number)
    here:write("config.lua", "return { zone = 'UTC' }")
    here:write("var/keel.db", ("no database"):rep(1000))
    local list = examine()
    assert.equal("bad", found(list, "store").state)
    assert.equal("K1013", found(doctor.examine(here.path .. "/none", {}), "home").number)
  end)

  it("tells what is stuck", function()
    local e = here:open()
    assert(e:pause({ all = true }, { note = "holiday" }))
    e:close()
    here.engine = nil
    assert.truthy(found(examine(), "what waits").found:find("holiday", 1, true))
  end)
end)

describe("keel upgrade-check", function()
  local here

  before_each(function() here = home.make { agents = { nap = home.agent "ctx.sleep('1h') return 1" } } end)
  after_each(function() here:remove() end)

  it("plays every run that is not over, writes nothing, and says whether all go on", function()
    here:open()
    here:run "nap"
    here.engine:close()
    here.engine = nil
    local got = keel { "upgrade-check", "--home", here.path, "--json" }
    assert.equal(0, got.code)
    assert.same({ true, 1 }, (function(t) return { t.safe, t.replayed } end)(json.decode(got.out)))
    here:write("agents/bad.lua", "return agent {")
    got = keel { "upgrade-check", "--home", here.path, "--json" }
    assert.same({ 1, "K3001" }, { got.code, json.decode(got.out).problems[1].number })
  end)
end)

describe("completion", function()
  local here

  before_each(function() here = home.make { agents = { hello = home.agent "return 1", help_desk = home.agent "return 1" } } end)
  after_each(function() here:remove() end)

  local function at(...)
    local words = { "keel", ... }
    return completion.at(here.path, words, #words)
  end

  it("knows commands, flags, agents, runs and words of choice", function()
    assert.same({ "schedule", "serve", "show", "snooze" }, (function(list)
      local out = {}
      for _, name in ipairs(list) do
        if name ~= "sandbox" then out[#out + 1] = name end
      end
      return out
    end)(at "s"))
    assert.same({ "hello", "help_desk" }, at("run", "he"))
    assert.same({ "--follow" }, at("run", "--fo"))
    assert.same({ "waiting" }, at("runs", "--state", "w"))
    assert.same({ "import" }, at("memory", "im"))
    assert.same({}, at("run", "hello", "--input", "x"))
    assert.same({}, at("nothing", ""))
    here:open()
    local run = here:run "hello"
    assert.same({ run.run }, at("show", "run_"))
  end)

  for _, shell in ipairs { "bash", "fish", "zsh" } do
    it("comes as a script that " .. shell .. " can read", function()
      if not installed(shell) then return pending(shell .. " is not installed") end
      local got, path = keel { "completion", shell }, os.tmpname()
      assert.equal(0, got.code)
      assert(file.write(path, got.out))
      assert.truthy(os.execute(shell .. " -n " .. path))
      os.remove(path)
    end)
  end

  it("comes for three shells and no other", function()
    local names = {}
    for shell in pairs(completion.scripts) do names[#names + 1] = shell end
    table.sort(names)
    assert.same({ "bash", "fish", "zsh" }, names)
    assert.equal(2, keel({ "completion", "basch" }).code)
  end)

  it("works in fish as it is sourced", function()
    if not installed "fish" then return pending "fish is not installed" end
    local pipe = io.popen(([[fish -N -c "'%s' completion fish | source; complete -c '%s' -a '(__keel_complete)'; complete -C '%s run --home %s hel'"]])
      :format(program, program, program, here.path))
    local text = pipe:read "a"
    pipe:close()
    assert.equal("hello\nhelp_desk\n", text)
  end)

  it("works in bash as it is sourced", function()
    local script = ([[source <('%s' completion bash)
COMP_WORDS=('%s' run --home '%s' hel)
COMP_CWORD=4
_keel
printf '%%s\n' "${COMPREPLY[@]}"]]):format(program, program, here.path)
    local path = os.tmpname()
    assert(file.write(path, script))
    local pipe = io.popen("bash " .. path)
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    assert.equal("hello\nhelp_desk\n", text)
  end)
end)

describe("make install", function()
  it("puts the binary, its manual, completions and units in place, and takes them away again", function()
    local to = os.tmpname()
    os.remove(to)
    finally(function() os.execute("rm -rf '" .. to .. "'") end)
    local build = program:match "^(.*)/"
    -- the recipes as make would run them; the binary that is there is not made again
    local ran = os.execute(("make -s -o '%s/keel' B='%s' DESTDIR='%s' PREFIX=/usr install >/dev/null 2>&1"):format(build, build, to))
    assert.is_true(ran)
    local pipe = io.popen(("'%s/usr/bin/keel' version"):format(to))
    assert.truthy(pipe:read("a"):find("keel ", 1, true))
    pipe:close()
    local page = file.read(to .. "/usr/share/man/man1/keel.1")
    for _, group in ipairs(require("commands").present()) do
      for _, row in ipairs(group.rows) do assert(page:find(".SS keel " .. row[1]:gsub("%-", "\\-"), 1, true), row[1]) end
    end
    for _, name in ipairs { "share/bash-completion/completions/keel", "share/zsh/site-functions/_keel",
      "share/fish/vendor_completions.d/keel.fish", "lib/systemd/user/keel.service" } do
      assert.truthy(file.exists(to .. "/usr/" .. name), name)
    end
    assert.truthy(file.read(to .. "/usr/lib/systemd/system/keel@.service"):find("ExecStart=/usr/bin/keel serve", 1, true))
    assert.is_true(os.execute(("make -s B='%s' DESTDIR='%s' PREFIX=/usr uninstall"):format(build, to)))
    assert.is_nil((file.kind(to .. "/usr/bin/keel")))
  end)
end)
