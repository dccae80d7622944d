-- The dashboard: every page, of an empty home and of one that is full of trouble; nothing
-- that others wrote becomes markup; and all of it stays small.
local home = require "spec.support.home"
local page = require "spec.support.page"
local json = require "json"

local dashboard = require "dashboard"

local paths = { "/", "/approvals", "/runs", "/memory", "/agents", "/costs", "/schedules", "/events", "/audit", "/overrides" }

local hostile = [[<script>alert(1)</script>"' onload='x' &amp; </textarea><img src=x onerror=alert(1)> ]] .. "\u{202e}gnp.exe\u{202c}\u{200b}\1"
local with_nul = hostile .. "\0\xff"

--- Bytes after gzip.
local function packed(text)
  local name = os.tmpname()
  assert(require("file").write(name, text))
  local pipe = assert(io.popen("gzip -9c " .. name))
  local bytes = #pipe:read "a"
  pipe:close()
  os.remove(name)
  return bytes
end

local function html_of(one) return require("dashboard.html").all { one } end

local function get(e, path, query, session)
  local answer = dashboard.handle(e, { method = "GET", path = path, query = query or {}, headers = {} },
    session or { csrf = "c0ffee", owner = "Mira" })
  return answer, page.read(answer.body)
end

describe("elements", function()
  local html = require "dashboard.html"
  local h = html.h

  it("escape what they are given, wherever it stands", function()
    assert.equal([[<p title="&lt;&quot;&#39;&amp;">&lt;b&gt;</p>]], tostring(h.p { title = [[<"'&]], "<b>" }))
    assert.equal("<p>a\nb</p>", tostring(h.p { "a\r\nb" }))
    assert.equal([[<p>\u{202e}x</p>]], tostring(h.p { "\u{202e}x" }))
    assert.equal([[<p>\xff</p>]], tostring(h.p { "\xff" }))
  end)

  it("take no markup from data, whatever its shape", function()
    assert.equal("<p>&lt;i&gt;</p>", tostring(h.p { { "<i>" } }))
    assert.equal("<p>&lt;i&gt;</p>", tostring(h.p { json.decode '["<i>"]' }))
  end)

  it("link nowhere else", function()
    for _, link in ipairs { "javascript:alert(1)", "//evil.example/", "/\\evil.example/", "http://evil.example/" } do
      assert.equal('<a href="#">x</a>', tostring(h.a { href = link, "x" }))
    end
    assert.equal('<a href="/runs?a=b%20c">x</a>', tostring(h.a { href = html.url("/runs", { a = "b c" }), "x" }))
  end)
end)

describe("the dashboard", function()
  local scratch
  after_each(function()
    if scratch then scratch:remove() end
    scratch = nil
  end)

  it("has every page for a home in which nothing happened", function()
    scratch = home.make {}
    local e = scratch:open()
    for _, path in ipairs(paths) do
      local answer, read = get(e, path)
      assert.equal(200, answer.status, path)
      assert.equal(1, read.tags.h1, path)
      assert.truthy(read.ids.main, path)
    end
    assert.equal(404, get(e, "/nothing").status)
    assert.equal(404, get(e, "/runs/run_0").status)
    assert.equal(404, get(e, "/agents/nobody").status)
    assert.equal(404, get(e, "/approvals/ap_0").status)
    assert.equal(404, get(e, "/event/ev_0").status)
  end)

  local function troubled()
    scratch = home.make { config = 'return { zone = "Europe/Lisbon", owner = "Mira", budget = { day = "$5.00", month = "$60.00" } }', agents = {
      asks = home.agent([[ ctx.step { name = "look", run = function() return input end }
        ctx.approve { subject = input.text, proposal = { to = input.text, amount = 3, sure = true, body = input.text .. "\n" .. input.text }, within = "2h", otherwise = "reject", risk = input.text } ]]),
      fails = home.agent [[ ctx.memory.remember { kind = "note", key = "k", text = input.text }
        error(input.text) ]],
      ticks = home.agent(' return { text = input.text } ', 'on = { cron = "0 9 * * *" }, about = "<b>every morning</b>",') } }
    local e = scratch:open()
    local asked = scratch:run("asks", { text = hostile })
    local failed = scratch:run("fails", { text = hostile })
    scratch:run("ticks", { text = hostile:rep(400) })
    assert(e:emit("mail." .. "received", { text = hostile }, { key = hostile }))
    assert(e:drain())
    -- what other parts tell, in the shapes that pages read
    local function rows(row) return function() return { row } end end
    e.costs = function(_, q)
      return { { [q.by[1]] = q.by[1] == "day" and "2026-03-02" or with_nul, calls = 3, failed = 1, estimated = 0, input = 10, output = 4, cost_picousd = "61000000000" } }
    end
    e.cost_tables = function()
      local function rows(name) return { { [name] = with_nul, calls = 3, failed = 1, input = 10, output = 4, cost_picousd = "61000000000" } } end
      return { day = { { day = "2026-03-02", calls = 3, cost_picousd = "61000000000" } }, agent = rows "agent", model = rows "model", tier = rows "tier" }
    end
    e.latency = function(_, q) return { { [q.by[1]] = with_nul, buckets = { 1, 1, 0, 1 }, n = 3, failed = 1, p50_ms = 10, p95_ms = 1200, p99_ms = 63000 } } end
    e.audit = rows { id = 7, time = 1772442000000, who = with_nul, what = with_nul, subject = with_nul, detail = { [with_nul] = with_nul }, hash = with_nul }
    e.audit_verify = function() return { ok = false, rows = 7, anchored = 6, unanchored = 1, ms = 3, problems = { { kind = "changed", id = 3, detail = with_nul } } } end
    e.overrides = rows { run = asked.run, step = 1, skill = with_nul, proposed = { a = with_nul }, decided = { a = 1 }, by = with_nul, at = "2026-03-02T09:00:00.000Z", reason = with_nul, outcome = "edited", channel = with_nul }
    e.lineage = function(_, id)
      return { root = { kind = "run", id = id }, nodes = { { id = id, kind = "run", title = with_nul }, { id = "e1", kind = with_nul, title = with_nul, detail = { x = with_nul } } }, edges = { { from = "e1", to = id, how = with_nul }, { from = id, to = "e1", how = with_nul } } }
    end
    return e, asked, failed
  end

  it("shows what others wrote as text alone, on every page", function()
    local e, asked, failed = troubled()
    local item = e:inbox()[1]
    local list = { table.unpack(paths) }
    for _, path in ipairs { "/runs/" .. asked.run, "/runs/" .. failed.run, "/approvals/" .. item.id, "/agents/asks", "/agents/ticks", "/why/" .. asked.run,
      "/event/" .. e:event_list()[1].id } do list[#list + 1] = path end
    for _, path in ipairs(list) do
      for _, query in ipairs { {}, { text = hostile, agent = hostile, state = hostile, q = hostile, verify = "1", page = hostile, days = hostile, who = hostile } } do
        local answer, read = get(e, path, query, { csrf = with_nul, owner = with_nul, flash = { kind = with_nul, text = with_nul } })
        assert.equal(200, answer.status, path)
        assert.equal(1, read.tags.script)
        assert.is_nil(answer.body:find("<img", 1, true))
      end
    end
    local _, read = get(e, "/approvals")
    assert.truthy(read.text:find("If you do nothing, at", 1, true))
    assert.truthy(read.text:find("this is rejected", 1, true))
    assert.truthy(read.text:find("<script>alert(1)</script>", 1, true))
  end)

  it("shows the beginning of what has no end, and is quick about it", function()
    scratch = home.make { agents = { asks = home.agent [[ ctx.step { name = "look", run = function() return { text = input.text } end }
      ctx.approve { subject = "long", proposal = { body = input.text, parts = { input.text } } } ]] } }
    local e, clock = scratch:open(), require "core.clock"
    for _, text in ipairs { ("x"):rep(1000000), ("é"):rep(400000), ("a b "):rep(250000), ("\n"):rep(500000) } do
      local run = scratch:run("asks", { text = text })
      for _, path in ipairs { "/runs/" .. run.run, "/approvals/" .. e:inbox()[1].id, "/approvals", "/why/" .. run.run } do
        local began = clock.mono_us()
        local answer = get(e, path)
        assert.equal(200, answer.status, path)
        assert.is_true(#answer.body < 400000, path .. " has " .. #answer.body)
        assert.is_true(clock.mono_us() - began < 3000000, path .. " took " .. clock.mono_us() - began)
      end
    end
    assert.truthy(select(2, get(e, "/approvals")).text:find "bytes more: keel show has them")
  end)

  it("tells edits apart to the word", function()
    local words = require "dashboard.words"
    local function said(from, to) return tostring(html_of(words.changes { { path = "/body", from = from, to = to } })) end
    assert.truthy(said("left today at noon", "left tomorrow at noon"):find("left <b>tomorrow</b> at noon", 1, true))
    assert.truthy(said("naïf é", "naïf è"):find("naïf <b>è</b>", 1, true))
    assert.truthy(said(1, { 2 }):find("[2]", 1, true))
  end)

  it("looks through so many runs for a text, and says where it stopped", function()
    scratch = home.make { agents = { asks = home.agent "return { text = input.text }" } }
    local e = scratch:open()
    for i = 1, 60 do scratch:run("asks", { text = i == 1 and "needle" or "straw" }) end
    local whole = e.list
    function e:list(filter)
      if filter.within then filter.within = 20 end
      return whole(self, filter)
    end
    local before, found, looks = nil, false, 0
    repeat
      local _, read = get(e, "/runs", { text = "needle", before = before })
      looks, found, before = looks + 1, read.text:find("text: needle", 1, true) ~= nil, nil
      for _, link in ipairs(read.links) do before = link.link:match "before=(%d+)" or before end
      assert.truthy(found or read.text:find("Look further back", 1, true))
    until found or not before
    assert.is_true(found)
    assert.equal(3, looks)
    local seen, pages_seen = {}, 0
    before = nil
    repeat -- and all of them, fifty at a time, each once
      local _, read = get(e, "/runs", { before = before })
      pages_seen, before = pages_seen + 1, nil
      for id in pairs(read.ids) do
        local run = id:match "^row%-(.*)"
        assert.falsy(run and seen[run])
        if run then seen[run] = true end
      end
      for _, link in ipairs(read.links) do before = link.link:match "before=(%d+)" or before end
    until not before
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.same({ 60, 2 }, { count, pages_seen })
  end)

  it("says what would stand where nothing does", function()
    scratch = home.make {}
    local e = scratch:open()
    for path, word in pairs { ["/"] = "keel init", ["/runs"] = "keel run NAME", ["/memory"] = "keel memory import", ["/agents"] = "keel init", ["/costs"] = "keel model",
      ["/schedules"] = "cron", ["/events"] = "keel emit", ["/audit"] = "becomes a record", ["/overrides"] = "will stand here" } do
      assert.truthy(select(2, get(e, path)).text:find(word, 1, true), path)
    end
    assert.truthy(select(2, get(e, "/runs", { text = "x" })).text:find("No run fits", 1, true))
  end)

  it("says on every page that all is held, and lets it go on", function()
    scratch = home.make { agents = { idle = home.agent "return 1" } }
    local e = scratch:open()
    assert(e:pause({ agent = "idle" }, {}))
    assert.truthy(get(e, "/agents").body:find('action="/api/resume"', 1, true))
    assert(e:pause({ all = true }, {}))
    for _, path in ipairs(paths) do assert.truthy(get(e, path).body:find("Everything is paused", 1, true), path) end
    assert(e:resume({ all = true }, {}))
    assert.is_nil(get(e, "/").body:find("Everything is paused", 1, true))
  end)

  it("shows what can be taken back, however old the question", function()
    scratch = home.make { config = 'return { approvals = { undo = "1h" } }', agents = { asks = home.agent [[ ctx.approve { subject = input.text, proposal = { a = 1 } } ]] } }
    local e = scratch:open()
    scratch:run("asks", { text = "the first" })
    local first = e:inbox()[1]
    for i = 1, 30 do
      local run = scratch:run("asks", { text = "later " .. i })
      for _, item in ipairs(e:inbox()) do if item.run == run.run and i % 2 == 0 then assert(e:decide(item.id, { state = "rejected" })) end end
    end
    assert(e:decide(first.id, { state = "approved" }))
    assert.truthy(get(e, "/approvals").body:find(("/api/approvals/%s/recall"):format(first.id), 1, true))
  end)

  it("does not fall when a part of the engine does", function()
    local e = troubled()
    for _, name in ipairs { "costs", "cost_tables", "latency", "audit", "overrides", "schedule_list" } do e[name] = function() error "broken" end end
    for _, path in ipairs(paths) do assert.equal(200, get(e, path).status, path) end
  end)

  it("changes nothing by being looked at", function()
    local e = troubled()
    local before = json.encode { e:list {}, e:inbox(), e:event_list {} }
    for _, path in ipairs(paths) do get(e, path) end
    assert(e:drain())
    assert.equal(before, json.encode { e:list {}, e:inbox(), e:event_list {} })
  end)

  it("tells the time of the owner, and the exact instant beside it", function()
    local e, asked = troubled()
    scratch.now = 1783000000000 -- July: an hour ahead of UTC
    local answer = get(e, "/runs/" .. asked.run)
    assert.truthy(answer.body:find('title="2026-03-02T09:00:00.000Z">2 Mar 09:00<', 1, true))
    assert.truthy(answer.body:find("waited .- for you"))
  end)

  it("fits into 60 kB", function()
    local e = troubled()
    for i = 1, 49 do scratch:run("asks", { text = "approval " .. i }) end
    local biggest = 0
    for _, path in ipairs(paths) do biggest = math.max(biggest, packed(get(e, path).body)) end
    local assets = require "dashboard.assets"
    local sum = biggest
    for _, name in ipairs { "style.css", "page.js", "icon.svg" } do sum = sum + packed(assets.get(name).body) end
    assert.truthy(sum < 60000, "it is " .. sum)
  end)

  it("asks for the token", function()
    local read = page.read(require("dashboard.login").page { error = hostile, next = hostile })
    assert.truthy(read.text:find("var/token", 1, true))
    assert.is_nil(require("dashboard.assets").get "nothing")
  end)
end)

describe("the waterfall", function()
  it("presses the time in which nothing worked to a gap", function()
    local chart = require "dashboard.chart"
    local day = 86400000
    local place, gaps = require("timeline").scale({ { from = 0, to = 1000 }, { from = 1000, to = day, idle = true }, { from = day, to = day + 1000 } }, 0, day + 1000)
    assert.equal(1, #gaps)
    assert.truthy(place(1000) > 40 and place(day) < 60)
  end)
end)
