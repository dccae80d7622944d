--- What is said of ctx is what ctx is.
local editor = require "reference.editor"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local reference = require "reference"

describe("the reference of ctx", function()
  local here

  before_each(function()
    here = home.make { agents = { hello = home.agent "return { greeting = 'hi' }",
      names = home.agent [[local out = ctx.array {}
        local function add(prefix, t) for key, value in pairs(t) do
          out[#out + 1] = { name = prefix .. key, type = type(value) == "table" and "table" or type(value) }
          if type(value) == "table" and (key == "memory" or key == "records" or key == "time") then add(prefix .. key .. ".", value) end end end
        add("ctx.", ctx) return out]] } }
  end)

  after_each(function() here:remove() end)

  it("names all that is there, and nothing else", function()
    here:open()
    local real = {}
    for _, one in ipairs(here:run("names").output) do real[one.name] = one.type end
    for name, kind in pairs(real) do
      if name ~= "ctx.memory" and name ~= "ctx.records" and name ~= "ctx.time" then
        local entry = reference.find(name)
        assert(entry, name .. " is not described")
        assert.equal(kind == "function" and "function" or "field", entry.kind, name)
      end
    end
    for _, name in ipairs(reference.names()) do
      assert(real[name] or name == "ctx.config" or name == "ctx.event", name .. " is described, and is not there")
    end
  end)

  it("has words, a signature and an example for each, and each example runs", function()
    here:write("skills/classify.lua", [[return skill { version = 1, ["local"] = function() return { label = "refund" } end }]])
    for i, name in ipairs(reference.names()) do
      local entry = reference.find(name)
      assert.truthy(#entry.about > 10, name)
      assert.equal(name, entry.signature:sub(1, #name))
      local text = home.agent(("local function example()\n%s\nend\nlocal got = example()\nreturn true"):format(entry.example), "uses = { 'classify' },")
      here:write(("agents/x%d.lua"):format(i), text)
    end
    local e = here:open()
    for i, name in ipairs(reference.names()) do
      local run = here:run("x" .. i)
      assert(run.state == "done" or run.state == "waiting", name .. ": " .. json.encode(run.error or {}))
    end
    assert.same({}, e.library.problems)
  end)

  it("knows what was meant", function()
    assert.equal("ctx.memory.search", reference.suggest "ctx.memory.serach")
    assert.equal("ctx.approve", reference.suggest "ctx.aprove")
    assert.is_nil(reference.suggest "ctx.nothing_like_it")
    assert.truthy(keel({ "api", "memory.search" }).out:find("ctx.memory.search{", 1, true))
    assert.equal("ctx.approve", json.decode(keel({ "api", "ctx.aprove", "--json" }).out).error.suggestion)
  end)

  it("becomes definitions that are Lua, with every name and parameter in them", function()
    local text = editor.definitions()
    assert(load(text, "=definitions"))
    local function holds(line, params)
      for _, one in ipairs(params) do
        if not line:find(one.name, 1, true) then return false end
      end
      return true
    end
    for _, name in ipairs(reference.names()) do
      local found = false
      for line in text:gmatch("%-%-%-@field " .. name:match "[^.]*$" .. " [^\n]*") do
        found = found or holds(line, reference.find(name).params)
      end
      assert(found, name)
    end
  end)

  it("types the skills of the home by their schemas", function()
    here:write("skills/rate.lua", [[return skill { version = 1, about = "Rates", input = { type = "object", required = { "hours" },
      properties = { hours = { type = "number" }, tags = { type = "array", items = { type = "string" } } } },
      output = { type = "object", required = { "total" }, properties = { total = { type = "number" } } },
      ["local"] = function() return { total = 1 } end }]])
    assert.equal(0, keel({ "api", "--luals", here.path, "--home", here.path }).code)
    assert.truthy(here:read(".keel/lua/keel.d.lua"):find("---@field rate fun(input: { hours: number, tags: (string)[]? }): { total: number }", 1, true))
    assert.same({ ".keel/lua" }, json.decode(here:read ".luarc.json")["workspace.library"])
    here:write(".luarc.json", "{}")
    keel { "api", "--luals", here.path, "--home", here.path }
    assert.equal("{}", here:read ".luarc.json")
  end)

  it("has a sentence for each field of config.lua and of manifests, and for no other", function()
    local files = require "reference.files"
    for name, words in pairs(files.words) do
      local seen = {}
      for _, one in ipairs(files.fields(name)) do
        seen[one.path] = true
        assert.truthy(one.about, name .. ": " .. one.path .. " has no sentence")
        assert.truthy(one.takes, name .. ": " .. one.path .. " does not say what it takes")
      end
      for path in pairs(words) do assert.truthy(seen[path], name .. ": there is no " .. path) end
    end
  end)

  it("gives luacheck settings under which the shipped agents and skills are clean", function()
    if not os.execute("command -v luacheck >/dev/null 2>&1") then return pending "luacheck is not installed" end
    assert.truthy(require("file").write(here.path .. "/rc", editor.luacheckrc()))
    assert.truthy(os.execute("luacheck -q --config '" .. here.path .. "/rc' agents skills config.lua >/dev/null"))
  end)

  it("and the command line and the errors are in docs/reference as the program says them", function()
    local file, program = require "file", require "spec.support.program"
    assert.truthy(os.execute(("'%s' lua docs/reference.lua '%s/reference'"):format(program, here.path)))
    for _, name in ipairs { "ctx", "cli", "errors", "config", "manifest" } do
      assert(here:read("reference/" .. name .. ".md") == file.read("docs/reference/" .. name .. ".md"),
        name .. ".md is stale: build/keel lua docs/reference.lua")
    end
  end)
end)
