--- What was meant by a name that a script got wrong.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local meant = require "errors.meant"
local reference = require "reference"

local function call(kind, name) return ("attempt to call a nil value (%s '%s')"):format(kind, name) end

describe("a misspelt name", function()
  it("of ctx, the library or a global is answered with the one that was meant", function()
    assert.equal("ctx.memory.search", meant(call("field", "serach"), "local x = ctx.memory.serach{ query = 1 }"))
    assert.equal("ctx.approve", meant(call("field", "aprove"), "return ctx.aprove{}"))
    assert.equal("ctx.records", meant("attempt to index a nil value (field 'record')", "ctx.record.put{}"))
    assert.equal("string.format", meant(call("field", "fromat"), "return string.fromat('%d', 1)"))
    assert.equal("tostring", meant(call("global", "tostrng"), "return tostrng(1)"))
    assert.equal("ctx.now", meant("attempt to index a nil value (global 'os')", "return os.time()"))
    assert.equal("classify", meant("skill 'clasify' is not among the manifest's uses", "", { classify = true }))
  end)

  it("is not guessed where nothing is near, or it is the author's own", function()
    assert.is_nil(meant(call("field", "nothing_like_it"), "ctx.nothing_like_it()"))
    assert.is_nil(meant(call("field", "serach"), "mine.serach()"))
    assert.is_nil(meant("on purpose", "error 'on purpose'"))
    assert.is_nil(meant(call("field", "x"), nil))
  end)

  it("with one letter lost, doubled, changed or two swapped is found in 19 of 20 cases", function()
    local tried, right = 0, 0
    for _, name in ipairs(reference.names()) do
      local path, last = name:match "^(.*)%.([^.]*)$"
      if #last > 3 and name ~= "ctx.skill" then
        for at = 1, #last do
          for _, wrong in ipairs { last:sub(1, at - 1) .. last:sub(at + 1), last:sub(1, at) .. last:sub(at), last:sub(1, at - 1) .. "q" .. last:sub(at + 1),
            last:sub(1, at - 1) .. last:sub(at + 1, at + 1) .. last:sub(at, at) .. last:sub(at + 2) } do
            if wrong ~= last and not reference.find(path .. "." .. wrong) then
              tried = tried + 1
              right = right + (meant(call("field", wrong), ("local x = %s.%s()"):format(path, wrong)) == name and 1 or 0)
            end
          end
        end
      end
    end
    assert(right >= tried * 0.95, ("%d of %d"):format(right, tried))
    assert.truthy(tried > 400)
  end)

  describe("in a run", function()
    local here

    before_each(function()
      here = home.make { agents = { wrong = home.agent "local x = ctx.memory.serach { query = 'a' }" } }
    end)

    after_each(function() here:remove() end)

    it("is shown with the line that ran, although the file is another by now", function()
      local got = keel { "run", "wrong", "--home", here.path, "--json" }
      local err = json.decode(got.out).error
      assert.same({ "K3002", "agents/wrong.lua", 3, "ctx.memory.search" }, { err.number, err.file, err.line, err.suggestion })
      here:write("agents/wrong.lua", "-- all\n-- new\n-- now\n" .. home.agent "return 1")
      local run = json.decode(got.out).run
      got = keel { "explain", run, "--home", here.path }
      assert.equal(0, got.code)
      assert.truthy(got.err:find("> *3 | local x = ctx.memory.serach"))
      assert.truthy(got.err:find("did you mean 'ctx.memory.search'?", 1, true))
    end)
  end)
end)
