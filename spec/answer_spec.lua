local answers = require "model.answer"
local json = require "json"
local schema = require "schema"

describe("the value in what a model wrote", function()
  local function value_in(text)
    local ok, value = answers.extract(text)
    return ok and json.encode(value) or nil
  end

  it("is found bare, in a fence, and between words", function()
    for text, want in pairs { ['{"a":1}'] = '{"a":1}', ['Sure: {"a":1}, as asked.'] = '{"a":1}', ['```json\n{"a":1}\n```'] = '{"a":1}',
      ["```\n[1]\n``` it is"] = "[1]", ['They are [{"a":1},{"a":2}].'] = '[{"a":1},{"a":2}]', ['[see] {"a":"}"}'] = '{"a":"}"}',
      ['say "{" then {"b":[1,"]"]}'] = '{"b":[1,"]"]}', ["7"] = "7" } do
      assert.equal(want, value_in(text))
    end
    for _, text in ipairs { "", "none", '{"a":', "[x]", '"open', "```json\n" } do assert.is_nil(value_in(text)) end
  end)

  it("is looked for in one reading or a few, whatever was written", function()
    local function work(n)
      local began = os.clock()
      for _, unit in ipairs { "{", "\n", "```\n", '"', '{"\\"', "{}x", "[x]", '{"a":', "[{" } do value_in(unit:rep(n)) end
      value_in("```\n" .. ("\n"):rep(n))
      return os.clock() - began
    end
    -- four times the text is about four times the work, not sixteen
    local small = work(75000)
    assert.is_true(work(300000) < 10 * small + 0.1)
  end)

  it("is not made when it is only there to fill memory", function()
    local ok, message = answers.extract("[" .. ("{},"):rep(200000) .. "0]")
    assert.is_false(ok)
    assert.match("more than 100000 values", message)
    assert.is_true((answers.extract(json.encode(("[,"):rep(200000)))))
  end)

  it("that does not fit is asked for again, with words that every server takes", function()
    local validator = schema.compile({ type = "object", required = { "a" } }, { decoded = true })
    local fitting, problem = answers.check(validator, "  ")
    assert.is_nil(fitting)
    local again = answers.repair({ messages = { { role = "user", content = "x" } }, seed = 4 }, "  ", problem)
    assert.equal("(nothing)", again.messages[2].content)
    assert.match("not JSON", again.messages[3].content)
    assert.equal(4, again.seed)
  end)
end)
