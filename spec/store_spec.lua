local store = require "store"

local function scratch()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  return folder
end

for _, driver in ipairs { "file", "memory" } do
  describe("a store (" .. driver .. ")", function()
    local folder, s

    before_each(function()
      folder = driver == "file" and scratch()
      s = assert(store.open(folder and folder .. "/keel.db" or ":memory:"))
    end)
    after_each(function()
      s:close()
      if folder then os.execute("rm -r " .. folder) end
    end)

    local function put(key, value)
      return s:tx():add("record.put", { type = "task", key = key, value_json = value, now = 5 })
    end

    it("keeps what a committed transaction said", function()
      assert(s:commit(put("T-1", { due = "2026-03-09", hours = 9007199254740993, list = {} })))
      local row = s:read("record.get", { type = "task", key = "T-1" })[1]
      assert.same({ due = "2026-03-09", hours = 9007199254740993, list = {} }, row.value)
      assert.equal(1, row.version)
    end)

    it("undoes the whole transaction when one verb refuses", function()
      local tx = put("T-1", { a = 1 })
      tx:add("approval.decide", { id = "none", state = "approved", by = "me", now = 1, digest = "x" })
      local ok, message, code = s:commit(tx)
      assert.is_nil(ok)
      assert.equal("conflict", code)
      assert.match("changed nothing", message)
      assert.same({}, s:read("record.get", { type = "task", key = "T-1" }))
    end)

    it("keeps the version before, and counts a put of the same value as nothing", function()
      assert(s:commit(put("T-1", { a = 1 })))
      assert(s:commit(put("T-1", { a = 1 })))
      assert(s:commit(put("T-1", { a = 2 })))
      local history = s:read("record.history", { type = "task", key = "T-1" })
      assert.equal(2, #history)
      assert.same({ a = 1 }, history[1].value)
      assert.same({ a = 2 }, history[2].value)
    end)

    it("finds records by any of their fields", function()
      assert(s:commit(put("T-1", { owner = "Rui", open = true })))
      assert(s:commit(put("T-2", { owner = "Ana", open = true })))
      local rows = s:read("record.find", { type = "task", where_json = { owner = "Ana" }, limit = 10 })
      assert.equal(1, #rows)
      assert.equal("T-2", rows[1].key)
    end)

    it("says which field a verb lacks, and which verb it does not know", function()
      local _, message = s:commit(s:tx():add("record.put", { type = "task" }))
      assert.match("record.put needs 'key'", message)
      _, message = s:read("no.such", {})
      assert.match("no verb 'no.such'", message)
    end)
  end)
end

describe("a store in a file", function()
  local folder
  before_each(function() folder = scratch() end)
  after_each(function() os.execute("rm -r " .. folder) end)

  it("belongs to one process: a second owner is refused, a looker is not", function()
    local path = folder .. "/keel.db"
    local s <close> = assert(store.open(path))
    local other, message, code = store.open(path)
    assert.is_nil(other)
    assert.equal("locked", code)
    assert.match("owns the store", message)
    local looker <close> = assert(store.open(path, { read_only = true }))
    assert.same({}, looker:read("record.types", {}))
    local ok, why = looker:commit(looker:tx())
    assert.is_nil(ok)
    assert.match("reading only", why)
  end)

  it("is for its owner's eyes only", function()
    local path = folder .. "/keel.db"
    local s <close> = assert(store.open(path))
    assert(s:commit(s:tx():add("record.put", { type = "t", key = "k", value_json = 1, now = 1 })))
    local pipe = io.popen("stat -c %a " .. path .. " " .. path .. "-wal")
    assert.equal("600\n600\n", pipe:read("a"))
    pipe:close()
  end)

  it("refuses a file that is not its own", function()
    local path = folder .. "/keel.db"
    local f = assert(io.open(path, "w"))
    f:write(("not a database "):rep(400))
    f:close()
    local s, _, code = store.open(path)
    assert.is_nil(s)
    assert.equal("damaged", code)
  end)
end)
