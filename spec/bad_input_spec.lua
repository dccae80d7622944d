-- What people and disks do wrong, through the binary: one clear error each, a stable
-- exit code, and nothing lost. Every test ends with the work going on.
local file = require "file"
local homes = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local program = require "spec.support.program"

local hello = [[
return agent {
  version = 1, about = "greets",
  input = { type = "object", required = { "who" }, properties = { who = { type = "string" } } },
  output = { type = "object", required = { "text" }, properties = { text = { type = "string" } } },
  run = function(ctx, input)
    ctx.records.put{ type = "greeted", key = input.who, value = { n = 1 } }
    if input.who == "nobody" then return { text = 7 } end
    return { text = "hello " .. input.who }
  end,
}]]

local files_mail = [[
return agent { version = 1, about = "files mail", on = { event = "mail.received", key = "message_id" },
  run = function(ctx, mail)
    ctx.records.put{ type = "mail", key = mail.message_id, value = { subject = mail.subject } }
    return mail.subject
  end }]]

local config = [[
return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" },
  inbox = { ["mail.received"] = "inbox/mail", ["file.created"] = "inbox/notes" } }]]

local mail = table.concat({ "From: Ana <ana@example.org>", "To: mira@example.org", "Subject: Hello",
  "Date: Mon, 2 Mar 2026 09:12:00 +0000", "Message-ID: <1@example.org>", "", "Are you there?", "" }, "\r\n")

-- Bytes that are nothing, the same every time.
local function junk(n)
  math.randomseed(4711)
  local bytes = {}
  for i = 1, n do bytes[i] = string.char(math.random(0, 255)) end
  return "\x80" .. table.concat(bytes)
end

-- A command before the binary, in the place where `env` takes one.
local function under(words) return { env = words } end

local function works(words) return (os.execute(words .. " >/dev/null 2>&1")) end

