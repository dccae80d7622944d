--- A watched mailbox on a real server, and an engine that is killed at every place where it could matter.
local home = require "spec.support.home"
local imap_client = require "adapter.imap_client"
local server = require "spec.support.server"
local servers = require "spec.mail.servers"

describe("a mailbox of dovecot that is watched", function()
  local world, h, serve, serial = nil, nil, nil, 0

  setup(function() world = servers.start() end)
  teardown(function() world:stop() end)
  after_each(function()
    if serve then serve:stop "KILL" end
    if h then h:remove() end
    h, serve = nil, nil
  end)

  local function box(fn)
    local client = assert(imap_client.open { url = "imap://127.0.0.1:" .. world.imap, user = world.user, password = world.password })
    local result = fn(client)
    client:close()
    return result
  end

  local function command(client, ...) return assert(client:command { ... }) end

  local function folder()
    serial = serial + 1
    local name = "Watched" .. serial
    box(function(client) command(client, "CREATE ", imap_client.folder(name)) end)
    return name
  end

  local function mail(n) return ("From: Ana <ana@x.example>\r\nSubject: number %d\r\nMessage-ID: <%d.%d@x.example>\r\n\r\nhello %d\r\n"):format(n, n, serial, n) end

  local function deliver(name, from, to)
    box(function(client)
      for n = from, to or from do command(client, "APPEND ", imap_client.folder(name), " ", { literal = mail(n) }) end
    end)
  end

  local agent = home.agent('ctx.records.put{ type = "mail", key = input.message_id, value = { subject = input.subject } } return input.subject',
    'on = { event = "mail.received" },')

  local function make(name, url)
    h = home.make { agents = { reader = agent }, config = ([[return { zone = "UTC",
      adapters = { mail = { use = "imap", imap = "%s", user = "%s", secret = %q, ca_file = "%s" } },
      watch = { { adapter = "mail", folder = "%s", every = "1s" } } }]]):format(url or "imap://127.0.0.1:" .. world.imap, world.user,
        world.password, world.ca, name) }
  end

  local function start(env)
    serve = assert(server.start(h, nil, env))
  end

  local function subjects()
    local list = {}
    for _, run in ipairs(serve:json "runs --agent reader --state done --limit 1000") do list[#list + 1] = run.output end
    table.sort(list)
    return table.concat(list, ", ")
  end

  local function all_are(expected)
    local got
    local ok = pcall(server.eventually, function()
      got = subjects()
      return got == expected
    end, "mails")
    assert.equal(expected, got, ok and "" or serve:messages())
  end

  it("starts an agent by each mail once, over TLS, and marks nothing", function()
    local name = folder()
    deliver(name, 1)
    make(name, "imaps://127.0.0.1:" .. world.imaps)
    start()
    deliver(name, 2, 3)
    all_are "number 2, number 3"
    serve:stop()
    deliver(name, 4)
    start()
    all_are "number 2, number 3, number 4"
    local seen = box(function(client)
      assert(client:enter(name, "EXAMINE"))
      return #assert(client:search { "SEEN" })
    end)
    assert.equal(0, seen)
  end)

  for _, point in ipairs { "mail_read:2", "emit:2", "emitted:2", "mail_taken:2", "mail_taken:4" } do
    it("loses none and doubles none when it is killed at " .. point, function()
      local name = folder()
      deliver(name, 1)
      make(name)
      start()
      serve:stop "KILL"
      deliver(name, 2, 5)
      start("KEEL_CRASH=" .. point) -- its supervisor starts it again, and there it is killed again
      serve:said "the engine is back"
      serve:stop "KILL"
      start()
      all_are "number 2, number 3, number 4, number 5"
      for _, one in ipairs(serve:json "events") do assert.equal(1, #one.deliveries) end
    end)
  end

  it("goes by the mails where the folder was made anew, with another UIDVALIDITY", function()
    local name = folder()
    deliver(name, 1)
    make(name)
    start()
    deliver(name, 2)
    all_are "number 2"
    serve:stop()
    box(function(client)
      command(client, "DELETE ", imap_client.folder(name))
      command(client, "CREATE ", imap_client.folder(name))
    end)
    deliver(name, 1, 3)
    start()
    all_are "number 2, number 3"
    serve:said "numbers its mails anew"
  end)

  it("waits for a server that is not there, and is told a wrong password once", function()
    local name = folder()
    make(name, "imaps://127.0.0.1:1")
    start()
    serve:said "K8103"
    local function rewrite(from, to)
      local text = h:read "config.lua"
      local at, stop = assert(text:find(from, 1, true))
      h:write("config.lua", text:sub(1, at - 1) .. to .. text:sub(stop + 1))
    end
    local right = ("%q"):format(world.password)
    rewrite(right, '"wrong-word"')
    rewrite('127.0.0.1:1"', "127.0.0.1:" .. world.imaps .. '"')
    serve:said "K8104"
    assert.is_nil(serve:messages():find("wrong-word", 1, true))
    local found
    for _, one in ipairs(serve:json "doctor") do found = one.check == "mailboxes" and one or found end
    assert.same({ "bad" }, { found.state })
    rewrite('"wrong-word"', right)
    serve:said "can be looked at again"
    deliver(name, 1)
    all_are "number 1"
  end)

  it("gives nothing to a server that speaks no TLS where it must", function()
    local name = folder()
    make(name, "imaps://127.0.0.1:" .. world.imap) -- a plain port
    start()
    serve:said "K8103"
    deliver(name, 1)
    assert.equal("", subjects())
  end)
end)
