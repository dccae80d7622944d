local homes = require "spec.support.home"
local http = require "http"
local json = require "json"
local server = require "spec.support.server"

local ask = [[
return agent { version = 1, about = "asks", on = { event = "file.created" }, run = function(ctx, input)
  local verdict = ctx.approve{ subject = input.name, proposal = { text = "draft" } }
  return { outcome = verdict.outcome, text = verdict.value.text }
end }]]

describe("keel serve over HTTP", function()
  local home, served, token

  setup(function()
    home = homes.make { agents = { ask = ask },
      config = [[return { zone = "UTC", owner = "Mira", http = { hosts = { "keel.example" } } }]] }
    served = assert(server.start(home, "--listen 127.0.0.1:0"))
    token = home:read("var/token"):match("%x+")
  end)

  teardown(function()
    served:stop("KILL")
    home:remove()
  end)

  local function request(method, path, headers, body)
    local reply, message = http.request { method = method, url = served.paper.url .. path, headers = headers,
      body = body, limits = { total_ms = 10000, connect_ms = 5000 } }
    assert(reply, message)
    return reply.status, json.decode(reply.body), reply
  end

  local function with_token(method, path, body)
    return request(method, path, { authorization = "Bearer " .. token }, body)
  end

  local function question(name)
    served:json(([[emit file.created '{"name":"%s"}' --key %s]]):format(name, name))
    local _, items = with_token("GET", "api/inbox")
    for _, item in ipairs(items) do
      if item.subject == name then return item end
    end
  end

  it("takes bytes that are no text for a wrong question, and lives on", function()
    local pid = served:now().pid
    for _, path in ipairs { "api/runs?agent=%ff", "api/runs?text=%ff%00", "api/runs?state=%c3%28", "api/runs?agent=%1b%5b2J",
      "api/runs/%ff", "%ff%1b%5b2J" } do
      local status = with_token("GET", path)
      assert.is_true(status == 200 or status == 400 or status == 404 or status == 500, path .. ": " .. tostring(status))
    end
    assert.equal(200, (request("GET", "health")))
    assert.equal(pid, served:now().pid)
  end)

  it("says where it listens, and that it is well", function()
    assert.matches("^127%.0%.0%.1:%d+$", served.paper.listen)
    assert.equal("http://" .. served.paper.listen .. "/", served.paper.url)
    local status, value = request("GET", "health")
    assert.same({ 200, { ok = true } }, { status, value })
  end)

  it("tells who holds the token how long its loop was held", function()
    assert.equal(401, (request("GET", "metrics")))
    local reply = assert(http.request { method = "GET", url = served.paper.url .. "metrics",
      headers = { authorization = "Bearer " .. token }, limits = { total_ms = 10000, connect_ms = 5000 } })
    assert.equal(200, reply.status)
    local longest = tonumber(reply.body:match('keel_loop_held_seconds{of="max"} (%S+)'))
    local p99 = tonumber(reply.body:match('keel_loop_held_seconds{of="p99"} (%S+)'))
    assert.is_true(longest > 0 and p99 <= longest)
    assert.matches("^text/plain", reply.headers["content-type"])
  end)

  it("answers nobody who calls it by a name that is not its own", function()
    local port = served.paper.listen:match("%d+$")
    local function status_for(host, path)
      return (request("GET", path or "health", { host = host, authorization = "Bearer " .. token }))
    end
    for _, host in ipairs { "localhost", "LOCALHOST:" .. port, "127.0.0.1", "127.0.0.1:" .. port, "keel.example",
      "keel.example:" .. port } do
      assert.equal(200, status_for(host), host)
    end
    for _, host in ipairs { "evil.example", "localhost.evil.example", "127.0.0.1:1", "127.0.0.1:" .. port .. "0",
      "evil.example:" .. port, "keel.example.evil" } do
      assert.equal(403, status_for(host), host)
      assert.equal(403, status_for(host, "api/inbox"), host)
    end
  end)

  it("wants the token, whole and exact", function()
    for _, headers in ipairs { {}, { authorization = "Bearer" }, { authorization = "Bearer " .. token:sub(1, 63) },
      { authorization = "Bearer " .. token .. "0" }, { authorization = "Basic " .. token },
      { authorization = token } } do
      local status, value = request("GET", "api/runs", headers)
      assert.equal(401, status)
      assert.is_string(value.error.message)
    end
    assert.equal(401, (request("POST", "api/approvals/apr_1/approve", {}, "{}")))
    assert.equal(200, (with_token("GET", "api/runs")))
  end)

  it("shows runs and the inbox as the command line does", function()
    local item = question("shown")
    local status, list = with_token("GET", "api/runs?agent=ask&state=waiting&limit=1000")
    assert.equal(200, status)
    local ids = {}
    for _, run in ipairs(list) do ids[run.run] = run end
    assert.equal("approval", ids[item.run].waiting_for)
    local _, one = with_token("GET", "api/runs/" .. item.run)
    assert.same(served:json("show " .. item.run), one)
    assert.equal(404, (with_token("GET", "api/runs/run_nothing")))
    assert.equal(400, (with_token("GET", "api/runs?limit=none")))
    assert.equal(404, (with_token("GET", "api/nothing")))
  end)

  it("decides by POST alone", function()
    local item = question("decided")
    local path = "api/approvals/" .. item.id .. "/approve"
    assert.equal(405, (with_token("GET", path)))
    local status, run = with_token("POST", path, '{"edit":{"text":"better"},"note":"shorter"}')
    assert.equal(200, status)
    assert.same({ "done", "edited", "better", "shorter" },
      { run.state, run.output.outcome, run.output.text, run.approval.note })
    local again, value = with_token("POST", path, "{}")
    assert.same({ 409, "K1014" }, { again, value.error.number })
  end)

  it("takes a no, and refuses what it does not understand", function()
    local item = question("refused")
    local path = "api/approvals/" .. item.id
    assert.equal(400, (with_token("POST", path .. "/approve", "{")))
    assert.equal(400, (with_token("POST", path .. "/approve", "[1]")))
    assert.equal(400, (with_token("POST", path .. "/approve", '{"valeu":1}')))
    assert.equal(400, (with_token("POST", path .. "/reject", '{"edit":1}')))
    assert.equal(404, (with_token("POST", "api/approvals/" .. item.id:sub(1, -2) .. "/approve", "{}")))
    assert.equal(413, (with_token("POST", path .. "/approve", (" "):rep(1200000))))
    local status, run = with_token("POST", path .. "/reject", "")
    assert.equal(200, status)
    assert.equal("rejected", run.output and run.output.outcome or run.state)
  end)

  it("says which port is taken when it was asked for", function()
    local other = homes.make {}
    local second, text = server.start(other, "--listen " .. served.paper.listen)
    other:remove()
    assert.is_nil(second)
    assert.matches("K8101", text)
  end)

  it("ends cleanly while somebody is connected", function()
    local own = homes.make { agents = { ask = ask } }
    local one = assert(server.start(own, "--listen 127.0.0.1:0"))
    assert(http.request { url = one.paper.url .. "health" })
    assert.equal(0, one:stop("TERM"))
    own:remove()
  end)
end)
