--- What the imap adapter says, and what it makes of servers that are no good. Against real ones: make test-mail.
local imap_client = require "adapter.imap_client"
local line_server = require "spec.support.line_server"
local settings = require "settings"
local smtp_client = require "adapter.smtp_client"
local stream = require "stream"

describe("the imap adapter", function()
  local server
  after_each(function()
    if server then server:close() end
    server = nil
  end)

  --- An IMAP server that logs everybody in; then `answer(rest, tag)` says what is answered.
  local function imap_server(answer)
    server = line_server.open("* OK ready\r\n", function(line)
      local tag, word, rest = line:match "^(%S+) (%S+) ?(.*)$"
      if word == "CAPABILITY" and tag:find "^A" then return ("* CAPABILITY IMAP4rev1\r\n%s OK\r\n"):format(tag) end
      if word == "LOGIN" then return tag .. " OK in\r\n" end
      return answer((word or "") .. " " .. (rest or ""), tag)
    end)
    return assert(imap_client.open { url = "imap://127.0.0.1:" .. server.port, user = "u", password = "p", quiet_ms = 300 })
  end

  --- The same for SMTP; `answers` by the first word of a line.
  local function smtp_send(answers, bytes)
    server = line_server.open("220 hi\r\n", function(line, client)
      if client.data then
        if line ~= "." then return nil end
        client.data = nil
        return answers["."]
      end
      local word = line:match "^%a+" or ""
      if word == "AUTH" then
        client.asked = true
        return "334 \r\n"
      end
      if client.asked then
        client.asked = nil
        return "235 in\r\n"
      end
      if word == "EHLO" then return "250-hi\r\n250 AUTH PLAIN\r\n" end
      if word == "DATA" and answers.DATA == nil then client.data = true end
      if answers[word] ~= nil then return answers[word] end
      return word == "DATA" and "354 go\r\n" or "250 ok\r\n"
    end)
    return smtp_client.send({ url = "smtp://127.0.0.1:" .. server.port, user = "u", password = "p", quiet_ms = 300 },
      { from = "a@b.example", to = { "c@d.example" } }, bytes or "Subject: x\r\n\r\n.x\r\n")
  end

  it("writes names of folders and texts as servers want them", function()
    assert.equal('"INBOX"', imap_client.folder "INBOX")
    assert.equal('"~peter/mail/&U,BTFw-/&ZeVnLIqe-"', imap_client.folder "~peter/mail/台北/日本語") -- the example of RFC 3501
    assert.equal('"a &- b \\"c\\""', imap_client.folder 'a & b "c"')
    assert.equal('"&2D3eAA-"', imap_client.folder "😀")
    assert.equal('"a \\"b\\" \\\\c"', imap_client.string 'a "b" \\c')
    assert.same({ literal = "é" }, imap_client.string "é")
    assert.same({ literal = "a\r\nb" }, imap_client.string "a\r\nb")
  end)

  it("reads what a server says of mails, in whatever form", function()
    local box = imap_server(function(_, tag)
      return '* 2 FETCH (FLAGS (\\Seen $x) BODY[HEADER.FIELDS ("FROM" (X))] {6}\r\na)b"\r\n UID 7 RFC822.SIZE 12)\r\n'
        .. '* 1 FETCH (UID 5 BODY[] "q \\"x\\"" ENVELOPE ("a" NIL (("b" NIL))))\r\n* 3 FETCH (UID 6 BODY[] NIL)\r\n' .. tag .. " OK done\r\n"
    end)
    local mails = assert(box:fetch({ 5, 6, 7 }, "FLAGS"))
    assert.same({ UID = 5, BODY = 'q "x"', ENVELOPE = { "a", false, { { "b", false } } } }, mails[1])
    assert.same({ UID = 6, BODY = false }, mails[2])
    assert.same({ UID = 7, BODY = 'a)b"\r\n', FLAGS = { "\\Seen", "$x" }, ["RFC822.SIZE"] = "12" }, mails[3])
    box:close()
  end)

  for _, case in ipairs {
    { "another's answer", "zz OK\r\n", "protocol" }, { "text that does not end", '* 1 FETCH (UID 1 BODY[] "x)\r\nTAG OK\r\n', "protocol" },
    { "parentheses without end", "* 1 FETCH (" .. ("("):rep(5000) .. "\r\nTAG OK\r\n", "protocol" },
    { "a literal of a terabyte", "* 1 FETCH (UID 1 BODY[] {1099511627776}\r\n", "too_large" },
    { "a literal that is cut", "* 1 FETCH (UID 1 BODY[] {100}\r\nabc", "timeout" },
    { "silence", nil, "timeout" }, { "a closed connection", false, "connection_lost" },
    { "a line without end", ("x"):rep(5 << 20), "protocol" }, { "NO", "TAG NO [UNAVAILABLE] later\r\n", "overloaded" },
    { "BAD", "TAG BAD what\r\n", "protocol" }, { "a wish for more", "+ more\r\n", "protocol" },
  } do
    it("ends with an error at " .. case[1], function()
      local box = imap_server(function(_, tag) return case[2] and #case[2] < 10000 and case[2]:gsub("TAG", tag) or case[2] end)
      local mails, err = box:fetch({ 1 }, "BODY.PEEK[]")
      assert.is_nil(mails)
      assert.equal(case[3], err.code)
      box:close()
    end)
  end

  it("says a literal when the server wants it, and not when it does not", function()
    local box = imap_server(function(rest, tag)
      if rest:find "{%d+}$" then return "* 3 EXISTS\r\n+ go\r\n" end
      return ("* SEARCH 4 2\r\n%s OK\r\n"):format(server.lines[#server.lines - 1]:match "^%S+" or tag)
    end)
    assert.same({ 2, 4 }, box:search { "TEXT ", { literal = "é" } })
    assert.equal("é", server.lines[#server.lines])
    box:close()
    server:close()
    box = imap_server(function(_, tag) return tag .. " NO not so long\r\n" end)
    local _, err = box:search { "TEXT ", { literal = "é" } }
    assert.equal("refused", err.code)
    box:close()
  end)

  it("doubles dots at line ends and says the whole mail", function()
    assert.is_true(smtp_send({ ["."] = "250 ok\r\n" }, ".a\r\n..b\r\nc"))
    local said = table.concat(server.lines, "\n")
    assert.match("MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n%.%.a\n%.%.%.b\nc\n%.", said)
  end)

  for _, case in ipairs {
    { "a sender for now", { MAIL = "450 later\r\n" }, "overloaded", true }, { "a sender for good", { MAIL = "550 no\r\n" }, "refused", false },
    { "an account", { MAIL = "530 log in\r\n" }, "auth", false }, { "DATA", { DATA = "421 closing\r\n" }, "overloaded", true },
    { "the mail", { ["."] = "452-full\r\n452 really\r\n" }, "overloaded", true }, { "by going before the mail", { DATA = false }, "connection_lost", true },
    { "by no SMTP", { RCPT = "what?\r\n" }, "protocol", false },
  } do
    it("knows that nothing was sent when the server refuses " .. case[1], function()
      local ok, err = smtp_send(case[2])
      assert.is_nil(ok)
      assert.same({ case[3], case[4] }, { err.code, err.retry })
      assert.is_nil(err.unknown)
    end)
  end

  for _, case in ipairs { { "nothing", nil }, { "no SMTP", "what?\r\n" }, { "half an answer", "250-ok\r\n" }, { "354 again", "354 more\r\n" } } do
    it("does not know whether it was sent when the server answers with " .. case[1], function()
      local ok, err = smtp_send { ["."] = case[2] }
      assert.is_nil(ok)
      assert.is_true(err.unknown)
    end)
  end

  it("tells a server that refuses everybody for now from one that does for good", function()
    for greeting, code in pairs { ["421 busy\r\n"] = "overloaded", ["554 go away\r\n"] = "refused" } do
      server = line_server.open(greeting, function() return false end)
      local _, err = stream.open { url = "smtp://127.0.0.1:" .. server.port, user = "u", password = "p" }
      assert.same({ code, code == "overloaded" }, { err.code, err.retry })
      server:close()
    end
    server = nil
  end)

  it("gives up a server that greets with silence", function()
    server = line_server.open("", function() end)
    local _, err = stream.open { url = "imap://127.0.0.1:" .. server.port, user = "u", password = "p", quiet_ms = 100 }
    assert.same({ "timeout", true }, { err.code, err.retry })
  end)

  it("refuses what is no connection for mail", function()
    for url, text in pairs { ["http://x"] = "must begin with imap", ["imap://a\nb"] = "control characters" } do
      local _, err = stream.open { url = url }
      assert.equal("invalid_request", err.code)
      assert.match(text, err.message)
    end
    local _, err = stream.open { url = "imap://127.0.0.1:1", user = "a", password = "x\r\ny" }
    assert.match("user and password must have no", err.message)
  end)

  it("is checked in config.lua", function()
    local function config(text)
      return settings.from_source(('return { adapters = { mail = { use = "imap", user = "mira@x.example", secret = env "PW", %s } } }'):format(text), "config.lua",
        function() return "secret-1" end)
    end
    local entry = assert(config('imap = "imaps://mail.example:993", smtp = "smtp://[::1]:25"')).adapters.mail
    assert.same({ "mira@x.example", "Sent", 30000 }, { entry.from, entry.folders.sent, entry.timeout_ms })
    for text, word in pairs { ['imap = "http://mail.example"'] = "imaps://mail.example", ['imap = "imaps://u:p@mail.example"'] = "without a user",
      ['imap = "imaps://mail.example/x"'] = "imaps://mail.example", ['imp = "imaps://mail.example"'] = "imap",
      ['imap = "imaps://a.example", folders = { snt = "x" }'] = "sent", ['smtp = "smtps://a.example"'] = "imap" } do
      local got, err = config(text)
      assert.is_nil(got, text)
      assert.match(word, err.message .. tostring(err.suggestion), 1, true)
    end
  end)
end)
