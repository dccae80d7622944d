local file = require "file"
local homes = require "spec.support.home"
local json = require "json"
local server = require "spec.support.server"

local hello = [[
return agent { version = 1, about = "greets", run = function(ctx, input)
  return { text = ctx.step{ name = "greet", run = function() return "hello " .. tostring(input.who) end } }
end }]]

local ask = [[
return agent { version = 1, about = "asks", on = { event = "file.created" }, run = function(ctx, input)
  local verdict = ctx.approve{ subject = input.name, proposal = { text = input.text } }
  return { outcome = verdict.outcome, text = verdict.value.text }
end }]]

local count = [[
return agent { version = 1, about = "counts", on = { event = "file.created" }, run = function(ctx, input)
  local n = 0
  for i = 1, 20 do n = n + ctx.step{ name = "one", args = { i }, run = function() return 1 end } end
  ctx.records.put{ type = "count", key = input.name, value = { n = n } }
  return n
end }]]

describe("keel serve", function()
  local home, served

  local function serve(agents, words)
    home = homes.make { agents = agents }
    served = assert(server.start(home, words))
    return served
  end

  after_each(function()
    if served then served:stop("KILL") end
    if home then home:remove() end
    home, served = nil, nil
  end)

  --- The runs in a state, once there are `n`.
  local function runs(n, state)
    local list
    server.eventually(function()
      list = served:json("runs --limit 1000 --state " .. state)
      return #list == n
    end, n .. " runs " .. state)
    return list
  end

  it("prints and writes where it is, and takes that away at the end", function()
    serve { hello = hello }
    assert.same(served.paper, served:now())
    assert.not_equal(served.paper.pid, served.paper.supervisor_pid)
    local pipe = io.popen("stat -c '%a %s' " .. home.path .. "/var/token " .. home.path .. "/var/engine.sock")
    assert.equal("600 65", pipe:read("l"))
    assert.matches("^600 ", pipe:read("l"))
    pipe:close()
    local token = home:read("var/token")
    assert.equal(0, served:stop("TERM"))
    assert.is_false(file.exists(home.path .. "/var/engine.json"))
    assert.is_false(file.exists(home.path .. "/var/engine.sock"))
    served = assert(server.start(home))
    assert.equal(token, home:read("var/token"))
    assert.equal(130, served:stop("INT"))
  end)

  it("runs what commands ask for, and answers as they would", function()
    serve { hello = hello }
    local run, code = served:json("run hello --input -", '{"who":"Ana"}')
    assert.same({ "done", "hello Ana", 0 }, { run.state, run.output.text, code })
    assert(file.write(home.path .. "/in.json", '{"who":"Bo"}'))
    local pipe = io.popen(("cd %s && %s run hello --input=in.json --home . --json"):format(home.path,
      require("spec.support.program")))
    assert.equal("hello Bo", json.decode(pipe:read("a")).output.text)
    pipe:close()
    local out, _, plain = served:keel("run hello")
    assert.equal(0, plain)
    assert.matches("hello@1  done", out)
    local _, err, missing = served:keel("run helo")
    assert.equal(2, missing)
    assert.matches("did you mean 'hello'", err)
    local failure
    failure, missing = served:json("run helo")
    assert.same({ "K1005", 2 }, { failure.error.number, missing })
    failure = served:json("run hello --input -", "{")
    assert.equal("K1010", failure.error.number)
  end)

  it("makes events of files, waits for a person, and goes on by keel approve", function()
    serve { ask = ask }
    home:write("inbox/notes/plan.md", "# plan")
    runs(1, "waiting")
    local inbox = served:json("inbox")
    assert.equal("plan.md", inbox[1].subject)
    local answer, code = served:json(("approve %s --edit '{\"text\":\"better\"}'"):format(inbox[1].id))
    assert.same({ "done", "edited", "better", 0 }, { answer.state, answer.output.outcome, answer.output.text, code })
    local again
    again, code = served:json("approve " .. inbox[1].id)
    assert.same({ "K1014", 2 }, { again.error.number, code })
  end)

  it("tells emit what it began, and that a key counts once", function()
    serve { ask = ask }
    local first = served:json([[emit file.created '{"name":"a","text":"t"}' --key k]])
    assert.is_true(first.new)
    assert.truthy(({ waiting = true, running = true })[first.runs[1].state]) -- as far as it came by then
    runs(1, "waiting")
    assert.is_false(served:json([[emit file.created '{"name":"a","text":"t"}' --key k]]).new)
  end)

  it("takes a file that is moved or written bit by bit once, when it is whole", function()
    serve { ask = ask }
    local handle = assert(io.open(home.path .. "/inbox/notes/slow.md", "w"))
    handle:write("first ")
    handle:flush()
    home:write("elsewhere.md", "moved")
    os.rename(home.path .. "/elsewhere.md", home.path .. "/inbox/notes/moved.md")
    runs(1, "waiting")
    handle:write("second")
    handle:close()
    runs(2, "waiting")
    local texts = {}
    for _, item in ipairs(served:json("inbox")) do texts[item.subject] = item.proposal.text end
    assert.same({ ["moved.md"] = "moved", ["slow.md"] = "first second" }, texts)
  end)

  it("goes on watching when a folder of the inbox is removed and made again", function()
    serve { ask = ask }
    os.execute("rm -r " .. home.path .. "/inbox")
    assert(file.mkdir(home.path .. "/inbox/notes"))
    home:write("inbox/notes/again.md", "x")
    runs(1, "waiting")
  end)

  it("uses a saved agent for new runs, and keeps the last good one of a broken save", function()
    serve { hello = hello }
    home:write("agents/hello.lua", (hello:gsub("hello \"", "good day \""):gsub("version = 1", "version = 2")))
    served:said("loaded agents/hello.lua")
    local run = served:json("run hello --input -", '{"who":"Ana"}')
    assert.same({ "good day Ana", 2 }, { run.output.text, run.version })
    home:write("agents/hello.lua", "return agent {\n  version = 3,\n  about = = 1 }")
    served:said("agents/hello.lua:3")
    assert.equal(2, served:json("run hello").version)
    home:write("agents/fresh.lua", hello)
    served:said("loaded agents/fresh.lua")
    assert.equal("done", served:json("run fresh").state)
    os.remove(home.path .. "/agents/fresh.lua")
    served:said("agents/fresh.lua (gone)")
    assert.equal("K1005", served:json("run fresh").error.number)
  end)

  it("says after a save how the runs in flight would fare", function()
    local text = [[return agent { version = 1, run = function(ctx)
      ctx.sleep("1h")
      return "over" end }]]
    serve { nap = text }
    served:json("run nap")
    home:write("agents/nap.lua", (text:gsub("over", "awake"):gsub("version = 1", "version = 2")))
    served:said("1 of the runs in flight on earlier code could go on")
    home:write("agents/nap.lua", (text:gsub("1h", "2h")))
    served:said("at step 1 it had sleep:1h (agents/nap.lua:2), now sleep:2h (agents/nap.lua:2)")
  end)

  it("fires timers", function()
    serve { nap = [[return agent { version = 1, about = "naps", run = function(ctx)
      ctx.sleep("300ms")
      return "awake"
    end }]] }
    assert.equal("timer", served:json("run nap").waiting_for)
    assert.equal("awake", runs(1, "done")[1].output)
  end)

  it("is back within a second after kill -9 under load, and every run is finished once", function()
    serve { count = count }
    local clock, killed, longest = require "core.clock", 0, 0
    local writer = assert(io.popen(("cd %s/inbox/notes && for i in $(seq 60); do echo $i > $i.md; done")
      :format(home.path)))
    for _ = 1, 4 do
      local pid = served:now().pid
      server.eventually(function() return #(file.list(home.path .. "/inbox/notes")) > killed * 10 end, "files")
      local since = clock.mono_us()
      server.kill(pid, "KILL")
      killed = killed + 1
      server.eventually(function()
        local now = served:now().pid
        return now and now ~= pid
      end, "another engine")
      longest = math.max(longest, (clock.mono_us() - since) // 1000)
    end
    writer:close()
    assert.is_true(longest < 1000, longest .. " ms")
    runs(60, "done")
    local records = served:json("records count")
    assert.equal(60, #records)
    for _, record in ipairs(records) do assert.same({ n = 20 }, record.value) end
    assert.equal(served.paper.supervisor_pid, served:now().supervisor_pid)
  end)

  it("is restarted when its heart stops", function()
    serve({ hello = hello }, "--listen off --stall 300")
    server.kill(served.paper.pid, "STOP")
    served:said("heart stopped")
    served:said("the engine is back")
    assert.equal("done", served:json("run hello").state)
    assert.equal(0, served:stop("TERM"))
  end)

  it("ends with its supervisor, and a new one takes over at once", function()
    serve { hello = hello }
    server.kill(served.paper.supervisor_pid, "KILL")
    served.pipe:close()
    served.pipe = nil
    served = assert(server.start(home))
    assert.equal("done", served:json("run hello").state)
  end)

  it("ends at once at a second signal", function()
    serve { hello = hello }
    server.kill(served.paper.pid, "STOP")
    server.kill(served.paper.supervisor_pid, "TERM")
    assert.equal(130, served:stop("TERM"))
  end)

  it("goes on where it was after a stop", function()
    serve { ask = ask }
    home:write("inbox/notes/a.md", "a")
    local run = runs(1, "waiting")[1]
    assert.equal(0, served:stop("TERM"))
    home:write("inbox/notes/b.md", "b")
    served = assert(server.start(home))
    runs(2, "waiting")
    for _, item in ipairs(served:json("inbox")) do served:json("approve " .. item.id) end
    assert.equal("approved", served:json("show " .. run.run).output.outcome)
  end)

  it("is one for a home, and says who is there", function()
    serve { hello = hello }
    local second, text = server.start(home)
    assert.is_nil(second)
    assert.matches("K1020", text)
    assert.matches("process " .. served.paper.pid, text)
    assert.equal("done", served:json("run hello").state)
  end)

  it("ends with the code of what is wrong when it cannot start", function()
    home = homes.make { config = "return { zoe = 1 }" }
    local out, err, code = setmetatable({ home = home }, server):keel("serve --listen off")
    assert.equal("", out)
    assert.equal(10, code)
    assert.matches("did you mean 'zone'", err)
    assert.equal(2, select(3, setmetatable({ home = { path = home.path .. "/none" } }, server):keel("serve")))
  end)

  it("refuses on its socket what is no command for it", function()
    serve { hello = hello }
    local socket = require "core.socket"
    local function ask_raw(line)
      local heard = {}
      local conn = assert(socket.connect(home.path .. "/var/engine.sock", 65536, {
        line = function(_, text) heard[#heard + 1] = json.decode(text) end,
        closed = function() heard.closed = true end }))
      conn:send(line)
      server.eventually(function() return heard.closed end, "an end")
      return heard
    end
    assert.equal(2, ask_raw("no json")[2].code)
    assert.equal(2, ask_raw('{"argv":[1]}')[2].code)
    local answers = ask_raw('{"argv":["lua","-e","os.exit()"],"json":true}')
    assert.equal("K1004", json.decode(answers[1].out).error.number)
    assert.equal(2, answers[#answers].code)
    assert.equal("K1001", json.decode(ask_raw('{"argv":["nonsense"],"json":true}')[1].out).error.number)
    assert.equal("done", served:json("run hello").state)
  end)
end)
