local mime = require "mime"
local pace = require "spec.support.pace"
local charset = require "charset"
local html_text = require "html_text"

-- Helpers --------------------------------------------------------------------------

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local bytes = file:read("a")
  file:close()
  return bytes
end

--- Mail from elsewhere, where this clone lies beside it.
local function found_mails()
  local ok, lfs = pcall(require, "lfs")
  for _, folder in ipairs { "../shared/data/mail", "../../shared/data/mail" } do
    if ok and lfs.attributes(folder, "mode") == "directory" then
      local names = {}
      for name in lfs.dir(folder) do
        names[#names + 1] = name:match("^(.+)%.eml$")
      end
      table.sort(names)
      return names, function(name)
        return assert(read_file(folder .. "/" .. name .. ".eml"), name)
      end
    end
  end
  return {}, nil
end

local names, real_mail = found_mails()
local absent = "../shared/data/mail is not beside this clone"

local function assert_utf8(value, path)
  if type(value) == "string" then
    assert(utf8.len(value), path .. " is not UTF-8")
  elseif type(value) == "table" then
    for k, v in pairs(value) do
      assert_utf8(v, path .. "." .. tostring(k))
    end
  end
end

--- Parse what may be anything: it may refuse, it may not raise or take long.
local function survive(bytes, what)
  local before = os.clock()
  local ok, mail, err = pcall(mime.parse, bytes)
  assert(ok, what .. ": " .. tostring(mail))
  assert(os.clock() - before < 100 * pace(), what .. " took too long")
  if mail then
    assert_utf8(mail, what)
    assert_utf8(mime.event(mail, "k"), what)
  else
    assert(err.code and err.message, what)
  end
end

local function parse(text)
  return assert(mime.parse(text))
end

local function with(fields, body)
  return parse("From: ana@x.example\n" .. fields .. "\n\n" .. (body or "hello"))
end

-- Header -----------------------------------------------------------------------------

describe("A mail's header", function()
  it("gives the sender, the readers and the subject", function()
    local mail = parse("From: Ana Reis <ana@fern.example>\r\nTo: Mira <mira@x.example>, rui@y.example\r\n"
      .. "Subject: Invoice\r\n for March\r\nMessage-ID: <1@fern.example>\r\n\r\nHi\r\n")
    assert.same({ name = "Ana Reis", address = "ana@fern.example" }, mail.from)
    assert.equal("Ana Reis <ana@fern.example>", mail.from_text)
    assert.same({ { name = "Mira", address = "mira@x.example" }, { name = "", address = "rui@y.example" } }, mail.to)
    assert.equal("Invoice for March", mail.subject)
    assert.equal("<1@fern.example>", mail.message_id)
    assert.equal("Hi", mail.body)
  end)

  it("decodes encoded words and joins neighbours, even in the middle of a letter", function()
    local cases = {
      { "=?ISO-8859-1?Q?Ol=E1_Jo=E3o?=", "Olá João" },
      { "=?utf-8?B?T2zDoQ==?= =?utf-8?Q?_mundo?=", "Olá mundo" },
      { "=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "café" },
      { "Re: =?windows-1252?Q?=80_20?= due", "Re: € 20 due" },
      { "=?utf-8*en?Q?Hi?=", "Hi" },
      { "=?utf-8?X?what?= and =?broken", "=?utf-8?X?what?= and =?broken" },
      { "=?koi8-r?B?8NLJ18XU?=", "Привет" },
      { "=?ISO-8859-15?Q?=A4?=", "€" },
      { "Ol\xE1 sem aviso", "Olá sem aviso" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], with("Subject: " .. case[1]).subject)
    end
  end)

  it("reads odd addresses and groups", function()
    local function to(text)
      local out = {}
      for i, who in ipairs(with("To: " .. text).to) do
        out[i] = who.name .. "|" .. who.address
      end
      return table.concat(out, " ; ")
    end
    assert.equal("Reis, Ana|a@x.example", to '"Reis, Ana" <a@x.example>')
    assert.equal("|a@x.example ; Bo|b@x.example", to "Team: a@x.example, Bo <b@x.example>;")
    assert.equal("", to "undisclosed-recipients:;")
    assert.equal("Mail System|daemon@x.example", to "daemon@x.example (Mail System)")
    assert.equal("Big Bug|bb@bug.example", to "Big Bug bb@bug.example")
    assert.equal("|mary@x.example", to "<@relay.example:mary@x.example>")
    assert.equal("|j@test.example", to "j@test   . example")
    assert.equal("João|j@x.example", to "=?utf-8?Q?Jo=C3=A3o?= <j@x.example>")
    assert.equal("Doe, Jo|j@x.example", to "=?utf-8?Q?Doe,_Jo?= <j@x.example>")
    assert.equal('a "b" c|j@x.example', to '"a \\"b\\" c" <j@x.example>')
    assert.equal("Nobody|", to "Nobody")
  end)

  it("reads dates in many hands, and says nothing of those that are none", function()
    local cases = {
      { "Mon, 2 Mar 2026 09:05:06 +0100", "2026-03-02T08:05:06.000Z" },
      { "2 Mar 26 09:05 EST", "2026-03-02T14:05:00.000Z" },
      { "Mon, 2 Mar 2026 09:05:06 -0030 (odd)", "2026-03-02T09:35:06.000Z" },
      { "Thu, 31 Dec 2026 23:30:00 -0100", "2027-01-01T00:30:00.000Z" },
      { "Mon Mar  2 09:05:06 2026", "2026-03-02T09:05:06.000Z" },
      { "2026-03-02T09:05:06+02:00", "2026-03-02T07:05:06.000Z" },
      { "Sun, 30 Feb 2026 10:00:00 +0000", nil },
      { "Pn, 29 paX 2026 21:13:00 +0100", nil },
      { "yesterday", nil },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], with("Date: " .. case[1]).date)
    end
  end)

  it("takes the first of two fields and says so", function()
    local mail = with "Subject: one\nSubject: two"
    assert.equal("one", mail.subject)
    assert.match("subject is there more than once", table.concat(mail.problems, "\n"))
  end)

  it("steps over an mbox line, junk lines and a missing empty line", function()
    assert.equal("x", parse("From a@x Mon Mar  2 2026\nFrom: a@x\nSubject: x\n\nhi").subject)
    assert.equal("x", parse("From: a@x\nquite Delivered-To: b\nSubject: x\n\nhi").subject)
    assert.equal("Dear Mira, hello.", parse("From: a@x\nSubject: x\nDear Mira, hello.").body)
  end)

  it("knows a newsletter and a machine", function()
    assert.is_true(with("List-Unsubscribe: <mailto:off@x.example>").bulk)
    assert.is_true(with("Auto-Submitted: auto-replied").automatic)
    assert.is_true(parse("From: no-reply@shop.example\n\nhi").automatic)
    assert.is_false(with("Auto-Submitted: no").automatic)
    assert.is_false(with("Subject: hi").bulk)
  end)
end)

-- Refusals -----------------------------------------------------------------------------

describe("What is no mail", function()
  local function refusal(bytes)
    local mail, err = mime.parse(bytes)
    assert.is_nil(mail)
    return err
  end

  it("gets one clear error", function()
    assert.equal("empty", refusal("").code)
    assert.equal("empty", refusal(" \r\n\n ").code)
    assert.equal("no_header", refusal("Just some words\nand more\n").code)
    assert.equal("no_header", refusal("Note: no field of a mail\n\ntext").code)
    assert.equal("no_header", refusal("\x89PNG\r\n\26\n\0\0\0").code)
    assert.equal("too_large", refusal(("x"):rep(mime.limits.bytes + 1)).code)
  end)

  it("is also a mail cut inside its header, with the line", function()
    local err = refusal("From: ana@x.example\nTo: mira@x.example\nSubj")
    assert.equal("truncated", err.code)
    assert.equal(3, err.line)
    assert.equal("truncated", refusal("Received: from a\n by b\nMessage-ID: <1@x>\n").code)
  end)

  it("but a whole header without a body is a mail with a problem", function()
    local mail = parse("From: ana@x.example\nSubject: only this\n")
    assert.equal("only this", mail.subject)
    assert.equal("", mail.body)
    assert.match("no body", mail.problems[1] .. (mail.problems[2] or ""))
  end)

  it("raises only for a wrong argument", function()
    assert.has_error(function() mime.parse(nil) end)
  end)
end)

-- Bodies -------------------------------------------------------------------------------

describe("A mail's body", function()
  it("is unpacked from quoted-printable, bad escapes kept", function()
    local mail = with("Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8",
      "caf=C3=A9 =\nand a l=  \nong line, 1=1 =ZZ=")
    assert.equal("café and a long line, 1=1 =ZZ", mail.body)
  end)

  it("is unpacked from base64 with noise in it", function()
    local mail = with("Content-Transfer-Encoding: BASE64", "SGVs\nbG8g*d29y!bGQ=\n")
    assert.equal("Hello world", mail.body)
  end)

  it("is unpacked from uuencode", function()
    local mail = with("Content-Transfer-Encoding: x-uuencode", "begin 644 t.txt\n#0V%T\n`\nend\n")
    assert.equal("Cat", mail.body)
  end)

  it("comes in the charset it names, and in UTF-8 when it names none rightly", function()
    local cases = {
      { "iso-8859-1", "na\xEFve", "naïve" }, { "ISO-8859-15", "5 \xA4", "5 €" },
      { "windows-1252", "\x93hi\x94", "“hi”" }, { "us-ascii", "caf\xE9", "café" },
      { "utf-8", "caf\xE9", "café" }, { "utf-8", "\xC3\xA9 \xFF", "é \u{FFFD}" },
      { "x-none", "caf\xE9", "café" }, { "windows-1251", "\xCF\xF0\xE8", "При" },
      { "iso-8859-2", "\xB1\xE6", "ąć" }, { "iso-8859-7", "\xE1\xE2", "αβ" },
      { "macintosh", "\x8E", "é" }, { "ibm850", "\x82", "é" },
      { "iso-2022-jp", "\27$B$9$_\27(B!", "すみ!" }, { "shift_jis", "\x82\xB1\x82\xF1", "こん" },
      { "euc-jp", "\xA4\xB3", "こ" }, { "utf-7", "Hi +Jjo-!", "Hi ☺!" },
      { "utf-16", "\xFE\xFF\0h\0i", "hi" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[3], (charset.decode(case[2], case[1])), case[1])
    end
    local text, trouble = charset.decode("\xB0\xA1\xB0\xA2", "x-imaginary-wide")
    assert(utf8.len(text) and trouble)
  end)

  it("joins the soft lines of format=flowed", function()
    local mail = with("Content-Type: text/plain; format=flowed", "one \ntwo\n> a \n> b\n-- \nAna")
    assert.equal("one two\n> a b\n-- \nAna", mail.body)
  end)

  it("prefers plain text to HTML, and makes text of HTML when that is all", function()
    local function alternative(plain)
      return with("Content-Type: multipart/alternative; boundary=b", "--b\nContent-Type: text/plain\n\n" .. plain
        .. "\n--b\nContent-Type: text/html; charset=utf-8\n\n<p>Hello&nbsp;<b>Mira</b></p><ul><li>one<li>two</ul>"
        .. "<style>p { }</style>\n--b--\n")
    end
    assert.equal("plain words", alternative("plain words").body)
    assert.is_false(alternative("plain words").html)
    assert.equal("Hello Mira\n\n- one\n- two", alternative(" ").body)
    assert.is_true(alternative(" ").html)
  end)

  it("reads a page as a person would", function()
    assert.equal("a – b\nc < d & é “x”", html_text
      "<title>no</title>a &#150; b<br>c < d &amp; &eacute; &ldquo;x&rdquo;<script>if (a > b) {}</script><!-- no -->")
    assert.equal("x\n\ny", html_text "<p>x</p>\n\n<p title='a > b'>y")
    assert.equal("  keep\n   this", html_text "<pre>  keep\n   this</pre>")
    assert.equal("?a=1&copy=2", html_text "?a=1&copy=2")
  end)

  it("lists attachments with name, type and size", function()
    local mail = with("Content-Type: multipart/mixed; boundary=\"=_b 1\"", table.concat({
      "preamble", "--=_b 1", "", "The text.", "--=_b 1",
      "Content-Type: application/pdf; name=old.pdf", "Content-Transfer-Encoding: base64",
      "Content-Disposition: attachment; filename*0*=utf-8''Or%C3%A7a;", " filename*1*=mento%20;filename*2=\"3.pdf\"", "",
      "JVBERi0x", "--=_b 1", "Content-Type: message/rfc822", "", "From: b@x.example", "Subject: inner", "", "in",
      "--=_b 1", "Content-Type: image/png", "Content-Disposition: inline; filename=\"..\\\\evil/logo.png\"", "", "png",
      "--=_b 1--", "epilogue" }, "\n"))
    assert.equal("The text.", mail.body)
    assert.same({ filename = "Orçamento 3.pdf", type = "application/pdf", size = 6 }, mail.attachments[1])
    assert.equal("inner.eml", mail.attachments[2].filename)
    assert.equal("message/rfc822", mail.attachments[2].type)
    assert.equal("logo.png", mail.attachments[3].filename)
    assert.equal(3, #mail.attachments)
  end)

  it("hands out the bytes and a hash of an attachment when asked", function()
    local bytes = "From: a@x\nContent-Type: application/x; name=a.bin\nContent-Transfer-Encoding: base64\n\nAAEC\n"
    local mail = assert(mime.parse(bytes, { contents = true, sha256 = function(b) return "h" .. #b end }))
    assert.equal("\0\1\2", mail.attachments[1].content)
    assert.equal("h3", mail.attachments[1].sha256)
  end)

  it("gives what is there of a mail that was cut, and says so", function()
    local head = "From: a@x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThe text.\n--b\n"
      .. "Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0"
    local mail = parse(head)
    assert.equal("The text.", mail.body)
    assert.equal("x.pdf", mail.attachments[1].filename)
    local problems = table.concat(mail.problems, "\n")
    assert.match("may be cut", problems)
    assert.match("'x.pdf' is not complete", problems)
  end)

  it("guesses a boundary that the header forgot", function()
    local mail = with("Content-Type: multipart/mixed", "--frontier\n\nhello\n--frontier--\n")
    assert.equal("hello", mail.body)
    assert.match("guessed", table.concat(mail.problems, "\n"))
  end)

  it("says what a forwarded mail says when it says nothing itself", function()
    local mail = with("Content-Type: message/rfc822", "From: b@x.example\nSubject: inner\n\nthe inner words")
    assert.equal("the inner words", mail.body)
  end)
end)

describe("The event of a mail", function()
  it("has a key even when the mail has none", function()
    local event = mime.event(with("Subject: hi\nReply-To: desk@x.example"), "sha256:ab")
    assert.equal("sha256:ab", event.message_id)
    assert.equal("desk@x.example", event.reply_to)
    assert.equal("external", event.trust)
    assert.equal('[]', require("json").encode(event.attachments))
  end)
end)

-- Real mail ------------------------------------------------------------------------------

-- name = { from address, subject, a piece of the body, { attachment, ... } }
local facts = {
  attachment_content_disposition = { "foo@example.com", "testing", "This is the first part.", { "api.rb text/x-ruby-script 28" } },
  attachment_message_rfc822 = { "foo@example.com", "testing", "This is the first part.", { "ForwardedMessage.eml message/rfc822 3781" } },
  attachment_nonascii_filename = { "foo@example.com", "testing", "first part", { "ciële.txt text/plain 11" } },
  attachment_pdf = { "xxxx@xxxx.com", "Another PDF with 🎉 Unicode chars in it 🍿", "Just attaching another PDF, here, to see", { "broken.pdf application/pdf 1026" } },
  attachment_with_base64_encoded_name = { "xxxxxxxxx.xxxxxxx@gmail.com", "Fwd: Signed email causes file attachments", "vcards as attachments.", { "This is a test.pdf application/pdf 399" } },
  attachment_with_quoted_filename = { "jeff@37signals.com", "Eelanalüüsi päring", "", { "Eelanalüüsi päring.jpg image/jpeg 1952" } },
  bad_encoded_subject = { "", "TEST", "TEST", {} },
  basic_email = { "test@lindsaar.net", "Testing 123", "Hope it works well!\n\nMikel", {} },
  cant_parse_from = { "News@InsideApple.Apple.com", "Meet the new MacBook Pro family. Now includes 13-inch.", "thin and light, beautifully streamlined", {} },
  content_transfer_encoding_qp_with_space = { "fyouizjnp@swissonline.ch", "Low or High Blood Pressure? We can help.", "you can't go wrong.", {} },
  ["content_transfer_encoding_text-html"] = { "abhijit.862153drinnan@datavalet.com", "Re: We will help you refinance your home.", "Hello,\n\nYou have qualified for the lowest rate in years.\n", {} },
  content_transfer_encoding_with_semi_colon = { "nsukijamq@morozstudio.tk", "Attention", "Dear Homeowner,", {} },
  email_with_similar_boundaries = { "xxxxxx@xxxxxxxx.xxx", "Xxxxxx", "Test", { "LOGO.png application/octetstream 3" } },
  empty_group_lists = { "ceciledwards@sbcglobal.net", "Western Union Swift Money Transfer", "officially informed you", {} },
  encoding_madness = { "no-reply@crm.el-example.org", "eBay Bid - 2008 Ford Super Duty F-350 DRW King Ranch Crew Cab 4x4 (156) - Stock# XXXX", "Body Text", {} },
  example03 = { "john.q.public@example.com", "", "Hi everyone.", {} },
  example07 = { "jdoe@machine.example", "Re: Saying Hello", "This is a reply to your reply.", {} },
  example11 = { "john.q.public@example.com", "", "Hi everyone.", {} },
  example13 = { "jdoe@machine.example", "Saying Hello", 'So, "Hello".', {} },
  invalid_subject_characters = { "info@formacaofrenetik.info", "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro", "TEST", {} },
  japanese_attachment = { "raasdnil@gmail.com", "testing", "Rails, RSpec and Life blog....", { "てすと.txt text/plain 33" } },
  japanese_iso_2022 = { "raasdnil@gmail.com", "まみむめも", "すみません。", {} },
  missing_content_disposition = { "redacted@example.com", "Redacted", "", { "somefile.jpg image/jpg 1311" } },
  mix_caps_content_type = { "bb@bug.com", "undef method parameter bug", "foo bar", {} },
  multi_address_bounce2 = { "MAILER-DAEMON@lvmail01.LL.com", "Undelivered Mail Returned to Sender", "be delivered to one or more recipients.", { "nil message/delivery-status 2780", "Test of bounce email.eml message/rfc822 1381" } },
  multiple_invalid_content_dispositions = { "redacted@flashmail.net", "Redacted", "foo", {} },
  must_supply_encoding = { "info@here2there-travelers-msgs.net", "Impress your clients with a business phone\u{FFFD}\u{FFFD}\u{FFFD}", "", {} },
  raw_email12 = { "foo@example.com", "testing", "This is the first part.", { "Photo25.jpg image/jpeg 227" } },
  raw_email4 = { "xxx@xxxx.xxx", "Filth", "Some text\n\n--\nThis Orange Multi Media Message", {} },
  raw_email_bad_time = { "yusuf75thu@auracom.net", "[0]: XXXXXXX XXXXX XXXXX !", "Filter2: This message", {} },
  raw_email_encoded_stack_level_too_deep = { "gmail-noreply@google.com", "Nicolas Fouché has accepted your invitation to Gmail", "Nicolas Fouché has accepted", {} },
  raw_email_incorrect_header = { "xxx@xxx.xxx", "Stop adware/spyware once and for all.", "Ad Ware and Spy Ware", {} },
  raw_email_quoted_with_0d0a = { "foo@example.com", "testing", "A fax has arrived from remote ID ''.\n-----", {} },
  raw_email_with_illegal_boundary = { "email_test@me.nowhere", "Testing outlook", "This is an outlook test\n\nSo there.\n\nMe.", {} },
  raw_email_with_multipart_mixed_quoted_boundary = { "email_test@me.nowhere", "Testing outlook", "Just attaching another PDF, here", { "broken.pdf application/pdf 1026" } },
  report_422 = { "MAILER-DAEMON@tppppp.com.au", "Warning: could not send message for past 8 hours", "THIS IS A WARNING MESSAGE ONLY", { "nil message/delivery-status 337", "nil text/rfc822-headers 686" } },
  trademark_character_in_subject = { "j@yahoo-example.com", "GA.comô has a lead for you", "Body Text - not important", {} },
  two_from_in_message = { "tester1@test.com", "Sending messages include last little bit", "strip the last little bit", {} },
  utf8_headers = { "jdöe@mächine.example", "Säying Hello", "body", {} },
}

describe("Mail found in the wild", function()
  if not real_mail then
    it("is read", function() pending(absent) end)
  end

  for _, name in ipairs(names) do
    it("is read: " .. name, function()
      local before = os.clock()
      local mail = assert(mime.parse(real_mail(name)))
      assert(os.clock() - before < 10 * pace()) -- no walk over it again and again
      assert_utf8(mail, name)
      assert.is_nil(mail.body:find("[\r\0]"))
      local fact = facts[name]
      if fact then
        local attachments = {}
        for i, a in ipairs(mail.attachments) do
          attachments[i] = ("%s %s %d"):format(a.filename, a.type, a.size)
        end
        assert.equal(fact[1], mail.from.address)
        assert.equal(fact[2], mail.subject)
        assert(mail.body:find(fact[3], 1, true), mail.body)
        assert.same(fact[4], attachments)
      end
    end)
  end
end)

-- The sample mail that `make run` works on, each as another program writes it.
local samples = {
  ["2026-03-02-quote-request"] = { "Inês Carvalho <ines@fernline.example>", "Design audit of our booking flow – are you available in April?", "Our budget\nis around €6,500." },
  ["2026-03-03-invoice"] = { '"Brandt, Klara" <k.brandt@hafenwerk.example>', "Rechnung RE-2026-0117 für Februar", "Mit freundlichen Grüßen", "Rechnung für Februar.pdf" },
  ["2026-03-04-newsletter"] = { "Grid Notes <hello@gridnotes.example>", "Grid Notes #41: pricing pages that don’t shout ✨", "- 20 % off our grid course" },
  ["2026-03-04-parcel"] = { "Northpost <no-reply@northpost.example>", "Your parcel NP 00 4711 7 has been shipped", "Tracking number: NP 00 4711 7" },
  ["2026-03-05-thanks-latin1"] = { "João Pé-Leve <joao@tidal.example>", "Re: Figma audit kit: versão 1.3", "I could duplicate every page and the crash" },
  ["2026-03-06-kickoff"] = { "Sam Okoye <sam@kite.example>", "Re: Kickoff Kite", "the first half hour. 🎉", "invite.ics" },
}

describe("The sample mail", function()
  for name, fact in pairs(samples) do
    it("is read: " .. name, function()
      local mail = parse(assert(read_file("spec/data/mail/" .. name .. ".eml")))
      assert.equal(fact[1], mail.from_text)
      assert.equal(fact[2], mail.subject)
      assert(mail.body:find(fact[3], 1, true), mail.body)
      assert.equal(fact[4], mail.attachments[1] and mail.attachments[1].filename)
      assert.same({}, mail.problems)
      assert.equal(name:find("newsletter") ~= nil, mail.bulk)
      assert.equal(name:find("parcel") ~= nil, mail.automatic)
    end)
  end
end)

-- Hostile mail -----------------------------------------------------------------------------

local own = "From: =?utf-8?Q?An=C3=A1?= <a@x.example>\r\nTo: G: b@x, \"c\" <c@x>;\r\nDate: Mon, 2 Mar 2026 09:05:06 +0100\r\n"
  .. "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n"
  .. "--b2\r\nContent-Type: text/plain; charset=iso-8859-1; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
  .. "Ol=E1 =\r\nmundo\r\n--b2\r\nContent-Type: text/html\r\n\r\n<p class=\"x\">Ol&aacute; <!-- x --></p>\r\n--b2--\r\n--b1\r\n"
  .. "Content-Type: application/x; name*0*=utf-8''%C3; name*1*=%A9\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--b1--\r\n"

describe("A broken mail", function()
  local seed = 2026
  local function random(n)
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    return (seed >> 8) % n + 1
  end
  local junk = { "=", "?", "\n", "\r", '"', "<", "(", ";", "--", "\0", "\255", " ", ":", ",", "%", "*", "b1" }

  local function mutate(bytes)
    for _ = 1, random(6) do
      local at = random(math.max(1, #bytes))
      bytes = bytes:sub(1, at - 1) .. junk[random(#junk)] .. bytes:sub(at + random(3) - 1)
    end
    return bytes
  end

  it("cut at any byte never raises", function()
    for i = 0, #own do
      survive(own:sub(1, i), "cut at " .. i)
    end
  end)

  it("with bytes changed never raises", function()
    for i = 1, 1500 do
      survive(mutate(own), "mutation " .. i)
    end
  end)

  it("of any kind found in the wild never raises either", function()
    if not real_mail then
      pending(absent)
      return
    end
    for _, name in ipairs(names) do
      local bytes = real_mail(name)
      for i = 0, #bytes, math.max(1, #bytes // 40) do
        survive(bytes:sub(1, i), name .. " cut at " .. i)
      end
      for i = 1, 25 do
        survive(mutate(bytes), name .. " mutation " .. i)
      end
    end
  end)

  it("made to be slow is read in linear time", function()
    local n = 400000
    local head = "From: a@b.c\nSubject: x\n"
    local function fill(text)
      return text:rep(n // #text)
    end
    local cases = {
      head .. "Content-Transfer-Encoding: quoted-printable\n\n" .. fill " ",
      head .. "Content-Transfer-Encoding: quoted-printable\n\n" .. fill "= ",
      head .. "X: " .. fill " " .. "\n\nx",
      head .. fill "X: y\n" .. "\n\nx",
      head .. "To: " .. fill "<" .. "\n\nx", head .. "To: " .. fill "(" .. "\n\nx",
      head .. "To: " .. fill "a@" .. "\n\nx", head .. "To: " .. fill " @" .. "\n\nx",
      head .. "To: " .. fill "\n a@b," .. "\n\nx",
      head .. "Subject: " .. fill "=?a?Q?" .. "\n\nx",
      head .. "Subject: " .. fill "=?a?Q?x?= " .. "\n\nx",
      head .. "References: " .. fill "<(" .. "\n\nx",
      head .. "Content-Type: text/plain" .. fill ";" .. "\n\nx",
      head .. "Content-Type: text/plain" .. fill ';a="\\' .. "\n\nx",
      head .. "Content-Type: text/plain" .. fill ";a*1=x" .. "\n\nx",
      head .. "Content-Type: multipart/mixed; boundary=" .. ("-"):rep(200) .. "\n" .. fill "\n--",
      head .. "Content-Type: multipart/mixed; boundary=b\n\n" .. fill "--b\n\na\n",
      head .. "Content-Type: multipart/mixed\n\n" .. fill "--bbbbbb\nContent-Type: multipart/mixed\n\n",
      fill "From: a@b\nContent-Type: message/rfc822\n\n",
      head .. "Content-Type: text/html\n\n" .. fill "<!--", head .. "Content-Type: text/html\n\n" .. fill "<a ='",
      head .. "Content-Type: text/html\n\n" .. fill "<a =\"" .. "\">",
      head .. "Content-Type: text/html\n\n" .. fill "<script>", head .. "Content-Type: text/html\n\n" .. fill "&#",
      head .. "Content-Type: text/plain; charset=utf-8\n\n\xC3\xA9" .. fill "\xE9",
      head .. "Content-Type: text/plain; format=flowed\n\n" .. fill "> ",
      head .. fill "garbage\n", head .. "\n" .. fill "\r",
    }
    for i, case in ipairs(cases) do
      survive(case, "slow case " .. i)
    end
  end)
end)
