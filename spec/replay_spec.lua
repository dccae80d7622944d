-- Recorded runs replay equal on this version, too (spec/replay/record.lua records them).
local file = require "file"
local golden = require "spec.replay.golden"
local home = require "spec.support.home"
local json = require "json"

describe("a run recorded by an earlier version", function()
  local function replayed(text)
    local h = home.make {}
    finally(function() h:remove() end)
    local e = h:open { store = ":memory:" }
    return assert(e:replay(golden.import(e, text)))
  end

  for _, path in ipairs(golden.list()) do
    it("replays equal: " .. path:match("([%w-]+)%.json$"), function()
      local result = replayed(file.read(path))
      assert(result.equal, ("at %s: %s differs\nrecorded %s\nnow      %s\n(a promise to runs that exist; see spec/replay/record.lua)"):format(
        tostring(result.at), tostring(result.why), json.encode(result.recorded), json.encode(result.new)))
      assert.is_true(result.steps > 0)
    end)
  end

  it("is there, and would show a change", function()
    local list = golden.list()
    assert.is_true(#list >= 8)
    local recorded = json.decode(file.read(list[1]))
    local setup = recorded.records[1].value
    local hash = setup.sources.agent.hash
    recorded.sources[hash] = recorded.sources[hash]:gsub("local h = 5381", "local h = 5380")
    assert.is_false(replayed(json.encode(recorded)).equal)
  end)
end)
