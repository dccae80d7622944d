local money = require "money"

describe("money", function()
  it("is read to the last pico-dollar", function()
    assert.equal(1250000000000, money.parse("$1.25"))
    assert.equal(40000000000, money.parse("$0.04"))
    assert.equal(1, money.parse("$0.000000000001"))
    assert.equal(1250500000000000, money.parse("$1,250.50"))
    assert.equal(math.maxinteger, money.parse("$9223372.036854775807"))
  end)

  it("refuses what does not say its amount exactly", function()
    for _, text in ipairs { "1.25", "$", "$1.2.3", "$-1", "$1,25", "$1e3", "",
        "$0.0000000000001", "$9223372.036854775808", "EUR 3", "$1.25/day" } do
      local pico, message = money.parse(text)
      assert.is_nil(pico, text)
      assert.is_string(message)
    end
    assert.is_nil((money.parse(1.25)))
  end)

  it("is shown without rounding anything away", function()
    assert.equal("$1.25", money.format(1250000000000))
    assert.equal("$0.006202", money.format(6202000000))
    assert.equal("$0.00", money.format(0))
    assert.equal("-$0.000000000001", money.format(-1))
  end)

  it("comes back from its own text", function()
    for _, pico in ipairs { 0, 1, 999999999999, 6202000000, math.maxinteger } do
      assert.equal(pico, money.parse(money.format(pico)))
      assert.equal(pico, money.from_json(money.to_json(pico)))
    end
  end)

  it("turns a price per million tokens into pico-dollars per token", function()
    assert.equal(200000, money.per_token(0.20))
    assert.equal(15000000, money.per_token(15))
    assert.equal(1, money.per_token(0.000001))
    assert.equal(50000, money.per_token("0.05"))
    assert.equal(0, money.per_token(0))
    for i = 1, 1000 do assert.equal(i * 10000, money.per_token(i / 100)) end
  end)

  it("refuses a price finer than a pico-dollar per token", function()
    for _, price in ipairs { 0.0000001, -1, 1 / 3, 0 / 0, 1 / 0 } do
      assert.is_nil((money.per_token(price)))
    end
    assert.is_nil((money.per_token({})))
  end)
end)
