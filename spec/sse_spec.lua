local ndjson = require "ndjson"
local sse = require "sse"

local function events(pieces, options)
  local list = {}
  local parser = sse.new(function(event) table.insert(list, { event.event, event.data, event.id }) end, options)
  for _, piece in ipairs(pieces) do
    local ok, message, code = parser:feed(piece)
    if not ok then return list, message, code end
  end
  return list
end

describe("server-sent events", function()
  it("come with LF, CRLF or CR, mixed, after a byte order mark", function()
    assert.same({ { nil, "1" }, { nil, "2" }, { nil, "3" } }, events { "\u{feff}data: 1\n\ndata: 2\r\n\r\ndata: 3\r\r", "\n" })
  end)

  it("are the same however the bytes are cut", function()
    local text = "\u{feff}: hello\r\nevent: ping\r\nid: 7\r\ndata: h\u{e9}\r\ndata:  two\r\n\r\ndata:x\n\nevent: none\n\ndata: cut off"
    local want = { { "ping", "h\u{e9}\n two", "7" }, { nil, "x", "7" } }
    assert.same(want, events { text })
    local bytes = {}
    for byte in text:gmatch(".") do bytes[#bytes + 1] = byte end
    assert.same(want, events(bytes))
    for cut = 1, #text do assert.same(want, events { text:sub(1, cut), text:sub(cut + 1) }) end
  end)

  it("may have empty data, unknown fields and comments", function()
    assert.same({ { nil, "" }, { nil, "a" } }, events { "data\n\n:x\nretry: 5\nfoo\ndata: a\n\n" })
  end)

  it("are no dearer a byte at a time", function()
    local began, list = os.clock(), {}
    local parser = sse.new(function(event) table.insert(list, event.data) end)
    parser:feed "data: "
    for _ = 1, 200000 do parser:feed "x" end
    parser:feed "\n\n"
    assert.equal(200000, #list[1])
    assert.is_true(os.clock() - began < 2)
  end)

  it("have a ceiling for a line and for an event", function()
    local _, message, code = events({ ("x"):rep(60), ("x"):rep(60) }, { limit = 100 })
    assert.equal("too_large", code)
    assert.match("100 bytes", message)
    -- in one piece too
    local told
    told, message, code = events({ "data: " .. ("x"):rep(90) .. "\n\ndata: " .. ("y"):rep(101) .. "\n\ndata: z\n\n" }, { limit = 100 })
    assert.equal("too_large", code)
    assert.equal(1, #told)
    local lines = {}
    for i = 1, 50 do lines[i] = "data: abc\n" end
    assert.equal("too_large", select(3, events(lines, { limit = 100 })))
  end)
end)

describe("lines of JSON", function()
  local function lines(pieces, options)
    local list = {}
    local parser = ndjson.new(function(line) table.insert(list, line) end, options)
    for _, piece in ipairs(pieces) do
      local ok, _, code = parser:feed(piece)
      if not ok then return list, code end
    end
    parser:finish()
    return list
  end

  it("are the same however the bytes are cut", function()
    local text = '{"a":1}\r\n\n  \n[2]\n"h\u{e9}"'
    local want = { '{"a":1}', "[2]", '"h\u{e9}"' }
    for cut = 0, #text do assert.same(want, lines { text:sub(1, cut), text:sub(cut + 1) }) end
  end)

  it("leave out half of the last, which the end cut off", function()
    assert.same({ "1" }, lines { '1\n{"done":tr' })
    assert.same({ "1", '{"done":true}' }, lines { '1\n{"done":true}' })
  end)

  it("have a ceiling", function()
    assert.equal("too_large", select(2, lines({ ("x"):rep(101) }, { limit = 100 })))
    assert.equal("too_large", select(2, lines({ ("x"):rep(60), ("x"):rep(60) }, { limit = 100 })))
    local told, code = lines({ "1\n" .. ("x"):rep(101) .. "\n2\n" }, { limit = 100 })
    assert.same({ "1" }, told)
    assert.equal("too_large", code)
  end)
end)
