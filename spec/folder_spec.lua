--- Documents in a folder that nothing leads out of: by name, by link, or by a link that appears
--- between a look and a step.
local file = require "file"
local home = require "spec.support.home"

local beneath = file.beneath

describe("a folder of documents", function()
  local h, docs

  local function refusal(fn, args, key)
    local ok, err = pcall(fn, { args = args, engine = h.engine }, key or "k")
    return not ok and err.message or nil
  end

  before_each(function()
    h = home.make {}
    h:open()
    docs = require("adapter.folder").open(h.engine, "docs", { use = "folder", path = "docs" })
    assert(file.mkdir(h.path .. "/docs/in"))
    assert(file.mkdir(h.path .. "/secret"))
    h:write("secret/key", "s3cret")
    h:write("docs/in/plain", "p")
    assert(file.symlink("../secret", h.path .. "/docs/out"))
    assert(file.symlink("../../secret/key", h.path .. "/docs/in/note"))
    assert(file.symlink("/etc", h.path .. "/docs/etc"))
    assert(file.symlink("nowhere", h.path .. "/docs/dangling"))
    assert(file.symlink(".", h.path .. "/docs/self"))
  end)
  after_each(function() h:remove() end)

  local bad = { "../secret/key", "out/key", "out", "in/note", "etc/passwd", "dangling", "dangling/x", "self/in/plain", "/etc/passwd", "in/../../secret/key",
    "in/./../x", "", ".", "./", "a\0b", "a\nb", ("x"):rep(300), ("x/"):rep(600) }

  it("refuses every name that leads out, for every op", function()
    for _, name in ipairs(bad) do
      for _, op in ipairs { "read", "list", "write", "append", "create", "delete_if_empty" } do
        local args = { name = name, text = (op == "write" or op == "append") and "x" or nil }
        assert.is_string(refusal(docs:op(op).perform, args), op .. " " .. name)
      end
      assert.is_string(refusal(docs:op("create").undo, { name = name }), name)
      assert.is_string(refusal(docs:op("create").probe, { name = name }), name)
    end
    assert.equal("s3cret", h:read "secret/key")
    assert.same({ "key" }, file.list(h.path .. "/secret"))
  end)

  it("is held below by the system itself, so a link that appears later leads nowhere", function()
    -- what folder.lua looks for is not looked for here: only the walk stands between
    local root = h.path .. "/docs"
    for _, name in ipairs { "../secret/key", "out/key", "in/note", "etc/passwd", "dangling", "self/in/plain", "/etc/passwd" } do
      local text, message, code = beneath.read(root, name)
      assert.is_nil(text, name)
      assert.is_string(message)
      assert.is_string(code)
    end
    assert.is_nil(beneath.list(root, "out"))
    assert.is_nil(beneath.list(root, "self"))
    for _, name in ipairs { "out/new", "in/note", "dangling", "../secret/new", "dangling/new" } do
      assert.is_nil(beneath.write(root, name, "x"), name)
      assert.is_nil(beneath.mkdir(root, name), name)
    end
    assert.is_nil(beneath.remove(root, "out/key"))
    assert.is_nil(beneath.rmdir(root, "out"))
    assert.equal("s3cret", h:read "secret/key")
    assert.same({ "key" }, file.list(h.path .. "/secret"))
    assert.equal("other", beneath.kind(root, "out"))
    assert.is_nil(beneath.kind(root, "out/key"))
    assert.match("link on its way", select(2, beneath.read(root, "in/note")))
    assert.match("link on its way", select(2, beneath.read(root, "out/key")))
  end)

  it("holds while another process swaps a folder for a link", function()
    local root = h.path .. "/docs"
    assert(file.mkdir(root .. "/swap"))
    h:write("docs/swap/key", "mine")
    -- the name is now a folder with "mine", now a link to "s3cret", as fast as a shell can
    local other = assert(io.popen(("cd '%s' && echo $$ && exec timeout 20 sh -c 'while [ ! -e ../stop ]; do mv swap kept; ln -s ../secret swap; rm swap; mv kept swap; done' 2>/dev/null")
      :format(root)))
    local pid = other:read "l"
    assert.is_string(pid)
    local seen = { mine = 0, none = 0 }
    for _ = 1, 1000000 do
      local text = beneath.read(root, "swap/key")
      assert.is_true(text == nil or text == "mine", text)
      seen[text or "none"] = seen[text or "none"] + 1
      if seen.none > 50 and seen.mine > 50 then break end
    end
    for _ = 1, 300 do beneath.write(root, "swap/new", "x") end
    h:write("stop", "")
    other:close()
    assert.same({ "key" }, file.list(h.path .. "/secret"))
    assert.is_true(seen.mine > 0 and seen.none > 0)
  end)

  it("does not wait for a pipe, nor take what it cannot read for empty", function()
    assert(os.execute(("mkfifo '%s/docs/pipe'"):format(h.path)))
    local _, err = docs:op("read").perform({ args = { name = "pipe" } }, "k")
    assert.equal("not_allowed", err.code)
    _, err = docs:op("append").perform({ args = { name = "pipe", text = "x" } }, "k")
    assert.equal("not_allowed", err.code)
    _, err = docs:op("append").perform({ args = { name = "in", text = "x" } }, "k")
    assert.equal("not_allowed", err.code)
    _, err = docs:op("read").perform({ args = { name = "nothing" } }, "k")
    assert.equal("not_found", err.code)
    assert.same({ names = {} }, docs:op("list").perform({ args = { name = "nothing" } }, "k"))
    assert.same({ "note", "plain" }, docs:op("list").perform({ args = { name = "in" } }, "k").names)
  end)

  it("keeps the permissions of a file that it replaces", function()
    assert(file.write(h.path .. "/docs/private", "a", tonumber("600", 8)))
    assert(docs:op("write").perform({ args = { name = "private", text = "b" } }, "k"))
    assert.equal("b", h:read "docs/private")
    assert.equal(tonumber("600", 8), select(3, file.stat(h.path .. "/docs/private")))
  end)

  it("appends once for a key, knows whether it did, and takes out what it appended", function()
    local op, cmd = docs:op "append", { args = { name = "log/day.md", text = "one" } }
    assert.equal("not", (op.probe(cmd, "k 1")))
    for _ = 1, 2 do assert.is_true(op.perform(cmd, "k 1").sent) end
    assert.is_true(op.perform({ args = { name = "log/day.md", text = "two" } }, "k_1").sent) -- another key
    local text = h:read "docs/log/day.md"
    assert.equal(1, select(2, text:gsub("one", "")))
    assert.equal(1, select(2, text:gsub("two", "")))
    assert.equal("happened", (op.probe(cmd, "k 1")))
    assert.is_true(op.undo(cmd, "k 1").gone)
    assert.is_true(op.undo(cmd, "k 1").gone)
    assert.equal("two\n<!-- k_1 -->\n", h:read "docs/log/day.md")
    h:write("docs/log/day.md", "changed\n<!-- k_1 -->\n")
    local _, err = op.undo({ args = { name = "log/day.md", text = "two" } }, "k_1")
    assert.equal("conflict", err.code)
  end)

  it("removes a folder only while nothing is in it", function()
    local op = docs:op "create"
    assert.equal("not", (op.probe({ args = {} }, "docs:P-1")))
    assert.same({ name = "P-1", key = "docs:P-1", sent = true }, op.perform({ args = {} }, "docs:P-1"))
    assert.equal("happened", (op.probe({ args = {} }, "docs:P-1")))
    h:write("docs/P-1/work", "hours of it")
    assert.is_false(op.undo({ args = {} }, "docs:P-1").gone)
    assert.equal("hours of it", h:read "docs/P-1/work")
    assert.is_true(os.remove(h.path .. "/docs/P-1/work"))
    assert.is_true(op.undo({ args = {} }, "docs:P-1").gone)
    assert.is_true(op.undo({ args = {} }, "docs:P-1").gone)
  end)
end)
