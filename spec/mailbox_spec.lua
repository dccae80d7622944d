--- A watched mailbox: each mail one event, whatever the server does. Against a real one, and kills: make test-mail.
local doctor = require "doctor"
local file = require "file"
local home = require "spec.support.home"
local imap_server = require "spec.support.imap_server"
local inbox = require "inbox"
local json = require "json"
local mailbox = require "serve.mailbox"
local mailboxes = require "serve.mailboxes"
local server = require "spec.support.server"
local settings = require "settings"

describe("a watched mailbox", function()
  local box, h, watched, notes, problems

  local function config(watch, password)
    return ([[return { zone = "UTC", alert = { failures = 2 }, adapters = { mail = { use = "imap", imap = "imap://127.0.0.1:%s", user = "mira@x.example",
      secret = "%s", timeout = "1s" } }, watch = { { adapter = "mail", %s } } }]]):format(box.port, password or "pass-word", watch or "")
  end

  --- The engine and its watch, as after a start.
  local function open(watch, password)
    h = h or home.make {}
    if h.engine then h.engine:close() end
    h:write("config.lua", config(watch, password))
    local e = h:open { served = true }
    notes, problems = {}, {}
    watched = mailboxes.watched(e, e.settings.watch[1], function(err) problems[#problems + 1] = err end, function(text) notes[#notes + 1] = text end)
  end

  before_each(function() box = imap_server.open() end)
  after_each(function()
    box:close()
    if h then h:remove() end
    h = nil
  end)

  local function mail(n, more) return ("From: Ana <ana@x.example>\nSubject: number %d\nMessage-ID: <%d@x.example>\n%s\nhello %d\n"):format(n, n, more or "", n) end

  local function look()
    local new, err, some = mailbox.look(watched)
    return new, err, some
  end

  --- The events, oldest first: a list of their payloads.
  local function events()
    local list = {}
    for _, row in ipairs(h.engine:event_list { type = "mail.received", limit = 1000 }) do table.insert(list, 1, h.engine:event(row.id).payload) end
    return list
  end

  local function subjects()
    local list = {}
    for i, payload in ipairs(events()) do list[i] = payload.subject end
    return table.concat(list, ", ")
  end

  local function said(pattern)
    local n = 0
    for _, line in ipairs(box.lines) do n = n + (line:find(pattern) and 1 or 0) end
    return n
  end

  describe("looked at", function()
    it("gives an event for each mail that comes, in order, and none for what lay there before", function()
      box:put(mail(1))
      open()
      assert.equal(0, look())
      for n = 2, 4 do box:put(mail(n)) end
      assert.equal(3, look())
      assert.equal(0, look())
      assert.equal("number 2, number 3, number 4", subjects())
      open() -- as after a restart
      box:put(mail(5))
      assert.equal(1, look())
      assert.equal("number 2, number 3, number 4, number 5", subjects())
    end)

    it("says of a mail what a file in the inbox says, and where it is", function()
      local text = mail(1, 'To: Mira <mira@x.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="q"\n')
        .. "--q\nContent-Type: text/plain\n\nOl\195\161\n--q\nContent-Type: text/csv\nContent-Disposition: attachment; filename=a.csv\n\n1,2\n--q--\n"
      open()
      look()
      box:put(text)
      look()
      assert(file.write(h.path .. "/a.eml", (text:gsub("\n", "\r\n"))))
      local expected, key = inbox.payload(h.path .. "/a.eml")
      expected.id, expected.folder = "1.1", "INBOX"
      assert.same(expected, events()[1])
      local row = h.engine:event_list({ type = "mail.received" })[1]
      assert.same({ key, "external" }, { row.key, row.trust })
    end)

    it("changes nothing there, unless `seen` says so", function()
      box:put(mail(1))
      open()
      look()
      box:put(mail(2))
      look()
      assert.same({ 0, 0 }, { said "STORE", said "SELECT" })
      open "seen = true"
      box:put(mail(3))
      look()
      assert.same({ false, false, true }, { box.mails[1].seen or false, box.mails[2].seen or false, box.mails[3].seen or false })
    end)

    it("publishes although marks are refused, and says so once", function()
      open "seen = true"
      look()
      box.fault = function(line) return line:find "STORE" and "TAG NO read-only\r\n" or nil end
      for n = 1, 2 do box:put(mail(n)) end
      assert.equal(2, look())
      assert.equal(1, #notes)
      assert.match("cannot be marked as seen", notes[1])
    end)

    it("takes what lay there before as far as `since` says, also when it says so later", function()
      h = home.make {}
      h.now = 1772704800000 -- 2026-03-05T10:00:00Z
      for n, time in ipairs { "01-Jan-2026 10:00:00 +0000", "01-Mar-2026 10:00:00 +0100", " 4-Mar-2026 23:00:00 -0300" } do box:put(mail(n), { time = time }) end
      open 'since = "2d"'
      assert.equal(1, look())
      assert.equal("number 3", subjects())
      open 'since = "7d"'
      assert.equal(1, look())
      assert.equal("number 3, number 2", subjects())
      open 'since = "all"'
      box:put(mail(4))
      assert.equal(2, look())
      assert.equal("number 3, number 2, number 1, number 4", subjects())
      open()
      assert.equal(0, look())
    end)

    it("takes all from the first look on where `since` says so", function()
      for n = 1, 450 do box:put(mail(n)) end
      open 'since = "all"'
      assert.equal(450, look())
      assert.equal(0, look())
    end)
  end)

  describe("loses none and doubles none", function()
    --- Cut the connection at the nth line that fits.
    local function cut(pattern, nth)
      local seen = 0
      box.fault = function(line)
        seen = seen + (line:find(pattern) and 1 or 0)
        if seen == nth and line:find(pattern) then
          seen = math.maxinteger
          return false
        end
      end
    end

    for _, case in ipairs { { "UID SEARCH", 1 }, { "HEADER.FIELDS", 1 }, { "BODY.PEEK%[%]", 1 }, { "BODY.PEEK%[%]", 3 } } do
      it(("when the connection is lost at %s, number %d"):format(case[1], case[2]), function()
        open()
        look()
        for n = 1, 4 do box:put(mail(n)) end
        cut(case[1], case[2])
        local new, err, some = look()
        assert.same({ nil, "connection_lost", case[1]:find "PEEK" and case[2] - 1 or 0 }, { new, err.code, some })
        assert.equal(4 - some, look())
        assert.equal("number 1, number 2, number 3, number 4", subjects())
        for _, row in ipairs(h.engine:event_list {}) do assert.equal(0, row.duplicates) end
      end)
    end

    it("when the first look is cut before it has seen to what lay there", function()
      for n = 1, 3 do box:put(mail(n)) end
      open()
      cut("HEADER.FIELDS", 1)
      assert.is_nil(look())
      box:put(mail(4))
      assert.equal(1, look())
      box:number_anew()
      assert.equal(0, look())
    end)

    it("when the first look is cut", function()
      for n = 1, 3 do box:put(mail(n)) end
      open 'since = "all"'
      cut("BODY.PEEK%[%]", 2)
      assert.is_nil(look())
      box:put(mail(4))
      assert.equal(3, look())
      assert.equal("number 1, number 2, number 3, number 4", subjects())
    end)

    it("when the server numbers all mails anew, also when that look is cut", function()
      box:put(mail(1))
      open()
      look()
      for n = 2, 3 do box:put(mail(n)) end
      assert.equal(2, look())
      box:take_out(2)
      for n = 4, 6 do box:put(mail(n)) end
      box:number_anew()
      cut("BODY.PEEK%[%]", 2)
      assert.is_nil(look())
      open()
      assert.equal(2, look())
      assert.match("numbers its mails anew; of the 5 that are there 2 are new", notes[1])
      box:put(mail(7))
      assert.equal(1, look())
      assert.equal(6, #events())
      local all = {}
      for _, payload in ipairs(events()) do all[#all + 1] = payload.subject:match "%d" end
      table.sort(all)
      assert.equal("234567", table.concat(all))
    end)

    it("when the numbers go back under the same UIDVALIDITY, as after a backup was put back", function()
      open()
      look()
      for n = 1, 5 do box:put(mail(n)) end
      assert.equal(5, look())
      for uid = 3, 5 do box:take_out(uid) end
      box.next = 3
      box:put(mail(6))
      assert.equal(1, look())
      assert.equal(0, look())
      assert.equal(6, #events())
    end)

    it("when retention dropped what the events held", function()
      open()
      look()
      box:put(mail(1))
      look()
      local e = h.engine
      assert(e:drain())
      e.settings.retention.events_ms = 1
      h.now = h.now + 86400000
      assert(e:gc {})
      assert.is_nil(events()[1])
      box:number_anew()
      assert.equal(0, look())
      box:put((mail(1):gsub("hello", "another")))
      assert.equal(1, look())
    end)

    it("when a mail is deleted between two questions, or moved away and back", function()
      box:put(mail(1))
      open()
      look()
      for n = 2, 4 do box:put(mail(n)) end
      box.fault = function(line)
        if line:find "BODY.PEEK%[%]" and #box.mails == 4 then box:take_out(3) end
      end
      assert.equal(2, look())
      assert.equal("number 2, number 4", subjects())
      for _, uid in ipairs { 1, 2 } do box:put((box:take_out(uid).bytes)) end
      assert.equal(0, look())
    end)

    it("when the server gives NIL for a mail that is being deleted", function()
      open()
      look()
      for n = 1, 2 do box:put(mail(n)) end
      box.fault = function(line)
        if line:find "UID FETCH 1 .*BODY.PEEK%[%]" then return "* 1 FETCH (UID 1 BODY[] NIL)\r\nTAG OK done\r\n" end
      end
      assert.is_nil(look())
      box:take_out(1)
      assert.equal(1, look())
      assert.equal("number 2", subjects())
    end)

    it("when two mails have one Message-ID: copies are one event, others are their own", function()
      open()
      look()
      box:put(mail(1))
      box:put(mail(1))
      box:put((mail(1):gsub("hello", "another")))
      box:put((mail(1):gsub("hello", "another")))
      box:put("From: cron@x.example\nSubject: no id\n\none\n")
      box:put("From: cron@x.example\nSubject: no id\n\ntwo\n")
      assert.equal(4, look())
      local bodies = {}
      for i, payload in ipairs(events()) do bodies[i] = payload.body end
      assert.equal("hello 1, another 1, one, two", table.concat(bodies, ", "))
      box:number_anew()
      assert.equal(0, look())
    end)

    it("when it lies in a watched folder, too", function()
      open()
      look()
      h:write("inbox/mail/1.eml", mail(1))
      assert.equal(1, (h.engine:scan_inbox()))
      box:put(mail(1))
      assert.equal(0, look())
      assert.equal(1, #events())
    end)
  end)

  describe("with odd mails", function()
    it("takes the beginning of one that is too large, and does not ask for more", function()
      open()
      look()
      box:put(mail(1, 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="q"\n') .. "--q\nContent-Type: text/plain\n\nsee below\n--q\n"
        .. "Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\n" .. ("QUJD"):rep(18) .. "\n",
        { said_bytes = 30 << 20 })
      box:put(mail(2))
      assert.equal(2, look())
      local one = events()[1]
      assert.same({ "see below", true, 30 << 20, "a.pdf" }, { one.body, one.cut, one.bytes, one.attachments[1].filename })
      assert.is_nil(one.attachments[1].size)
      assert.equal(1, said "<0%.1048576>")
    end)

    it("gives an event for what is no mail, with its text", function()
      open()
      look()
      box:put("this is no mail at all\n")
      box:put("\n")
      assert.equal(2, look())
      local one, two = table.unpack(events())
      assert.match("no mail", one.unreadable)
      assert.match("^this is no mail at all", one.body)
      assert.match("empty", two.unreadable)
      assert.same({ "", "" }, { one.from, one.subject })
    end)

    it("takes ids and names of bytes that are no text", function()
      open()
      look()
      for n, odd in ipairs { "\255\254", "\0", ("x"):rep(70000), "\195" } do
        box:put(("From: \"\255%s\" <ana@x.example>\nSubject: \254\nMessage-ID: <%s%d@x.example>\nTo: \0@x\n\n\255\0hello\n"):format(odd, odd, n))
      end
      box:put(mail(5))
      assert.equal(5, look())
      box:number_anew()
      assert.equal(0, look())
    end)

    it("does not let others wait for ever behind one that the server does not give", function()
      open()
      look()
      box:put(mail(1))
      box:put(mail(2))
      box.fault = function(line) return line:find "UID FETCH 1 .*BODY.PEEK%[%]" and "TAG NO it is damaged\r\n" or nil end
      for _ = 1, 6 do
        local new, err = look()
        assert.same({ nil, "refused" }, { new, err.code })
      end
      assert.equal(2, look())
      local one, two = table.unpack(events())
      assert.same({ "number 1", "<1@x.example>", "the server does not give it", "hello 2" }, { one.subject, one.message_id, one.unreadable, two.body })
    end)

    it("takes each of the corpus once, whatever their Message-IDs", function()
      local folder = "../shared/data/mail"
      if file.kind(folder) ~= "folder" then return pending "no ../shared/data/mail" end
      open()
      look()
      local contents, n = {}, 0 -- one text under one Message-ID is one mail
      local pipe = io.popen("find " .. folder .. " -type f")
      for path in pipe:lines() do
        local text = file.read(path)
        box:put(text)
        local payload = inbox.payload(path) or { message_id = text }
        local what = json.encode { payload.message_id, payload.from or "", payload.subject or "", payload.date or "", payload.body or "", payload.to or {},
          payload.attachments or {} }
        if not contents[what] then n = n + 1 end
        contents[what] = true
      end
      pipe:close()
      assert.is_true(n > 40)
      assert.equal(n, look())
      box:number_anew()
      assert.equal(0, look())
      assert.equal(n, #events())
    end)
  end)

  describe("that cannot be looked at", function()
    --- Looks of the scheduler; the pause after each, in seconds. Nothing waits here: the next look is called.
    local function try(times)
      local pauses = {}
      for i = 1, times do pauses[i] = mailboxes.look(watched) // 1000 end
      return pauses
    end

    local function alerts()
      local list = {}
      for i, row in ipairs(h.engine:event_list { type = "alert.raised" }) do list[i] = h.engine:event(row.id).payload end
      return list
    end

    local function within(least, most, got) assert.is_true(got >= least and got <= most, ("%s is not from %s to %s"):format(got, least, most)) end

    it("is left alone for longer and longer, tells the owner once, and takes all when it is back", function()
      open 'every = "1m"'
      assert.same({ 60 }, try(1))
      box:put(mail(1))
      box.fault = function(line) return line:find "EXAMINE" and "TAG NO [UNAVAILABLE] later\r\n" or nil end
      local pauses = try(6)
      for i, seconds in ipairs { 60, 120, 240, 480, 900, 900 } do within(seconds * 0.89, seconds * 1.1, pauses[i]) end
      assert(h.engine:drain())
      assert.same({ { kind = "mailbox", mailbox = "mail/INBOX",
        message = "mail/INBOX cannot be looked at: adapter 'mail': the server said NO [UNAVAILABLE] later" } }, alerts())
      assert.equal("K8103", problems[1].number)
      open 'every = "1m"'
      try(1)
      assert(h.engine:drain())
      assert.equal(1, #alerts())
      box.fault = nil
      assert.same({ 60 }, try(1))
      assert.match("can be looked at again", notes[1])
      assert.equal("number 1", subjects())
      box.fault = function() return false end
      h.now = h.now + 1000
      try(2)
      assert(h.engine:drain())
      assert.equal(2, #alerts())
    end)

    it("is asked with a wrong password once an hour, which is told at once", function()
      open("", "not-this-one")
      within(3600, 3600, try(1)[1])
      assert.equal(1, box.logins)
      assert(h.engine:drain())
      assert.equal(1, #alerts())
      assert.equal("K8104", problems[1].number)
      assert.is_nil(json.encode(problems[1]):find("not-this-one", 1, true))
      box.password = "not-this-one"
      assert.same({ 60 }, try(1))
    end)

    it("goes on where it was when nobody answers, or the folder is gone", function()
      open 'folder = "Nowhere"'
      local _, err = look()
      assert.equal("not_found", err.code)
      open()
      look()
      local port = box.port
      box:close()
      _, err = look()
      assert.same({ "unreachable", true }, { err.code, err.retry })
      box = imap_server.open()
      assert.not_equal(port, box.port)
      box:put(mail(1))
      open()
      assert.equal(1, look())
    end)

    it("is let go at once when the engine ends, in the middle of an answer", function()
      open()
      look()
      box:put(mail(1))
      box.fault = function(line) return line:find "BODY.PEEK%[%]" and "* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf" or nil end
      local all = mailboxes.open(h.engine, function() end, function() end)
      server.eventually(function() return said "BODY.PEEK%[%]" > 0 end)
      all:close()
      assert.is_true(all.list[1].tried)
      box.fault = nil
      open()
      assert.equal(1, look())
    end)

    it("is named by keel doctor", function()
      local function found()
        for _, one in ipairs(doctor.examine(h.path, {})) do
          if one.check == "mailboxes" then return one end
        end
      end
      open()
      h.engine:close()
      h.engine = nil
      assert.same({ "ok", "mail/INBOX lets itself be looked at" }, { found().state, found().found })
      h:write("config.lua", config("", "not-this-one"))
      assert.equal("bad", found().state)
      assert.match("mail/INBOX: .*denied", found().found)
      assert.match("password is wrong", found().why)
    end)
  end)

  describe("in config.lua", function()
    local function complaint(watch, more)
      local _, err = settings.from_source([[return { zone = "UTC", adapters = { mail = { use = "imap", imap = "imaps://mail.example", user = "a@b.example",
        secret = "pass-word" }, post = "outbox" },
        watch = { ]] .. watch .. " }" .. (more or "") .. " }", "config.lua", function() end)
      return err and ("%s; did you mean '%s'?"):format(err.message, tostring(err.suggestion)) or "none"
    end

    for watch, expected in pairs {
      ['{ adapter = "mial" }'] = "no adapter 'mial'.*did you mean 'mail'", ['{ adapter = "post" }'] = "adapter 'post' is 'outbox'",
      ['{ adapter = "mail", foldr = "x" }'] = "did you mean 'folder'", ['{ adapter = "mail", every = "10ms" }'] = "once a second",
      ['{ adapter = "mail", since = "yesterday" }'] = "expected a duration", ['{ folder = "INBOX" }'] = "missing field 'adapter'",
      ['{ adapter = "mail" }, { adapter = "mail", folder = "INBOX" }'] = "watched already", ['{ adapter = "mail", event = "a b" }'] = "an event type",
      ['{ adapter = "mail", folder = "a\\nb" }'] = "a folder's name", ['{ adapter = "mail" }, { adapter = "mail", folder = "Work" }'] = "none",
      ['{ adapter = "mail" }, { adapter = "mail", event = "mail.copy" }'] = "none",
    } do
      it("is understood, or refused with what is meant: " .. watch, function() assert.match(expected, complaint(watch)) end)
    end
  end)
end)
