local words = require "core.words"

describe("the words of a text", function()
  it("are the same whatever the case, the accents and the script's capitals", function()
    assert.same({ "cafe", "munchen", "strasse", "aeon" }, words.tokens "Café MÜNCHEN Straße Æon")
    assert.same(words.tokens "αθηνα οδοσ", words.tokens "Αθήνα Οδός")
    assert.same(words.tokens "счет ежик", words.tokens "СЧЁТ Ёжик")
    assert.same({ "naive" }, words.tokens "nai\u{308}ve")
  end)

  it("end where punctuation begins, and lose their 's", function()
    assert.same({ "it", "client", "o", "brien", "don", "2026", "03", "09" },
      words.tokens "It's -- client’s! O'Brien (don't) 2026-03-09")
    assert.same({}, words.tokens " ... \u{2014} \u{1f600} ")
  end)

  it("survive bytes that are not text", function()
    assert.same({ "a", "b" }, words.tokens "a\xff\xc3b\xe2\x82")
    assert.same({ "x" }, words.tokens "\0x\0")
  end)

  it("longer than 64 bytes are cut, not lost", function()
    assert.equal(64, #words.tokens(("z"):rep(1000))[1])
  end)
end)

describe("the word vectors", function()
  it("are 50,000 words of 100 numbers", function()
    assert.equal(50000, words.count)
    assert.equal(100, words.dim)
    assert.is_number(words.find "invoice")
    assert.is_nil(words.find "qqxyzzy")
    assert.is_true(words.stop "the")
    assert.is_false(words.stop "invoice")
  end)

  it("put what is meant alike near each other", function()
    local function nearer(a, b, c)
      local near, far = words.similarity(a, b), words.similarity(a, c)
      assert(near > far, ("%s: %s %.2f, %s %.2f"):format(a, b, near, c, far))
    end
    nearer("refund", "money back", "garden")
    nearer("The app crashes when I open it", "software fault at start", "the plants need water")
    nearer("invoice overdue", "payment is late", "holiday photos")
    nearer("reschedule the appointment", "move the meeting to Tuesday", "printer out of ink")
  end)

  it("give 1 for the same text, 0 for one without known words", function()
    assert.near(1, words.similarity("Send the invoice", "the INVOICE, send"), 1e-6)
    assert.equal(0, words.similarity("", "invoice"))
    assert.equal(0, words.similarity("the of and", "invoice"))
    assert.equal(0, words.similarity("qqxyzzy", "invoice"))
  end)

  it("give texts a direction of length 1", function()
    local v, known = words.embed "the invoice of qqxyzzy is late"
    assert.equal(2, known)
    local square = 0
    for _, x in ipairs(v) do square = square + x * x end
    assert.near(1, square, 1e-5)
  end)

  it("are the published table, byte for byte", function()
    local f = assert(io.open("vendor/vectors/words-50k-100d.bin", "rb"))
    local bytes = f:read "a"
    f:close()
    local readme = assert(io.open("vendor/vectors/README.md")):read "a"
    assert.truthy(readme:find(require("core.digest").sha256(bytes), 1, true))
  end)
end)
