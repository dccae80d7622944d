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

  it("have a ceiling for a line and for an event", function()
    local _, message, code = events({ ("x"):rep(60), ("x"):rep(60) }, { limit = 100 })
    assert.equal("too_large", code)
    assert.match("100 bytes", message)
    local lines = {}
    for i = 1, 50 do lines[i] = "data: abc\n" end
    assert.equal("too_large", select(3, events(lines, { limit = 100 })))
  end)
end)
