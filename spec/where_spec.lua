local json = require "json"
local where = require "where"

describe("conditions on a payload", function()
  local payload = { n = 5, text = "hello", list = { "a", "b" }, none = json.null, client = { id = 2, name = "Ana" }, yes = true }

  local function fits(want) return where.matches(want, payload) end

  it("name the parts that must be there, at any depth", function()
    for _, want in ipairs { {}, { n = 5 }, { n = 5.0 }, { client = { id = 2 } }, { client = {} }, { list = { "a" } }, { yes = true },
      { none = json.null }, { absent = json.null } } do
      assert.is_true(fits(want), json.encode(want))
    end
    for _, want in ipairs { { n = "5" }, { client = { id = 3 } }, { client = { id = { x = 1 } } }, { list = { "b" } }, { absent = 1 },
      { n = { x = 1 } }, { yes = false }, { n = json.null } } do
      assert.is_false(fits(want), json.encode(want))
    end
    assert.is_true(where.matches(nil, nil))
    assert.is_false(where.matches({ a = 1 }, "text"))
  end)

  it("compare by operators", function()
    for _, want in ipairs { { n = { [">"] = 4, ["<"] = 6 } }, { n = { [">="] = 5, ["<="] = 5 } }, { text = { [">"] = "a" } },
      { n = { ["~="] = 4 } }, { absent = { ["~="] = 1 } }, { n = { ["in"] = { 4, 5 } } }, { text = { prefix = "he" } },
      { client = { ["="] = { id = 2 } } }, { client = { ["~="] = { id = 3 } } } } do
      assert.is_true(fits(want), json.encode(want))
    end
    for _, want in ipairs { { n = { [">"] = 5 } }, { n = { [">"] = "4" } }, { text = { [">"] = 1 } }, { n = { ["in"] = {} } },
      { absent = { ["<"] = 1 } }, { n = { prefix = "5" } }, { n = { ["in"] = 5 } }, { n = { ["~="] = 5 } } } do
      assert.is_false(fits(want), json.encode(want))
    end
    -- a field may be called like an operator that is a word, beside others
    assert.is_true(where.matches({ box = { prefix = "x", n = 1 } }, { box = { prefix = "x", n = 1 } }))
  end)

  it("survive being kept as JSON", function()
    local want = { n = { [">"] = 4 }, list = { "a" }, none = json.null }
    assert.is_true(fits(json.decode(json.encode(want))))
  end)

  it("name fields inside, or with dots in their names", function()
    assert.equal(2, where.field(payload, "client.id"))
    assert.equal(1, where.field({ ["client.id"] = 1, client = { id = 2 } }, "client.id"))
    assert.is_nil(where.field(payload, "client.id.x"))
    assert.is_nil(where.field("text", "n"))
    assert.same({ "5", "true", '["a","b"]' }, { where.text(payload, "n"), where.text(payload, "yes"), where.text(payload, "list") })
    assert.is_nil(where.text(payload, "none"))
  end)

  it("stay whole whatever they are", function()
    -- every answer is yes or no, for conditions and payloads of any form
    local seed = 7
    local function dice(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return seed // 65536 % n + 1
    end
    local names = { "=", "~=", "<", "<=", ">", ">=", "in", "prefix", "a", "b", 1, 2 }
    local function any(depth)
      local kind = dice(depth > 0 and 8 or 6)
      if kind > 6 then
        local t = {}
        for _ = 1, dice(3) do t[names[dice(#names)]] = any(depth - 1) end
        return t
      end
      return ({ 1, "a", true, json.null, 0 / 0, "" })[kind]
    end
    local yes = 0
    for _ = 1, 20000 do
      local want, got = any(4), any(4)
      local answer = where.matches(want, got)
      assert.equal("boolean", type(answer))
      -- what finds conditions again misses none that fit
      local probe, found = where.probe(want), false
      for _, text in ipairs(where.probes(got)) do found = found or text == probe end
      if answer and probe then assert.is_true(found, probe) end
      yes = yes + (answer and 1 or 0)
      where.problem(want)
      if want == want then where.matches(want, want) end
    end
    assert.is_true(yes > 500 and yes < 19500)
  end)
end)
