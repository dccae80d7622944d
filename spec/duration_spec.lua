local duration = require "duration"

describe("a duration", function()
  it("is read in the units that people write", function()
    local cases = { ["2d"] = 172800000, ["4h"] = 14400000, ["15m"] = 900000,
      ["30s"] = 30000, ["500ms"] = 500, ["1h30m"] = 5400000, ["1w"] = 604800000,
      ["1.5h"] = 5400000, ["20min"] = 1200000, ["0s"] = 0,
      ["1d 2h"] = 93600000 }
    for text, ms in pairs(cases) do assert.equal(ms, duration.parse(text), text) end
  end)

  it("refuses a text that does not say how long", function()
    for _, text in ipairs { "", "2", "h", "2x", "30m1h", "1h1h", "-1h", "1h30",
        "0.0001ms", "99999999999999d", "200000d", "1..5h", "soon" } do
      local ms, message = duration.parse(text)
      assert.is_nil(ms, text)
      assert.match("expected a duration", message)
    end
    assert.is_nil((duration.parse(60)))
  end)

  it("comes back from its own text", function()
    for _, ms in ipairs { 0, 1, 999, 60000, 5400000, 86400001, 172800000 } do
      assert.equal(ms, duration.parse(duration.format(ms)))
    end
    assert.equal("1h30m", duration.format(5400000))
  end)

  it("knows rates", function()
    assert.same({ 20, 60000 }, { duration.parse_rate("20/min") })
    assert.same({ 500, 86400000 }, { duration.parse_rate("500 / day") })
    assert.same({ 30 }, { duration.parse_rate("30/run") })
    for _, text in ipairs { "20", "20/fortnight", "/min", "x/min" } do
      assert.is_nil((duration.parse_rate(text)))
    end
  end)
end)
