-- What keel lint tells of, and what it leaves alone.
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local lexer = require "lexer"
local lint = require "lint"
local schema = require "schema"

local world = { adapters = { mail = "outbox", docs = "folder", shop = { use = "http_json", ops = { look = { effect = "read" } } } }, skills = {
  classify = { manifest = { needs = {}, input = { type = "object", required = { "text" }, additionalProperties = false,
    properties = { text = { type = "string" }, labels = { type = "array" } } } } },
  tokens = { manifest = { needs = {} } }, split = { manifest = { needs = { skills = { "tokens" } } } } },
  agents = { helper = true } }

local function said(findings)
  local list = {}
  for i, one in ipairs(findings) do list[i] = one.number end
  return table.concat(list, " ")
end

local function of(text, kind) return lint.source(text, { file = "agents/a.lua", kind = kind or "agent", world = world }) end

local function body(text, extra) return of(home.agent(text, extra)) end

local uses = 'uses = { "mail", "classify", "docs", "shop" },'

--- For a body that calls some skills only: the others are not to be told of.
local function calls(text)
  local list = {}
  for _, one in ipairs(body(text, uses)) do
    if one.number ~= "K2352" then list[#list + 1] = one.number end
  end
  return table.concat(list, " ")
end

describe("lint tells of", function()
  local cases = {
    { "K2301", "return foo", "a name that is nothing" },
    { "K2302", "total = 1 return total", "a global that is set" },
    { "K2303", "return ctx.recrods", "a misspelt field of ctx" },
    { "K2303", "local m = ctx.memory return m.serach {}", "a misspelt field behind a variable" },
    { "K2303", 'return string.trim("x")', "a function that Lua's library has not" },
    { "K2304", 'ctx.memory:search { query = "x" }', "a colon" },
    { "K2305", "ctx.sleep()", "no argument" },
    { "K2305", 'ctx.sleep("soon")', "a duration that is none" },
    { "K2305", 'ctx.step { name = "x", run = 1 }', "a step that is no function" },
    { "K2305", "ctx.atomic {}", "an atomic without a function" },
    { "K2305", 'ctx.all { ctx.sleep("1s") }', "a call in the place of a branch" },
    { "K2305", 'ctx.log("x", "warning")', "a level that is none" },
    { "K2306", 'local v = ctx.approve { subject = "s", proposal = 1, whithin = "1h" } return v.approved', "a misspelt argument" },
    { "K2307", "local x = 1", "a variable for nothing" },
    { "K2308", "for _, ctx in ipairs { 1 } do return ctx end", "a name that hides ctx" },
    { "K2309", "ctx.seen = 1", "a field of ctx that is set" },
    { "K2310", "print(1)", "print" },
    { "K2322", 'local t = {} ctx.step { name = "s", run = function() t[#t + 1] = 1 end } return #t', "a table that a step fills" },
    { "K2322", 'local x local function f() x = 1 end ctx.step { name = "s", run = f } return x', "a step's function by name" },
    { "K2322", 'local x ctx.step { name = "s", run = function() x = 1 return 1 end, undo = function() return x end }', "what an undo needs" },
    { "K2322", 'local t = {} ctx.step { name = "s", run = function() table.insert(t, 1) end } return t', "table.insert" },
    { "K2323", 'ctx.step { name = "x" .. ctx.now(), run = function() return 1 end }', "the time in a step's name" },
    { "K2323", 'local id = "x" .. math.random(9) ctx.emit("e", {}, { key = id })', "dice in a key, through a variable" },
    { "K2326", "pcall(ctx.call, 'helper', {})", "an error in a pcall that nobody asks" },
    { "K2327", "local fns, sum = {}, 0 for i = 1, 3 do fns[i] = function() ctx.sleep('1s') sum = sum + i end end ctx.all(fns) return sum",
      "a sum of branches made in a loop" },
    { "K2328", "local i = 0 while true do i = i + 1 end", "a loop without an exit" },
    { "K2328", "local i = 0 repeat i = i + 1 until false", "repeat, too" },
    { "K2330", 'ctx.step { name = "x", run = function() return 1 end } ctx.step { name = "x", run = function() return 2 end }', "equal names" },
    { "K2333", "return #{ 1, nil, 2 }", "a hole" },
    { "K2334", "local t = { 1 } return t[#t / 2]", "a division in a key" },
    { "K2336", 'ctx.approve { subject = "s", proposal = 1 } ctx.sleep("1s")', "a question whose answer is not looked at" },
    { "K2336", 'if not ctx.approve { subject = "s", proposal = 1 } then return 1 end', "a question taken for its answer" },
    { "K2337", 'return ctx.wait { event = "e", within = "1h" }.payload', "an event that may not come" },
    { "K2337", 'local r = ctx.records.get { type = "t", key = "1" } return r.sum', "a record that may not be there" },
    { "K2356", 'return ctx.call("helpr", {})', "an agent that is not there" },
  }
  for _, case in ipairs(cases) do
    it(("%s: %s"):format(case[3], case[2]), function() assert.equal(case[1], said(body(case[2]))) end)
  end

  it("what the manifest and the script say differently", function()
    assert.equal("K2351", said(body("return ctx.skill.mail { op = 'send' }")))
    assert.equal("K2352", said(body("return 1", 'uses = { "mail" },')))
    assert.equal("K2353", said(body('return ctx.memory.get { kind = "order", key = "1" }', 'memory = { read = "client/*" },')))
    assert.equal("K2353", said(body('local id = input.id return ctx.memory.get { kind = "order", key = "x" .. id }', 'memory = { read = { "order/y*" } },')))
    assert.equal("K2354", said(body("return ctx.config.rate")))
    assert.equal("K2355", said(body("return input.itme", 'input = { type = "object", properties = { item = { type = "string" } } },')))
    assert.equal("K2305 K2306", calls 'return ctx.skill.classify { txt = "x" }')
    assert.equal("K2305", calls 'return ctx.skill.mail { to = "x" }')
    assert.equal("K2326", calls 'ctx.skill.mail { op = "send" }')
  end)

  it("a skill that keeps something between two calls, or reaches what it does not need", function()
    local text = 'local seen = {} return skill { version = 1, ["local"] = function(input, lib) seen[input.x] = true return { n = seen[1], d = lib.skill.tokens(input), z = lib.zoen } end }'
    assert.equal("K2321 K2351 K2303", said(of(text, "skill")))
    assert.equal("K2355", said(of('return skill { version = 1, input = { type = "object", properties = { text = { type = "string" } } }, '
      .. 'model = { tier = "small", prompt = "Sum up {txet}" } }', "skill")))
  end)

  it("what is wrong in the words of the catalogue: where, why, and what was meant", function()
    local one = body("return ctx.memory.serach { query = 'x' }")[1]
    assert.same({ "ctx.memory.search", "error", 3, 19, 6 }, { one.suggestion, one.level, one.line, one.column, one.length })
    assert.match("> +3 | return ctx.memory.serach.-\n +| +%^%^%^%^%^%^\n", tostring(one))
    assert.match("keel explain K2303", one.next)
    local page = assert(require("errors").explain "K2322")
    assert.match("better:.-local rate = ctx.step", page)
  end)
end)

describe("lint leaves alone", function()
  local fine = {
    { 'local rates = ctx.step { name = "rates", run = function() local t = {} t.eur = 1 return t end } return rates.eur', "what is a step's own" },
    { 'local log = {} ctx.step { name = "s", run = function() log[#log + 1] = "only here" return #log end }', "what only the step uses" },
    { 'local x = 1 local y = x + 1 ctx.step { name = "s", run = function() x = 2 return y end }', "what was read before the step" },
    { 'ctx.emit("day", {}, { key = "digest/" .. ctx.now_text():sub(1, 10) })', "a day in a key" },
    { 'while true do local e = ctx.wait { event = "e" } if e.payload.stop then break end end', "a loop with a break" },
    { "local function fail() error('no') end while true do fail() end", "a loop that a function leaves" },
    { "while true do local ok = input.next() if not ok then return 1 end end", "a loop that returns" },
    { "for i = 1, 3 do ctx.step { name = 'n' .. i, run = function() return i end } end", "names by number" },
    { "if input.a then ctx.step { name = 'x', run = function() return 1 end } else ctx.step { name = 'x', run = function() return 2 end } end",
      "equal names of which one is made" },
    { 'local v = ctx.approve { subject = "s", proposal = 1, otherwise = input.word } if v and v.outcome == "approved" then return v.value end',
      "a verdict that is asked" },
    { 'local v, err = ctx.approve { subject = "s", proposal = 1 } return v and v.value or err.code', "a verdict whose value is used" },
    { 'return ctx.approve { subject = "s", proposal = 1 }', "a verdict that is handed on" },
    { 'local t, err = ctx.model { prompt = "x" } if not t then return { degraded = err.code } end return t.label', "an answer that is checked" },
    { "local ok, err = pcall(ctx.call, 'helper', {}) return ok and 1 or tostring(err)", "a pcall that is asked" },
    { 'local results, fns = {}, {} for i = 1, 3 do fns[i] = function() results[i] = i end end ctx.all(fns) return results', "a place for each branch" },
    { "local a, b ctx.all { function() a = 1 end, function() b = 2 end } return a + b", "a variable for each branch" },
    { "ctx.atomic(function() ctx.records.put { type = 't', key = '1', value = 1 } ctx.emit('e') end)", "writes in ctx.atomic" },
    { "local seen = {} for _, row in ipairs { { id = 1 } } do seen[row.id] = row end for id in pairs(seen) do return id end", "keys that are facts" },
    { "local seen = {} for _, row in ipairs { { id = 1 } } do seen[row] = true end return seen[input] and 1", "a set that is not walked" },
    { 'ctx.memory.remember { kind = "mail", key = input.id, text = "t", source = input.id, trust = "external", speaker = "Ana" }', "rare arguments" },
    { 'return ctx.model { messages = { { role = "user", content = "x" } }, timeout = "10s", seed = 1 }', "other arguments of models" },
    { "local name = 'records' return ctx[name].find { type = 't' }", "a field that is computed" },
    { "local function outer(ctx) local function inner(ctx) return ctx.run end return inner(ctx) end return outer(ctx)", "ctx by its own name" },
    { "return agent == nil", "the word agent" },
    { "local step = { name = 'x' } step.run = function() return 1 end return ctx.step(step)", "a table that is completed later" },
    { "local _, err = ctx.call('helper', {}) return err", "names that begin with _" },
  }
  for _, case in ipairs(fine) do
    it(("%s: %s"):format(case[2], case[1]), function() assert.equal("", said(body(case[1]))) end)
  end

  it("memory that the manifest may allow, settings and input that it declares", function()
    assert.equal("", said(body('return ctx.memory.get { kind = "order", key = input.id }', 'memory = { read = "order/y*" },')))
    assert.equal("", said(body('return ctx.memory.get { kind = input.kind, key = "1" }', 'memory = { read = "order/y*" },')))
    assert.equal("", said(body('return ctx.memory.get { kind = "order", key = "1" }', 'memory = { write = "client/*" },')))
    assert.equal("", said(body("return ctx.config.rate", 'config = { type = "object", properties = { rate = { type = "number" } } },')))
    assert.equal("", said(body("return input.other", 'input = { type = "object", properties = { item = { type = "string" } } },')))
    assert.equal("", said(body("return ctx.skill[input.name] {}", uses)))
    assert.equal("", said(body("return ctx.skill.split {}", 'uses = { "split", "tokens" },')))
    assert.equal("", calls 'ctx.skill.docs { op = "read", name = "x" } ctx.skill.shop { op = "look" }')
  end)

  it("a memo of the file that is filled while it is loaded", function()
    assert.equal("", said(of('local set = {} local function add(w) set[w] = true end add "a" ' .. home.agent "return set[input.word]")))
  end)

  it("every agent and skill of the house, of `keel init` and of the documents that works", function()
    local h = home.make {}
    finally(function() h:remove() end)
    assert(file.mkdir(h.path .. "/cases"))
    for name, text in pairs(require "template.followup") do h:write(name, text) end
    assert.equal("", said(assert(lint.files(lint.around(h.path), {}))))
    assert.equal("", said(assert(lint.files(lint.around ".", {}))))
    local seen = 0
    for _, name in ipairs(file.list "docs") do
      local text = name:find "%.md$" and file.read("docs/" .. name) or ""
      for block in ("\n" .. text):gmatch "\n```lua\n(.-)\n```" do
        local broken_on_purpose = block:find("bugdet", 1, true) or block:find("while true do end", 1, true) or name == "lint.md"
        if block:find "return agent" and not broken_on_purpose then
          seen = seen + 1
          -- the documents have skills and settings of their own
          for _, one in ipairs(of(block)) do
            assert(one.number:find "^K235" , ("docs/%s: %s"):format(name, tostring(one)))
          end
        end
      end
    end
    assert(seen >= 8, "the documents were not found")
  end)
end)

describe("a permission in a comment", function()
  local function text(lines) return table.concat(lines, "\n") end

  it("is for its line, for the next one, or for the file", function()
    local wrong = "  local x = 1"
    local function with(first, before, behind)
      return said(of(text { first, "return agent { version = 1, run = function(ctx)", before, wrong .. behind, "  return ctx.run", "end }" }))
    end
    assert.equal("K2307", with("", "", ""))
    assert.equal("", with("", "", " -- lint: allow K2307"))
    assert.equal("", with("", "  -- lint: allow K2307: it is an example", ""))
    assert.equal("", with("-- An agent.\n-- lint: allow K2330, K2307", "", "  ctx.step { name = 'x', run = function() return 1 end } ctx.step { name = 'x', run = function() return 1 end }"))
    assert.equal("K2391 K2307", with("", "  -- lint: allow K2301", ""))
    assert.equal("K2391", with("-- lint: allow K2307, K2330", "", ""))
  end)
end)

describe("lint, whatever it is given,", function()
  it("does not fail", function()
    local state = 5
    local function dice(n)
      state = state * 6364136223846793005 + 1442695040888963407
      return ((state >> 33) % n) + 1
    end
    local texts = {}
    for _, name in ipairs { "agents/inbox_triage.lua", "agents/meeting_notes.lua", "skills/match_entity.lua", "skills/summarise.lua" } do
      texts[#texts + 1] = { text = file.read(name), kind = name:match "^(%a+)s/" }
    end
    texts[#texts + 1] = { text = home.agent [[local t = {} ctx.step { name = "s", run = function() t[#t + 1] = 1 end }
      local v = ctx.approve { subject = "s", proposal = { a = 1 }, otherwise = "w" } while true do ctx.sleep("1s") end]], kind = "agent" }
    local valid = 0
    for _ = 1, 150 do
      local one = texts[dice(#texts)]
      local tokens = lexer.tokens(one.text)
      local a, b = tokens[dice(#tokens)], tokens[dice(#tokens)]
      local text = one.text:sub(1, a.at - 1) .. one.text:sub(b.at, b.stop - 1) .. one.text:sub(a.stop)
      local findings = of(text, one.kind)
      if not (findings[1] and findings[1].syntax) then valid = valid + 1 end
      for _, each in ipairs(findings) do assert(tostring(each):find(each.number, 1, true) == 1) end
    end
    assert(valid > 20, valid)
  end)

  it("takes time in proportion to the source", function()
    local findings = body(("local x = 1 x = x + 1 ctx.records.get { type = 't', key = 'k' }\ndo local y = { 1, 2 } ctx.log(#y) end\n"):rep(150))
    assert(#findings <= 200)
  end)
end)

describe("keel lint", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  local function run(...) return keel { "--home", h.path, "lint", ... } end

  it("looks at a home, and says how it is with its exit code", function()
    h = home.make { agents = { a = home.agent "return 1" }, skills = { s = 'return skill { version = 1, ["local"] = function(input) return input end }' } }
    local done = run()
    assert.same({ 0, "nothing to mend in 3 files\n", "" }, { done.code, done.out, done.err })
    h:write("agents/a.lua", home.agent "local x = 1")
    assert.same({ 0, true }, { run().code, run().out:find("1 hint in 3 files", 1, true) ~= nil })
    h:write("agents/a.lua", home.agent "return os.time()")
    assert.equal(1, run().code)
    h:write("agents/b.lua", "return agent { versoin = 1 }")
    assert.equal(10, run().code)
    h:write("skills/c.lua", "return skill { version = 1, ")
    assert.equal(3, run().code)
    local list = json.decode(run("--json").out)
    assert.equal(3, #list)
    assert.same({ "agents/a.lua", 3, 8, "K2301", "error", "keel explain K2301" },
      { list[1].file, list[1].line, list[1].column, list[1].number, list[1].level, list[1].next })
    assert.same({ "K2101", "K3001" }, { list[2].number, list[3].number })
  end)

  it("takes files from anywhere, and says which it cannot read", function()
    h = home.make { agents = { a = home.agent "return 1" } }
    h:write("edited.lua", home.agent "return ctx.recrods")
    local done = run(h.path .. "/edited.lua")
    assert.equal(1, done.code)
    assert.match("K2303", done.out)
    done = run(h.path .. "/agents/a.lua", h.path .. "/nowhere.lua")
    assert.equal(2, done.code)
    assert.match("K1009", done.err)
    assert.equal(0, run(h.path .. "/agents/a.lua").code)
    assert.equal("K1009", json.decode(run(h.path .. "/nowhere.lua", "--json").out).error.number)
    assert.equal(2, keel({ "--home", h.path .. "/none", "lint" }).code)
  end)

  it("says once what the script and its manifest both show", function()
    h = home.make { agents = { a = "local t = os.time()\n" .. home.agent "return t", b = "return agent { version = 1, run = function() return 1 end, uses = { 'nothing' } }" } }
    local list = json.decode(run("--json").out)
    local numbers = {}
    for i, one in ipairs(list) do numbers[i] = one.file .. " " .. one.number end
    table.sort(numbers)
    assert.same({ "agents/a.lua K2301", "agents/b.lua K2109", "agents/b.lua K2352" }, numbers)
    assert.equal(10, run().code)
  end)

  it("shows no key of config.lua", function()
    h = home.make { config = 'return { zone = "UTC",\n  tiers = { small = { { provider = "openai", model = "m", key = "sk-verysecretverysecret", price = fre } } } }' }
    local done = run()
    assert.match("K2301", done.out)
    assert.is_nil((done.out .. done.err):find("verysecret", 1, true))
  end)

  it("tells of an edit under an old version, and of a schedule that is refused", function()
    h = home.make { agents = { a = home.agent "return 1" } }
    h:open()
    h:run "a"
    h.engine:close()
    h.engine = nil
    assert.equal("nothing to mend in 2 files\n", run().out)
    h:write("agents/a.lua", home.agent "return 2")
    h:write("agents/b.lua", home.agent("return 1", 'on = { every = "1h" }, input = { type = "object", required = { "item" } },'))
    local list = json.decode(run("--json").out)
    table.sort(list, function(one, other) return one.number < other.number end)
    assert.same({ "K2357", "agents/a.lua", 1, "K2358", "agents/b.lua" },
      { list[1].number, list[1].file, list[1].line, list[2].number, list[2].file })
    h:write("agents/a.lua", (home.agent("return 2"):gsub("version = 1", "version = 2")))
    h:write("agents/b.lua", home.agent "return 1")
    assert.equal(0, run().code)
  end)

  it("lets no script move the terminal", function()
    h = home.make { agents = { a = home.agent 'return nothing["\27[2J\27]0;x\7"]' } }
    local done = run()
    assert.match("K2301", done.out)
    assert.is_nil(done.out:find "[\27\7]")
  end)
end)

describe("a case file", function()
  local case_schema = require "lint.case_schema"
  local cases = require "lint.cases"

  it("has a schema for editors that is the one that lint holds it to", function()
    assert.equal(json.encode(case_schema, 2) .. "\n", file.read "spec/cases/case.schema.json",
      "write it anew: build/keel lua spec/cases/write.lua")
    assert(schema.compile(json.decode(file.read "spec/cases/case.schema.json"), { strict = true }))
  end)

  it("is accepted as the workflows print it", function()
    local text = file.read "../shared/workflows.md"
    if not text then return pending "../shared/workflows.md is not here: 7 cases not checked" end
    local seen = 0
    for block in text:gmatch "```json\n(.-)```" do
      local value = json.decode(block)
      if type(value) == "table" and value.case then
        seen = seen + 1
        for _, one in ipairs(cases.check(block, value.case)) do error(tostring(one)) end
      end
    end
    assert.equal(7, seen)
  end)

  local whole = [[{"case":"W","workflow":"w@1","now":"2026-03-02T09:00:00Z","tz":"UTC",
    "config":{"budget":{}},"records":{"task":[{"id":"T-1"}],"cash_eur":1},
    "memory":[{"layer":"long","kind":"k","key":"a","text":"t","importance":0.5,"created":"2026-02-27T10:00:00Z","ttl_s":5}],
    "event":{"type":"mail.received","key":"m","payload":{}},
    "vectors":{"a":[0.1,1]},"prices":{"small":{"in":200,"out":800}},
    "model":[{"skill":"s","tier":"small","reply":{},"usage":{"in":1,"out":2}},{"skill":"s","tier":"small","error":"timeout"}],
    "human":[{"approval":"a","after_s":-1,"action":"none"},{"approval":"a","after_s":5,"action":"edit","edit":{"x":1}},
      {"question":"reconcile:pay","action":"answer","value":"done"}],
    "faults":[{"at":"send","when":"after_effect","kind":"kill9","times":1}],
    "then":[{"after_s":1,"event":{"type":"e","key":"k"}},{"after_s":2,"operator":"swap","adapters":{"mail":"mail_b"}},{"after_s":3,"offline_s":9}],
    "expect":{"status":"done","outbox":[{"adapter":"mail","op":"send","key":"k","contains":"x"}],"outbox_count":1,
      "ledger":{"calls":2,"in":1,"out":2,"nano_usd":6202000000},"never":["evil"],"lineage":{"a":["b"]}}}]]

  it("may use all of the format", function()
    assert.same({}, cases.check(whole, "w.json"))
    assert.same({}, cases.check('{"case":"all","sequence":["w1.json","w2.json"]}', "all.json"))
  end)

  local function set(from, to)
    local at, stop = whole:find(from, 1, true)
    return whole:sub(1, at - 1) .. to .. whole:sub(stop + 1)
  end

  local malformed = {
    { '"now":"2026-03-02T09:00:00Z"', '"now":"tomorrow"', "/now" }, { '"workflow":"w@1"', '"workflow":"w"', "/workflow" },
    { '"event":{', '"evnet":{', "/evnet" }, { '"case":"W"', '"case":7', "/case" },
    { '"layer":"long"', '"layer":"forever"', "/memory/0/layer" }, { '"importance":0.5', '"importance":5', "/memory/0/importance" },
    { '"ttl_s":5', '"ttl_s":"5"', "/memory/0/ttl_s" }, { '"key":"m","payload"', '"payload"', "/event" },
    { '"a":[0.1,1]', '"a":[0.1,"1"]', "/vectors/a/1" }, { '"small":{"in":200', '"small":{"inn":200', "/prices/small" },
    { '"tier":"small","reply"', '"tier":"smal","reply"', "/model/0/tier" }, { '"error":"timeout"', '"note":"x"', "/model/1" },
    { '"usage":{"in":1', '"usage":{"in":-1', "/model/0/usage/in" }, { '"after_s":-1', '"after_s":-2', "/human/0/after_s" },
    { '"action":"none"', '"action":"nothing"', "/human/0/action" }, { ',"edit":{"x":1}', "", "/human/1" },
    { '"value":"done"', '"value":"yes"', "/human/2/value" }, { '"question":"reconcile:pay"', '"question":"pay"', "/human/2/question" },
    { '"kind":"kill9"', '"kind":"kill"', "/faults/0/kind" }, { '"times":1', '"times":0', "/faults/0/times" },
    { '"offline_s":9', '"ofline_s":9', "/then/2/ofline_s" }, { '"status":"done"', '"status":"don"', "/expect/status" },
    { '"nano_usd":6202000000', '"nano_usd":1.5', "/expect/ledger/nano_usd" }, { '"op":"send",', "", "/expect/outbox/0" },
  }
  for _, one in ipairs(malformed) do
    it(("is refused with the path of what is wrong: %s for %s"):format(one[2] == "" and "nothing" or one[2], one[1]), function()
      local text = set(one[1], one[2])
      local findings, found = cases.check(text, "w.json"), nil
      for _, each in ipairs(findings) do
        if each.number == "K1017" and each.path == one[3] then found = each end
      end
      assert(found, said(findings) .. " " .. (findings[1] and findings[1].path or "nothing"))
      local line, at = 1, text:find(one[2] == "" and one[1]:match '"' or one[2], 1, true)
      for _ in text:sub(1, at):gmatch "\n" do line = line + 1 end
      if one[2] ~= "" then assert.equal(line, found.line) end
      assert.match("K1017 malformed_case", tostring(found))
    end)
  end

  it("that is no JSON is shown at the place", function()
    local one = cases.check('{"case": "x",\n "now" }', "x.json")[1]
    assert.same({ "K1017", 2 }, { one.number, one.line })
    assert.equal("K1017", cases.check("", "x.json")[1].number)
    assert.equal("K1017", cases.check("[]", "x.json")[1].number)
  end)

  it("is told what of its expectations nobody checks", function()
    local one = cases.check(set('"outbox_count":1', '"outbocks":1'), "w.json")[1]
    assert.same({ "K2359", "hint", "outbox" }, { one.number, one.level, one.suggestion })
  end)

  it("is checked by keel lint FILE.json, with exit code 2 when it is malformed", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() os.remove(path .. ".json") end)
    assert(file.write(path .. ".json", whole))
    assert.equal(0, keel({ "lint", path .. ".json" }).code)
    assert(file.write(path .. ".json", set('"event":{', '"evnet":{')))
    local done = keel { "lint", path .. ".json", "--json" }
    assert.equal(2, done.code)
    assert.equal("/evnet", json.decode(done.out)[1].path)
  end)
end)
