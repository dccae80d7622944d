-- The bytes of stored values: src/codec.h says the form, these specs hold it to that.
local json = require "json"
local store = require "store"

local pack, unpack = json.pack, json.unpack

local function bytes(hex) return (hex:gsub("%s", ""):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

local function nested(levels, inner)
  local value = inner
  for _ = 1, levels do value = { value } end
  return value
end

-- A source of chance that is the same every time.
local function chance(seed)
  local state = seed
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n
  end
end

local texts = { "", "a", "ab", "b", "Ünïcödé", "日本", "😀", "\0", "line\nline", '"quoted" \\ \127', ("x"):rep(200) }

local function any_value(pick, depth)
  local kind = pick(depth > 3 and 6 or 8)
  if kind == 0 then return json.null end
  if kind == 1 then return pick(2) == 0 end
  if kind == 2 then return pick(300) - 150 end
  if kind == 3 then return (pick(1 << 30) << 34 | pick(1 << 30)) * (pick(2) * 2 - 1) end
  if kind == 4 then return (pick(2001) - 1000) / (pick(7) + 1) * 10.0 ^ (pick(40) - 20) end
  if kind == 5 then return texts[pick(#texts) + 1] end
  local t = kind == 6 and json.array {} or {}
  for i = 1, pick(5) do
    local key = kind == 6 and i or "k" .. pick(50) .. (pick(3) == 0 and "é" or "")
    t[key] = any_value(pick, depth + 1)
  end
  return t
end

describe("the codec", function()
  it("writes the bytes that its header names", function()
    local cases = {
      { json.null, "00" }, { false, "01" }, { true, "02" },
      { 0, "03 00" }, { -1, "03 01" }, { 1, "03 02" }, { 63, "03 7e" }, { 64, "03 80 01" }, { -64, "03 7f" },
      { math.maxinteger, "03 feffffffffffffffff 01" }, { math.mininteger, "03 ffffffffffffffffff 01" },
      { 1.0, "04 000000000000f03f" }, { -0.0, "04 0000000000000080" },
      { "", "05 00" }, { "é", "05 02 c3a9" }, { ("x"):rep(128), "05 8001" .. ("78"):rep(128) },
      { json.array {}, "06 00" }, { { 1, "a" }, "06 02 0302 050161" },
      { {}, "07 00" }, { { b = 1, a = {}, ab = false }, "07 03 0161 0700 026162 01 0162 0302" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2]:gsub(" ", ""), hex(pack(case[1])))
      assert.equal(hex(pack(case[1])), hex(pack((unpack(bytes(case[2]))))))
    end
  end)

  it("gives every value back, and equal values the same bytes in whatever order they were made", function()
    local pick = chance(7)
    for _ = 1, 2000 do
      local value = any_value(pick, 0)
      local packed = assert(pack(value))
      local back = unpack(packed)
      assert.equal(packed, pack(back))
      if type(value) == "table" then assert.same(value, back) end
    end
    local keys = {}
    for i = 1, 200 do keys[i] = "key" .. i end
    local one, two = {}, {}
    for i = 1, 200 do one[keys[i]] = i; two[keys[201 - i]] = 201 - i end
    assert.equal(pack(one), pack(two))
  end)

  it("goes through JSON text and back without a change", function()
    local pick = chance(11)
    for _ = 1, 1000 do
      local value = any_value(pick, 0)
      assert.equal(hex(pack(value)), hex(pack(json.decode(json.encode(value)))))
      assert.equal(hex(pack(value)), hex(pack(json.decode(json.encode(value, 2)))))
    end
    for _, number in ipairs { 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e22, 1e23, 123456789.0 } do
      assert.equal(number, json.decode(json.encode(number)))
      assert.equal("float", math.type(json.decode(json.encode(number))))
    end
  end)

  it("keeps integers apart from floats, and empty lists from empty objects", function()
    assert.not_equal(pack(1), pack(1.0))
    assert.equal("integer", math.type(unpack(pack(1 << 53) ) + 0))
    assert.equal("float", math.type(unpack(pack(2.0 ^ 53))))
    assert.equal("[[],{}]", json.encode(unpack(pack { json.array {}, {} })))
  end)

  describe("refuses to read", function()
    local damaged = {
      { "nothing", "" },
      { "a type that is none", "08" }, { "a type far beyond", "ff" },
      { "an integer without its bytes", "03" }, { "an integer cut in two", "03 80" },
      { "an integer in a longer form than needed", "03 80 00" },
      { "an integer beyond 64 bits", "03 ffffffffffffffffff 02" },
      { "an integer of eleven bytes", "03 ffffffffffffffffffff 01" },
      { "a float cut short", "04 00000000000000" },
      { "NaN", "04 000000000000f87f" }, { "infinity", "04 000000000000f07f" }, { "minus infinity", "04 000000000000f0ff" },
      { "a text longer than what is there", "05 02 61" }, { "a text of nearly endless length", "05 ffffffffffffffffff 01" },
      { "a text that is not UTF-8", "05 01 ff" }, { "an overlong form", "05 02 c080" }, { "a surrogate", "05 03 eda080" },
      { "a character cut in two", "05 01 c3" }, { "a character beyond Unicode", "05 04 f4908080" },
      { "a list with fewer values than it says", "06 02 00" },
      { "a list that says it has 2^63", "06 80808080808080808001 00" },
      { "an object without its value", "07 01 0161" },
      { "keys out of order", "07 02 0162 00 0161 00" }, { "a key twice", "07 02 0161 00 0161 00" },
      { "a longer key before its beginning", "07 02 026161 00 0161 00" },
      { "a key that is not UTF-8", "07 01 01ff 00" }, { "a key that holds a NUL", "07 01 0100 00" },
      { "a value and something behind it", "00 00" },
    }
    for _, case in ipairs(damaged) do
      it(case[1], function()
        local value, message, code = unpack(bytes(case[2]))
        assert.same({ nil, "not a stored value", "damaged" }, { value, message, code })
      end)
    end
  end)

  it("refuses every beginning of a value, and anything behind it", function()
    local packed = pack { a = { 1, 2.5, "text", json.null }, b = { c = true }, d = -300 }
    for n = 0, #packed - 1 do
      assert.is_nil((unpack(packed:sub(1, n))))
      assert.is_nil((unpack(packed .. packed:sub(1, n + 1))))
    end
    assert.is_table(unpack(packed))
  end)

  it("reads of any damage either a whole value with those very bytes, or nothing", function()
    local pick = chance(3)
    local accepted, refused = 0, 0
    for _ = 1, 300 do
      local packed = pack(any_value(pick, 0))
      for _ = 1, 40 do
        local at, kind = pick(#packed) + 1, pick(3)
        local byte = string.char(pick(256))
        local broken = kind == 0 and packed:sub(1, at - 1) .. byte .. packed:sub(at + 1)
          or kind == 1 and packed:sub(1, at - 1) .. packed:sub(at + 1)
          or packed:sub(1, at) .. byte .. packed:sub(at + 1)
        local ok, value, message = pcall(unpack, broken)
        assert.is_true(ok)
        if value ~= nil then
          accepted = accepted + 1
          assert.equal(hex(broken), hex(pack(value)))
        else
          refused = refused + 1
          assert.equal("not a stored value", message)
        end
      end
    end
    assert.is_true(accepted > 100 and refused > 1000, accepted .. " accepted, " .. refused .. " refused")
  end)

  it("holds a hundred levels, and says so at one more", function()
    assert.same(nested(99, json.array {}), unpack(pack(nested(99, json.array {}))))
    assert.same(nested(100, 1), unpack(pack(nested(100, 1))))
    local value, message = pack(nested(101, 1))
    assert.is_nil(value)
    assert.match("nests too deep", message)
    value, message = json.decode(("["):rep(101) .. ("]"):rep(101))
    assert.is_nil(value)
    assert.match("deeper than 100 levels", message)
    assert.is_table(json.decode(("["):rep(100) .. ("]"):rep(100)))
    assert.is_nil((unpack(("\6\1"):rep(100000) .. "\0")))
    assert.is_nil((json.decode(("["):rep(100000))))
  end)

  it("gives rows back that hold the deepest value a verb takes", function()
    local s <close> = assert(store.open ":memory:")
    local value = nested(99, "deep")
    assert(s:commit(s:tx():add("record.put", { type = "t", key = "k", value_json = value, now = 1 })))
    assert.same(value, s:read("record.get", { type = "t", key = "k" })[1].value)
    local ok, message = pcall(function() s:tx():add("record.put", { type = "t", key = "k", value_json = nested(100, 1), now = 1 }) end)
    assert.is_false(ok)
    assert.match("nests too deep", message)
  end)

  it("takes no key that JSON readers could not take back", function()
    local value, message = pack { ["a\0b"] = 1 }
    assert.is_nil(value)
    assert.match("holds a NUL", message)
    assert.equal("a\0b", unpack(pack "a\0b"))
    assert.equal("a\0b", json.decode(json.encode "a\0b"))
  end)

  it("holds many keys and long texts", function()
    local many = {}
    for i = 1, 5000 do many["k" .. i] = i end
    assert.same(many, unpack(pack(many)))
    local long = ("é"):rep(1000000)
    assert.equal(long, unpack(pack(long)))
  end)
end)
