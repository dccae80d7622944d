-- Several questions decided by one command: each is told of, and the exit code says whether all were.
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

local asks = home.agent [[ return ctx.approve { subject = input.s, proposal = { text = input.p or input.s }, risk = input.risk or "outward" }.outcome ]]

describe("several questions at once", function()
  local h
  before_each(function() h = home.make { agents = { asks = asks } } end)
  after_each(function() h:remove() end)

  local function ask(s, more)
    local input = { s = s }
    for name, value in pairs(more or {}) do input[name] = value end
    keel({ "run", "asks", "--home", h.path, "--input", "-" }, { input = json.encode(input) })
    for _, item in ipairs(json.decode(keel { "inbox", "--home", h.path, "--json" }.out)) do if item.subject == s then return item.id end end
    error("no question about " .. s)
  end

  it("are approved, and each is told of", function()
    local one, two = ask "one", ask "two"
    local said = keel { "approve", one, two, "--note", "both", "--home", h.path }
    assert.equal(0, said.code)
    assert.matches(one .. "  approved  one  run done", said.out, 1, true)
    assert.matches(two .. "  approved  two  run done", said.out, 1, true)
    local trail = json.decode(keel { "audit", "--json", "--home", h.path }.out)
    for i = 1, 2 do assert.same({ "approval.approved", "cli", "both" }, { trail[i].what, trail[i].channel, trail[i].detail.note }) end
  end)

  it("are refused one by one, with its reason, and the exit code tells", function()
    local good, grave, decided = ask "good", ask("grave", { risk = "irreversible" }), ask "decided"
    assert.equal(0, keel({ "reject", decided, "--home", h.path }).code)
    local said = keel { "approve", good, grave, decided, "apr_nothing", good:sub(1, -2), "--json", "--home", h.path }
    assert.equal(1, said.code)
    local rows = json.decode(said.out)
    assert.equal(4, #rows) -- the same one twice is one
    assert.same({ true, "approved", "done" }, { rows[1].ok, rows[1].state, rows[1].run_state })
    assert.same({ "K1073", "K1014", "K1007" }, { rows[2].error.number, rows[3].error.number, rows[4].error.number })
    assert.is_nil(rows[1].described)
    assert.equal(1, #json.decode(keel { "inbox", "--home", h.path, "--json" }.out)) -- the grave one
    assert.matches("not decided", keel({ "approve", grave, decided, "--home", h.path }).out)
    assert.equal(0, keel({ "reject", grave, "--home", h.path }).code)
  end)

  it("are rejected together, grave ones too", function()
    local list = { ask "a", ask("b", { risk = "irreversible" }), ask "c" }
    local said = keel { "reject", list[1], list[2], list[3], "--note", "none of these", "--home", h.path }
    assert.equal(0, said.code)
    assert.equal(3, select(2, said.out:gsub("  rejected  ", "")))
    assert.equal(3, #json.decode(keel { "overrides", "list", "--json", "--home", h.path }.out))
  end)

  it("take no flag that is about one", function()
    local one, two = ask "one", ask "two"
    for _, flags in ipairs { { "--edit", '{"text":"x"}' }, { "--digest", "00" }, { "--same" } } do
      local said = keel { "approve", one, two, "--json", "--home", h.path, table.unpack(flags) }
      assert.equal(2, said.code)
      assert.equal("K1004", json.decode(said.out).error.number)
    end
    assert.equal(2, #json.decode(keel { "inbox", "--home", h.path, "--json" }.out))
  end)

  it("that ask the very same are found by one of them", function()
    local one = ask("x1", { p = "same" })
    ask("x2", { p = "same" })
    ask("y", { p = "other" })
    local said = keel { "approve", one, "--same", "--home", h.path }
    local left = json.decode(keel { "inbox", "--home", h.path, "--json" }.out)
    assert.equal(0, said.code)
    assert.is_true(#left >= 1 and left[#left].subject == "y")
  end)
end)
