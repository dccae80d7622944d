local fake_model = require "spec.support.fake_model"
local http = require "http"
local loop = require "loop"

describe("an HTTP request", function()
  local server

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { body = "hello", content_type = "text/plain" }
    server:books()
  end)

  local function get(fields)
    fields = fields or {}
    fields.url = fields.url or server.url .. "/x"
    return http.request(fields)
  end

  it("brings status, headers, body and times", function()
    server:play { status = 201, body = "made", content_type = "text/plain", headers = { ["X-One"] = "1" } }
    local reply = assert(get())
    assert.equal(201, reply.status)
    assert.equal("made", reply.body)
    assert.equal("1", reply.headers["x-one"])
    assert.equal("text/plain", reply.headers["content-type"])
    assert.is_true(reply.total_us >= reply.first_byte_us and reply.first_byte_us > 0)
  end)

  it("sends method, headers and body as given, and nothing of its own idea", function()
    assert(get { method = "POST", headers = { Authorization = "Bearer k", ["X-Empty"] = "" }, body = '{"a":1}' })
    local call = server:books().calls[1]
    assert.equal("POST", call.method)
    assert.equal("Bearer k", call.authorization)
    assert.equal("", call.headers["x-empty"])
    assert.equal(7, call.body)
    assert.is_nil(call.headers["content-type"])
    assert.is_nil(call.headers.expect)
    assert(get { method = "DELETE" })
    assert.equal("DELETE", server:books().calls[1].method)
    assert.equal("", get { method = "HEAD" }.body)
  end)

  it("keeps the connection alive", function()
    for _ = 1, 5 do assert(get()) end
    local books = server:books()
    assert.equal(5, books.requests)
    assert.is_true(books.connections <= 1)
  end)

  it("does not follow a redirect", function()
    server:play { status = 302, headers = { Location = server.url .. "/y" }, body = "" }
    assert.equal(302, get().status)
    assert.equal(1, server:books().requests)
  end)

  it("sends once, even when a kept-alive connection dies under the request", function()
    for _, fault in ipairs { "reset", "close" } do
      assert(get())
      server:books()
      server:play { fault = fault }
      local reply, message, code, detail = get { method = "POST", body = "pay" }
      assert.is_nil(reply)
      assert.equal("lost", code, message)
      assert.is_true(detail.sent)
      assert.is_false(detail.begun)
      assert.equal(1, server:books().requests)
    end
  end)

  it("tells a reply that broke inside from one that never began", function()
    for _, fault in ipairs { "cut", "reset_in_body" } do
      server:play { fault = fault, body = ("x"):rep(1000) }
      local reply, message, code, detail = get()
      assert.is_nil(reply)
      assert.equal("cut", code, message)
      assert.is_true(detail.begun)
    end
  end)

  it("refuses what is not HTTP", function()
    server:play { fault = "garbage" }
    local reply, _, code = get()
    assert.is_nil(reply)
    assert.equal("protocol", code)
  end)

  it("accepts a body that ends with the connection", function()
    server:play { fault = "no_length", body = "to the end" }
    assert.equal("to the end", assert(get()).body)
  end)

  it("bounds the header and the body", function()
    server:play({ fault = "endless_header" }, { body = ("x"):rep(100000) }, { body = ("x"):rep(1000) })
    assert.equal("too_large", select(3, get()))
    assert.equal("too_large", select(3, get { limits = { body_bytes = 99999 } }))
    assert.equal(1000, #assert(get { limits = { body_bytes = 1000 } }).body)
  end)

  it("bounds the body after decompression", function()
    local path = os.tmpname()
    assert(os.execute("head -c 20000000 /dev/zero | gzip -9 > " .. path))
    server:play { body_file = path, headers = { ["Content-Encoding"] = "gzip" } }
    assert.equal("too_large", select(3, get { limits = { body_bytes = 1000000 } }))
    assert(os.execute("printf squeezed | gzip > " .. path))
    server:play({ body_file = path, headers = { ["Content-Encoding"] = "gzip" } },
      { body = "not gzip", headers = { ["Content-Encoding"] = "gzip" } })
    assert.equal("squeezed", assert(get()).body)
    assert.equal("protocol", select(3, get()))
    os.remove(path)
  end)

  it("gives up on a first byte, a stall and the total", function()
    server:play({ fault = "hang" }, { fault = "stall", body = "12345678" }, { fault = "drip", body = ("x"):rep(500) })
    local _, message, code, detail = get { limits = { first_byte_ms = 10 } }
    assert.equal("timeout", code)
    assert.match("began", message)
    assert.is_true(detail.sent and not detail.begun)
    _, message, code, detail = get { limits = { stall_ms = 10 } }
    assert.equal("timeout", code)
    assert.match("stalled", message)
    assert.is_true(detail.begun)
    code = select(3, get { limits = { stall_ms = 1000, total_ms = 30 } })
    assert.equal("timeout", code)
  end)

  it("does not call a slow drip a stall", function()
    server:play { fault = "drip", body = ("x"):rep(60) }
    assert.equal(60, #assert(get { limits = { stall_ms = 150, first_byte_ms = 500 } }).body)
  end)

  it("says that nobody listens", function()
    local reply, message, code, detail = get { url = "http://127.0.0.1:1/?key=abc" }
    assert.is_nil(reply)
    assert.equal("connect", code)
    assert.is_false(detail.sent)
    assert.is_nil(message:find("abc", 1, true))
  end)

  it("refuses bad requests without sending, and tells no secret", function()
    assert.equal("bad_url", select(3, get { url = "file:///etc/passwd" }))
    assert.equal("bad_url", select(3, get { url = "http://me:secret@127.0.0.1:1/" }))
    assert.equal("bad_url", select(3, get { url = server.url .. "/\r\nX: y" }))
    local ok, message = pcall(get, { headers = { Authorization = "Bearer k3y\r\nX: y" } })
    assert.is_false(ok)
    assert.is_nil(message:find("k3y", 1, true))
    assert.has_error(function() get { hedaers = {} } end)
    assert.equal(0, server:books().requests)
  end)

  it("hands out pieces as they come", function()
    server:play { fault = "drip", body = "one two" }
    local pieces, seen = {}, nil
    local reply = assert(get { on_data = function(piece, status, headers)
      table.insert(pieces, piece)
      seen = { status, headers["content-type"] }
    end })
    assert.is_true(#pieces > 1)
    assert.equal("one two", table.concat(pieces))
    assert.same({ 200, "application/json" }, seen)
    assert.equal("", reply.body)
  end)

  it("may be cancelled, from inside a callback too", function()
    server:play({ fault = "drip", body = ("x"):rep(100) })
    local done, pieces, call = false, 0, nil
    -- before its first byte left, so the server never sees it
    http.start({ url = server.url }, function() done = true end):cancel()
    loop.await(function(wake)
      call = http.start({ url = server.url, on_data = function()
        pieces = pieces + 1
        call:cancel()
        loop.timer(5, wake)
      end }, function() done = true end)
    end)
    assert.is_false(done)
    assert.equal(1, pieces)
    call:cancel()
  end)

  it("lets tasks share the time", function()
    server:default { body = "x", delay_ms = 5 }
    local n = 0
    for _ = 1, 20 do
      loop.spawn(function()
        assert(get())
        n = n + 1
      end)
    end
    loop.run()
    assert.equal(20, n)
  end)

  it("may begin another request while one is being told", function()
    local inner
    loop.await(function(wake)
      http.start({ url = server.url }, function()
        -- not a task: turns the loop inside the callback
        inner = http.request { url = server.url }
        wake()
      end)
    end)
    assert.equal("hello", inner.body)
  end)
end)
