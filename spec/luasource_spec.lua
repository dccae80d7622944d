local luasource = require "luasource"

local source = [==[
#!/usr/bin/env keel
-- return { version = 99 }
local shared = { budget = { run = 1 } }
local function helper() return { about = 2 } end
return agent {
  version = 1, about = "a, b } {",   --[[ budget = 1 ]]
  on = {
    { event = "mail.received" },
    { cron = "0 8 * * 2",
      zone = "UTC" },
  },
  ["local"] = function(a) if a == 1 then return { zone = 1, on = 2 } end end,
  input = schema({
    properties = { ['to'] = "x" } }),
  run = function(ctx)
    for i = 1, 2 do local t = { budget = 3 } end
    while true do repeat break until x end
  end,
  [[positional]],
  budget = {
    run = "$1",
    warn = { 0.5,
      0.8 } },
}
]==]

describe("the line of a key", function()
  local function line(...) return (luasource.line(source, { ... })) end

  it("is found through strings, comments, functions and lists", function()
    assert.equal(6, line("version"))
    assert.equal(6, line("about"))
    assert.equal(9, line("on", 2, "cron"))
    assert.equal(10, line("on", 2, "zone"))
    assert.equal(12, line("local"))
    assert.equal(14, line("input", "properties", "to"))
    assert.equal(15, line("run"))
    assert.equal(19, line(1))
    assert.equal(20, line("budget"))
    assert.equal(23, line("budget", "warn", 2))
  end)

  it("is that of the nearest key around one that is not written there", function()
    assert.same({ 20, 1 }, { luasource.line(source, { "budget", "nope", "x" }) })
    assert.same({ 5, 0 }, { luasource.line(source, { "nope" }) })
    assert.same({ 15, 1 }, { luasource.line(source, { "run", "budget" }) })
  end)

  it("is 1 when nothing is returned", function()
    assert.equal(1, luasource.line("", { "a" }))
    assert.equal(1, luasource.line("local a = 1", { "a" }))
    assert.equal(3, luasource.line("local m = {}\nm.a = 1\nreturn m", { "a" }))
  end)

  it("survives source that is no Lua", function()
    for cut = 1, #source, 7 do
      local number = luasource.line(source:sub(1, cut), { "budget", "warn", 2 })
      assert.is_true(number >= 1)
    end
  end)

  it("takes time in proportion to the source", function()
    local large = "return {" .. ("{ a = 1 },\n"):rep(20000) .. " z = 1 }"
    assert.equal(20001, luasource.line(large, { "z" }))
  end)
end)
