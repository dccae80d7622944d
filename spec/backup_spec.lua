--- A home in one file, and back; and archives that are no good.
local backup = require "backup"
local digest = require "core.digest"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local server = require "spec.support.server"
local store = require "store"
local tar = require "tar"

--- An archive of { name, text } pairs.
local function archive(files)
  local parts = {}
  local function put(text) parts[#parts + 1] = text return true end
  for _, one in ipairs(files) do
    local at = 1
    assert(tar.add(put, one[1], #one[2], 0, function(n)
      local piece = one[2]:sub(at, at + n - 1)
      at = at + n
      return piece
    end))
  end
  assert(tar.finish(put))
  return table.concat(parts)
end

local function entries(text)
  local at, list = 1, {}
  local ok, why = tar.each(function(n)
    local piece = text:sub(at, at + n - 1)
    at = at + #piece
    return piece
  end, function(entry, pieces)
    local parts = {}
    for piece in pieces do parts[#parts + 1] = piece end
    list[#list + 1] = { entry.name, table.concat(parts) }
    return true
  end)
  return ok and list, why
end

describe("an archive", function()
  it("gives back what was put in, of every size around a block", function()
    local files = {}
    for i, n in ipairs { 0, 1, 511, 512, 513, 3 << 20 } do files[i] = { "folder/f" .. n, ("x"):rep(n) } end
    files[#files + 1] = { ("long/"):rep(30) .. "name", "deep" }
    assert.same(files, (entries(archive(files))))
  end)

  it("is one for tar(1)", function()
    local path = os.tmpname()
    assert(file.write(path, archive { { "a/b", "text\n" } }))
    local pipe = io.popen("tar xOf " .. path .. " a/b 2>&1")
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    assert.equal("text\n", text)
  end)

  it("is refused where it is cut off, changed, or leads elsewhere", function()
    local good = archive { { "a/b", "some text" } }
    for _, n in ipairs { 0, 100, 512, 700, 1024 } do assert.is_falsy((entries(good:sub(1, n)))) end
    assert.is_falsy((entries("x" .. good:sub(2))))
    for _, name in ipairs { "../x", "/etc/x", "a/../../x", "a//b", "a\nb", "./x" } do
      assert.is_falsy((entries(archive { { name, "x" } })), name)
    end
    local link = good:sub(1, 156) .. "2" .. good:sub(158)
    assert.is_falsy((entries(link)))
  end)

  it("survives any change of any byte of its header", function()
    local good = archive { { "a/b", "some text" } }
    for i = 1, 512 do -- how the number of the checksum ends does not matter
      for _, c in ipairs { "\0", "\255", "7", "/" } do
        pcall(entries, good:sub(1, i - 1) .. c .. good:sub(i + 1))
        local list = entries(good:sub(1, i - 1) .. c .. good:sub(i + 1))
        if list and good:sub(i, i) ~= c and i ~= 155 and i ~= 156 then error("byte " .. i .. " may be anything") end
      end
    end
  end)
end)

describe("a backup", function()
  local here, path, served

  before_each(function()
    here = home.make { agents = { hello = home.agent "return { who = input.who }", nap = home.agent "ctx.sleep('1h') return 'awake'" },
      config = [[return { zone = "UTC", owner = "Mira", inbox = { ["file.created"] = "inbox/notes" } }]] }
    path = here.path .. ".tar"
  end)

  after_each(function()
    if served then served:stop() end
    served = nil
    os.execute(("rm -rf '%s'* "):format(here.path))
    here:remove()
  end)

  local function fill()
    local e = here:open()
    here:run("hello", { who = "Ana" })
    here:run "nap"
    assert(e:memory():remember { ns = "main", kind = "k", key = "a", text = "kept" })
    e:close()
    here.engine = nil
    here:write("inbox/notes/one.md", "a note")
    here:write("var/outbox.jsonl", "{}\n")
    here:write("var/token", ("0"):rep(64) .. "\n")
  end

  it("becomes a home that is the same, held until it is let go, whose runs go on", function()
    fill()
    assert(backup.write(here.path, path, { inbox = { "inbox/notes" } }))
    local there = here.path .. ".new"
    local told = assert(backup.restore(path, there, {}))
    assert.is_true(told.held)
    for _, name in ipairs { "config.lua", "agents/hello.lua", "inbox/notes/one.md", "var/outbox.jsonl" } do
      assert.equal(here:read(name), file.read(there .. "/" .. name), name)
    end
    assert.is_nil((file.read(there .. "/var/token")))
    local function run(...) return keel { "--home", there, ... } end
    assert.equal(0, run("replay", "--all").code)
    assert.truthy(run("repl", "-e", "memory.get{ kind = 'k', key = 'a' }.text").out:find("kept", 1, true))
    assert.truthy(run("runs", "--json").out:find('"waiting_for":"paused"', 1, true))
    assert.equal(0, run("resume", "--all").code)
    assert.truthy(run("runs", "--json").out:find('"output":"awake"', 1, true)) -- its hour is over by the real clock
  end)

  it("is taken while an engine runs", function()
    fill()
    served = assert(server.start(here))
    local got = keel { "backup", path, "--home", here.path, "--json" }
    assert.equal(0, got.code)
    assert.equal(path, json.decode(got.out).file)
    assert.equal(0, keel({ "restore", path, "--check" }).code)
    assert.equal("K1020", json.decode(keel({ "restore", path, "--home", here.path, "--force", "--json" }).out).error.number)
  end)

  it("overwrites nothing, and mixes with nothing", function()
    fill()
    assert(backup.write(here.path, path, {}))
    assert.equal("K9101", select(2, backup.write(here.path, path, {})).number)
    assert(backup.write(here.path, path, { force = true }))
    assert.equal("K9103", select(2, backup.restore(path, here.path, {})).number)
    local told = assert(backup.restore(path, here.path, { force = true }))
    assert.truthy(file.exists(told.aside .. "/inbox/notes/one.md"))
    assert.truthy(file.exists(here.path .. "/config.lua"))
  end)

  it("is refused when anything of it is another, and nothing is in place then", function()
    fill()
    assert(backup.write(here.path, path, {}))
    local text = file.read(path)
    local there = here.path .. ".new"
    for _, at in ipairs { 600, #text // 2, #text - 2000 } do
      local changed = text:sub(1, at - 1) .. string.char(text:byte(at) ~ 1) .. text:sub(at + 1)
      assert(file.write(path, changed))
      assert.equal("K9102", select(2, backup.restore(path, there, {})).number, at)
      assert.is_nil((file.kind(there)))
    end
    assert(file.write(path, text:sub(1, #text - 3000)))
    assert.equal("K9102", select(2, backup.restore(path, there, {})).number)
    assert(file.write(path, "no archive"))
    assert.equal("K9102", select(2, backup.read(path)).number)
    local got = keel { "restore", path, "--check", "--json" }
    assert.same({ 9, "K9102" }, { got.code, json.decode(got.out).error.number })
  end)

  it("holds only what its manifest names, once each, and all of it", function()
    local one = { name = "a", bytes = 1, sha256 = json.array { digest.sha256 "x" } }
    local function manifest(files) return json.encode { keel_backup = 1, piece_bytes = 8 << 20, at = "x", files = json.array(files) } end
    local function read(files)
      assert(file.write(path, archive(files)))
      return backup.read(path)
    end
    assert(read { { "manifest.json", manifest { one } }, { "a", "x" } })
    for _, files in ipairs {
      {}, { { "a", "x" } }, { { "manifest.json", "{}" } }, { { "manifest.json", manifest { one } } },
      { { "manifest.json", manifest { one } }, { "a", "y" } }, { { "manifest.json", manifest { one } }, { "a", "xx" } },
      { { "manifest.json", manifest { one } }, { "b", "x" } }, { { "manifest.json", manifest { one } }, { "a", "x" }, { "a", "x" } },
    } do
      assert.equal("K9102", select(2, read(files)).number)
    end
  end)
end)

describe("a copy of a store", function()
  it("is of one moment, private, and never over another file", function()
    local here = home.make { agents = { hello = home.agent "return 1" } }
    finally(function() here:remove() end)
    here:open()
    here:run "hello"
    local to = here.path .. "/copy.db"
    assert(store.copy(here.path .. "/var/keel.db", to))
    assert(store.check(to, true))
    local pipe = io.popen("stat -c %a " .. to)
    assert.equal("600", pipe:read "l")
    pipe:close()
    assert.equal("conflict", select(3, store.copy(here.path .. "/var/keel.db", to)))
    assert.is_nil((store.copy(here.path .. "/none.db", here.path .. "/other.db")))
    assert.is_nil((file.kind(here.path .. "/other.db")))
  end)

  it("for a trial has what was learned, and no work", function()
    local here = home.make { agents = { nap = home.agent "ctx.sleep('1h') return 1" } }
    finally(function() here:remove() end)
    local e = here:open()
    assert(e:memory():remember { ns = "main", kind = "k", key = "a", text = "kept" })
    here:run "nap"
    local to = here.path .. "/trial.db"
    assert(store.copy(here.path .. "/var/keel.db", to, true))
    local db = assert(store.open(to))
    assert.same({}, db:read("run.open", {}))
    local m = assert(require("memory").open(db))
    assert.equal("kept", m:get({ ns = "main", kind = "k", key = "a" }).text)
    m:close()
    db:close()
  end)

  it("that is damaged is found out", function()
    local path = os.tmpname()
    assert(file.write(path, ("no database"):rep(500)))
    assert.equal("damaged", select(3, store.check(path)))
    os.remove(path)
  end)
end)
