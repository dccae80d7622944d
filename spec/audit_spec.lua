-- The audit trail: each row is tied to the one before, the last is anchored outside the store, and
-- what was changed, put in, taken out or cut is found at its place. `make audit-storm` tries it at random.
local bench = require "core.bench"
local file = require "file"
local forger = require "spec.support.forger"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"
local store = require "store"

--- What was found, as "kind id" in their order.
local function told(found)
  local list = {}
  for i, problem in ipairs(found.problems) do list[i] = problem.kind .. " " .. problem.id end
  return list
end

describe("the audit trail", function()
  local folder, path, rows, anchors

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    path = folder .. "/keel.db"
    rows, anchors = forger.trail(path, 60, 3)
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  local function verify() return forger.verify(path) end

  it("is chained as its format says, and anchored when its owner ends", function()
    local found = verify()
    assert.same({ 60, 60, 0, 0 }, { found.rows, found.anchored, found.unanchored, found.count })
    for i = 1, 60 do assert.equal(forger.hash(rows[i], rows[i - 1].hash), rows[i].hash) end
    local ids = {}
    for id in anchors:gmatch "(%d+) %d+ %x+\n" do ids[#ids + 1] = id end
    assert.same({ "20", "40", "60" }, ids)
  end)

  it("refuses to be changed or shortened", function()
    for _, sql in ipairs { "DELETE FROM audit WHERE id = 7", "UPDATE audit SET who = 'x' WHERE id = 7",
      "UPDATE audit SET subject = NULL WHERE id = 7" } do
      local ok, message = bench.damage(path, sql)
      assert.is_nil(ok)
      assert.match("only added to", message)
    end
    assert.equal(0, verify().count)
  end)

  it("names a row that was changed, in whatever column", function()
    for _, set in ipairs { "time = time + 1", "who = 'Mirb'", "what = 'effecs'", "subject = 'x'", "detail = x'00'",
      "channel = 'p'", "run = 'run_0'", "seq = seq + 1", "seq = CAST(seq AS REAL) + 0.5", "subject_hash = zeroblob(32)",
      "chain = zeroblob(64)", "chain = x'00'" } do
      forger.damage(path, ("CREATE TABLE kept AS SELECT * FROM audit WHERE id = 31; UPDATE audit SET %s WHERE id = 31"):format(set))
      assert.same({ "changed 31" }, told(verify()), set)
      forger.damage(path, "INSERT OR REPLACE INTO audit SELECT * FROM kept; DROP TABLE kept")
      assert.equal(0, verify().count)
    end
  end)

  it("names rows that were put in, taken out, or put elsewhere", function()
    local whole = file.read(path)
    local function after(sql)
      assert(file.write(path, whole))
      forger.damage(path, sql)
      return told(verify())
    end
    assert.same({ "missing 31" }, after "DELETE FROM audit WHERE id = 31")
    assert.same({ "missing 1" }, after "DELETE FROM audit WHERE id < 4")
    assert.same({ "missing 31" }, after("DELETE FROM audit WHERE id = 31;" .. forger.shift(31, -1)))
    local row = { id = 31, time = 1, who = "Mira", what = "approval.approved", subject = "pay:P-1" }
    assert.same({ "inserted 31" }, after(forger.shift(30, 1) .. forger.insert(row, rows[30].hash)))
    assert.same({ "inserted 31" }, after(forger.shift(30, 1) .. "INSERT INTO audit(id, time, who, what, chain) VALUES(31, 1, 'x', 'y', x'')"))
    assert.same({ "reordered 31" }, after("UPDATE audit SET id = -1 WHERE id = 31; UPDATE audit SET id = 31 WHERE id = 32;"
      .. " UPDATE audit SET id = 32 WHERE id = -1"))
  end)

  it("knows by its anchors that it was cut, or written anew", function()
    local whole = file.read(path)
    forger.damage(path, "DELETE FROM audit WHERE id > 55")
    assert.same({ "cut 56" }, told(verify()))
    assert(file.write(path, whole))
    local list = { setmetatable({ who = "nobody" }, { __index = rows[25] }) }
    for i = 26, 60 do list[#list + 1] = rows[i] end
    forger.damage(path, forger.reseal(list, rows[24].hash))
    local found = verify()
    assert.same({ "rewritten 40" }, told(found))
    assert.match("after 20 up to 40", found.problems[1].what)
    assert(file.write(folder .. "/audit.anchor", anchors:gsub("40", "4x", 1)))
    assert.same({ "anchor 2", "rewritten 60" }, told(verify()))
  end)

  it("counts what is not anchored yet, and anchors it within a second", function()
    local s <close> = assert(store.open(path))
    assert(s:commit(s:tx():add("audit.put", { now = 1, who = "x", what = "y" })))
    local found = verify()
    assert.equal(0, found.count)
    assert.equal(61, found.anchored + found.unanchored)
    local clock = require "core.clock"
    local began = clock.mono_us()
    server.eventually(function() return verify().unanchored == 0 end, "an anchor")
    assert.is_true(clock.mono_us() - began < 1000000)
  end)

  it("goes on behind what was undone, and behind a crash before the anchor", function()
    do
      local s <close> = assert(store.open(path))
      local tx = s:tx():add("audit.put", { now = 1, who = "x", what = "undone" })
      tx:add("purge.drop_event", { id = 999 }) -- changes nothing, so the whole is refused
      local ok, _, code = s:commit(tx)
      assert.same({ nil, "conflict" }, { ok, code })
      assert(s:commit(s:tx():add("audit.put", { now = 2, who = "x", what = "done" })))
    end
    assert.same({ 61, 61, 0 }, { verify().rows, verify().anchored, verify().count })
    assert(file.write(folder .. "/audit.anchor", anchors .. "61 2 4f"))
    assert.same({ 61, 60 }, { verify().rows, verify().anchored })
    assert(store.open(path)):close()
    assert.same({ 62, 62 }, { verify().rows, verify().anchored })
  end)

  it("misses anchors that were deleted, emptied, cut to half a line, or put back to an older copy; and begins them anew as a row", function()
    local name, whole = folder .. "/audit.anchor", file.read(path)
    local first = anchors:match "^[^\n]+\n"
    for _, case in ipairs { { nil, 0 }, { "", 0 }, { first:sub(1, 40), 0 }, { first, 20 }, { first .. "40 17724", 20 } } do
      local text, good = case[1], case[2]
      assert(file.write(path, whole))
      if text then assert(file.write(name, text)) else os.remove(name) end
      local found = verify()
      assert.same({ "anchor 0" }, told(found))
      assert.match(("rows %d to 60 are held to each other alone"):format(good + 1), found.problems[1].what)
      assert(store.open(path)):close()
      found = verify()
      assert.same({ "begun 61" }, told(found))
      assert.same({ id = 61, from = good + 1, to = 60, accepted = false }, found.begun[1])
      assert.same({ 61, 0 }, { found.anchored, found.unanchored })
      do
        local s <close> = assert(store.open(path))
        assert(s:commit(s:tx():add("audit.put", { now = 1, who = "Mira", what = "audit.accept", seq = 61 })))
      end
      found = verify()
      assert.equal(0, found.count)
      assert.is_true(found.begun[1].accepted)
    end
  end)

  it("misses anchors that go while their owner is at work", function()
    local s <close> = assert(store.open(path))
    assert(s:commit(s:tx():add("audit.put", { now = 1, who = "x", what = "y" })))
    server.eventually(function() return verify().unanchored == 0 end, "an anchor")
    os.remove(folder .. "/audit.anchor")
    assert(s:commit(s:tx():add("audit.put", { now = 2, who = "x", what = "y" })))
    server.eventually(function() return told(verify())[1] == "begun 63" end, "a row that says so")
    assert.same({ id = 63, from = 1, to = 61, accepted = false }, verify().begun[1])
  end)

  it("keeps all young anchors, and one an hour of old ones", function()
    local lines, last = {}, anchors:match "([^\n]+)\n$"
    for i = 1, 15000 do lines[i] = ("1 %d %s\n"):format(1772442000000 - (15000 - i) * 60000, ("ab"):rep(32)) end
    assert(file.write(folder .. "/audit.anchor", table.concat(lines) .. last .. "\n"))
    do
      local s <close> = assert(store.open(path))
      assert(s:commit(s:tx():add("audit.put", { now = 1772442061000, who = "x", what = "y" })))
    end
    local n = select(2, file.read(folder .. "/audit.anchor"):gsub("\n", ""))
    assert.is_true(n >= 48 * 60 and n < 48 * 60 + 250, n)
    assert.match(last, file.read(folder .. "/audit.anchor"), 1, true)
  end)

  it("is empty in a trial's copy, and whole in any other", function()
    for _, trial in ipairs { true, false } do
      local to = ("%s/%s.db"):format(folder, tostring(trial))
      assert(store.copy(path, to, trial))
      if not trial then assert(file.write(to .. ".anchor", anchors)) end
      assert.equal(trial and 0 or 60, forger.verify(to).rows)
      assert.equal(0, forger.verify(to).count)
    end
  end)
end)

describe("the audit trail of a home", function()
  local h
  after_each(function() h:remove() end)

  it("says what was done to the world, by which step, and is listed by whatever it is asked for", function()
    h = home.make { config = 'return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" } }', agents = {
      sends = home.agent([[ return ctx.skill.mail{ op = "send", key = "welcome:" .. input.id, to = "a@b.example" } ]],
        [[ uses = { "mail" }, ]]) } }
    local e = h:open()
    local run = h:run("sends", { id = "P-118" })
    assert.equal("done", run.state)
    h:run("sends", { id = "P-119" })
    local list = e:audit { run = run.run }
    assert.equal(1, #list)
    assert.same({ "effect", "mail.send welcome:P-118", "sends", 1 }, { list[1].what, list[1].subject, list[1].who, list[1].seq })
    assert.equal(2, #e:audit { what = "effect" })
    assert.equal(1, #e:audit { subject = "mail.send welcome:P-119" })
    assert.equal(1, #e:audit { before = 2 })
    assert.equal(0, #e:audit { who = "nobody" })
    local found = e:audit_verify()
    assert.is_true(found.ok)
    assert.equal(2, found.rows)
    h:reopen()
    assert.equal(0, h.engine:audit_verify().unanchored)
  end)

  it("stays whole when words are purged, and only a purge may take them", function()
    h = home.make { agents = { asks = home.agent [[ ctx.approve{ subject = "mail to Zanzibar", proposal = { text = "Zanzibar" } } ]] } }
    local e = h:open()
    h:run "asks"
    h:run "asks"
    for _, item in ipairs(e:inbox()) do assert(e:decide(item.id, { state = "approved", note = "for Zanzibar" })) end
    assert(e:drain())
    local path = h.path .. "/var/keel.db"
    local plan = assert(e:purge_plan { text = "Zanzibar" })
    assert(e:purge(plan, { note = "asked to" }))
    h:reopen():close()
    assert.is_nil(file.read(path):find("Zanzibar", 1, true))
    assert.same({}, told(forger.verify(path)))
    forger.damage(path, "UPDATE audit SET subject = 'sha256:0' WHERE id = 1")
    assert.same({ "changed 1" }, told(forger.verify(path)))
    forger.damage(path, "UPDATE audit SET subject_hash = zeroblob(32), subject = 'x' WHERE what = 'purge'")
    assert.equal(2, forger.verify(path).count)
  end)

  it("loses the keys of a run's effects with the run, and is verified beside other work", function()
    h = home.make { config = 'return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" } }', agents = {
      sends = home.agent([[ return ctx.skill.mail{ op = "send", key = input.key, to = "a@b.example" } ]], [[ uses = { "mail" }, ]]) } }
    local e = h:open()
    local run = h:run("sends", { key = "letter to Zanzibar" })
    assert.equal("effect", e:lineage("letter to Zanzibar").root.kind)
    assert(e:purge(assert(e:purge_plan { runs = { run.run } }), {}))
    assert.equal("K1007", select(2, e:lineage "letter to Zanzibar").number)
    assert.match("^sha256:", e:audit { run = run.run }[1].subject)
    local found
    e:task(function() found = e:audit_verify() end)
    assert(e:drain())
    assert.is_true(found.ok)
    assert.equal(3, found.rows)
  end)

  it("is whole behind a kill around its commits and its anchors, and anchored by the next owner", function()
    h = home.make { config = 'return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" } }', agents = {
      sends = home.agent([[ return ctx.skill.mail{ op = "send", to = "a@b.example" } ]], [[ uses = { "mail" }, ]]) } }
    local words, killed = { "--home", h.path, "run", "sends", "--json" }, 0
    for _, place in ipairs { "before_commit", "after_commit", "before_anchor", "after_anchor" } do
      for n = 1, 4 do
        local done = keel(words, { env = ("KEEL_CRASH=%s:%d"):format(place, n) })
        killed = killed + (done.code == 137 and 1 or 0)
        local found = forger.verify(h.path .. "/var/keel.db")
        assert.equal(0, found.count, place)
        local next_one = keel(words)
        assert.equal(0, next_one.code, next_one.err)
        found = forger.verify(h.path .. "/var/keel.db")
        assert.same({ 0, 0 }, { found.count, found.unanchored }, place)
      end
    end
    assert.is_true(killed >= 8, killed)
  end)

  it("is not anchored on when it does not fit, and says so once", function()
    h = home.make {}
    local e = h:open()
    assert(e:pause({ all = true }, {}))
    h:reopen():close()
    local path, name = h.path .. "/var/keel.db", h.path .. "/var/audit.anchor"
    local before = file.read(name)
    forger.damage(path, "UPDATE audit SET chain = zeroblob(64) WHERE id = 1")
    e = h:open()
    assert.match("does not fit", e.notices[#e.notices])
    assert.equal("audit.broken", e:audit()[1].what)
    e = h:reopen()
    assert(e:resume({ all = true }, {}))
    e = h:reopen()
    assert.equal(1, #e:audit { what = "audit.broken" })
    assert.equal(before, file.read(name))
    local found = e:audit_verify()
    assert.is_false(found.ok)
    assert.equal(1, found.problems[1].id)
    assert.equal(2, found.unanchored)
  end)

  it("of format 4 is chained by the upgrade", function()
    h = home.make {}
    assert(os.execute(("gzip -dc spec/data/format-4.db.gz > '%s/var/keel.db'"):format(h.path)))
    h.now = 1900000000000
    local e = h:open()
    local rows = #e:audit { limit = 1000 }
    local found = e:audit_verify()
    assert.is_true(found.ok)
    assert.equal(rows, found.rows)
  end)

  it("goes with a backup, though its owner goes on meanwhile", function()
    h = home.make {}
    local e = h:open()
    assert(e:pause({ all = true }, {}))
    h:reopen()
    local backup, to = h.path .. "/kept.tar", h.path .. "/restored"
    assert(require("backup").write(h.path, backup, {}))
    assert(h.engine:resume({ all = true }, {}))
    assert(require("backup").restore(backup, to, {}))
    assert.same({ 2, 0 }, { forger.verify(to .. "/var/keel.db").rows, forger.verify(to .. "/var/keel.db").count })
    os.remove(h.path .. "/var/audit.anchor")
    assert(require("backup").write(h.path, backup .. "2", {}))
    assert(require("backup").restore(backup .. "2", to .. "2", {}))
    local found = forger.verify(to .. "2/var/keel.db")
    assert.equal(0, found.count)
    assert.is_true(found.begun[1].accepted)
    assert.equal(1, found.begun[1].from)
  end)

  it("is shown and verified by the command line", function()
    h = home.make {}
    h:open():pause({ all = true }, { note = "lunch" })
    h.engine:close()
    local function k(line)
      local words = { "--home", h.path }
      for word in line:gmatch "%S+" do words[#words + 1] = word end
      local done = keel(words)
      return done.code, done.out
    end
    local status, out = k "audit --json"
    assert.equal(0, status, out)
    assert.equal("pause", json.decode(out)[1].what)
    status, out = k "audit verify --json"
    assert.equal(0, status, out)
    assert.is_true(json.decode(out).ok)
    assert.match("whole  1 rows, 1 anchored", select(2, k "audit verify"))
    os.remove(h.path .. "/var/audit.anchor")
    status, out = k "audit verify"
    assert.equal(1, status)
    assert.match("no anchor is there", out)
    local checked
    for _, one in ipairs(json.decode((select(2, k "doctor --json")))) do
      if one.check == "audit trail" then checked = one end
    end
    assert.equal("bad", checked.state)
    assert.match("no anchor is there", checked.found)
    assert.equal(0, (k "audit accept --note moved"))
    status, out = k "audit verify"
    assert.equal(0, status, out)
    assert.match("rows 1 to 1 are held to each other alone: anchors were begun anew at row 2, which was accepted", out)
    assert.match("nothing", select(2, k "audit accept"))
    forger.damage(h.path .. "/var/keel.db", "UPDATE audit SET who = 'x'")
    status, out = k "audit verify --json"
    assert.equal(1, status)
    assert.same({ kind = "changed", id = 1, what = "not what was written here" }, json.decode(out).problems[1])
    assert.match("broken", select(2, k "audit verify"))
    assert.equal(2, (k "audit verfy"))
  end)
end)
