local rfc3339 = require "rfc3339"

describe("an instant", function()
  it("is written in UTC with milliseconds", function()
    assert.equal("1970-01-01T00:00:00.000Z", rfc3339.format(0))
    assert.equal("2026-03-02T09:00:00.000Z", rfc3339.format(1772442000000))
    assert.equal("1969-12-31T23:59:59.999Z", rfc3339.format(-1))
    assert.equal("2000-02-29T12:34:56.789Z", rfc3339.format(951827696789))
  end)

  it("is read with any offset", function()
    assert.equal(1772442000000, rfc3339.parse("2026-03-02T09:00:00Z"))
    assert.equal(1772442000000, rfc3339.parse("2026-03-02T10:00:00+01:00"))
    assert.equal(1772442000500, rfc3339.parse("2026-03-02t04:00:00.5-05:00"))
    assert.equal(1772442000123, rfc3339.parse("2026-03-02 09:00:00.1239z"))
  end)

  it("comes back from its own text", function()
    for ms = -62135596800000, 253402300799999, 86400000 * 9973 + 12345 do
      assert.equal(ms, rfc3339.parse(rfc3339.format(ms)))
    end
  end)

  it("refuses days and times that do not exist", function()
    for _, text in ipairs { "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00", "1772442000", "", "2026-01-01T00:00:61Z" } do
      local ms, message = rfc3339.parse(text)
      assert.is_nil(ms, text)
      assert.match("RFC 3339", message)
    end
  end)
end)
