--- `keel inbox` at a terminal: the review by keys, through a pseudo-terminal, and its drawing.
local clock = require "core.clock"
local draw = require "review.draw"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keys = require "review.keys"
local program = require "spec.support.program"
local pty = require "spec.support.pty"
local server = require "spec.support.server"
local terminal = require "terminal"
local zone = require "zone"

local asker = home.agent [[
  local a = ctx.approve{ subject = input.subject, proposal = { text = input.text, n = input.n }, risk = input.risk or "outward",
    within = input.within, otherwise = input.within and "reject" or nil,
    schema = { type = "object", properties = { n = { type = "integer" } }, required = { "text" } } }
  return { outcome = a.outcome, value = a.value, note = a.note }]]

local here, open, served

local function make(config)
  here = home.make { agents = { asker = asker }, config = config }
  here.now = clock.now_ms()
end

--- Put questions: subjects q1, q2, ..., each an hour later than the one before.
local function fill(n, more)
  local e = here:open()
  for i = 1, n do
    local input = { subject = "q" .. i, text = "text of " .. i, n = i, within = ("%dh"):format(i + 1) }
    for key, value in pairs(more and more[i] or {}) do input[key] = value end
    here:run("asker", input)
  end
  e:close()
  here.engine = nil
end

local function start(options)
  options = options or {}
  local words = { program, "inbox", "--home", here.path }
  for _, word in ipairs(options.words or {}) do words[#words + 1] = word end
  local p = pty.spawn(words, options)
  open[#open + 1] = p
  return p
end

local function leave(p, keys_of_end, code)
  p:send(keys_of_end or "q")
  assert.equal(code or 0, p:finish())
  assert.is_truthy(p.said:find("\27[?1049l", 1, true), "the other screen was not put away")
  open = {}
end

--- What was decided, by subject.
local function decided()
  local e, list = here:open(), {}
  for _, one in ipairs(e:approvals { limit = 1000 }) do list[one.subject] = one end
  here.engine:close()
  here.engine = nil
  return list
end

--- A program that stands for the user's editor.
local function editor(script)
  local path = here.path .. "/editor"
  assert(file.write(path, "#!/bin/sh\n" .. script, tonumber("755", 8)))
  return "EDITOR=" .. path
end

describe("keel inbox at a terminal", function()
  before_each(function() open = {} end)

  after_each(function()
    for _, p in ipairs(open) do
      pcall(p.send, p, "\3")
      p:finish()
    end
    if served then served:stop("KILL") end
    served = nil
    here:remove()
  end)

  it("decides fourteen questions with at most forty keys", function()
    make()
    fill(14)
    local p, pressed = start { rows = 30, columns = 100 }, 0
    local function press(key)
      pressed = pressed + utf8.len(key)
      p:send(key)
    end
    p:sees "Inbox  14 questions wait"
    p:sees "^>   1  q1 +outward"
    for i = 1, 10 do
      press "a"
      p:sees("approved: q" .. i .. "$")
    end
    press "r"
    p:sees "reject, because: _"
    press "no\r"
    p:sees "rejected: q11$"
    press "x"
    press "x"
    press "x"
    p:sees "3 questions wait, 3 selected"
    press "A"
    p:sees "3 of 3 approved"
    p:sees "Inbox  nothing waits for you"
    assert.is_true(pressed <= 40)
    leave(p)
    local all = decided()
    for i = 1, 14 do assert.equal(i == 11 and "rejected" or "approved", all["q" .. i].state) end
    assert.equal("no", all.q11.note)
    assert.equal("Mira", all.q1.by)
  end)

  it("says what happens if nothing is done, and gives the terminal back", function()
    make()
    fill(2, { { risk = "irreversible", within = "40d" } })
    local p = start()
    p:sees "If you do nothing, at %d%d:%d%d [%w -]+ this is rejected"
    assert.is_true(p:raw())
    p:send "j"
    p:sees "^> +2  q1 +irreversible"
    p:send "x"
    p:sees "what cannot be undone is decided by itself"
    p:send "q"
    p:until_(function() return not p:raw() end, "the terminal as it was")
    assert.equal(0, p:finish())
    open = {}
  end)

  it("edits in the user's editor, keeps a text that is wrong, and holds it to the schema", function()
    make()
    fill(1)
    local p = start { env = { editor [[
      stat -c %a "$1" >> "$(dirname "$0")/modes"
      if grep -q '"n": "two"' "$1"; then sed -i 's/"n": "two"/"n": 2/' "$1"
      elif grep -q '"n": two' "$1"; then sed -i 's/"n": two/"n": "two"/' "$1"
      else sed -i 's/"n": 1/"n": two/' "$1"; fi]] }, columns = 120 }
    p:sees "q1"
    p:send "e"
    p:sees "e again, your text is kept: not JSON"
    p:send "e"
    p:sees "e again, your text is kept: .*expected integer"
    p:send "e"
    p:sees "approved as you wrote it: q1"
    leave(p)
    local one = decided().q1
    assert.equal("edited", one.state)
    assert.same({ text = "text of 1", n = 2 }, one.value)
    assert.equal("600\n600\n600\n", here:read "modes")
  end)

  it("does nothing when the editor fails or changes nothing", function()
    make()
    fill(1)
    local p = start { env = { editor "exit 3" } }
    p:sees "q1"
    p:send "e"
    p:sees "the editor ended with exit 3; nothing was done"
    leave(p)
    p = start { env = { editor "exit 0" } }
    p:sees "q1"
    p:send "e"
    p:sees "nothing was changed"
    leave(p)
    assert.equal("open", decided().q1.state)
  end)

  it("takes the last decision back while it may be, notes why, and puts off", function()
    make 'return { zone = "UTC", owner = "Mira", approvals = { undo = "1h" } }'
    fill(2)
    local p = start { columns = 110 }
    p:sees "2 questions wait"
    p:send "n"
    p:sees "approve, with the note: _"
    p:send "as agreeé\8d\r"
    p:sees "approved: q1; goes on at .*u takes it back"
    p:sees "1 question waits"
    p:send "u"
    p:sees "open again: q1"
    p:sees "^> +1  q1"
    p:send "s"
    p:sees "put off for: 2h_"
    p:send "x"
    p:sees "put off for: x_"
    p:send "\r"
    p:sees "how long%?"
    p:send "s\r"
    p:sees "put off until %d%d:%d%d"
    p:sees "1 question waits"
    leave(p)
    local one = decided().q1
    assert.equal("open", one.state)
    assert.is_truthy(one.snoozed_until)
    p = start { words = { "--all" } }
    p:sees "2 questions wait"
    leave(p)
  end)

  it("is answered by the engine that runs, and shows what comes meanwhile", function()
    make()
    served = assert(server.start(here))
    served:keel("run asker --input -", '{"subject":"first","text":"a"}')
    local p = start()
    p:sees "^> +1  first"
    p:send "a"
    p:sees "approved: first$"
    p:sees "nothing waits for you"
    served:keel("run asker --input -", '{"subject":"second","text":"b"}')
    p:sees "^> +1  second"
    p:send "r\r"
    p:sees "rejected: second$"
    leave(p)
    assert.equal(0, #served:json "inbox")
  end)

  it("says it when a question was answered elsewhere", function()
    make()
    served = assert(server.start(here))
    served:keel("run asker --input -", '{"subject":"first","text":"a"}')
    local p = start()
    p:sees "^> +1  first"
    served:keel "approve apr"
    p:sees "answered elsewhere"
    leave(p)
  end)

  it("gives the terminal back at Ctrl-C, at the end by a signal, and asks nothing of pasted text", function()
    make()
    fill(1)
    local p = start()
    p:sees "q1"
    p:send "\27[200~aaa\27[201~"
    p:sees "pasted text is no keys"
    p:send "r"
    p:sees "reject, because"
    p:send "\27"
    p:sees "nothing was done"
    leave(p, "\3", 130)
    p = start()
    p:sees "q1"
    p:signal "TERM"
    p:until_(function() return not p:raw() end, "the terminal as it was")
    p:finish()
    assert.is_truthy(p.said:find("\27[?1049l", 1, true))
    open = {}
    assert.equal("open", decided().q1.state)
  end)

  it("draws anew when the window changes, and shows card, steps and help", function()
    make()
    fill(3, { { text = ("word "):rep(200) } })
    local p = start { rows = 16, columns = 100 }
    p:sees "^>  +1  q1"
    p:sees "more lines %(Enter%)"
    p:send "\r"
    p:sees "Esc back"
    p:send " "
    p:sees "asks +asker, in run_"
    p:send "\27"
    p:sees "^> +1  q1"
    p:send "w"
    p:sees "approve q1"
    p:send "\27"
    p:sees "^> +1  q1"
    p:send "?"
    p:sees "approve the selected"
    p:send "?"
    p:sees "^> +1  q1"
    p:resize(12, 40)
    p:sees "^ Inbox  3 questions wait +%d%d:%d%d$"
    leave(p)
  end)

  it("answers what became of an effect, after asking again", function()
    make()
    fill(1)
    local e = here:open()
    local row = e:run_row(e:inbox()[1].run)
    for i, subject in ipairs { "mail one", "mail two" } do
      local tx = e.store:tx()
      e:ask_owner({ tx = tx, run = { id = row.id, run = row.run, agent = "asker" }, seq = 90 + i, now = here.now },
        { kind = "reconcile", subject = subject, proposal = { adapter = "mail", orphan = true, why = "it was on its way" } })
      assert(e:commit(tx))
    end
    e:close()
    here.engine = nil
    local p = start()
    p:sees "3 questions wait"
    p:send "h"
    p:sees "that is for questions of what happened"
    p:send "j"
    p:sees "^> +2  Did it happen%?  mail"
    p:sees "keel reconcile rec_"
    p:send "a"
    p:sees "answered by h, t or z"
    p:send "zn\r"
    p:sees "nothing was done"
    p:send "zy\r"
    p:sees "left as it is: mail"
    p:sees "2 questions wait"
    p:send "j"
    p:sees "^> +2  Did it happen%?  mail"
    p:send "h\21{nonsense\r"
    p:sees "not JSON"
    p:send "h\r"
    p:sees "noted: it happened: mail"
    leave(p)
  end)

  it("prints the list with --list and where there is no keyboard", function()
    make()
    fill(1)
    local p = start { words = { "--list" } }
    p:sees "1 question waits for you"
    assert.equal(0, p:finish())
    assert.is_nil(p.said:find("\27[?1049h", 1, true))
    open = {}
  end)
end)

describe("the drawing of the review", function()
  local evil = "ab\27[2J\r\nkeel: fine\u{202e}\u{9b}日本"
  local now = 1772442000000

  local function state(more)
    local s = { t = terminal.new { tty = true, no_color = true, width = 80 }, items = {}, at = 1, chosen = {}, zone = zone.open "UTC", now = now,
      mode = "list", scroll = 0, show_diff = true }
    for i, tier in ipairs { 0, 1, 2, 3 } do
      s.items[i] = { id = "apr_" .. i, kind = "approval", subject = "one " .. evil, proposal = { [evil] = evil, list = { evil } }, tier = tier,
        agent = "a" .. evil, run = "run_1", why = evil, effect = evil, diff = { { path = evil, from = evil, to = json.null } }, agent_changed = true,
        deadline = "2026-03-02T14:00:00Z", otherwise = "reject" }
    end
    s.items[5] = { id = "rec_1", kind = "reconcile", subject = evil, proposal = { why = evil }, agent = evil, run = "run_2", diff = {} }
    for key, value in pairs(more or {}) do s[key] = value end
    return s
  end

  it("fits every screen, and forges nothing", function()
    for _, columns in ipairs { 20, 33, 40, 61, 80, 100, 200 } do
      for _, rows in ipairs { 4, 6, 12, 24, 60 } do
        for _, mode in ipairs { "list", "full", "help" } do
          for at = 1, 5 do
            local lines = draw.screen(state { mode = mode, at = at, message = evil, prompt = at == 2 and { label = "why:", text = ("日"):rep(90) } or nil },
              rows, columns)
            assert.equal(rows, #lines)
            for _, line in ipairs(lines) do
              assert.is_true(terminal.columns(line) < columns, ("%d at %d: %s"):format(terminal.columns(line), columns, line))
              assert.equal(line, terminal.escape(line))
              assert.is_nil(line:find "^keel: fine")
            end
          end
        end
      end
    end
  end)

  it("draws nothing in colour without it", function()
    local plain = table.concat(draw.screen(state(), 30, 100))
    assert.is_nil(plain:find "\27")
    local s = state { t = terminal.new { tty = true, width = 80, getenv = function() end } }
    assert.is_truthy(table.concat(draw.screen(s, 30, 100)):find "\27%[")
  end)

  it("says when in the owner's time", function()
    local lisbon = zone.open "Europe/Lisbon"
    local noon = 1782903600000 -- 2026-07-01 12:00 in Lisbon, 11:00 UTC
    assert.equal("14:00 today", draw.moment(noon + 7200000, noon, lisbon))
    assert.equal("01:00 tomorrow", draw.moment(noon + 13 * 3600000, noon, lisbon))
    assert.equal("12:00 on Friday", draw.moment(noon + 48 * 3600000, noon, lisbon))
    assert.equal("12:00 on 2026-07-11", draw.moment(noon + 240 * 3600000, noon, lisbon))
    local item = { deadline = "2026-03-02T14:00:00Z", tier = 2 }
    for otherwise, what in pairs { reject = "this is rejected", approve = "too high to be approved unseen", hold = "goes on waiting",
      escalate = "escalated", expire = "expires" } do
      item.otherwise = otherwise
      assert.is_truthy(draw.nothing_done(item, now, zone.open "UTC"):find(what, 1, true))
    end
    assert.equal("If you do nothing, it waits; nothing of it happens.", draw.nothing_done({ deadline = json.null }, now, zone.open "UTC"))
  end)

  it("reads keys, also in pieces", function()
    assert.same({ "j", "up", "down", "enter", "é", "space", "paste:a\nb", "other", "esc", "x" },
      (keys.read("j\27[A\27OB\ré \27[200~a\nb\27[201~\27[99~\27x", true)))
    local list, rest = keys.read "j\27["
    assert.same({ { "j" }, "\27[" }, { list, rest })
    list, rest = keys.read(rest .. "A")
    assert.same({ { "up" }, "" }, { list, rest })
    assert.same({ "esc" }, (keys.read("\27", true)))
    list, rest = keys.read "\27[200~ab"
    assert.same({ {}, "\27[200~ab" }, { list, rest })
    assert.equal("añ", keys.typed("a", "ñ"))
    assert.equal("a", keys.typed("añ", "back"))
    assert.equal("", keys.typed("", "back"))
    assert.equal("x y", keys.typed("x", "paste: y"))
    assert.equal("x", keys.typed("x", "up"))
  end)
end)
