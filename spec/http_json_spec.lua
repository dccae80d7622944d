-- The adapter for services that speak JSON: what it sends, and how it tells apart what went wrong.
local core = require "core.http"
local http_json = require "adapter.http_json"
local json = require "json"
local secret = require "secret"
local settings = require "settings"
local socket = require "socket"

describe("the http_json adapter", function()
  local server, seen, reply, base

  before_each(function()
    seen, reply = {}, { 200, {}, '{"ok":true}' }
    server = assert(core.listen("127.0.0.1", 0, {}, function(request, answer)
      seen[#seen + 1] = request
      answer(reply[1], reply[2], reply[3])
    end))
    base = ("http://127.0.0.1:%d/v1"):format(server:port())
  end)
  after_each(function() server:close() end)

  local function config(text)
    return settings.from_source(([[return { zone = "UTC", adapters = { pay = { use = "http_json", base_url = "%s", %s } } }]])
      :format(base, text), "config.lua", function() return "sk-1" end)
  end

  local ops = [[hosts = { "127.0.0.1" }, secret = env "PAY", keys = true, timeout = "200ms", ops = {
    charge = { path = "/charges", probe = "/charges/{key}", undo = "refund" }, refund = { path = "/refunds" },
    get = { path = "/charges/{id}", method = "GET" }, ring = { path = "/bell", keys = false } }]]

  local function open()
    local config_of = assert(config(ops))
    return assert(http_json.open(nil, "pay", config_of.adapters.pay))
  end

  local function perform(op, args, key)
    return open():op(op).perform({ args = args or {} }, key or "run_1/2")
  end

  it("posts the arguments as JSON, with a key and the secret", function()
    assert.same({ ok = true, key = "mine", sent = true }, perform("charge", { op = "charge", key = "mine", sum = 5 }, "mine"))
    local request = seen[1]
    assert.equal("POST", request.method)
    assert.equal("/v1/charges", request.path)
    assert.equal("mine", request.headers["idempotency-key"])
    assert.equal("Bearer sk-1", request.headers.authorization)
    assert.same({ sum = 5 }, json.decode(request.body))
  end)

  it("takes every op by its name where config.lua declares none, at most once", function()
    local one = http_json.open(nil, "pay", assert(config('secret = env "PAY"')).adapters.pay)
    local op = one:op("charge.now")
    assert.equal("at_most_once", op.effect)
    op.perform({ args = { sum = 5 } }, "mine")
    assert.equal("/v1/charge.now", seen[1].path)
    assert.is_nil(one:op("../admin"))
    one = http_json.open(nil, "pay", assert(config('keys = true, ops = { charge = {} }')).adapters.pay)
    assert.equal("idempotent", one:op("charge").effect)
    one:op("charge").perform({ args = {} }, "mine")
    assert.equal("/v1/charge", seen[2].path)
    assert.is_nil(one:op("other"))
  end)

  it("fills a path with what is asked for, escaped", function()
    perform("get", { op = "get", id = "a/b c" })
    assert.equal("/v1/charges/a/b c", seen[1].path) -- as the server decodes %2F and %20
    assert.is_nil(seen[1].headers["idempotency-key"])
    local ok, err = pcall(perform, "get", { op = "get" })
    assert.is_false(ok)
    assert.match("needs 'id'", err.message)
  end)

  it("gives an op its class: by key, at most once without, reading for GET", function()
    local one = open()
    assert.equal("idempotent", one:op("charge").effect)
    assert.equal("at_most_once", one:op("ring").effect)
    assert.equal("read", one:op("get").effect)
    assert.is_nil(one:op("nothing"))
  end)

  local function failure(status, headers, body)
    reply = { status, headers or {}, body or "" }
    local value, err = perform("charge", {})
    assert.is_nil(value)
    return err
  end

  it("knows what a refusal means for the effect", function()
    local err = failure(422, nil, '{"error":{"message":"no such card"}}')
    assert.equal("invalid_request", err.code)
    assert.match("422: no such card", err.message)
    assert.is_false(err.retry)
    assert.is_nil(err.unknown)
    assert.equal("auth", failure(401).code)
    err = failure(429, { ["Retry-After"] = "3" })
    assert.same({ "rate_limited", true, 3000 }, { err.code, err.retry, err.after_ms })
    assert.is_nil(err.unknown)
    err = failure(503, { ["Retry-After"] = "1" })
    assert.same({ "overloaded", true, true, 1000 }, { err.code, err.retry, err.unknown, err.after_ms })
    assert.is_true(failure(500).unknown)
    assert.is_false(failure(302, { Location = "http://127.0.0.1/" }).retry)
  end)

  it("never says unknown of what only reads", function()
    reply = { 500, {}, "" }
    local _, err = perform("get", { id = 1 })
    assert.equal("server_error", err.code)
    assert.is_nil(err.unknown)
  end)

  it("tells not sent from perhaps done", function()
    server:close()
    local _, err = perform("charge", {})
    assert.same({ "unreachable", true }, { err.code, err.retry })
    assert.is_nil(err.unknown)
    -- somebody who takes the request and says nothing
    local silent = assert(socket.bind("127.0.0.1", 0))
    base = ("http://127.0.0.1:%d"):format(select(2, silent:getsockname()))
    _, err = perform("charge", {})
    assert.same({ "timeout", true }, { err.code, err.unknown })
    silent:close()
    server = assert(core.listen("127.0.0.1", 0, {}, function() end))
  end)

  it("asks by key whether it happened", function()
    local probe = open():op("charge").probe
    reply = { 200, {}, '{"sum":5}' }
    local answer, result = probe({ args = {} }, "run_1/2")
    assert.same({ "happened", { sum = 5, key = "run_1/2", sent = true } }, { answer, result })
    assert.equal("/v1/charges/run_1/2", seen[1].path)
    reply = { 404, {}, "" }
    assert.equal("not", (probe({ args = {} }, "k")))
    reply = { 503, {}, "" }
    assert.equal("unknown", (probe({ args = {} }, "k")))
    assert.is_nil(open():op("ring").probe)
  end)

  it("takes an effect back by another op, under a key of its own", function()
    open():op("charge").undo({ args = { op = "charge", sum = 5 } }, "run_1/2", { id = "ch_7" })
    assert.equal("/v1/refunds", seen[1].path)
    assert.equal("run_1/2/undo", seen[1].headers["idempotency-key"])
    local body = json.decode(seen[1].body)
    assert.same({ "run_1/2", 5, "ch_7" }, { body.of, body.sum, body.id })
  end)

  it("gives what is no JSON as text", function()
    reply = { 200, {}, "fine" }
    assert.same({ status = 200, text = "fine", key = "run_1/2", sent = true }, perform("charge", {}))
    reply = { 204, {}, "" }
    assert.same({ status = 204, key = "run_1/2", sent = true }, perform("charge", {}))
    reply = { 200, {}, "[1]" }
    assert.same({ value = { 1 }, key = "run_1/2", sent = true }, perform("charge", {}))
  end)

  it("says what is wrong in config.lua, with the line", function()
    local function refused(text, what)
      local made, err = config(text)
      assert.is_nil(made)
      assert.match(what, tostring(err))
      assert.match("config.lua:1", tostring(err))
    end
    refused('ops = { a = { pth = "/a" } }', "pth")
    refused('ops = { a = { path = "a" } }', "a path like")
    refused('ops = { a = { path = "/a", undo = "b" } }', "no op 'b'")
    refused('hosts = { "api.example.com" }, ops = { a = { path = "/a" } }', "not among `hosts`")
    refused('ops = { a = { path = "/a", effect = "maybe" } }', "maybe")
  end)

  it("shows its secret to nobody", function()
    local entry = assert(config(ops)).adapters.pay
    assert.equal("sk-1", secret.reveal(entry.secret))
    assert.equal("[secret]", tostring(entry.secret))
    reply = { 401, {}, "" }
    local _, err = perform("charge", {})
    assert.is_nil(err.message:find("sk-1", 1, true))
  end)
end)
