local errors = require "errors"
local json = require "json"

describe("an error", function()
  it("tells a person what, where, why and what next", function()
    local text = tostring(errors.new("K2101", { field = "bugdet",
      where = "an agent's manifest", file = "agents/x.lua", line = 2,
      source = "return agent {\n  bugdet = {},\n}\n", suggestion = "budget" }))
    assert.match("K2101 unknown_field: unknown field 'bugdet' in an agent's", text)
    assert.match("at agents/x.lua:2", text, 1, true)
    assert.match(">    2 |   bugdet = {},", text, 1, true)
    assert.match("     1 | return agent {", text, 1, true)
    assert.match("did you mean 'budget'?", text, 1, true)
    assert.match("why: ", text, 1, true)
    assert.match("next: keel explain K2101", text, 1, true)
  end)

  it("tells a program the same in JSON", function()
    local err = errors.new("K2104", { what = "the input", detail = "missing 'a'",
      file = "agents/x.lua", line = 12 })
    assert.same({ error = { number = "K2104", code = "schema_mismatch",
      message = "the input does not fit its schema: missing 'a'",
      file = "agents/x.lua", line = 12, next = "keel explain K2104" } },
      errors.json(err))
    assert.is_string(json.encode(errors.json(err)))
    assert.equal(10, errors.exit_code(err))
  end)

  it("leaves out the part of a sentence that it knows nothing about", function()
    assert.equal("the input is not JSON",
      errors.new("K1010").message)
    assert.equal("the input is not JSON: line 3",
      errors.new("K1010", { detail = "line 3" }).message)
    assert.equal("another process (12) uses this store",
      errors.new("K9001", { pid = 12 }).message)
  end)

  it("keeps braces and percent signs of what it quotes", function()
    assert.equal("there is no agent '{x}%1'",
      errors.new("K1005", { name = "{x}%1" }).message)
  end)

  it("can be made by its code, as providers name theirs", function()
    for code in ([[rate_limited overloaded server_error timeout connection_lost
        stream_cut bad_response too_large auth context_length quota
        content_filter invalid_request]]):gmatch("%S+") do
      local err = errors.new(code, { provider = "openai", model = "m",
        limit = "30s" })
      assert.equal(code, err.code)
      assert.equal(8, err.exit)
    end
    assert.equal(5, errors.new("budget", {}).exit)
  end)

  it("takes over the sentence and the code of a module", function()
    local err = errors.from("no space left on 'keel.db'", "full")
    assert.equal("K9002", err.number)
    assert.equal("no space left on 'keel.db'", err.message)
    assert.equal(9, err.exit)
    assert.equal("K8001", errors.from("slow down", "rate_limited").number)
    assert.equal("K9009", errors.from("boom", "never heard of").number)
  end)

  it("is our own fault when its number is not in the catalogue", function()
    assert.has_error(function() errors.new("K0000") end)
  end)
end)

describe("the catalogue", function()
  it("gives every number one code, one known exit code and three texts", function()
    local exits = { K1 = { [2] = 1, [1] = 1, [130] = 1 }, K2 = { [10] = 1 },
      K23 = { [1] = 1 },
      K3 = { [3] = 1 }, K4 = { [4] = 1 }, K5 = { [5] = 1 }, K6 = { [6] = 1 },
      K7 = { [7] = 1 }, K8 = { [8] = 1 }, K9 = { [9] = 1 } }
    local codes = {}
    for _, number in ipairs(errors.numbers()) do
      local entry = errors.entry(number)
      assert.match("^K[1-9]%d%d%d$", number)
      assert.match("^[a-z_]+$", entry.code)
      assert.is_nil(codes[entry.code], entry.code .. " is used twice")
      codes[entry.code] = number
      assert.is_truthy((exits[number:sub(1, 3)] or exits[number:sub(1, 2)])[entry.exit], number)
      for _, field in ipairs { "title", "cause", "next" } do
        assert.is_true(#entry[field] > 5, number .. " " .. field)
      end
      assert.equal(number, errors.number_of(entry.code))
    end
  end)

  it("explains each number, and guesses at a wrong one", function()
    for _, number in ipairs(errors.numbers()) do
      assert.match(number, assert(errors.explain(number)))
    end
    assert.match("K2104 schema_mismatch", errors.explain("schema_mismatch"))
    local page, err = errors.explain("K2014")
    assert.is_nil(page)
    assert.equal("K1016", err.number)
    assert.is_string(err.suggestion)
  end)
end)

describe("an excerpt", function()
  it("shows the neighbours, marks the line and cuts what is long", function()
    local text = errors.excerpt("a\nb\n" .. ("é"):rep(200) .. "\nd", 3)
    assert.match("^     2 | b\n>    3 | [é]+%.%.%.\n     4 | d$", text)
    assert.is_truthy(utf8.len(text))
  end)

  it("is absent for a line that the file does not have", function()
    assert.is_nil(errors.excerpt("a", 9))
  end)
end)
