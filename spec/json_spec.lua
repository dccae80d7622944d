local json = require "json"

describe("JSON", function()
  it("keeps every bit of an integer and the last digit of a float", function()
    for _, text in ipairs { "9007199254740993", "-9223372036854775808", "0.1", "0.30000000000000004", "1e-300", "1.0" } do
      assert.equal(text, json.encode(assert(json.decode(text))))
    end
  end)

  it("keeps an empty list apart from an empty object", function()
    assert.equal('{"a":[],"b":{}}', json.encode(json.decode '{"b":{},"a":[]}'))
  end)

  it("says where a text is wrong", function()
    local value, message, code = json.decode '{"a":1,\n "b":}'
    assert.is_nil(value)
    assert.match("line 2", message)
    assert.equal("input", code)
  end)

  it("refuses what cannot be kept, and says where", function()
    local loop = {}
    loop.x = loop
    local cases = {
      { { a = { b = print } }, "value%.a%.b is a function" },
      { { 1, 2, [4] = 4 }, "holes" },
      { { 1, x = 2 }, "mixes" },
      { { a = 0 / 0 }, "finite" },
      { { a = "\xff" }, "UTF%-8" },
      { loop, "too deep" },
      { { [print] = 1 }, "key" },
    }
    for _, case in ipairs(cases) do
      local text, message = json.encode(case[1])
      assert.is_nil(text)
      assert.match(case[2], message)
    end
  end)

  it("gives equal values equal bytes", function()
    assert.equal(json.pack { a = 1, b = { 1, 2 } }, json.pack(json.decode '{"b":[1,2],"a":1}'))
    assert.not_equal(json.pack { a = 1 }, json.pack { a = 1.0 })
  end)
end)
