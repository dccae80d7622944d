-- POST /events/TYPE: who may publish from outside, and what makes an event one.
local clock = require "core.clock"
local digest = require "core.digest"
local homes = require "spec.support.home"
local http = require "http"
local json = require "json"
local server = require "spec.support.server"

local take = [[
return agent { version = 1, on = { event = "form.submitted" }, run = function(ctx, input)
  return { name = input.name, trust = input.trust }
end }]]

describe("POST /events/TYPE", function()
  local home, served, token

  setup(function()
    home = homes.make { agents = { take = take }, config = [[return { zone = "UTC", http = { hosts = { "hooks.example" },
      webhooks = { ["form.submitted"] = { secret = "s3cret" }, ["form.other"] = { secret = "s3cret" }, ["form.open"] = {} } } }]] }
    served = assert(server.start(home, "--listen 127.0.0.1:0"))
    token = home:read("var/token"):match("%x+")
  end)

  teardown(function()
    served:stop("KILL")
    home:remove()
  end)

  local function post(kind, body, headers, method)
    local reply, message = http.request { method = method or "POST", url = served.paper.url .. "events/" .. kind,
      headers = headers, body = body, limits = { total_ms = 10000, connect_ms = 5000 } }
    assert(reply, message)
    return reply.status, json.decode(reply.body)
  end

  local function signed(body, more, at, secret)
    local timestamp = tostring(at or clock.now_ms() // 1000)
    local headers = { ["X-Keel-Timestamp"] = timestamp,
      ["X-Keel-Signature"] = "sha256=" .. digest.hmac(secret or "s3cret", timestamp .. "." .. body) }
    for name, value in pairs(more or {}) do headers[name] = value end
    return headers
  end

  local function event(id) return served:json("events show " .. id) end

  it("takes what is signed, keeps it before it answers, and calls it external", function()
    local body = '{"name":"Ana"}'
    local status, answer = post("form.submitted", body, signed(body, { Host = "hooks.example" }))
    assert.same({ 202, true }, { status, answer.new })
    local kept = event(answer.id)
    assert.same({ "form.submitted", "external", "Ana" }, { kept.type, kept.trust, kept.payload.name })
    server.eventually(function() return event(answer.id).deliveries[1] and event(answer.id).deliveries[1].run_state == "done" end)
    assert.equal("Ana", served:json("show " .. event(answer.id).deliveries[1].run).output.name)
  end)

  it("takes a captured request once, whatever key it is sent again with", function()
    local body = '{"name":"Rui"}'
    local headers = signed(body)
    local first, one = post("form.submitted", body, headers)
    local second, two = post("form.submitted", body, headers)
    headers["Idempotency-Key"] = "mine"
    local third, three = post("form.submitted", body, headers)
    assert.same({ 202, 200, 200 }, { first, second, third })
    assert.same({ one.id, one.id, false }, { two.id, three.id, three.new })
    assert.equal(2, event(one.id).duplicates)
  end)

  it("counts a key once for its type, however often it is signed anew", function()
    local now, status, answer = clock.now_ms() // 1000, nil, nil
    local body = '{"name":"Eva"}'
    status, answer = post("form.submitted", body, signed(body, { ["Idempotency-Key"] = "f-17" }, now))
    assert.equal(202, status)
    local again, same = post("form.submitted", body, signed(body, { ["Idempotency-Key"] = "f-17" }, now - 1))
    assert.same({ 200, { new = false, id = answer.id } }, { again, same })
    assert.equal("f-17", event(answer.id).key)
    -- what was signed anew is used up too
    assert.equal(200, (post("form.submitted", body, signed(body, { ["Idempotency-Key"] = "f-18" }, now - 1))))
    assert.equal(202, (post("form.other", body, signed(body, { ["Idempotency-Key"] = "f-17" }, now - 2))))
  end)

  it("refuses what is not signed, wrongly signed, or signed at another time", function()
    local body, now = '{"name":"Eve"}', clock.now_ms() // 1000
    local good = signed(body)
    local function with(name, value)
      local headers = {}
      for key, held in pairs(good) do headers[key] = held end
      headers[name] = value
      return headers
    end
    for what, headers in pairs { none = {}, unstamped = with("X-Keel-Timestamp", nil), unsigned = with("X-Keel-Signature", nil),
      other = signed(body, nil, nil, "other"), cut = with("X-Keel-Signature", good["X-Keel-Signature"]:sub(1, -2)),
      shifted = with("X-Keel-Timestamp", tostring(now + 1 + (good["X-Keel-Timestamp"] + 0))), old = signed(body, nil, now - 320),
      early = signed(body, nil, now + 320), words = signed(body, nil, "soon"), wrong = { Authorization = "Bearer " .. token:reverse() } } do
      local status, answer = post("form.submitted", body, headers)
      assert.same({ 401, "K1030" }, { status, answer.error.number }, what)
    end
    assert.equal(401, (post("form.submitted", body .. " ", good)))
    assert.equal(202, (post("form.submitted", body, signed(body, nil, now - 280))))
  end)

  it("takes no type that has no secret, but any with the owner's token", function()
    for _, kind in ipairs { "form.open", "form.unknown" } do
      local status, answer = post(kind, "{}", signed("{}"))
      assert.same({ 403, "K1031" }, { status, answer.error.number })
      status, answer = post(kind, "{}", { Authorization = "Bearer " .. token })
      assert.same({ 202, "owner" }, { status, event(answer.id).trust })
    end
  end)

  it("answers only to names that are its own", function()
    assert.equal(403, (post("form.submitted", "{}", signed("{}", { Host = "evil.example" }))))
  end)

  it("says what is wrong with a body, a type, a key or a method", function()
    local function number(kind, body, more, method)
      local status, answer = post(kind, body, signed(body, more), method)
      return { status, answer and answer.error.number }
    end
    assert.same({ 400, "K1010" }, number("form.submitted", '{"name":'))
    assert.same({ 400, "K1010" }, number("form.submitted", "\255"))
    assert.same({ 400, "K1004" }, number("form.submitted", "{}", { ["Idempotency-Key"] = ("k"):rep(257) }))
    assert.same({ 400, "K1004" }, number("form%20x", "{}"))
    assert.same({ 400, "K1004" }, number(("x"):rep(129), "{}"))
    assert.same({ 405, "K1004" }, number("form.submitted", "{}", nil, "PUT"))
    local status = post("form.submitted", (" "):rep(1200000), signed("x"))
    assert.equal(413, status)
  end)

  it("has one answer to a request of any form", function()
    local webhook = require "serve.webhook"
    local own = homes.make { agents = {}, config = [[return { http = { webhooks = { x = { secret = "k" } } } }]] }
    local e = own:open()
    finally(function() own:remove() end)
    local seed = 11
    local function dice(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return seed // 65536 % n + 1
    end
    local function text()
      local bytes = {}
      for i = 1, dice(40) - 1 do bytes[i] = string.char(dice(256) - 1) end
      return table.concat(bytes)
    end
    local function one_of(...) return (select(dice(select("#", ...)), ...)) end
    local at, seen = tostring(own.now // 1000), {}
    for _ = 1, 3000 do
      local body = one_of("{}", "[1,2]", "null", "1e999", "{", text(), '{"n":' .. dice(9) .. "}")
      local stamp = one_of(at, at, at, "", "-1", "99999999999999999999", text())
      local headers = { ["x-keel-timestamp"] = stamp, ["idempotency-key"] = one_of(nil, "k" .. dice(50), "", text()),
        ["x-keel-signature"] = one_of("sha256=" .. webhook.sign("k", stamp, body), "sha256=" .. webhook.sign("k", stamp, body),
          "sha256=", text()) }
      local answers = 0
      webhook.handle(e, { method = one_of("POST", "POST", "POST", "GET", text()), path = "/events/" .. one_of("x", "x", "x", "y", "", text()),
        headers = headers, body = body }, function(status, _, said)
        answers = answers + 1
        seen[status] = (seen[status] or 0) + 1
        local value = json.decode(said)
        assert(status < 300 and value.id or value.error.number, said)
      end, dice(20) == 1)
      assert.equal(1, answers)
    end
    assert.is_nil(e.failed)
    for _, status in ipairs { 200, 202, 400, 401, 403, 405 } do assert.is_true((seen[status] or 0) > 10, "few answers of " .. status) end
  end)
end)
