-- keel memory, beyond finding: what goes into a prompt, what goes away, and to the last byte.
local file = require "file"
local json = require "json"

describe("keel memory", function()
  local program = require "spec.support.program"
  local home

  local function keel(...)
    local words = { program, "memory" }
    for i, word in ipairs { ... } do words[i + 2] = "'" .. word:gsub("'", "'\\''") .. "'" end
    local pipe = assert(io.popen(table.concat(words, " ") .. " --home " .. home .. " 2>&1"))
    local out = pipe:read "a"
    return select(3, pipe:close()), out
  end

  local function write(name, text) assert(file.write(home .. "/" .. name, text)) end

  before_each(function()
    home = os.tmpname()
    os.remove(home)
    assert(file.mkdir(home .. "/notes"))
    write("lines.jsonl", [[
{"id":"a","kind":"bill","text":"Bill 14 of Fernline is open","value":{"open":true,"sum":480},"time":"2026-03-01"}
{"id":"b","kind":"bill","text":"Bill 15 of Tide Works is paid","value":{"open":false,"sum":1250},"time":"2026-04-01"}
{"id":"c","kind":"turn","text":"zanzibarquixote wants to be forgotten","session":"s","tags":["zanzibarquixote"],"value":{"zanzibarquixote":"x"}}
]])
    assert.equal(0, (keel("import", "--ns", "acme", home .. "/lines.jsonl")))
  end)
  after_each(function() os.execute("rm -rf " .. home) end)

  it("keeps to fields and times", function()
    local function ids(...)
      local status, out = keel("search", "--ns", "acme", "--json", "bill", ...)
      assert.equal(0, status, out)
      local list = {}
      for i, hit in ipairs(json.decode(out)) do list[i] = hit.id end
      table.sort(list)
      return table.concat(list, " ")
    end
    assert.equal("a", ids("--where", '{"open": true}'))
    assert.equal("b", ids("--where", '{"sum": {"min": 1000}}'))
    assert.equal("b", ids("--since", "2026-03-15", "--kind", "bill"))
    assert.equal("a", ids("--until", "2026-03-15"))
    local status, out = keel("search", "--ns", "acme", "--json", "--where", "open", "bill")
    assert.equal(2, status)
    assert.match("%-%-where", json.decode(out).error.message)
  end)

  it("packs, and says what it left out", function()
    local status, out = keel("pack", "--ns", "acme", "--tokens", "30", "--json", "which", "bill", "is", "open")
    assert.equal(0, status, out)
    local packed = json.decode(out)
    assert.equal("a", packed.items[1].id)
    assert.is_true(packed.tokens <= 30 and #packed.left_out > 0)
    status, out = keel("pack", "--ns", "acme", "which", "bill", "is", "open")
    assert.match("^%[a, 2026%-03%-01%] Bill 14.*%-%- %d+ of 1000 tokens", out)
    assert.equal(0, status)
  end)

  it("leaves nothing of what was forgotten in any file", function()
    assert.equal(0, (keel("forget", "--ns", "acme", "--id", "c")))
    for _, name in ipairs { "keel.db", "keel.db-wal" } do
      local text = file.read(home .. "/var/" .. name)
      assert.is_nil(text and text:find("zanzibarquixote", 1, true), name)
    end
  end)

  it("lets go by the rules of config.lua, and only counts in a dry run", function()
    write("config.lua", 'return { zone = "UTC", memory = { retention = { bill = { count = 1 }, turn = { age = "1d" } } } }\n')
    local status, out = keel("gc", "--dry-run", "--json")
    assert.equal(0, status, out)
    assert.same({ 1, true }, { json.decode(out).gone, json.decode(out).dry_run })
    status, out = keel("gc")
    assert.equal(0, status)
    assert.match("^1 gone %(1 too many or too large%)", out)
    assert.equal(2, (keel("get", "--ns", "acme", "--id", "a")))
    assert.equal(0, (keel("get", "--ns", "acme", "--id", "b")))
    write("config.lua", 'return { zone = "UTC", memory = { retention = { bill = { cuont = 1 } } } }\n')
    status, out = keel("gc", "--json")
    assert.equal(10, status)
    assert.match("count", json.decode(out).error.message .. (json.decode(out).error.suggestion or "") .. out)
  end)

  it("takes a folder of notes, and gives texts the vectors of the home's model", function()
    write("notes/paper.md", "# Paper\nFrom Moreau.\n\n## Delivery\nThree weeks.\n")
    local status, out = keel("import", "--ns", "acme", home .. "/notes")
    assert.equal(0, status, out)
    assert.equal("2 sections of 1 file into acme: 2 new, 0 superseded, 0 known\n", out)
    status, out = keel("reembed", "--all", "--ns", "acme", "--json")
    assert.equal(0, status, out)
    assert.same({ embedded = 5, model = "words-50k-100d-1" }, json.decode(out))
  end)

  it("names the line that is wrong, and keeps those before it", function()
    write("bad.jsonl", '{"id":"x1","text":"fine one"}\n{"id":"x2","text":"' .. ("y "):rep(600000) .. '"}\n{"id":"x3","text":"not reached"}\n')
    local status, out = keel("import", "--ns", "acme", home .. "/bad.jsonl", "--json")
    assert.equal(2, status, out)
    assert.match("line 2: a text of 1200000 bytes is too long", json.decode(out).error.message)
    assert.equal(0, (keel("get", "--ns", "acme", "--id", "x1")))
    assert.equal(2, (keel("get", "--ns", "acme", "--id", "x3")))
    write("ttl.jsonl", '{"text":"a","ttl":"99999y"}\n')
    assert.match("line 1: 'ttl': expected a duration", select(2, keel("import", "--ns", "acme", home .. "/ttl.jsonl")))
  end)

  it("refuses what is no question, and takes any text as one", function()
    for _, words in ipairs { { "--where", '{"a": {"b": 1}}', "x" }, { "a\xff" }, { "--as-of", "soon", "x" } } do
      local status, out = keel("search", "--ns", "acme", "--json", table.unpack(words))
      assert.equal(2, status, out)
      assert.equal("K1004", json.decode(out).error.number)
    end
    assert.equal(0, (keel("search", "--ns", "acme", '"bill" OR NEAR(a* -b) AND ^x: (((')))
    write("q.jsonl", '{"id":1,"ns":"acme","text":"bill 14"}\r\n\n')
    local status, out = keel("search", "--batch", home .. "/q.jsonl", "--k", "1")
    assert.equal(0, status, out)
    assert.match("^1\ta\t[%d.]+\n$", out)
    write("q.jsonl", '{"id":"q","ns":"acme","text":5}\n')
    status, out = keel("search", "--batch", home .. "/q.jsonl")
    assert.equal(2, status)
    assert.match("line 1", out)
  end)

  it("takes what it gave out, versions and disputes too", function()
    write("more.jsonl", [[
{"kind":"fact","key":"price","text":"nine","time":"2026-01-01"}
{"kind":"fact","key":"price","text":"ten","time":"2026-02-01"}
{"kind":"fact","key":"price","text":"free of charge","time":"2026-03-01","trust":"external"}
]])
    assert.equal(0, (keel("import", "--ns", "one", home .. "/more.jsonl")))
    local _, out = keel("export", "--ns", "one")
    write("out.jsonl", out)
    local status, told = keel("import", "--ns", "two", home .. "/out.jsonl", "--json")
    assert.equal(0, status)
    assert.same({ new = 1, superseded = 1, same = 0, disputed = 1, lines = 3 }, json.decode(told))
    assert.equal(out, select(2, keel("export", "--ns", "two")))
  end)
end)
