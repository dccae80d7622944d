local core = require "core.watch"
local file = require "file"
local server = require "spec.support.server"

describe("a watched folder", function()
  local path, watch, news

  before_each(function()
    path = os.tmpname()
    os.remove(path)
    assert(file.mkdir(path .. "/in"))
    news = {}
    watch = assert(core.open(function(number, what, name)
      news[#news + 1] = { number = number, what = what, name = name }
    end))
  end)

  after_each(function()
    watch:close()
    os.execute("rm -rf '" .. path .. "'")
  end)

  local function heard(what, name)
    return server.eventually(function()
      for _, one in ipairs(news) do
        if one.what == what and one.name == name then return one end
      end
    end, what .. " " .. tostring(name))
  end

  it("tells of a file when its writer closes it, not before", function()
    local number = assert(watch:folder(path .. "/in"))
    local handle = assert(io.open(path .. "/in/slow", "w"))
    handle:write("half")
    handle:flush()
    assert(file.write(path .. "/in/other", "x"))
    heard("changed", "other")
    for _, one in ipairs(news) do assert.not_equal("slow", one.name) end
    handle:close()
    assert.equal(number, heard("changed", "slow").number)
  end)

  it("tells of a save by rename, and of what is gone", function()
    assert(watch:folder(path .. "/in"))
    assert(file.write(path .. "/in/a.lua", "1"))
    heard("changed", "a.lua")
    news = {}
    assert(file.write(path .. "/in/a.lua", "2"))
    heard("changed", "a.lua")
    os.remove(path .. "/in/a.lua")
    heard("gone", "a.lua")
  end)

  it("tells that a folder was made, and that a watched one is lost", function()
    assert(watch:folder(path))
    local number = assert(watch:folder(path .. "/in"))
    assert(file.mkdir(path .. "/new"))
    heard("made", "new")
    os.execute("rmdir '" .. path .. "/in'")
    assert.equal(number, heard("lost").number)
    assert(file.mkdir(path .. "/in"))
    assert(watch:folder(path .. "/in"))
    assert(file.write(path .. "/in/again", "x"))
    heard("changed", "again")
  end)

  it("says what cannot be watched", function()
    local number, message, code = watch:folder(path .. "/none")
    assert.is_nil(number)
    assert.equal("not_found", code)
    assert.matches("none", message)
    assert.is_nil((watch:folder("/etc/passwd")))
  end)

  it("may be closed while it tells", function()
    local once
    once = assert(core.open(function() once:close() end))
    assert(once:folder(path .. "/in"))
    assert(watch:folder(path .. "/in"))
    assert(file.write(path .. "/in/a", "x"))
    assert(file.write(path .. "/in/b", "x"))
    heard("changed", "b")
    assert.has_error(function() once:folder(path) end)
  end)
end)
