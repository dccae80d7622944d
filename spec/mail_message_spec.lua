--- Mails that are built are read back by our own reader as what they were.
local mail_message = require "mail_message"
local mime = require "mime"

local function build(more)
  local mail = { from = "Mira Müller <mira@studio.example>", to = "ines@fernline.example", subject = "Hi", body = "text",
    message_id = "<1@studio.example>", date_ms = 1772704800000 }
  for k, v in pairs(more or {}) do mail[k] = v end
  return mail_message.build(mail)
end

local function read(more) return assert(mime.parse(assert(build(more)), { contents = true })) end

describe("a mail that is built", function()
  it("is read back as it was written", function()
    local mail = read { subject = "Olá, ação — 日本語 " .. ("long "):rep(40) .. "=?x?=", body = "Grüße\n.\nFrom here\nend  \n" .. ("ü"):rep(500),
      cc = { "Zoë <zoe@x.example>", "b@x.example" }, in_reply_to = "<a@b>", references = { "<0@b>", "<a@b>" } }
    assert.equal("Olá, ação — 日本語 " .. ("long "):rep(40):gsub(" $", "") .. " =?x?=", mail.subject)
    assert.equal("Grüße\n.\nFrom here\nend  \n" .. ("ü"):rep(500), mail.body)
    assert.same({ name = "Mira Müller", address = "mira@studio.example" }, mail.from)
    assert.same({ { name = "Zoë", address = "zoe@x.example" }, { name = "", address = "b@x.example" } }, mail.cc)
    assert.same({ "<0@b>", "<a@b>" }, mail.references)
    assert.equal("2026-03-05T10:00:00.000Z", mail.date)
    assert.same({}, mail.problems)
  end)

  it("has lines of at most 78 characters, all ended by CRLF, in plain ASCII", function()
    local bytes = build { subject = ("é"):rep(300), body = ("x"):rep(5000) .. "\nü\r\n" .. ("word "):rep(400),
      to = { ("a"):rep(60) .. "@x.example", "Ünï <u@x.example>" }, attachments = { { filename = "ä.bin", text = ("\0\255"):rep(999) } } }
    assert.is_nil(bytes:find("[^\r\n\32-\126]"))
    assert.is_nil(bytes:gsub("\r\n", ""):find("[\r\n]"))
    for line in bytes:gmatch("([^\r]*)\r\n") do assert.is_true(#line <= 78, line) end
  end)

  it("carries html and attachments", function()
    local mail = read { html = "<p>Hi</p>", attachments = { { filename = "Übersicht.csv", type = "text/csv", text = "a;b\n" },
      { filename = "x.bin", base64 = "AAEC" } } }
    assert.equal("text", mail.body)
    assert.equal(2, #mail.attachments)
    assert.same({ "Übersicht.csv", "text/csv", "a;b\n" }, { mail.attachments[1].filename, mail.attachments[1].type, mail.attachments[1].content })
    assert.equal("\0\1\2", mail.attachments[2].content)
  end)

  it("hides bcc from the mail and has it in the envelope", function()
    local bytes, envelope = build { bcc = "secret@x.example" }
    assert.is_nil(bytes:find("secret@", 1, true))
    assert.same({ "ines@fernline.example", "secret@x.example" }, envelope.to)
    assert.equal("mira@studio.example", envelope.from)
  end)

  it("refuses what would begin a header of somebody else's", function()
    for field, value in pairs { subject = "a\r\nBcc: x@y.example", to = "a@b.example\nBcc: x@y.example", from = "Mira\r <a@b.example>",
        reply_to = "a@b.example\0", in_reply_to = "<a@b>\r\nX: y" } do
      local bytes, why = build { [field] = value }
      assert.is_nil(bytes, field)
      assert.match("line ends or control", why)
    end
    local bytes, why = build { attachments = { { filename = "a\r\nX: y", text = "" } } }
    assert.is_nil(bytes)
    assert.match("filename", why)
  end)

  it("refuses what is no address", function()
    for _, to in ipairs { "ines", "a@", "@b.example", "a b@c.example", "a@b..c", "a@b.example> RCPT TO:<x", ("a"):rep(300) .. "@b.example" } do
      local bytes, why = build { to = to }
      assert.is_nil(bytes, to)
      assert.match("no mail address", why)
    end
  end)

  it("packs base64 of every length", function()
    for n = 0, 9 do
      local bytes = ("\0\200x\255\17"):rep(2):sub(1, n)
      assert.equal(bytes, require("mime_body").from_base64(mail_message.base64(bytes)))
      assert.equal((n + 2) // 3 * 4, #mail_message.base64(bytes))
    end
  end)
end)
