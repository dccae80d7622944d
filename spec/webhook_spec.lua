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
end)
