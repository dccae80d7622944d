local vec = require "core.vec"

-- Numbers that look like chance and are the same every time.
local function numbers(seed)
  local state = seed
  return function()
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 1073741824 - 1
  end
end

local function vector(dim, next_number)
  local v = {}
  for i = 1, dim do v[i] = next_number() end
  return v
end

local function cosine(a, b)
  local sum, x, y = 0, 0, 0
  for i = 1, #a do
    local p, q = string.unpack("<i1", a, i), string.unpack("<i1", b, i)
    sum, x, y = sum + p * q, x + p * p, y + q * q
  end
  return x > 0 and y > 0 and sum / math.sqrt(x * y) or 0
end

describe("vectors", function()
  after_each(function() vec.use() end)

  it("are found by the same bits on every processor, and rightly, in all dimensions", function()
    for _, dim in ipairs { 1, 31, 32, 64, 100, 128, 384, 1536 } do
      local next_number = numbers(dim)
      local rows = {}
      for i = 1, 60 do rows[i] = assert(vec.quantise(vector(dim, next_number))) end
      local query = assert(vec.quantise(vector(dim, next_number)))
      vec.use "plain"
      local plain = vec.top(table.concat(rows), dim, query, 10)
      vec.use()
      assert.same(plain, vec.top(table.concat(rows), dim, query, 10))
      local order = {}
      for i = 1, 60 do order[i] = { at = i, score = cosine(rows[i], query) } end
      table.sort(order, function(a, b) return a.score > b.score or a.score == b.score and a.at < b.at end)
      for i = 1, 10 do
        assert.equal(order[i].at, plain[i].at)
        assert.near(order[i].score, plain[i].score, 1e-5)
      end
    end
  end)

  it("at the extremes of int8 do not overflow", function()
    local high, low = ("\127"):rep(1536), ("\x81"):rep(1536)
    for _, path in ipairs { "plain", "best" } do
      vec.use(path)
      local hits = vec.top(low .. high, 1536, high, 2)
      assert.near(1, hits[1].score, 1e-6)
      assert.equal(2, hits[1].at)
      assert.near(-1, hits[2].score, 1e-6)
    end
  end)

  it("of zeros score zero and come in order", function()
    local zero = assert(vec.quantise { 0, 0, 0, 0 })
    assert.same({ { at = 1, score = 0.0 }, { at = 2, score = 0.0 } }, vec.top(zero .. zero, 4, zero, 5))
  end)

  it("with numbers that are not finite are refused", function()
    local v, message, code = vec.quantise { 1, 0 / 0 }
    assert.is_nil(v)
    assert.match("finite", message)
    assert.equal("input", code)
    assert.is_nil((vec.quantise { 1 / 0 }))
  end)

  it("of another dimension are the caller's mistake", function()
    assert.has_error(function() vec.top("abcd", 4, "abc", 1) end)
    assert.has_error(function() vec.top("abcde", 4, "abcd", 1) end)
  end)
end)