describe("a person who errs", function()
  local home

  before_each(function()
    home = homes.make { config = config, agents = { hello = hello, files_mail = files_mail } }
  end)
  after_each(function()
    os.execute("chmod -R u+rwX '" .. home.path .. "'")
    home:remove()
  end)

  local function call(words, options)
    local list = { "--home", home.path }
    for word in words:gmatch("%S+") do list[#list + 1] = word end
    return keel(list, options)
  end

  --- The error of a command, after its form was looked at: in JSON on standard output,
  --- for people on standard error, both with number, cause and next step.
  local function refused(exit, number, words, options)
    local plain = call(words, options)
    local as_json = call(words .. " --json", options)
    assert.equal(exit, as_json.code, as_json.out .. as_json.err)
    assert.equal(exit, plain.code)
    assert.matches(number .. " [%l_]+: .+\n.*  why: .+\n  next: .+\n$", plain.err)
    assert.is_nil(plain.err:find("stack traceback", 1, true))
    assert.is_nil(plain.err:find("internal", 1, true))
    local said = assert(json.decode(as_json.out), as_json.out)
    local err = said.error or json.null
    assert.equal(number, err.number)
    assert.equal("", as_json.err)
    return err, plain
  end

  --- An agent that has nothing to do with it still works, and so does all of the home.
  local function goes_on(who)
    local done = call("run hello --input - --json", { input = json.encode { who = who or "Ana" } })
    assert.equal(0, done.code, done.out .. done.err)
    assert.equal("hello " .. (who or "Ana"), json.decode(done.out).output.text)
    local replays = call "replay --all --json"
    assert.equal(0, replays.code, replays.out .. replays.err)
    assert.matches('"equal":true', replays.out)
  end

  local function greeted()
    local names = {}
    local list = json.decode(call("records greeted --json").out)
    for i, row in ipairs(list) do names[i] = row.key end
    table.sort(names)
    return names
  end

  -- ---- scripts -----------------------------------------------------------------------

  it("is told the field that a manifest misspells, with its line and the right word", function()
    home:write("agents/late.lua", 'return agent {\n  version = 1, about = "late",\n  bugdet = { run = "$1" },\n'
      .. '  run = function() return 1 end }')
    local err, plain = refused(10, "K2101", "run late")
    assert.same({ "agents/late.lua", 3, "budget" }, { err.file, err.line, err.suggestion })
    assert.matches(">    3 |   bugdet = ", plain.err)
    goes_on()
    home:write("agents/late.lua", 'return agent { version = 1, about = "late", budget = { run = "$1" },'
      .. ' run = function() return 1 end }')
    assert.equal(0, call("run late").code)
  end)

  it("is told the line of a syntax error", function()
    home:write("agents/late.lua", 'return agent {\n  version = 1,\n  run = function() local x = = 1 end }')
    local err = refused(3, "K3001", "run late")
    assert.same({ "agents/late.lua", 3 }, { err.file, err.line })
    goes_on()
  end)

  it("is told the skill that is not there", function()
    home:write("agents/late.lua", 'return agent { version = 1, about = "late",\n  uses = { "sumarise" },\n'
      .. '  run = function() return 1 end }')
    local err = refused(10, "K2109", "run late")
    assert.same({ "agents/late.lua", 2 }, { err.file, err.line })
    assert.matches("sumarise", err.message)
    goes_on()
  end)

  it("may put junk among the scripts", function()
    home:write("agents/late.lua", junk(3000))
    home:write("skills/late.lua", junk(3000))
    local err = refused(3, "K3001", "run late")
    assert.same({ "agents/late.lua", 1 }, { err.file, err.line })
    goes_on()
  end)

  it("gets an endless script stopped while it is loaded", function()
    home:write("agents/late.lua", "while true do end")
    local err = refused(4, "K4001", "run late")
    assert.equal("agents/late.lua", err.file)
    goes_on()
  end)

  it("is told an agent, a command and a flag that it must have meant", function()
    assert.equal("hello", refused(2, "K1005", "run helo").suggestion)
    assert.equal("run", refused(2, "K1001", "rnu hello").suggestion)
    assert.equal("--input", refused(2, "K1002", "run hello --inptu").suggestion)
    refused(2, "K1003", "run")
    refused(2, "K1007", "show run_0000")
    refused(2, "K1007", "approve apr_0000")
    goes_on()
  end)

  -- ---- input -------------------------------------------------------------------------

  it("is told what of an input does not fit, and no run is made", function()
    local err = refused(2, "K1011", "run hello --input -", { input = '{"who":7}' })
    assert.matches("/who: expected string, got integer", err.message)
    assert.matches("who", refused(2, "K1011", "run hello").message)
    assert.same({}, json.decode(call("runs --json").out))
    goes_on()
  end)

  it("is told the line and the column where JSON ends to be JSON", function()
    local err = refused(2, "K1010", "run hello --input -", { input = '{"who":\n  "x" 3}' })
    assert.equal(2, err.line)
    assert.matches("line 2, column 7", err.message)
    refused(2, "K1010", "run hello --input -", { input = junk(500) })
    refused(2, "K1010", "run hello --input -", { input = "" })
    home:write("in.json", '{\n"who"')
    err = refused(2, "K1010", "run hello --input " .. home.path .. "/in.json")
    assert.same({ home.path .. "/in.json", 2 }, { err.file, err.line })
    goes_on()
  end)

  it("gets no output that the agent did not promise, and keeps what was done", function()
    local done = call("run hello --input - --json", { input = '{"who":"nobody"}' })
    local run = json.decode(done.out)
    assert.same({ 3, "failed", "K3005" }, { done.code, run.state, run.error.number })
    assert.matches("/text: expected string, got integer", run.error.message)
    assert.matches("K3005 output_mismatch", call("run hello --input -", { input = '{"who":"nobody"}' }).err)
    assert.same({ "nobody" }, greeted())
    goes_on()
  end)

  it("may give files that are none", function()
    for name, text in pairs { cut = mail:sub(1, 40), junk = junk(2000), empty = "" } do
      home:write(name .. ".eml", text)
      local path = home.path .. "/" .. name .. ".eml"
      assert.equal(path, refused(2, "K1012", "run files_mail --file " .. path).file)
    end
    home:write("junk.md", junk(2000))
    refused(2, "K1009", "run files_mail --file " .. home.path .. "/junk.md")
    refused(2, "K1009", "run files_mail --file " .. home.path .. "/inbox")
    local err = refused(2, "K1009", "run files_mail --file " .. home.path .. "/none.eml")
    assert.equal(1, select(2, err.message:gsub("none.eml", "")))
    home:write("whole.eml", mail)
    assert.equal(0, call("run files_mail --file " .. home.path .. "/whole.eml").code)
  end)

  it("may drop broken files among good ones: each is named, the good are taken", function()
    home:write("inbox/mail/cut.eml", mail:sub(1, 40))
    home:write("inbox/mail/junk.eml", junk(2000))
    home:write("inbox/mail/whole.eml", mail)
    home:write("inbox/notes/junk.md", junk(2000))
    os.execute("ln -s nowhere '" .. home.path .. "/inbox/mail/gone.eml'; mkdir '" .. home.path .. "/inbox/mail/a.eml'")
    local function scan()
      local e = home:open()
      local _, problems = e:scan_inbox()
      assert(e:drain())
      e:close()
      home.engine = nil
      local told = {}
      for i, problem in ipairs(problems) do told[i] = problem.err.number .. " " .. problem.file:match("[^/]*$") end
      table.sort(told)
      return told
    end
    assert.same({ "K1009 junk.md", "K1012 cut.eml", "K1012 junk.eml" }, scan())
    local function subjects() return json.decode(call("records mail --json").out) end
    assert.equal("Hello", subjects()[1].value.subject)
    home:write("inbox/mail/cut.eml", (mail:gsub("<1@", "<2@"):gsub("Hello", "Again")))
    assert.same({ "K1009 junk.md", "K1012 junk.eml" }, scan())
    assert.equal(2, #subjects())
    goes_on()
  end)

  -- ---- settings ----------------------------------------------------------------------

  it("is told the key that config.lua misspells, with its line", function()
    goes_on()
    home:write("config.lua", 'return {\n  zone = "UTC",\n  adaptrs = {},\n}')
    local err = refused(10, "K2101", "runs")
    assert.same({ "config.lua", 3, "adapters" }, { err.file, err.line, err.suggestion })
    home:write("config.lua", 'return {\n  zone = "UTC"')
    assert.equal(2, refused(10, "K2002", "run hello").line)
    home:write("config.lua", junk(500))
    refused(10, "K2002", "run hello")
    home:write("config.lua", "return 5")
    refused(10, "K2004", "run hello")
    home:write("config.lua", 'return {\n  zone = "Mars/Olympus" }')
    assert.equal(2, refused(10, "K2005", "run hello").line)
    os.remove(home.path .. "/config.lua")
    refused(10, "K2001", "run hello")
    home:write("config.lua", config)
    goes_on "Bo"
    assert.same({ "Ana", "Bo" }, greeted())
  end)

  it("is told a home that is none", function()
    local err = json.decode(keel({ "--home", home.path .. "/none", "runs", "--json" }).out).error
    assert.equal("K1013", err.number)
  end)

  -- ---- the store ---------------------------------------------------------------------

  --- Do `fn` to the store, see the refusal, put the store back, go on.
  local function with_store(number, fn)
    local path = home.path .. "/var/keel.db"
    goes_on()
    local good = file.read(path)
    fn(path, good)
    local err
    for _, words in ipairs { "run hello --input -", "runs", "inbox", "replay --all" } do
      err = refused(9, number, words, { input = '{"who":"Cy"}' })
      assert.matches("keel.db", err.message .. tostring(err.file))
    end
    os.execute("rm -f '" .. path .. "'-wal '" .. path .. "'-shm")
    assert(file.write(path, good))
    goes_on "Bo"
    assert.same({ "Ana", "Bo" }, greeted())
    return err
  end

  it("is told a store that is junk, cut off, or somebody else's", function()
    with_store("K9003", function(path) file.write(path, junk(20000)) end)
  end)

  it("is told a store that was cut off", function()
    with_store("K9003", function(path, good) file.write(path, good:sub(1, #good // 2)) end)
  end)

  it("is told a store of a newer program", function()
    with_store("K9004", function(path, good)   -- user_version is at byte 60 of the header
      file.write(path, good:sub(1, 60) .. ("\0\0\0\9") .. good:sub(65))
    end)
  end)

  it("is told any page that is damaged, or it does not matter", function()
    goes_on()
    local path = home.path .. "/var/keel.db"
    local good = file.read(path)
    local told = 0
    for at = 4096, #good - 1, 4096 * 3 do
      os.execute("rm -f '" .. path .. "'-wal '" .. path .. "'-shm")
      assert(file.write(path, good:sub(1, at) .. ("\xff"):rep(4096) .. good:sub(at + 4097)))
      local done = call("run hello --input - --json", { input = '{"who":"Di"}' })
      assert.equal("", done.err)
      if done.code ~= 0 then
        told = told + 1
        assert.same({ 9, "K9003" }, { done.code, json.decode(done.out).error.number })
      end
    end
    assert.is_true(told > 0)
    os.execute("rm -f '" .. path .. "'-wal '" .. path .. "'-shm")
    assert(file.write(path, good))
    goes_on "Bo"
    assert.same({ "Ana", "Bo" }, greeted())
  end)

  it("is told the process that has the store", function()
    goes_on()
    local script = ([[
      local file = require "file"
      local e = assert(require("engine").open{ home = %q })
      file.write(%q, tostring(file.getpid()))
      io.read "l"
      e:close()]]):format(home.path, home.path .. "/owner")
    home:write("own.lua", script)
    local owner = assert(io.popen(("exec '%s' lua '%s/own.lua'"):format(program, home.path), "w"))
    assert(works(("timeout 10 sh -c 'until [ -s %s/owner ]; do sleep 0.01; done'"):format(home.path)))
    local pid = home:read "owner"
    local err = refused(9, "K9001", "run hello --input -", { input = '{"who":"Bo"}' })
    assert.is_truthy(err.message:find(pid, 1, true), err.message)
    assert.equal(0, call("runs").code)         -- looking on is for everybody
    owner:write("\n")
    owner:close()
    goes_on "Bo"
    assert.same({ "Ana", "Bo" }, greeted())
  end)

  -- ---- rights and room ---------------------------------------------------------------

  --- Words that make the binary somebody whom file modes bind; nil when there are none.
  local function nobody()
    if not works "test $(id -u) = 0" then return "" end
    local words = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    if works(("%s %s --version"):format(words, program)) then
      os.execute("chown -R 65534:65534 '" .. home.path .. "'")
      return words
    end
    pending "root may read and write everything, and setpriv is not here"
  end

  it("is told a home where it may not write", function()
    local words = nobody()
    if not words then return end
    local as = under(words)
    os.execute("chmod -R a-w '" .. home.path .. "'")
    local err = refused(9, "K9006", "run hello", as)
    assert.matches("var", err.message .. tostring(err.file))
    os.execute("chmod -R u+w '" .. home.path .. "'")
    local input = { env = words, input = '{"who":"Ana"}' }
    assert.equal(0, call("run hello --input -", input).code)
    os.execute("chmod -R a-w '" .. home.path .. "'")
    refused(9, "K9006", "run hello --input -", input)
    refused(9, "K9006", "runs", as)
    os.execute("chmod -R u+w '" .. home.path .. "'")
    assert.equal(0, call("run hello --input -", input).code)
  end)

  it("is told a file that it may not read; the others are taken", function()
    local words = nobody()
    if not words then return end
    home:write("closed.eml", mail)
    home:write("agents/closed.lua", hello)
    home:write("in.json", "{}")
    os.execute(("chmod 000 %s/closed.eml %s/in.json %s/agents/closed.lua"):format(home.path, home.path, home.path))
    local as = under(words)
    refused(2, "K1009", "run files_mail --file " .. home.path .. "/closed.eml", as)
    refused(2, "K1009", "run hello --input " .. home.path .. "/in.json", as)
    local err = refused(2, "K1009", "run closed", as)
    assert.matches("agents/closed.lua", err.message)
    assert.equal(0, call("run hello --input -", { env = words, input = '{"who":"Ana"}' }).code)
    os.execute("chmod 000 '" .. home.path .. "/config.lua'")
    refused(10, "K2001", "run hello", as)
    os.execute("chmod 644 '" .. home.path .. "/config.lua'")
    goes_on "Bo"
  end)

  local long = [[
return agent { version = 1, about = "writes much", run = function(ctx)
  for i = 1, 40 do ctx.records.put{ type = "page", key = tostring(i), value = { text = ("x"):rep(20000) } } end
  return 40
end }]]

  --- Go on with what is open, and see that all of it is there once.
  local function all_pages(words)
    local done = call("run hello --input - --json", { input = '{"who":"Ana"}' })
    assert.equal(0, done.code, done.out .. done.err)
    local runs = json.decode(call("runs --agent long --json").out)
    assert.equal(words, #runs)
    for _, run in ipairs(runs) do assert.same({ "done", 40 }, { run.state, run.output }) end
    local pages = json.decode(call("records page --json").out)
    assert.equal(40, #pages)
    goes_on()
  end

  it("is told a full disk; with room again the run goes on", function()
    home:write("agents/long.lua", long)
    local place = home.path .. "/var"
    if not works(("mount -t tmpfs -o size=700k tmpfs '%s'"):format(place)) then
      return pending "this user may not mount a small disk"
    end
    local ok, why = pcall(function()
      refused(9, "K9002", "run long")           -- twice: two runs
      assert(works(("mount -o remount,size=16m '%s'"):format(place)))
      all_pages(#json.decode(call("runs --agent long --json").out))
      assert.is_true(#json.decode(call("runs --agent long --json").out) > 0)
    end)
    os.execute("umount '" .. place .. "'")
    assert(ok, why)
  end)

  it("is told a limit on the size of files the same way", function()
    home:write("agents/long.lua", long)
    local limit = under "sh -c 'ulimit -f 1100; exec \"$@\"' sh"
    local done = call("run long --json", limit)
    assert.same({ 9, "" }, { done.code, done.err })
    assert.equal("K9002", json.decode(done.out).error.number)
    all_pages(1)
  end)

  it("does not lose a run whose small step would still have fitted behind a large one", function()
    home:write("agents/both.lua", [[
return agent { version = 1, about = "two at once", run = function(ctx)
  return ctx.all{
    function() return ctx.step{ name = "large", run = function() return ("x"):rep(600000) end } and 1 end,
    function() return ctx.step{ name = "small", run = function() return 2 end } end,
    function()
      return ctx.step{ name = "outer", run = function()
        return ctx.step{ name = "inner", run = function() return 3 end }
      end }
    end,
  }
end }]])
    local done = call("run both --json", under "sh -c 'ulimit -f 1100; exec \"$@\"' sh")
    assert.equal(9, done.code, done.out)
    goes_on()
    local run = json.decode(call("runs --agent both --json").out)[1]
    assert.equal("done", run.state)
    assert.equal(0, call("replay " .. run.run).code)
  end)
end)
