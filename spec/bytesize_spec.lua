local bytesize = require "bytesize"

describe("a size", function()
  it("is read in binary and decimal units", function()
    assert.equal(33554432, bytesize.parse("32MiB"))
    assert.equal(1536, bytesize.parse("1.5KiB"))
    assert.equal(5000000, bytesize.parse("5 MB"))
    assert.equal(4096, bytesize.parse("4096"))
    assert.equal(4096, bytesize.parse(4096))
  end)

  it("refuses anything else", function()
    for _, value in ipairs { "", "MiB", "-1KiB", "1.5B", "32 elephants", -1, 1.5,
        "9999999999999MiB", true } do
      local bytes, message = bytesize.parse(value)
      assert.is_nil(bytes, tostring(value))
      assert.match("expected a size", message)
    end
  end)

  it("is shown in the largest unit that fits", function()
    assert.equal("32MiB", bytesize.format(33554432))
    assert.equal("1.5KiB", bytesize.format(1536))
    assert.equal("12B", bytesize.format(12))
  end)
end)
