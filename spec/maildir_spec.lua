--- A Maildir as an adapter: the files are those that mail programs expect.
local errors_of = function(fn, ...) local ok, err = pcall(fn, ...) return not ok and err or nil end
local file = require "file"
local maildir = require "adapter.maildir"
local mime = require "mime"
local settings = require "settings"

local key = "run_1/2"

describe("a maildir", function()
  local home, one

  before_each(function()
    home = os.tmpname()
    os.remove(home)
    one = maildir.open({ home = home, clock = function() return 1772704800000 end }, "mail", { use = "maildir", path = "box", from = "Mira <mira@x.example>" })
  end)
  after_each(function() os.execute("rm -rf '" .. home .. "'") end)

  local function perform(op, args, with_key)
    args.op = op
    return one:op(op).perform({ args = args }, with_key or key)
  end

  local function deliver(name, text)
    assert(file.mkdir(home .. "/box/new"))
    assert(file.write(home .. "/box/new/" .. name, text or ("From: a@b.example\nSubject: " .. name .. "\n\nhello " .. name .. "\n")))
  end

  it("sends a mail once for a key, and finds it again by the key", function()
    local send = one:op "send"
    local args = { op = "send", to = "ines@fernline.example", subject = "Olá", body = "text" }
    assert.equal("not", (send.probe({ args = args }, key)))
    local result = assert(perform("send", args))
    assert.same(result, assert(perform("send", args)))
    local names = file.list(home .. "/box/.Sent/new")
    assert.equal(1, #names)
    assert.same({}, file.list(home .. "/box/.Sent/tmp"))
    local mail = mime.parse(file.read(home .. "/box/.Sent/new/" .. names[1]))
    assert.same({ result.message_id, "Olá", "text" }, { mail.message_id, mail.subject, mail.body })
    assert.same({ "happened", result }, { send.probe({ args = args }, key) })
    assert(perform("send", args, "run_1/3"))
    assert.equal(2, #file.list(home .. "/box/.Sent/new"))
  end)

  it("knows a mail that it sent when a mail program has moved it to cur", function()
    local args = { op = "send", to = "ines@fernline.example" }
    assert(perform("send", args))
    local name = file.list(home .. "/box/.Sent/new")[1]
    assert(os.rename(home .. "/box/.Sent/new/" .. name, home .. "/box/.Sent/cur/" .. name .. ":2,S"))
    assert.equal("happened", (one:op("send").probe({ args = args }, key)))
    assert(perform("send", args))
    assert.same({}, file.list(home .. "/box/.Sent/new"))
  end)

  it("writes a mail again when a crash left half of it in tmp", function()
    assert(file.mkdir(home .. "/box/.Sent/tmp"))
    local args = { op = "send", to = "ines@fernline.example", body = "whole" }
    local other = assert(perform("send", args, "other"))
    assert.is_truthy(other)
    local name = file.list(home .. "/box/.Sent/new")[1]
    os.rename(home .. "/box/.Sent/new/" .. name, home .. "/box/.Sent/tmp/" .. name)
    assert.equal("not", (one:op("send").probe({ args = args }, "other")))
    assert(perform("send", args, "other"))
    assert.equal(1, #file.list(home .. "/box/.Sent/new"))
  end)

  it("lists, reads and searches, newest first", function()
    deliver "1000.a"
    deliver "2000.b"
    local list = assert(perform("list", {})).mails
    assert.same({ "2000.b", "1000.a" }, { list[1].id, list[2].id })
    assert.equal("external", list[1].trust)
    local mail = assert(perform("read", { id = "1000.a" }))
    assert.same({ "hello 1000.a", "external", "INBOX" }, { mail.body, mail.trust, mail.folder })
    list = assert(perform("search", { text = "HELLO 2" })).mails
    assert.same({ 1, "2000.b" }, { #list, list[1].id })
    local _, err = perform("read", { id = "nothing" })
    assert.equal("not_found", err.code)
  end)

  it("moves a mail and takes that back", function()
    deliver "1000.a"
    local args = { id = "1000.a", to = "Clients" }
    assert.same({ id = "1000.a", folder = "Clients" }, perform("move", args))
    assert.same({ id = "1000.a", folder = "Clients" }, perform("move", args))
    assert.equal(1, #file.list(home .. "/box/.Clients/new"))
    assert.equal("happened", (one:op("move").probe({ args = args }, key)))
    assert(one:op("move").undo({ args = args }, key, {}))
    assert.equal(1, #file.list(home .. "/box/new"))
    assert.equal("not", (one:op("move").probe({ args = args }, key)))
  end)

  it("flags a mail and takes that back", function()
    deliver "1000.a"
    local args = { id = "1000.a", add = { "seen", "flagged" } }
    local result = assert(perform("flag", args))
    assert.same({ "flagged", "seen" }, { table.unpack(result.flags) })
    assert.same({ "1000.a:2,FS" }, file.list(home .. "/box/cur"))
    assert.equal(0, #assert(perform("list", { unseen = true })).mails)
    assert(one:op("flag").undo({ args = args }, key, result))
    assert.same({ "1000.a:2," }, file.list(home .. "/box/cur"))
  end)

  it("fetches what is new, each mail once along its cursor", function()
    deliver "1000.a"
    deliver "2000.b"
    local first = assert(perform("fetch_new", { limit = 1 }))
    assert.same({ "1000.a", "1000.a" }, { first.cursor, first.mails[1].id })
    local second = assert(perform("fetch_new", { cursor = first.cursor }))
    assert.same({ 1, "2000.b" }, { #second.mails, second.cursor })
    assert.equal(0, #assert(perform("fetch_new", { cursor = second.cursor })).mails)
  end)

  it("stays inside its folder", function()
    for _, folder in ipairs { "../x", "a/b", "..", ".x", "a\0" } do
      assert.equal("wrong_use", errors_of(perform, "list", { folder = folder }).code)
    end
    assert(file.mkdir(home .. "/box/new"))
    assert(file.write(home .. "/secret", "From: a@b.example\n\nsecret"))
    assert(file.symlink(home .. "/secret", home .. "/box/new/3000.x"))
    assert.equal(0, #assert(perform("list", {})).mails)
  end)

  it("says what is wrong with an argument", function()
    assert.match("takes no 'subjct', did you mean 'subject'", errors_of(perform, "send", { to = "a@b.example", subjct = "x" }).message)
    assert.match("needs 'to'", errors_of(perform, "send", {}).message)
    assert.match("'to' is of type integer, it must be text, or a list", errors_of(perform, "send", { to = 7 }).message)
    assert.match("line ends", errors_of(perform, "send", { to = "a@b.example", subject = "a\nBcc: c@d.example" }).message)
    assert.match("did you mean 'seen'", errors_of(perform, "flag", { id = "x", add = { "sen" } }).message)
    assert.is_nil(one:op "sent")
  end)

  it("reads odd mails without failing", function()
    local shared = "../shared/data/mail"
    local names = file.list(shared)
    if not names then pending "../shared/data/mail is absent" return end
    local count = 0
    for _, name in ipairs(names) do
      if name:find("%.eml$") then
        count = count + 1
        deliver(("%04d.%s"):format(count, name), file.read(shared .. "/" .. name))
      end
    end
    assert.is_true(count > 40)
    local got = assert(perform("fetch_new", { limit = 1000 }))
    assert.equal(count, #got.mails)
    assert(require("json").pack(got))
  end)

  it("is checked in config.lua", function()
    assert(settings.from_source('return { adapters = { mail = { use = "maildir", path = "mail" } } }'))
    local _, err = settings.from_source('return { adapters = { mail = { use = "maildir", pth = "mail" } } }')
    assert.match("path", err.message .. tostring(err.suggestion))
  end)
end)
