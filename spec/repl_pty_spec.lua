--- The REPL as a person sees it, through a pseudo-terminal.
local file = require "file"
local home = require "spec.support.home"
local program = require "spec.support.program"
local pty = require "spec.support.pty"

local here, open = nil, {}

local function start(options)
  options = options or {}
  local words = { program, "repl", "--home", here.path }
  for _, word in ipairs(options.words or {}) do words[#words + 1] = word end
  local p = pty.spawn(words, options)
  open[#open + 1] = p
  p:ends_with "ro>$"
  return p
end

local function enter(p, text)
  p:send(text .. "\r")
end

local function fill()
  local e = here:open()
  local m = e:memory()
  assert(m:remember { ns = "main", kind = "client", key = "fernline", text = "Fernline pays late" })
  assert(m:remember { ns = "main", kind = "client", key = "fernhill", text = "Fernhill likes blue" })
  assert(m:remember { ns = "main", kind = "place", key = "lisbon", text = "Lisbon, where we are" })
  here.engine:close()
  here.engine = nil
end

describe("the REPL at a terminal", function()
  before_each(function()
    here = home.make { agents = { hello = home.agent "return { greeting = 'hi ' .. (input.who or 'you') }" } }
    fill()
  end)

  after_each(function()
    for _, p in ipairs(open) do
      pcall(p.send, p, "\21\4")
      p:finish()
    end
    open = {}
    here:remove()
  end)

  it("shows values, says what it is, and ends at Ctrl-D with the terminal as it was", function()
    local p = start()
    p:sees "no engine runs here: on the store; read%-only until"
    assert.is_true(p:raw())
    enter(p, "1 + 1")
    p:sees "^2$"
    enter(p, "return 'a', 'b'")
    p:sees "^b$"
    p:ends_with "ro>$"
    p:send "\4"
    assert.equal(0, p:finish())
    open = {}
  end)

  it("completes the only name there is, with how it is called", function()
    local p = start()
    p:send "memory.sea\t"
    p:ends_with "ro> memory%.search{$"
    p:send [[query = "late"}[1].key]]
    p:send "\r"
    p:sees "^fernline$"
  end)

  it("completes what names share, and lists them at the second TAB", function()
    local p = start()
    p:send "memory.\t\t"
    p:sees "^  remember{ +function"
    p:sees "^  similarity%( +function"
    p:ends_with "ro> memory%.$"
    p:send "re\t"
    p:ends_with "memory%.remember{$"
  end)

  it("completes the fields of values, and says nothing where there is nothing", function()
    local p = start()
    enter(p, "x = { { total = 5, tone = 'warm' } }")
    p:send "x[1].tot\t"
    p:ends_with "x%[1%]%.total$"
    p:send "\21x[1].zz\t\t"
    p:ends_with "x%[1%]%.zz$"
  end)

  it("completes kinds, keys, agents and runs inside of quotes", function()
    local p = start()
    p:send 'memory.get{ kind = "cli\t'
    p:ends_with 'kind = "client$'
    p:send '", key = "fern\t\t'
    p:sees "^  fernhill"
    p:send 'l\t'
    p:ends_with 'key = "fernline$'
    p:send '\21agents.show("he\t'
    p:ends_with 'agents%.show%("hello$'
  end)

  it("completes dot commands and what stands behind them", function()
    local p = start()
    p:send ".tim\t"
    p:ends_with "%.timing$"
    p:send "o\t\t"
    p:sees "^  off"
    p:send "\21.help memory.hi\t"
    p:ends_with "%.help memory%.history$"
  end)

  it("has a history that outlives it, and finds in it", function()
    local p = start()
    enter(p, "'first entry'")
    p:sees "^first entry$"
    enter(p, "'second entry'")
    p:sees "^second entry$"
    p:send "\27[A\27[A"
    p:ends_with "'first entry'$"
    p:send "\21\4"
    p:finish()
    p = start()
    p:send "\18fir"
    p:sees "'first entry'"
    p:send "\27\r"
    p:sees "^first entry$"
  end)

  it("keeps no secrets in its history, for this user's eyes only, and loses nothing by a kill", function()
    local p = start()
    enter(p, "x = { password = 'abc' }")
    enter(p, " y = 'begins with a space'")
    enter(p, "z = 'kept'")
    enter(p, "z")
    p:sees "^kept$"
    p:signal "KILL"
    p:finish()
    open = {}
    local path = here.path .. "/var/repl.history"
    local text = file.read(path)
    assert.is_nil(text:find("password", 1, true))
    assert.is_nil(text:find("space", 1, true))
    assert.truthy(text:find("z = 'kept'", 1, true))
    local pipe = io.popen("stat -c %a " .. path)
    assert.equal("600", pipe:read "l")
    pipe:close()
  end)

  it("takes several lines as one entry, and gives them back as one", function()
    local p = start()
    enter(p, "for i = 1, 2 do")
    p:ends_with "^%.%.>$"
    enter(p, "  print('line ' .. i)")
    enter(p, "end")
    p:sees "^line 2$"
    p:send "\27[A"
    p:sees "for i = 1, 2 do$"
    p:ends_with "^end$"
    p:send "\r"
    p:until_(function(text) return select(2, text:gsub("\nline 2\n", "")) == 2 end, "a second time")
  end)

  it("takes what is pasted as one entry, and runs nothing before Enter", function()
    local p = start()
    p:send "\27[200~a = 1\nb = a + 41\27[201~"
    p:ends_with "^b = a %+ 41$"
    p:send "\r"
    enter(p, "b")
    p:sees "^42$"
  end)

  it("refuses to write until it is told to, and shows by its prompt that it may", function()
    local p = start()
    enter(p, [[memory.remember{ key = "k", text = "t" }]])
    p:sees "^K1115 read_only: 'memory.remember' writes"
    enter(p, ".write on")
    p:ends_with "rw>$"
    enter(p, [[memory.remember{ key = "k", text = "t" }.outcome]])
    p:sees "^new$"
    enter(p, "audit(1)[1].what")
    p:sees "^repl.memory.remember$"
    enter(p, ".write off")
    p:ends_with "ro>$"
  end)

  it("drops the line at Ctrl-C, and stops what runs without losing variables", function()
    local p = start()
    enter(p, "kept = 7 return 'was kept'")
    p:sees "^was kept$"
    p:ends_with "ro>$"
    p:send "abc"
    p:ends_with "abc$"
    p:send "\3"
    p:sees "abc%^C$"
    p:ends_with "ro>$"
    enter(p, "i = 0 while true do i = i + 1 end")
    p:until_(function(text) return text:find "while true do i = i %+ 1 end\n?$" end, "the loop")
    p:send "\3"
    p:sees "^K1117 typed_interrupt"
    enter(p, "kept")
    p:sees "^7$"
  end)

  it("pages what is longer than the terminal, and ends at q", function()
    local p = start { rows = 12 }
    enter(p, ".help")
    p:ends_with "^%-%- %d+ %% %-%- Enter for more, q and Enter to end"
    assert.is_nil(p.screen:text():find("on the command line", 1, true))
    p:send "q\r"
    p:ends_with "ro>$"
    enter(p, "40 + 2")
    p:sees "^42$"
  end)

  it("pages through a pager of the user's", function()
    local p = start { rows = 12, env = { "KEEL_PAGER=sed s/^/paged:/" } }
    enter(p, ".help")
    p:sees "^paged:"
    p:ends_with "ro>$"
    enter(p, ".page off")
    enter(p, "1")
    p:sees "^1$"
  end)

  it("shows wide letters and long lines where they are", function()
    local p = start { columns = 40 }
    p:send "'日本' .. 'é'"
    p:sees "'日本' .. 'é'$"
    p:send "\27[D\27[D\27[DX"
    p:sees "'日本' .. X'é'$"
    p:send "\8"
    p:sees "'日本' .. 'é'$"
    p:send "\1y = \5 .. 'and so on until the line is full'"
    p:sees "the line is full'$"
    p:send "\r"
    enter(p, "#y")
    p:sees "^ *%d+$"
  end)

  it("goes on after the window changes its size", function()
    local p = start { columns = 80 }
    p:send "'something that is long enough to be broken'"
    p:resize(24, 40)
    p:send " .. '!'\r"
    p:sees "en!$"
  end)

  it("gives the terminal back when it is ended by a signal", function()
    local p = start()
    p:send "half a line"
    p:sees "half a line"
    p:signal "TERM"
    p:until_(function() return p:raw() == false end, "the terminal as it was")
    p:finish()
    open = {}
  end)
end)
