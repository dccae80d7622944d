local core = require "core.socket"
local file = require "file"
local server = require "spec.support.server"

describe("a socket", function()
  local folder, path, listening, conns

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    path, conns = folder .. "/s.sock", {}
  end)

  after_each(function()
    for _, conn in ipairs(conns) do conn:close() end
    if listening then listening:close() end
    listening = nil
    os.execute("rm -rf '" .. folder .. "'")
  end)

  local function listen(hooks, limit)
    listening = assert(core.listen(path, limit or 65536, hooks))
  end

  local function connect(limit)
    local heard = {}
    local conn = assert(core.connect(path, limit or 65536, {
      line = function(_, text) heard[#heard + 1] = text end,
      closed = function(_, why) heard.closed, heard.why = true, why end,
    }))
    conns[#conns + 1] = conn
    return conn, heard
  end

  it("carries lines both ways, in order, whole", function()
    listen { line = function(conn, text) conn:send("got " .. text) end }
    local conn, heard = connect()
    assert(conn:send("one\ntwo"))
    assert(conn:send(""))
    assert(conn:send(("x"):rep(60000)))
    server.eventually(function() return #heard == 4 end, "four answers")
    assert.same({ "got one", "got two", "got " }, { heard[1], heard[2], heard[3] })
    assert.equal(60004, #heard[4])
  end)

  it("sends more than the kernel holds, and closes when all is sent", function()
    local big = ("y"):rep(3 << 20)
    listen { line = function(conn)
      assert(conn:send(big))
      conn:finish()
      assert.is_nil((conn:send("late")))
    end }
    local conn, heard = connect(4 << 20)
    assert(conn:send("please"))
    server.eventually(function() return heard.closed end, "the end")
    assert.equal(#big, #heard[1])
    assert.is_nil(heard.why)
    assert.is_nil((conn:send("more")))
  end)

  it("drops who sends a line without end", function()
    local ended
    listen({ line = function() end, closed = function(_, why) ended = why end }, 1000)
    local conn, heard = connect()
    conn:send(("z"):rep(200000))
    server.eventually(function() return ended and heard.closed end, "being dropped")
    assert.matches("longer than 1000 bytes", ended)
  end)

  it("drops who sends a line that is too long, though it came whole", function()
    local heard_lines, ended = {}, nil
    listen({ line = function(_, text) heard_lines[#heard_lines + 1] = text end,
      closed = function(_, why) ended = why end }, 1000)
    local conn, heard = connect()
    conn:send("fits")
    conn:send(("z"):rep(1001))
    conn:send("late")
    server.eventually(function() return ended and heard.closed end, "being dropped")
    assert.matches("longer than 1000 bytes", ended)
    assert.same({ "fits" }, heard_lines)
  end)

  it("is for its owner alone, also under a path of any length", function()
    local deep = folder .. ("/a-folder-with-a-long-name"):rep(8)
    assert(file.mkdir(deep))
    path = deep .. "/s.sock"
    listen { line = function(conn, text) conn:send(text) end }
    local pipe = io.popen("stat -c %a '" .. path .. "'")
    assert.equal("600", pipe:read("l"))
    pipe:close()
    local conn, heard = connect()
    conn:send("hi")
    server.eventually(function() return heard[1] == "hi" end, "an answer")
  end)

  it("replaces the file of a dead process, never that of a living one", function()
    listen { line = function() end }
    local second, message, code = core.listen(path, 100, {})
    assert.is_nil(second)
    assert.equal("locked", code)
    assert.matches("somebody listens", message)
    -- a socket file that nobody serves: moved away while served, moved back after
    os.rename(path, path .. ".kept")
    listening:close()
    os.rename(path .. ".kept", path)
    local none, _, why = core.connect(path, 100, {})
    assert.is_nil(none)
    assert.equal("not_found", why)
    listen { line = function() end }
    assert(file.write(folder .. "/plain", "x"))
    assert.is_nil((core.listen(folder .. "/plain", 100, {})))
    assert.equal("x", file.read(folder .. "/plain"))
  end)

  it("may be closed by its own hooks", function()
    local lines = 0
    listen { line = function(conn)
      lines = lines + 1
      conn:close()
    end }
    local _, heard = connect()
    conns[1]:send("a\nb\nc")
    server.eventually(function() return heard.closed end, "the end")
    assert.equal(1, lines)
  end)
end)
