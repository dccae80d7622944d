--- The REPL from a pipe, on the store and attached to an engine; and what a session promises.
local door = require "repl.door"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"
local session = require "repl.session"
local terminal = require "terminal"

local agents = {
  hello = home.agent "return { greeting = 'hi ' .. (input.who or 'you') }",
  asks = home.agent "local v = ctx.approve { subject = 's', proposal = { n = 1 }, within = '1d', otherwise = 'hold' } return { v = v.outcome }",
  bad = home.agent "error('on purpose')",
}
local skills = { double = [[return skill { version = 1, about = "Doubles", input = { type = "object", required = { "n" },
  properties = { n = { type = "integer" } } }, output = { type = "object" },
  ["local"] = function(input) return { n = 2 * input.n } end }]] }

describe("a REPL from a pipe", function()
  local here, served

  before_each(function() here = home.make { agents = agents, skills = skills, config = [[return { zone = "UTC", owner = "Mira",
    tiers = { small = { { provider = "openai", model = "m", key = "sk-not-for-eyes", price = "free", base_url = "http://127.0.0.1:9/v1" } } } }]] } end)

  after_each(function()
    if served then served:stop() end
    served = nil
    here:remove()
  end)

  local function repl(text, flags, options)
    local words = { "repl", "--home", here.path }
    for _, word in ipairs(flags or {}) do words[#words + 1] = word end
    options = options or {}
    options.input = text
    return keel(words, options)
  end

  local function values(text, flags)
    local got, list = repl(text, { "--json", table.unpack(flags or {}) }), {}
    for line in got.out:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    return list, got
  end

  it("prints each value, keeps variables, and takes entries of several lines", function()
    local got = repl "x = 20\nx + 1\nfor i = 1, 2 do\n  print('n', i)\nend\n_ * 2\n"
    assert.equal("21\nn 1\nn 2\n42\n", got.out)
    assert.equal("", got.err)
    assert.equal(0, got.code)
  end)

  it("prints one JSON value an entry", function()
    local list, got = values "1\n{ a = { 1, 2 }, b = null }\nx = 3\n'a', x\nprint\n0/0\n{}\n"
    assert.same({ 1, { a = { 1, 2 }, b = json.null }, json.null, { "a", 3 }, json.null, "nan", {} }, list)
    assert.equal(0, got.code)
  end)

  it("ends at the first error with its code, and goes on when told to", function()
    local got = repl "1\nnothing()\n2\n"
    assert.equal("1\n", got.out)
    assert.equal(3, got.code)
    assert.truthy(got.err:find("K3106 typed_error: attempt to call a nil value (global 'nothing')", 1, true))
    got = repl("nothing()\n2\n", { "--keep-going" })
    assert.equal("2\n", got.out)
    assert.equal(3, got.code)
    assert.equal(4, repl("while true do end").code)
    assert.equal(2, repl("emit('x')").code)
    assert.equal(3, repl("1 +").code)
    assert.equal(3, repl("a b").code)
  end)

  it("tells errors as JSON, too", function()
    local list, got = values "memory.get{ kind = 5 }\n"
    assert.equal("K3003", list[1].error.number)
    assert.equal("", got.err)
  end)

  it("suggests the name that was meant", function()
    assert.truthy(repl("memory.serch{}").err:find("did you mean 'memory.search'?", 1, true))
    assert.truthy(repl("pritn(1)").err:find("did you mean 'print'?", 1, true))
    assert.truthy(repl("runs{}").err:find("did you mean 'runs.list'?", 1, true))
    assert.truthy(repl(".hlep").err:find("did you mean '.help'?", 1, true))
    assert.truthy(repl("agents.show('helo')").err:find("did you mean 'hello'?", 1, true))
    assert.truthy(repl(".help memory.serch").err:find("did you mean 'memory.search'?", 1, true))
  end)

  it("says where in several lines an error is", function()
    local got = repl "for i = 1, 2 do\n  local t = nil\n  t.x = 1\nend\n"
    assert.truthy(got.err:find("typed:3", 1, true))
    assert.truthy(got.err:find(">    3 |   t.x = 1", 1, true))
  end)

  it("has help for every function, with an example that is Lua", function()
    local calls = require "repl.calls"
    for _, name in ipairs(calls.names()) do
      local row = calls.find(name)
      local got = repl(".help " .. name)
      assert.truthy(got.out:find(row.signature, 1, true), name)
      assert(load("return " .. row.example, name))
      assert.equal(name, row.signature:sub(1, #name))
    end
    assert.truthy(repl(".help").out:find("memory.search{", 1, true))
    assert.truthy(repl(".help K1115").out:find("read_only", 1, true))
  end)

  it("answers every function that only looks, on an empty store too", function()
    local calls = require "repl.calls"
    for _, name in ipairs(calls.names()) do
      local row = calls.find(name)
      if not row.write then
        local list = values(row.example .. "\n")
        local err = type(list[1]) == "table" and list[1].error
        assert(not err or err.number == "K1007" or err.number == "K1006" or err.number == "K1009", name .. ": " .. json.encode(list))
      end
    end
  end)

  it("calls skills, without a journal", function()
    assert.same({ { n = 8 }, { n = 6 } }, (values "skill.double{ n = 4 }\nskill('double', { n = 3 })\n"))
    assert.equal("K1006", values("skill.duoble{}\n")[1].error.number)
    assert.same({ json.array {} }, (values "runs.list{}\n"))
  end)

  it("shows settings without secrets", function()
    local got = repl "config()\nconfig().tiers.small[1].key\n"
    assert.is_nil(got.out:find("sk-not-for-eyes", 1, true))
    assert.truthy(got.out:find("(secret)", 1, true))
  end)

  it("shows nothing that could drive a terminal", function()
    local got = repl [['\27[2Jx', { ['a\27b'] = '\7' }
print('\27[31m')
error('\27]0;x\7')]]
    assert.is_nil((got.out .. got.err):find("[\27\7]"))
  end)

  it("bounds what it shows: cycles, depth, functions, bytes, keys that are tables", function()
    local got = repl [[t = {} t.t = t return t
x = {} y = x for i = 1, 100 do y.x = {} y = y.x end return x
{ print, [2] = 'two' }
{ [{}] = 1 }
'\xff']]
    assert.equal(0, got.code)
    assert.truthy(got.out:find("(cycle)", 1, true))
    assert.truthy(got.out:find("\\xff", 1, true) or got.out:find("xff", 1, true))
  end)

  it("writes only when it may, and each write is in the audit trail", function()
    local list = values [[memory.remember{ kind = "k", key = "a", text = "t" }
]]
    assert.equal("K1115", list[1].error.number)
    list = values([[memory.remember{ kind = "k", key = "a", text = "secret words" }
records.put{ type = "task", key = "T-1", value = { n = 1 } }
records.get{ type = "task", key = "T-1" }
run("hello", { who = "Ana" }).output.greeting
run("asks", {}).state
approve(inbox()[1].id, "fine").output.v
run("bad").error.message
records.delete{ type = "task", key = "T-1" }
records.get{ type = "task", key = "T-1" }
memory.forget{ kind = "k", key = "a" }
audit(20)
]], { "--write" })
    assert.equal("new", list[1].outcome)
    assert.equal(1, list[3].value.n)
    assert.equal("hi Ana", list[4])
    assert.equal("waiting", list[5])
    assert.equal("approved", list[6])
    assert.truthy(list[7]:find("on purpose", 1, true))
    assert.equal(json.null, list[9])
    assert.equal(1, list[10])
    local what, owners = {}, 0
    for _, row in ipairs(list[11]) do
      what[row.what] = row
      if row.who == "Mira" then owners = owners + 1 end
    end
    for _, name in ipairs { "memory.remember", "records.put", "run", "approve", "records.delete", "memory.forget" } do
      assert.truthy(what["repl." .. name], name)
    end
    assert.equal(#list[11], owners)
    assert.is_nil(json.encode(list[11]):find("secret words", 1, true))
  end)

  it("runs the commands that only look, and the others when it may write", function()
    assert.truthy(repl(".agents").out:find("hello", 1, true))
    assert.truthy(repl(".explain K2101").out:find("unknown_field", 1, true))
    assert.truthy(repl(".run hello").err:find("K1115", 1, true))
    assert.truthy(repl(".write on\n.run hello\n").out:find("hi you", 1, true))
    assert.truthy(repl(".memory forget --ns main --key 'a b'").err:find("K1115", 1, true))
  end)

  it("asks the engine that runs, which judges who may write", function()
    served = assert(server.start(here))
    local list = values [[run("hello")
.home
]]
    assert.equal("K1115", list[1].error.number)
    local got = repl ".home\n"
    assert.truthy(got.out:find("an engine runs there and answers", 1, true))
    list = values([[run("hello", { who = "Eva" }).output.greeting
memory.remember{ key = "k", text = "t" }
memory.get{ key = "k" }.text
skill.double{ n = 2 }
memory.serch
run("nobody")
]], { "--write", "--keep-going" })
    assert.equal("hi Eva", list[1])
    assert.equal("t", list[3])
    assert.same({ n = 4 }, list[4])
    assert.equal("K1005", list[6].error.number)
    assert.equal(1, #served:json("runs"))
  end)

  it("refuses a call that writes where the session did not say so, on the engine's side", function()
    served = assert(server.start(here))
    local context = require("context").new {}
    context:set { home = here.path }
    local d = assert(door.open(context))
    d.writing = false
    local _, err = d:ask("emit", { "x", {} })
    assert.equal("K1115", err.number)
    _, err = d:ask("os.execute", {})
    assert.equal("K3101", err.number)
    d:close()
  end)

  it("goes on when the engine goes away, and says so", function()
    served = assert(server.start(here))
    local context = require("context").new {}
    context:set { home = here.path }
    local d = assert(door.open(context))
    assert.truthy(d:ask("now", {}))
    served:stop()
    served = nil
    local value, err = d:ask("now", {})
    assert(value or err.number == "K9010")
    assert.truthy(d:ask("now", {}))
    d:close()
    context:close()
  end)
end)

--- A session on the engine of a home, with a list of what it asked.
local function on(here, asked)
  local e, calls = here:open(), require "repl.calls"
  return assert(session.new { terminal = terminal.new { tty = false, width = 100 }, door = { give_up = function() end,
    ask = function(_, name, args)
      asked[#asked + 1] = { name, args }
      return calls.perform(e, name, args, {})
    end } })
end

describe("a session", function()
  local s, asked, here

  before_each(function()
    here, asked = home.make { agents = agents, skills = skills }, {}
    s = on(here, asked)
  end)

  after_each(function()
    s:close()
    here:remove()
  end)

  it("hands over what was given, and hands back what came", function()
    local told = s:run "memory.search{ query = 'q', k = 2 }, skill.double{ n = 4 }.n"
    assert.same({ { "memory.search", { { query = "q", k = 2 } } }, { "skill", { "double", { n = 4 } } } }, asked)
    assert.same({ {}, 8 }, told.values)
  end)

  it("refuses arguments that cannot be copied, without asking", function()
    local told = s:run "memory.search{ query = print }"
    assert.is_false(told.ok)
    assert.equal("K3006", told.err.number)
    assert.same({}, asked)
  end)

  it("cannot be asked from a coroutine", function()
    assert.is_false(s:run("coroutine.wrap(function() return now() end)()").ok)
    assert.same({}, asked)
  end)

  it("knows the beginning of something from what is wrong", function()
    assert.is_true(s:more "for i = 1, 2 do")
    assert.is_true(s:more "x = {")
    assert.is_true(s:more "x = [[")
    assert.is_false(s:more "x = 1")
    assert.is_false(s:more "x = = 1")
    assert.is_false(s:more ".help")
    assert.is_false(s:more "")
  end)

  it("stops a loop without an end, and keeps its variables", function()
    s.limit = 1000000
    s:run "kept = { 1, 2 }; function twice(n) return 2 * n end"
    local told = s:run "while true do end"
    assert.equal("K4007", told.err.number)
    assert.same({ 4 }, s:run("twice(#kept)").values)
  end)

  it("begins again with what can be copied when a cap ended the sandbox", function()
    s:run "kept = { 1, 2 }"
    s:run "function gone() end"
    local told = s:run "local t = {} while true do t[#t + 1] = ('x'):rep(1000000) .. #t end"
    assert.equal("K3103", told.err.number)
    assert.truthy(told.err.message:find("gone", 1, true))
    assert.same({ 2 }, s:run("#kept").values)
    assert.equal("nil", s:run("gone").values[1]["$lua"])
    assert.same({ 4 }, s:run("skill.double{ n = 2 }.n").values)
  end)

  it("reaches nothing but what it was given", function()
    for _, name in ipairs { "os", "io", "load", "require", "debug", "dofile", "collectgarbage", "package", "core" } do
      assert.equal("nil", s:run("return " .. name).values[1]["$lua"], name)
    end
  end)

  it("cannot be turned against itself by what is typed", function()
    s:run "pcall = nil; error = nil; next = nil; table.sort = nil; string.format = nil; setmetatable(_G, { __index = function() return 1 end })"
    assert.same({ { 1, 2 } }, s:run("{ 1, 2 }").values)
    assert.is_table(s:fields { "memory" })
    assert.same({ 4 }, s:run("skill.double{ n = 2 }.n").values)
  end)

  it("remembers the last values", function()
    s:run "1"
    s:run "2"
    s:run "x = 3"
    assert.same({ 2, 1 }, s:run("_, _1").values)
  end)
end)

describe("completion in the REPL", function()
  local complete = require "repl.complete"
  local s, here

  before_each(function()
    here = home.make { agents = { hello = agents.hello, help_desk = agents.hello }, skills = skills }
    s = on(here, {})
    local m = here.engine:memory()
    assert(m:remember { ns = "main", kind = "client", key = "fernline", text = "pays late" })
    assert(m:remember { ns = "main", kind = "city", key = "lisbon", text = "by the river" })
    s:run "order = { total = 5, lines = { { price = 1 } } }; setmetatable(order, { __index = function() error('ran') end })"
  end)

  after_each(function()
    s:close()
    here:remove()
  end)

  local function texts(line)
    local from, list = complete(s, line, #line)
    local out = {}
    for i, one in ipairs(list) do out[i] = line:sub(1, from - 1) .. one.text end
    return out
  end

  it("finds names, fields, elements of lists and functions with how they are called", function()
    assert.same({ "order.total" }, texts "order.to")
    assert.same({ "print(1, order.lines[1].price" }, texts "print(1, order.lines[1].pr")
    assert.same({ "x = memory.newest{" }, texts "x = memory.ne")
    assert.same({ "while" }, texts "whi")
    assert.same({}, texts "order.none.x")
    assert.same({}, texts "order.lines[9].x")
  end)

  it("asks the engine inside of quotes", function()
    assert.same({ [[run("hello]], [[run("help_desk]] }, texts [[run("hel]])
    assert.same({ [[memory.get{ kind = 'client]] }, texts [[memory.get{ kind = 'cl]])
    assert.same({ [[memory.get{ kind = "client", key = "fernline]] }, texts [[memory.get{ kind = "client", key = "]])
    assert.same({ [[agents.show "hello]], [[agents.show "help_desk]] }, texts [[agents.show "]])
  end)

  it("gives nothing where something fails", function()
    here.engine:close()
    assert.same({}, texts [[runs.show("run_]])
    here.engine = nil
  end)

  it("completes in the last line of several", function()
    assert.same({ "x = {\n  order.total" }, texts "x = {\n  order.to")
  end)
end)
