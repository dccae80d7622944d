--- The benches run, and what must hold whatever the machine does holds; and the means by
-- which the engine is quick keep its promises.
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local store = require "store"

local function bench(text)
  local folder = os.tmpname()
  os.remove(folder)
  assert(file.mkdir(folder))
  local words = { "bench", "--dir", folder, "--json" }
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  local r = keel(words)
  local left = #assert(file.list(folder))
  os.execute("rm -rf '" .. folder .. "'")
  assert.equal(0, r.code, r.err .. r.out)
  assert.equal(0, left, "the bench left something behind")
  return assert(json.decode(r.out))
end

describe("a bench", function()
  it("measures durable steps beside bare SQLite", function()
    local figures = bench("steps --runs 8 --steps 12")
    assert.equal(96, figures.total_steps)
    for _, name in ipairs { "steps_per_s", "p50_us", "cpu_us_per_step", "raw_steps_per_s", "fsync_p50_us" } do
      assert.is_true(figures[name] > 0, name)
    end
    assert.is_true(figures.raw_group >= 1 and figures.raw_group <= 8)
  end)

  it("runs a corpus beside a heartbeat", function()
    local folder = os.tmpname()
    os.remove(folder)
    finally(function() os.execute("rm -rf '" .. folder .. "'") end)
    assert(file.mkdir(file.join(folder, "cpu")))
    assert(file.write(file.join(folder, "cpu", "loop.lua"), "while true do end"))
    assert(file.write(file.join(folder, "cpu", "short.lua"), "return 1"))
    assert(file.write(file.join(folder, "cpu", "wrong.lua"), "return ("))
    local figures = bench("heartbeat --runs 2 --steps 1 --corpus " .. folder)
    assert.same({ 2, 1, 1 }, { figures.scripts, figures.refused, #figures.worst })
    assert.is_true(figures.beats > 0 and figures.heartbeat_p99_ms <= figures.heartbeat_max_ms)
    assert.is_true(figures.cpu_max_ms > 0 and figures.gauge_max_ms > 0)
  end)

  it("makes every page over many runs, calls and records", function()
    local figures = bench("pages --runs 200 --n 3000")
    assert.same({ 200, 3000, 3000 }, { figures.runs, figures.calls, figures.audit_rows })
    for _, name in ipairs { "today", "approvals", "approval", "runs", "runs_text_none", "run", "why", "agent", "costs_90", "events", "audit", "audit_verify" } do
      assert.is_true(figures[name .. "_ms"] > 0, name)
    end
    assert.is_true(figures.worst_ms >= figures.runs_ms and figures.raw_scan_ms > 0)
  end)

  it("plays every record of a long journal again", function()
    local figures = bench("replay --steps 1200")
    assert.is_true(figures.records >= 1200, figures.records)
    assert.is_true(figures.resume_ms > 0)
  end)

  it("parks runs on the disk, and brings all of them back", function()
    local figures = bench("park --runs 300")
    assert.equal(300, figures.runs)
    assert.is_true(figures.disk_bytes_per_run < 2048, figures.disk_bytes_per_run)
  end)

  it("kills runs at work and finds nothing missing, and nothing keyed twice", function()
    local f = bench("recover --runs 20 --steps 60")
    assert.same({ 20, 0, 0, 0, 0 }, { f.runs_done, f.lost_runs, f.lost_steps, f.lost_keyed, f.duplicates_keyed })
    assert.is_true(f.duplicates <= 20, f.duplicates)
  end)

  it("runs scripts in a sandbox and in a plain state, and holds small states", function()
    local f = bench("sandbox --runs 300")
    assert.match("plain state", f.raw)
    for _, load in ipairs(require "bench.workloads") do
      assert.is_true(f[load.name .. "_ms"] > 0 and f["raw_" .. load.name .. "_ms"] > 0, load.name)
    end
    assert.is_true(f.start_us > 0 and f.raw_start_us > 0 and f.start_cold_us > 0)
    assert.equal(300, f.resident_states)
    assert.is_true(f.state_bytes < 24576, f.state_bytes)
    -- the address sanitizer watches each piece by itself, so that there is none to copy
    local maps = assert(io.open("/proc/self/maps"))
    local watched = maps:read("a"):find "libasan"
    maps:close()
    assert.is_true(watched and true or f.image_bytes > 8192, "states are built one by one")
  end)

  it("says which there are when asked for another one", function()
    local r = keel { "bench", "step" }
    assert.equal(2, r.code)
    assert.match("steps", r.err)
  end)
end)

describe("a long journal", function()
  local h
  after_each(function() h:remove() end)

  -- branches, so that a record lies far from its command, over several chunks of them
  local agent = home.agent [[
    local fns = {}
    for b = 1, 12 do
      fns[b] = function()
        local sum = 0
        for i = 1, 120 do sum = sum + ctx.step{ name = "s" .. b, run = function() return i * b end } end
        return sum
      end
    end
    local sums = ctx.all(fns)
    ctx.sleep("1h")
    return ctx.step{ name = "last", run = function() return sums[12] end } ]]

  it("is played again a part at a time, after a restart and on purpose", function()
    h = home.make { agents = { a = agent } }
    local e = h:open()
    local run = h:run("a")
    assert.equal("waiting", run.state)
    h.now = h.now + 3600000
    e = h:reopen()
    assert(e:drain())
    run = e:describe(run.run)
    assert.equal("done", run.state, json.encode(run.error))
    assert.equal(12 * 120 * 121 // 2, run.output)
    assert.equal(12 * 120 + 2, run.steps)
    local r = e:replay(run.run)
    assert.same({ equal = true }, { equal = r.equal, why = r.why })
    assert.equal(run.steps, r.steps)
  end)

  it("is compared up to its last part", function()
    h = home.make { agents = { a = home.agent [[
      for i = 1, 1100 do ctx.all{ function() ctx.step{ name = "s", run = function() return i end } end } end
      return 1 ]] } }
    local e = h:open()
    local run = h:run("a")
    assert.equal("done", run.state)
    h:write("other.lua", home.agent [[
      for i = 1, 1100 do
        ctx.all{ function() ctx.step{ name = i == 1050 and "t" or "s", run = function() return i end } end }
      end
      return 1 ]])
    local r = e:replay(run.run, { with = h.path .. "/other.lua" })
    assert.same({ false, 1050, "name" }, { r.equal, r.at, r.why })
    h:write("shorter.lua", home.agent [[
      for i = 1, 1099 do ctx.all{ function() ctx.step{ name = "s", run = function() return i end } end } end
      return 1 ]])
    r = e:replay(run.run, { with = h.path .. "/shorter.lua" })
    assert.same({ false, 1100, "missing" }, { r.equal, r.at, r.why })
  end)
end)

describe("many runs whose time has come", function()
  it("are woken some at a time, and all of them", function()
    local h = home.make { agents = { a = home.agent [[
      ctx.sleep("1h")
      return input.n ]] } }
    local e = h:open()
    for n = 1, 700 do
      e:task(function() assert(e:start("a", { n = n })) end)
    end
    assert(e:drain())
    h.now = h.now + 3600000
    local most = 0
    while e:busy() or (e.next_due or math.huge) <= h.now do
      local before = e.awake
      assert(e:drain(function()
        most = math.max(most, e.awake)
        return true
      end))
      if e.awake == before then require("loop").turn(true) end
    end
    local counts = e:rows("run.counts", {})
    assert.same({ "done", 700 }, { counts[1].state, counts[1].n })
    assert.is_true(most > 0)
    h:remove()
  end)
end)

describe("a log that was made longer ahead", function()
  it("holds what was committed and nothing else, when the process is gone", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    local path, copy = folder .. "/keel.db", folder .. "/copy.db"
    local s = assert(store.open(path))
    for i = 1, 60 do
      assert(s:commit(s:tx():add("record.put", { type = "t", key = tostring(i), value_json = { i }, now = i })))
    end
    -- longer than the commits that it holds
    local pages = assert(io.popen(("tr -d '\\000' < '%s-wal' | wc -c"):format(path))):read("n")
    assert.is_true(assert(file.stat(path .. "-wal")) > pages)
    assert(os.execute(("cp '%s' '%s' && cp '%s-wal' '%s-wal'"):format(path, copy, path, copy)))
    s:close()
    local again = assert(store.open(copy))
    assert.equal(60, #again:read("record.find", { type = "t", limit = 100 }))
    assert.equal("ok", again:read("check.integrity", {})[1].result)
    again:close()
    os.execute("rm -rf '" .. folder .. "'")
  end)
end)
