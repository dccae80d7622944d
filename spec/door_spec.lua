-- The door of `keel serve`: hostile requests on every route, sessions, slow clients, streams.
local api = require "serve.api"
local content = require "spec.support.content"
local homes = require "spec.support.home"
local http = require "http"
local json = require "json"
local server = require "spec.support.server"
local socket = require "socket"

local ask = [[
return agent { version = 1, about = "asks", on = { event = "file.created" }, run = function(ctx, input)
  return ctx.approve{ subject = input.name, proposal = { text = "draft" } }.outcome
end }]]

describe("the door", function()
  local home, served, token, item, port

  local function request(method, path, headers, body)
    local reply, message = http.request { method = method, url = served.paper.url .. path:gsub("^/", ""), headers = headers,
      body = body, limits = { total_ms = 10000, connect_ms = 5000 } }
    assert(reply, message)
    return reply.status, json.decode(reply.body), reply
  end

  local function bearer(more)
    local headers = { authorization = "Bearer " .. token }
    for name, value in pairs(more or {}) do headers[name] = value end
    return headers
  end

  local function login()
    local status, value, reply = request("POST", "login", { ["content-type"] = "application/json" }, json.encode { token = token })
    assert.equal(200, status)
    return reply.headers["set-cookie"]:match "^[^;]+", value.csrf, reply.headers["set-cookie"]
  end

  --- What stands in the store: all of it.
  local function state() return content(home.path .. "/var/keel.db") end

  local function paths_of(method)
    local list = {}
    for _, route in ipairs(api.routes) do
      if route.method == method then
        local id = route.path:find "approvals" and item.id or route.path:find "runs" and item.run or "ask"
        list[#list + 1] = (route.path:gsub("{%l+}", id))
      end
    end
    return list
  end

  setup(function()
    home = homes.make { agents = { ask = ask }, config = [[return { zone = "UTC", owner = "Mira" }]] }
    served = assert(server.start(home, "--listen 127.0.0.1:0"))
    token = home:read("var/token"):match("%x+")
    port = served.paper.listen:match("%d+$")
    served:json [[emit file.created '{"name":"one"}' --key one]]
    item = select(2, request("GET", "api/inbox", bearer()))[1]
  end)

  teardown(function()
    served:stop("KILL")
    home:remove()
  end)

  it("serves none of forty hostile requests, on any route, and nothing changes", function()
    local before, cookie, csrf = state(), login()
    local form, js, own = "application/x-www-form-urlencoded", "application/json", "http://127.0.0.1:" .. port
    local hostile = {}
    local function add(headers) hostile[#hostile + 1] = headers end
    for _, host in ipairs { "evil.example", "127.0.0.1.evil.example", "127.0.0.1:1", "localhost.evil", "0.0.0.0:" .. port,
      "evil.example:" .. port, "127.0.0.1:" .. port .. ".", "[::2]:" .. port } do
      add(bearer { host = host, ["content-type"] = js })
      add { host = host, cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = js }
    end
    for _, origin in ipairs { "null", "http://evil.example", "https://127.0.0.1:1", own .. ".evil", own .. "/", "http://localhost:" .. port,
      "file://", "http://127.0.0.1", "http://a@127.0.0.1:" .. port } do
      add { origin = origin, cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = js }
      add(bearer { origin = origin, ["content-type"] = form })
    end
    for _, site in ipairs { "cross-site", "same-site", "nonsense" } do
      add { ["sec-fetch-site"] = site, cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = js }
      add { ["sec-fetch-site"] = site, ["sec-fetch-mode"] = "navigate", ["sec-fetch-dest"] = "document", cookie = cookie,
        ["x-keel-csrf"] = csrf, ["content-type"] = form }
    end
    add { ["content-type"] = js }
    add { cookie = cookie:sub(1, -2) .. (cookie:sub(-1) == "0" and "1" or "0"), ["x-keel-csrf"] = csrf, ["content-type"] = js }
    add { cookie = "keel=" .. token, ["x-keel-csrf"] = csrf, ["content-type"] = js }
    assert.is_true(#hostile >= 40, #hostile)
    local acting = { { cookie = cookie, ["content-type"] = js }, { cookie = cookie, origin = own, ["content-type"] = form },
      { cookie = cookie, ["x-keel-csrf"] = csrf:sub(2) .. "0", ["content-type"] = js },
      { cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = "text/plain" },
      bearer { ["content-type"] = "multipart/form-data" } }
    for _, path in ipairs(paths_of "POST") do
      for _, list in ipairs { hostile, acting } do
        for _, headers in ipairs(list) do
          local status = request("POST", path, headers, "{}")
          assert.is_true(status == 401 or status == 403 or status == 415, path .. " " .. status .. " " .. json.encode(headers))
        end
      end
      for _, method in ipairs { "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "GETS" } do
        local status = request(method, path, bearer { ["content-type"] = js }, "{}")
        assert.is_true(status == 405 or status == 400 or status == 501, method .. " " .. path .. " " .. status)
      end
    end
    local reads = paths_of "GET"
    for _, path in ipairs { "/api/openapi.json", "/live", "/metrics", "/", "/approvals", "/approvals/" .. item.id, "/runs", "/runs/" .. item.run, "/why/" .. item.run,
      "/agents", "/agents/ask", "/memory", "/memory/mem_1", "/costs", "/schedules", "/events", "/event/evt_1", "/audit?verify=1", "/overrides", "/nothing" } do reads[#reads + 1] = path end
    for _, path in ipairs(reads) do
      for _, headers in ipairs(hostile) do
        headers["content-type"] = nil
        local status = request("GET", path, headers)
        local page = not path:find "^/api/" and path ~= "/live" and path ~= "/metrics" and headers["sec-fetch-mode"] ~= nil -- followed from elsewhere: shown, no more
        assert.is_true(page or status == 401 or status == 403, path .. " " .. status .. " " .. json.encode(headers))
      end
    end
    -- nor what anybody may ask for: the login, its assets, the pulse, the way out
    for _, path in ipairs { "/login", "/health", "/assets/style.css", "/logout", "/api/logout", "/events/file.created" } do
      for _, host in ipairs { "evil.example", "127.0.0.1:1", "0.0.0.0:" .. port } do
        for _, method in ipairs { "GET", "POST" } do
          assert.equal(403, (request(method, path, bearer { host = host, ["content-type"] = js }, method == "POST" and json.encode { token = token } or nil)), method .. " " .. path)
        end
      end
    end
    for _, headers in ipairs { { origin = "http://evil.example" }, { origin = "null" }, { ["sec-fetch-site"] = "cross-site" } } do
      headers["content-type"] = js
      assert.equal(403, (request("POST", "login", headers, json.encode { token = token })))
      headers.cookie, headers["x-keel-csrf"] = cookie, csrf
      assert.equal(403, (request("POST", "logout", headers, "{}")))
    end
    assert.equal(200, (request("GET", "api/runs", { cookie = cookie }))) -- nobody was logged out
    assert.equal(before, state())
  end)

  it("is not told two names, nor one in the first line and another below it", function()
    local before = state()
    local function raw(text)
      local s = assert(socket.connect("127.0.0.1", tonumber(port)))
      s:settimeout(10)
      s:send(text)
      local line = s:receive "*l" or "closed"
      s:close()
      return line
    end
    local own, tail = "127.0.0.1:" .. port, "Authorization: Bearer " .. token .. "\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"all\":true}"
    for _, head in ipairs { "POST /api/pause HTTP/1.1\r\nHost: " .. own .. "\r\nHost: evil.example\r\n", "POST /api/pause HTTP/1.1\r\nHost: evil.example\r\nHost: " .. own .. "\r\n",
      "POST /api/pause HTTP/1.1\r\n", "POST /api/pause HTTP/1.1\r\nHost:\r\n", "POST http://evil.example/api/pause HTTP/1.1\r\nHost: " .. own .. "\r\n",
      "POST /api/pause HTTP/1.1\r\nHost: " .. own .. ", evil.example\r\n", "POST /api/pause HTTP/1.1\r\nHost: " .. own .. "\r\n evil.example\r\n",
      "POST //api/pause HTTP/1.1\r\nHost: " .. own .. "\r\nOrigin: http://evil.example\r\n", "POST /api/pause HTTP/1.1\r\nHost : " .. own .. "\r\n" } do
      local line = raw(head .. tail)
      assert.is_true(line == "closed" or line:find " 4%d%d" ~= nil, head .. line)
    end
    assert.equal(before, state())
  end)

  it("tries every route that it describes", function()
    local _, paper = request("GET", "api/openapi.json", bearer())
    local tried, described = {}, 0
    for _, method in ipairs { "GET", "POST" } do
      for _, path in ipairs(paths_of(method)) do
        local route = api.route { method = method, path = path }
        tried[method:lower() .. " " .. route.path] = true
      end
    end
    for path, operations in pairs(paper.paths) do
      for method in pairs(operations) do
        described = described + 1
        assert.is_true(tried[method .. " " .. path], method .. " " .. path)
      end
    end
    assert.is_true(described > 40, described)
  end)

  it("changes nothing when anything is read", function()
    local before = state()
    for _, method in ipairs { "GET", "HEAD" } do
      for _, list in ipairs { paths_of "GET", paths_of "POST", { "/logout", "/api/openapi.json", "/metrics", "/health", "/login" } } do
        for _, path in ipairs(list) do assert.is_true(request(method, path, bearer()) < 600, path) end
      end
    end
    assert.equal(before, state())
  end)

  it("lets who shows the token act from a page, with what that page knows", function()
    local cookie, csrf, whole = login()
    assert.matches("HttpOnly; SameSite=Strict; Path=/", whole, 1, true)
    assert.equal(200, (request("GET", "api/runs", { cookie = cookie })))
    local own = "http://127.0.0.1:" .. port
    local status, _, reply = request("POST", "api/pause", { cookie = cookie, origin = own, ["sec-fetch-site"] = "same-origin",
      ["content-type"] = "application/x-www-form-urlencoded" }, "csrf=" .. csrf .. "&all=true&note=a+b&back=/runs%3Fx%3D1")
    assert.same({ 303, "/runs?x=1" }, { status, reply.headers.location })
    assert.equal(200, (request("POST", "api/resume", { cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = "application/json" }, '{"all":true}')))
    assert.matches("default-src 'none'", reply.headers["content-security-policy"], 1, true)
    assert.equal(200, (request("POST", "logout", { cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = "application/json" }, "{}")))
    assert.equal(401, (request("GET", "api/runs", { cookie = cookie })))
  end)

  it("writes into the audit trail from where each act came", function()
    local cookie, csrf = login()
    home:write("agents/tick.lua", 'return agent { version = 1, on = { { cron = "0 9 * * *" }, { event = "tick.wanted" } }, input = { type = "object", required = { "n" } }, run = function() return 1 end }')
    server.eventually(function() return select(2, request("GET", "api/agents/tick", bearer())).version == 1 end, "the agent is there")
    local open = {}
    for _, name in ipairs { "approve", "reject", "edit", "batch", "run" } do
      local _, event = request("POST", "api/events", bearer { ["content-type"] = "application/json" }, json.encode { type = "file.created", payload = { name = name }, key = "web-" .. name })
      assert.is_true(event.new)
    end
    server.eventually(function()
      for _, one in ipairs(select(2, request("GET", "api/inbox", bearer()))) do open[one.subject] = one end
      return open.run and open.batch and open.edit and open.reject and open.approve
    end, "five questions")
    local _, dead = request("POST", "api/events", bearer { ["content-type"] = "application/json" }, '{"type":"tick.wanted","payload":{}}')
    local function rows()
      local seen = {}
      for _, row in ipairs(select(2, request("GET", "api/audit?limit=1000", bearer()))) do seen[row.id] = row end
      return seen
    end
    local acts = { -- the route, what it brings, and what the trail says of it
      { "approvals/" .. open.approve.id .. "/snooze", { ["for"] = "1h" }, "approval.snoozed" },
      { "approvals/" .. open.approve.id .. "/approve", {}, "approval.approved" }, { "approvals/" .. open.approve.id .. "/recall", {}, "approval.recalled" },
      { "approvals/" .. open.reject.id .. "/reject", { note = "no" }, "approval.rejected" },
      { "approvals/" .. open.edit.id .. "/edit", { edit = { text = "other" } }, "approval.edited" },
      { "approvals/batch", { state = "approved", items = { { id = open.batch.id, digest = open.batch.digest } } }, "approval.approved" },
      { "runs/" .. open.run.run .. "/pause", {}, "pause" }, { "runs/" .. open.run.run .. "/resume", {}, "resume" },
      { "runs/" .. open.run.run .. "/cancel", {}, "cancel" }, { "pause", { all = true }, "pause" }, { "resume", { all = true }, "resume" },
      { "runs/" .. open.reject.run .. "/fork", { seq = 1 }, nil },
      { "agents/tick/disable", {}, "agent.off" }, { "agents/tick/enable", {}, "agent.on" }, { "budget", { scope = "agent:tick", window = "day", limit = "$1.00" }, "budget.set" },
      { "schedules/tick/pause", {}, "schedule.pause" }, { "schedules/tick/resume", {}, "schedule.resume" },
      { "dead/retry", { id = dead.id }, "events.retry" }, { "dead/drop", { id = dead.id }, "events.drop" },
    }
    for _, act in ipairs(acts) do
      local before, found = rows(), {}
      local status, _, reply = request("POST", "api/" .. act[1], { cookie = cookie, ["x-keel-csrf"] = csrf, ["content-type"] = "application/json" }, json.encode(act[2]))
      assert.is_true(status == 200 or act[3] == nil, act[1] .. " " .. reply.body)
      for id, row in pairs(rows()) do
        if not before[id] and row.who == "Mira" then
          found[row.what] = true
          assert.equal("web", row.channel, act[1] .. ": " .. json.encode(row))
        end
      end
      assert.is_true(act[3] == nil or found[act[3]] == true, act[1] .. " is not in the trail as " .. tostring(act[3]))
    end
    served:json "agents disable tick"
    local newest = select(2, request("GET", "api/audit?limit=1", bearer()))[1]
    assert.same({ "agent.off", "cli" }, { newest.what, newest.channel })
  end)

  it("sends people to the login, programs an error, and nobody elsewhere", function()
    local status, _, reply = request("GET", "runs/x", { accept = "text/html" })
    assert.same({ 303, "/login?next=/runs/x" }, { status, reply.headers.location })
    assert.equal(401, (request("GET", "api/runs", { accept = "text/html" })))
    for _, back in ipairs { "//evil.example", "https://evil.example", "/\\evil.example", "/a%0d%0aX: y" } do
      local _, _, away = request("POST", "login", { ["content-type"] = "application/x-www-form-urlencoded" }, "token=" .. token .. "&next=" .. back)
      assert.equal("/", away.headers.location, back)
    end
  end)

  it("describes its routes, and packs what is long", function()
    local _, _, reply = request("GET", "api/openapi.json", bearer { ["accept-encoding"] = "gzip" })
    local status, paper = request("GET", "api/openapi.json", bearer())
    assert.equal(200, status)
    assert.equal("3.1.0", paper.openapi)
    for _, route in ipairs(api.routes) do assert.is_table(paper.paths[route.path][route.method:lower()]) end
    assert.equal("gzip", reply.headers["content-encoding"])
    assert.same(paper, json.decode(reply.body)) -- the client unpacked it
  end)

  it("tells open pages what changed", function()
    local s = assert(socket.connect("127.0.0.1", tonumber(port)))
    s:settimeout(10)
    s:send(("GET /live HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\nAuthorization: Bearer %s\r\n\r\n"):format(token))
    local function heard(text)
      local line
      repeat line = assert(s:receive "*l") until line:find(text, 1, true)
      return line
    end
    heard "text/event-stream"
    heard '{"what":["all"]}'
    served:json [[emit file.created '{"name":"two"}' --key two]]
    heard '"run:run_'
    s:close()
    for _ = 1, 40 do -- who left makes room
      local other = assert(socket.connect("127.0.0.1", tonumber(port)))
      other:settimeout(10)
      other:send(("GET /live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"):format(token))
      assert.matches("200", assert(other:receive "*l"))
      other:close()
    end
  end)

  it("keeps a session over a restart of the engine", function()
    local cookie = login()
    local pid = served:now().pid
    server.kill(pid, "KILL")
    server.eventually(function() return served:now().pid ~= pid and pcall(request, "GET", "health") end, "coming back")
    assert.equal(200, (request("GET", "api/runs", { cookie = cookie })))
  end)

  it("looks at no token for a while when five were wrong", function()
    local js = { ["content-type"] = "application/json" }
    for _ = 1, 5 do assert.equal(401, (request("POST", "login", js, '{"token":"00"}'))) end
    local status, _, reply = request("POST", "login", js, json.encode { token = token })
    assert.equal(429, status)
    assert.is_true(tonumber(reply.headers["retry-after"]) <= 60)
    assert.equal(200, (request("GET", "api/runs", bearer())))
  end)
end)

describe("a server of core.http", function()
  local core, loop = require "core.http", require "loop"

  it("hangs up on who sends too slowly, and on a stream's reader who lags", function()
    local stream, gone
    local one <close> = assert(core.listen("127.0.0.1", 0, { head_ms = 60, whole_ms = 120 }, function() end))
    local other <close> = assert(core.listen("127.0.0.1", 0, {}, function(_, _, open)
      stream = open(200, {}, 1 << 20, function() gone = true end)
    end))
    local function closed(s)
      s:settimeout(0)
      return server.eventually(function() return select(2, s:receive(1)) == "closed" end, "hanging up")
    end
    local function connect(to) return assert(socket.connect("127.0.0.1", to:port())) end
    local head, body = connect(one), connect(one)
    head:send "GET / HTTP/1.1\r\nHost: "
    body:send "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    assert.is_true(closed(head) and closed(body))
    local lag = connect(other)
    lag:send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    server.eventually(function() return stream end, "a stream")
    local sent = 0
    server.eventually(function()
      loop.turn(false)
      for _ = 1, 64 do if stream:send(("x"):rep(65536)) then sent = sent + 65536 end end
      return gone
    end, "cutting")
    assert.is_false(stream:send "more")
    assert.is_true(sent < 64 << 20)
  end)
end)

describe("sessions", function()
  local sessions = require "serve.sessions"
  local token = ("ab"):rep(32)

  it("end after twelve idle hours, when given up, and when there are too many", function()
    local now, path = 1000, os.tmpname()
    finally(function() os.remove(path) end)
    local function open() return sessions.open { token = token, path = path, now = function() return now end } end
    local s = open()
    local function header(cookie) return "a=b; keel=" .. cookie end
    local _, cookie = s:login(token)
    now = now + 11 * 3600000
    local session, renewed = s:find(header(cookie))
    assert.is_string(renewed)
    assert.equal(session.csrf, open():find(header(renewed)).csrf)
    now = now + 13 * 3600000
    assert.is_nil((s:find(header(renewed))))
    assert.is_nil((open():find(header(renewed))))
    local kept
    session, kept = s:login(token)
    s:close(session)
    assert.is_nil((open():find(header(kept)))) -- the signature holds, the session does not
    local first = select(2, s:login(token))
    for _ = 1, 25 do
      now = now + 1
      s:login(token)
    end
    assert.is_nil((s:find(header(first))))
    assert.is_nil((sessions.open { token = ("cd"):rep(32), path = path, now = function() return now end }:find(header(first))))
  end)
end)
