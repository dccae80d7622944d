-- How long a loop is held: the gauge of core.loop, and the turns of busy runs that bound it.
local clock = require "core.clock"
local homes = require "spec.support.home"
local engine = require "engine"
local loop = require "loop"

describe("the pulse of a loop", function()
  it("knows the longest time that a callback kept the others waiting", function()
    local before = loop.held()
    loop.timer(0, function()
      local till = clock.mono_us() + before + 30000
      while clock.mono_us() < till do end
    end)
    loop.turn(true)
    loop.turn(false) -- a piece of work is noted before the next look
    local longest, p99 = loop.held()
    assert.is_true(longest >= before + 30000, longest)
    assert.is_true(p99 <= longest)
  end)
end)

describe("busy runs", function()
  local busy = "return agent { version = 1, about = 'busy', caps = { instructions = 3000000 }, run = function(ctx, input)\n"
    .. "%s\nend }"
  local home

  before_each(function()
    home = homes.make { agents = {
      short = busy:format "return 1",
      loops = busy:format "while true do end",
      sorts = busy:format "local t = {} for i = 1, 3000 do t[i] = -i end while true do table.sort(t, function(a, b) return a < b end) end",
      calls = busy:format "while true do (('x'):rep(500)):upper() end",
      searches = busy:format "local s = ('x'):rep(20000) while true do s:find '[y]' s:gsub('x', 'z') end",
    } }
  end)
  after_each(function() home:remove() end)

  it("let a short one through, however many they are and whatever they do", function()
    local e <close> = assert(engine.open { home = home.path, on_log = function() end })
    for name in pairs(e.library.agents) do
      if name ~= "short" then
        for _ = 1, 8 do e:task(function() assert(e:start(name, {})) end) end
      end
    end
    local short
    e:task(function() short = assert(e:start("short", {})) end)
    assert(e:drain(function() return short and e:describe(short.run).state == "done" end))
    assert.equal("done", e:describe(short.run).state)
    assert.same({}, assert(e:list { state = "failed" })) -- each of the others is at its beginning
    assert(e:drain())
    local failed = assert(e:list { state = "failed", limit = 100 })
    assert.equal(32, #failed)
    for _, run in ipairs(failed) do assert.equal("instructions", run.error.code) end
  end)
end)
