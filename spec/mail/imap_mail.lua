--- The imap adapter against servers as they are in the world: dovecot and aiosmtpd.
local imap = require "adapter.imap"
local home = require "spec.support.home"
local imap_client = require "adapter.imap_client"
local lab = require "spec.crash.lab"
local loop = require "loop"
local mime = require "mime"
local server = require "spec.support.server"
local servers = require "spec.mail.servers"
local settings = require "settings"
local smtp_client = require "adapter.smtp_client"
local stream = require "stream"

describe("mail over IMAP and SMTP", function()
  local world, serial = nil, 0

  setup(function() world = servers.start() end)
  teardown(function() world:stop() end)

  --- The adapter as config.lua makes it; `given` changes its fields.
  local function open(given)
    given = given or {}
    local text = ([[return { zone = "UTC", adapters = { mail = { use = "imap", imap = "%s", smtp = "%s", user = "%s", secret = env "PW",
      from = "Mira <mira@studio.example>", timeout = "%s", folders = { sent = "%s" }, ca_file = %s } } }]])
      :format(given.imap or "imap://127.0.0.1:" .. world.imap, given.smtp or "smtp://127.0.0.1:" .. world.smtp, world.user,
        given.timeout or "5s", given.sent or "Sent", given.ca and ("%q"):format(given.ca) or "nil")
    local config = assert(settings.from_source(text, "config.lua", function() return given.password or world.password end))
    return imap.open({ home = "/", clock = function() return 1772704800000 end }, "mail", config.adapters.mail)
  end

  local function perform(one, op, args, key)
    args.op = op
    return one:op(op).perform({ args = args }, key or "run_1/2")
  end

  local function probe(one, args, key) return one:op("send").probe({ args = args }, key) end

  --- A key that no test had before.
  local function fresh()
    serial = serial + 1
    return "run_1/" .. serial
  end

  local function box(fn)
    local client = assert(imap_client.open { url = "imap://127.0.0.1:" .. world.imap, user = world.user, password = world.password })
    local result = fn(client)
    client:close()
    return result
  end

  local function folder(name)
    return box(function(client)
      assert(client:command { "CREATE ", imap_client.folder(name) })
      return name
    end)
  end

  local function deliver(name, text, flags)
    box(function(client)
      assert(client:command { "APPEND ", imap_client.folder(name), " (" .. (flags or "") .. ") ", { literal = (text:gsub("\r?\n", "\r\n")) } })
    end)
  end

  local function mail(n, more) return ("From: Ana <ana@x.example>\nSubject: number %d\nMessage-ID: <%d@x.example>\n%s\nhello %d\n"):format(n, n, more or "", n) end

  --- The flags of what lies in a folder under a Message-ID.
  local function filed(id, name)
    local list = assert(perform(open(), "search", { folder = name or "Sent", message_id = id })).mails
    return #list, list[1] and table.concat(list[1].flags, " ")
  end

  local function count(to)
    local n = 0
    for _, one in ipairs(world:taken()) do n = n + (one.to:find(to, 1, true) and 1 or 0) end
    return n
  end

  describe("sending", function()
    it("hands a mail over, files it, and does neither a second time", function()
      local one, key = open(), fresh()
      local args = { to = { "Ines <ines@fernline.example>", "b@fernline.example" }, bcc = "c@fernline.example", subject = "Olá", body = ".dot\n..two\ntext\n" }
      local result = assert(perform(one, "send", args, key))
      assert.same({ true, "Sent" }, { result.sent, result.folder })
      local taken = world:taken()
      local last = taken[#taken]
      assert.same({ "mira@studio.example", "ines@fernline.example,b@fernline.example,c@fernline.example" }, { last.from, last.to })
      local read = mime.parse(last.mail)
      assert.same({ result.message_id, "Olá", ".dot\n..two\ntext" }, { read.message_id, read.subject, read.body })
      assert.same({ 1, "seen" }, { filed(result.message_id) })
      assert.same(result, assert(perform(one, "send", args, key)))
      assert.equal(#taken, #world:taken())
      assert.same({ "happened", result }, { probe(one, args, key) })
    end)

    it("knows that nothing was sent under a key that is not in the folder", function()
      assert.equal("not", (probe(open(), { to = "a@b.example" }, fresh())))
    end)

    for _, case in ipairs {
      { "later@x.example", "overloaded", true }, { "later-data@x.example", "overloaded", true },
      { "never@x.example", "refused", false }, { "never-data@x.example", "refused", false },
    } do
      it("tells a refusal for " .. case[1] .. " by what it means", function()
        local one, key, args = open(), fresh(), { to = case[1], subject = "x" }
        local result, err = perform(one, "send", args, key)
        assert.is_nil(result)
        assert.same({ case[2], case[3] }, { err.code, err.retry })
        assert.is_nil(err.unknown)
        assert.match("the server said [45]5%d", err.message)
        assert.equal("not", (probe(one, args, key)))
        assert.equal(0, count(case[1]))
      end)
    end

    it("sends to none where one of them is refused", function()
      local _, err = perform(open(), "send", { to = { "good@x.example", "never@x.example" } }, fresh())
      assert.match("the recipient never@x.example", err.message)
      assert.equal(0, count "good@x.example")
    end)

    it("says that nobody knows when the server goes after the whole mail, and so says the probe", function()
      local one, key, args = open(), fresh(), { to = "cut@x.example", subject = "x" }
      local _, err = perform(one, "send", args, key)
      assert.same({ "connection_lost", true }, { err.code, err.unknown })
      assert.equal("unknown", (probe(one, args, key)))
      assert.equal(1, count "cut@x.example")
    end)

    it("says the same of a server that does not answer", function()
      local one, key, args = open { timeout = "300ms" }, fresh(), { to = "deaf@x.example" }
      local _, err = perform(one, "send", args, key)
      assert.same({ "timeout", true }, { err.code, err.unknown })
      assert.equal("unknown", (probe(open(), args, key)))
    end)

    it("knows that a mail of which the last bytes never left was not sent", function()
      local bytes = "From: a@b.example\r\n\r\n" .. ("x"):rep(70):rep(1, "\r\n") .. ("\r\n" .. ("y"):rep(70)):rep(400000)
      local _, err = smtp_client.send({ url = "smtp://127.0.0.1:" .. world.smtp, user = world.user, password = world.password },
        { from = "a@b.example", to = { "half@x.example" } }, bytes)
      assert.same({ "connection_lost", true }, { err.code, err.retry })
      assert.is_nil(err.unknown)
    end)

    it("takes up the trace of a try that surely did not send", function()
      local one, key = open(), fresh()
      local args = { to = "ines@fernline.example", subject = "second" }
      local id = require("mail_message").id_of("mail", key, "mira@studio.example")
      deliver("Sent", ("From: mira@studio.example\nMessage-ID: %s\n\nx\n"):format(id), "\\Seen \\Draft")
      assert.equal("unknown", (probe(one, args, key)))
      assert(perform(one, "send", args, key))
      assert.same({ 1, "seen" }, { filed(id) })
      assert.equal("happened", (probe(one, args, key)))
    end)

    it("makes the folder for what was sent, whatever its name", function()
      local one = open { sent = "Enviadas é & \\\"co\\\"" }
      local result = assert(perform(one, "send", { to = "ines@fernline.example" }, fresh()))
      assert.same({ 1, "seen" }, { filed(result.message_id, 'Enviadas é & "co"') })
    end)
  end)

  describe("in the engine", function()
    local at
    after_each(function() at:remove() end)

    local function make_home()
      at = home.make { config = ([[return { zone = "UTC", owner = "Mira", adapters = { mail = { use = "imap", imap = "imap://127.0.0.1:%d",
        smtp = "smtp://127.0.0.1:%s", user = "%s", secret = %q, timeout = "5s" } } }]])
          :format(world.imap, world.smtp, world.user, world.password),
        agents = { hello = home.agent('return ctx.skill.mail{ op = "send", key = input.key, to = input.to, subject = "x", body = "x" }', 'uses = { "mail" },') } }
    end

    local function open_home()
      make_home()
      at:open()
    end

    --- The run goes on after the kill: its state then, and how often the mail was sent.
    local function after_kill(to)
      at:open()
      assert(at.engine:drain())
      local runs = at.engine:list()
      assert.equal(1, #runs)
      return runs[1].state, count(to)
    end

    for place, want in pairs { before_effect = { "done", 1 }, mail_filed = { "needs_reconciliation", 0 },
      mail_sent = { "needs_reconciliation", 1 }, after_effect = { "done", 1 } } do
      it("sends a mail at most once when it is killed at " .. place, function()
        make_home()
        local to = place:gsub("_", "-") .. "@kill.example"
        at:write("input.json", ('{"key": "%s", "to": "%s"}'):format(place, to))
        local done = lab.keel(at.path, "run hello --input " .. at.path .. "/input.json", { before = ("KEEL_CRASH=%s:1"):format(place) })
        assert.equal(137, done.code, done.err)
        assert.same(want, { after_kill(to) })
      end)
    end

    it("asks the owner when it is killed while the server has the mail and says nothing", function()
      make_home()
      at:write("input.json", '{"key": "deaf", "to": "deaf@kill.example"}')
      local pipe = io.popen(("'%s' run hello --home %s --input %s/input.json >/dev/null 2>&1 & echo $!"):format(require "spec.support.program", at.path, at.path))
      local pid = pipe:read "l"
      pipe:close()
      server.eventually(function() return count "deaf@kill.example" == 1 end, "the mail is taken")
      server.kill(tonumber(pid), "KILL")
      server.eventually(function() return not os.execute(("kill -0 %s 2>/dev/null"):format(pid)) end, "the engine is dead")
      assert.same({ "needs_reconciliation", 1 }, { after_kill "deaf@kill.example" })
    end)

    it("sends one mail for two runs with one key", function()
      open_home()
      for _ = 1, 2 do assert.equal("done", at:run("hello", { key = "hello", to = "once@x.example" }).state) end
      assert.equal(1, count "once@x.example")
    end)

    it("asks the owner when nobody knows whether a mail was sent, and sends it no second time", function()
      open_home()
      local run = at:run("hello", { key = "perhaps", to = "cut@y.example" })
      local questions = {}
      for _, row in ipairs(at.engine:approvals { state = "open" }) do questions[#questions + 1] = row.kind end
      assert.same({ "needs_reconciliation", "reconcile" }, { run.state, table.concat(questions, " ") })
      assert(at.engine:reconcile(at.engine:inbox()[1].id, { answer = "happened" }))
      assert(at.engine:drain())
      assert.equal("done", at.engine:describe(run.run).state)
      assert.equal(1, count "cut@y.example")
    end)
  end)

  describe("connecting", function()
    it("is told a wrong password by both servers, and tries it once", function()
      local one, args = open { password = "wrong" }, { to = "a@b.example" }
      local _, err = perform(one, "send", args, fresh())
      assert.same({ "auth", false }, { err.code, err.retry })
      assert.is_nil(err.message:find("wrong", 1, true))
      assert.equal("unknown", (probe(one, args, "x")))
      local _, why = smtp_client.send({ url = "smtp://127.0.0.1:" .. world.smtp, user = world.user, password = "wrong" }, { from = "a@b.example", to = { "a@b.example" } }, "x")
      assert.same({ "auth", false }, { why.code, why.retry })
    end)

    it("tries again where no server is, and nothing was sent", function()
      local _, err = perform(open { imap = "imap://127.0.0.1:1" }, "list", {})
      assert.same({ "unreachable", true }, { err.code, err.retry })
      local one, key, args = open { smtp = "smtp://127.0.0.1:1" }, fresh(), { to = "a@b.example" }
      _, err = perform(one, "send", args, key)
      assert.same({ "unreachable", true }, { err.code, err.retry })
      assert.is_nil(err.unknown)
      assert.equal("not", (probe(one, args, key)))
    end)

    it("verifies certificates", function()
      local urls = { imap = "imaps://127.0.0.1:" .. world.imaps, smtp = "smtps://127.0.0.1:" .. world.smtps }
      local _, err = perform(open(urls), "list", {})
      assert.same({ "tls", false }, { err.code, err.retry })
      urls.ca = world.ca
      assert(perform(open(urls), "send", { to = "tls@x.example" }, fresh()))
      assert.equal(1, count "tls@x.example")
    end)

    it("becomes TLS before it says a word to other machines, and refuses a server that cannot", function()
      assert.is_true(imap.must_become_tls "imap://mail.example")
      assert.is_true(imap.must_become_tls "smtp://127.0.0.1.mail.example:25")
      for _, url in ipairs { "imap://127.0.0.1", "smtp://localhost:25", "imap://[::1]:143", "imaps://mail.example" } do
        assert.is_false(imap.must_become_tls(url))
      end
      local given = { url = "smtp://127.0.0.1:" .. world.smtp_starttls, user = world.user, password = world.password, starttls = true }
      local _, err = stream.open(given)
      assert.equal("tls", err.code)
      given.ca_file = world.ca
      assert(stream.open(given)):close()
      given.url = "imap://127.0.0.1:" .. world.imap
      assert(stream.open(given)):close()
      given.url = "smtp://127.0.0.1:" .. world.smtp
      _, err = stream.open(given)
      assert.same({ "tls", false }, { err.code, err.retry })
    end)

    it("lets the loop turn meanwhile", function()
      local beats, done = 0, nil
      local timer = loop.timer(5, function() beats = beats + 1 end, 5)
      loop.spawn(function() done = { perform(open { timeout = "300ms" }, "send", { to = "deaf@x.example" }, fresh()) } end)
      while not done do loop.turn(true) end
      timer:stop()
      assert.equal("timeout", done[2].code)
      assert.is_true(beats > 20, beats .. " beats in 300 ms")
    end)
  end)

  describe("reading", function()
    it("lists, reads and searches, newest first, and marks nothing as seen", function()
      local one, name = open(), folder "Box"
      for n = 1, 3 do deliver(name, mail(n), n == 2 and "\\Seen" or "") end
      local list = assert(perform(one, "list", { folder = name })).mails
      assert.same({ "number 3", "number 2", "number 1" }, { list[1].subject, list[2].subject, list[3].subject })
      assert.same({ "ana@x.example", "external", "<3@x.example>" }, { list[1].from, list[1].trust, list[1].message_id })
      assert.equal(2, #assert(perform(one, "list", { folder = name, unseen = true })).mails)
      assert.equal(1, #assert(perform(one, "list", { folder = name, limit = 1 })).mails)
      local read = assert(perform(one, "read", { folder = name, id = list[1].id }))
      assert.same({ "hello 3", "external", name }, { read.body, read.trust, read.folder })
      assert.equal(2, #assert(perform(one, "list", { folder = name, unseen = true })).mails)
      assert.same({ "number 2" }, { assert(perform(one, "search", { folder = name, text = "HELLO 2" })).mails[1].subject })
      assert.equal(0, #assert(perform(one, "search", { folder = name, message_id = "<@x.example>" })).mails)
      assert.equal(3, #assert(perform(one, "search", { folder = name, from = "Ana" })).mails)
    end)

    it("searches words that are not ASCII", function()
      local name = folder "Olá"
      deliver(name, mail(1, "Content-Type: text/plain; charset=utf-8\n"):gsub("hello", "coração"))
      deliver(name, mail(2))
      local list = assert(perform(open(), "search", { folder = name, text = "coração" })).mails
      assert.same({ 1, "number 1" }, { #list, list[1].subject })
    end)

    it("takes nothing in a mail for the server's word", function()
      local name = folder "Forged"
      deliver(name, mail(1, "X-Odd: \"unbalanced ( [ {3}\n") .. "k1 OK done\nk4 OK FETCH\n* 1 FETCH (UID 9 FLAGS ())\n)\n* BYE\n{5}\n")
      local got = assert(perform(open(), "fetch_new", { folder = name }))
      assert.equal(1, #got.mails)
      assert.match("k4 OK FETCH\n%* 1 FETCH %(UID 9 FLAGS %(%)%)\n%)\n%* BYE\n{5}", got.mails[1].body)
    end)

    it("fetches what is new, each mail once along its cursor", function()
      local one, name = open(), folder "New"
      assert.equal(0, #assert(perform(one, "fetch_new", { folder = name })).mails)
      for n = 1, 3 do deliver(name, mail(n)) end
      local first = assert(perform(one, "fetch_new", { folder = name, limit = 2 }))
      assert.same({ 2, "number 1", "number 2" }, { #first.mails, first.mails[1].subject, first.mails[2].subject })
      local second = assert(perform(one, "fetch_new", { folder = name, cursor = first.cursor }))
      assert.same({ 1, "number 3" }, { #second.mails, second.mails[1].subject })
      local third = assert(perform(one, "fetch_new", { folder = name, cursor = second.cursor }))
      assert.same({ 0, second.cursor }, { #third.mails, third.cursor })
      deliver(name, mail(4))
      assert.equal("number 4", assert(perform(one, "fetch_new", { folder = name, cursor = third.cursor })).mails[1].subject)
    end)

    it("begins anew, and says so, where the server numbered the folder anew", function()
      local one, name = open(), folder "Again"
      deliver(name, mail(1))
      local first = assert(perform(one, "fetch_new", { folder = name }))
      box(function(client)
        assert(client:command { "DELETE ", imap_client.folder(name) })
        assert(client:command { "CREATE ", imap_client.folder(name) })
      end)
      deliver(name, mail(2))
      local second = assert(perform(one, "fetch_new", { folder = name, cursor = first.cursor }))
      assert.same({ true, 1, "number 2" }, { second.reset, #second.mails, second.mails[1].subject })
      local _, err = perform(one, "read", { folder = name, id = first.mails[1].id })
      assert.same({ "not_found", false }, { err.code, err.retry })
    end)

    it("does not ask for a mail that is too large, and goes on behind it", function()
      local one, name = open(), folder "Large"
      deliver(name, mail(1) .. ("z"):rep(76):rep(360000, "\n") .. "\n")
      deliver(name, mail(2))
      local got = assert(perform(one, "fetch_new", { folder = name }))
      assert.same({ 2, true, "number 2" }, { #got.mails, got.mails[1].unreadable, got.mails[2].subject })
      local _, err = perform(one, "read", { folder = name, id = got.mails[1].id })
      assert.equal("too_large", err.code)
    end)

    it("says that a folder or a mail is not there", function()
      local one = open()
      for _, args in ipairs { { folder = "Nowhere", id = "1.1" }, { id = "nothing" }, { id = "1.1" }, { id = "99999999999999999999.1" } } do
        local _, err = perform(one, "read", args)
        assert.same({ "not_found", false }, { err.code, err.retry })
      end
      local ok, err = pcall(perform, one, "list", { folder = "a\r\nk9 LOGOUT" })
      assert.same({ false, "wrong_use" }, { ok, err.code })
    end)
  end)

  describe("flags and folders", function()
    it("flags a mail and takes that back", function()
      local one, name = open(), folder "Flags"
      deliver(name, mail(1), "\\Answered")
      local id = assert(perform(one, "list", { folder = name })).mails[1].id
      local args = { folder = name, id = id, add = { "seen", "flagged" }, remove = { "answered" } }
      local result = assert(perform(one, "flag", args))
      assert.same({ "flagged seen", "answered" }, { table.concat(result.flags, " "), table.concat(result.before, " ") })
      local back = assert(one:op("flag").undo({ args = args }, "k", result))
      assert.same({ "answered" }, { table.concat(back.flags, " ") })
    end)

    it("moves a mail to a folder that is not there yet, and takes that back", function()
      local one, name = open(), folder "From"
      deliver(name, mail(1))
      local args = { folder = name, id = assert(perform(one, "list", { folder = name })).mails[1].id, to = "To" }
      assert.equal("not", (one:op("move").probe({ args = args }, "k")))
      local result = assert(perform(one, "move", args))
      assert.equal("hello 1", assert(perform(one, "read", { folder = "To", id = result.id })).body)
      assert.equal("unknown", (one:op("move").probe({ args = args }, "k")))
      assert(one:op("move").undo({ args = args }, "k", result))
      assert.equal(1, #assert(perform(one, "list", { folder = name })).mails)
    end)
  end)
end)
