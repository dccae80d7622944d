local suggest = require "suggest"

describe("a suggestion", function()
  it("finds the name behind a slip of the fingers", function()
    assert.equal("budget", suggest.nearest("bugdet", { "budget", "caps" }))
    assert.equal("event", suggest.nearest("evnet", { event = 1, every = 1 }))
    assert.equal("description", suggest.nearest("desc", { "description" }))
    assert.equal("caps", suggest.nearest("CAPS", { "caps", "maps" }))
  end)

  it("stays silent when nothing is near", function()
    assert.is_nil(suggest.nearest("zebra", { "budget", "caps" }))
    assert.is_nil(suggest.nearest("x", { "y" }))
    assert.is_nil(suggest.nearest(nil, { "y" }))
  end)

  it("counts a swap of neighbours as one edit", function()
    assert.equal(1, suggest.distance("abcd", "abdc"))
    assert.equal(2, suggest.distance("abcd", "ad"))
    assert.equal(3, suggest.distance("", "abc"))
  end)

  it("does not spend time on hostile names", function()
    assert.is_nil(suggest.nearest(("a"):rep(1000000), { ("a"):rep(1000000) }))
  end)
end)
