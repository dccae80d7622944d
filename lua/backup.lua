--- All that a home is, in one file, and back.
--
-- The file is a tar: manifest.json first, then the files it names. The store is a copy as of
-- one moment (an engine may go on meanwhile). Every piece of 8 MiB of every file has its
-- SHA-256 in the manifest, which is checked before anything is put in place.
local clock = require "core.clock"
local digest = require "core.digest"
local errors = require "errors"
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"
local store = require "store"
local tar = require "tar"

local backup = {}

local format = 1
local piece_bytes = 8 << 20
local most_files, most_manifest_bytes = 100000, 64 << 20

-- ---- what belongs to it ------------------------------------------------------------------

local function add_folder(list, home, folder, deep)
  for _, name in ipairs(file.list(file.join(home, folder)) or {}) do
    local path = folder .. "/" .. name
    local kind = file.kind(file.join(home, path))
    if kind == "file" and not name:find "^%." and not name:find "~$" then list[#list + 1] = path end
    if kind == "folder" and deep > 0 then add_folder(list, home, path, deep - 1) end
  end
end

--- The files of a home that are to be kept, but the store.
local function files_of(home, inbox, with_secrets)
  local list = {}
  for _, name in ipairs { "config.lua", ".gitignore", ".luarc.json", ".luacheckrc" } do
    if file.kind(file.join(home, name)) == "file" then list[#list + 1] = name end
  end
  for _, folder in ipairs { "agents", "skills", "cases" } do add_folder(list, home, folder, 3) end
  for _, folder in pairs(inbox) do
    if folder:sub(1, 1) ~= "/" and not folder:find("..", 1, true) then add_folder(list, home, (folder:gsub("/+$", "")), 3) end
  end
  for _, name in ipairs { "var/outbox.jsonl", "var/audit.anchor", with_secrets and "var/token" or nil } do
    if file.kind(file.join(home, name)) == "file" then list[#list + 1] = name end
  end
  return list
end

--- The digests of a file's pieces, and its size; nil, message.
local function measure(path)
  local handle, why = io.open(path, "rb")
  if not handle then return nil, why end
  local hashes, bytes = json.array {}, 0
  while true do
    local text = handle:read(piece_bytes)
    if not text then break end
    hashes[#hashes + 1], bytes = digest.sha256(text), bytes + #text
  end
  handle:close()
  return hashes, bytes
end

-- ---- writing -----------------------------------------------------------------------------

--- A list of { name, path, bytes, sha256 } of what goes in; nil, err.
local function gather(home, inbox, copies, with_secrets)
  local list = {}
  local names = files_of(home, inbox, with_secrets)
  if copies["var/keel.db"] then table.insert(names, 1, "var/keel.db") end
  for _, name in ipairs(names) do
    local path = copies[name] or file.join(home, name)
    local hashes, bytes = measure(path)
    if not hashes then return nil, errors.new("K1009", { name = path, detail = bytes }) end
    list[#list + 1] = { name = name, path = path, bytes = bytes, sha256 = hashes }
  end
  return list
end

local function write_archive(out, list, manifest)
  local function put(text) return out:write(text) and true or nil, "the disk takes nothing more" end
  local mtime, at = manifest.at_ms // 1000, 1
  local text = assert(json.encode(manifest))
  local ok, why = tar.add(put, "manifest.json", #text, mtime, function(n)
    local piece = text:sub(at, at + n - 1)
    at = at + n
    return piece
  end)
  for _, one in ipairs(list) do
    if not ok then break end
    local from = io.open(one.path, "rb")
    if not from then return nil, "cannot read " .. one.path end
    ok, why = tar.add(put, one.name, one.bytes, mtime, function(n) return from:read(n) end)
    from:close()
  end
  if ok then ok, why = tar.finish(put) end
  if ok then ok = out:flush() end
  return ok, why or "the disk takes nothing more"
end

local function manifest_of(home, list)
  local manifest = { keel_backup = format, keel = require("core.program").version, at_ms = clock.now_ms(), piece_bytes = piece_bytes,
    home = home:match "[^/]+$", files = json.array {} }
  manifest.at = rfc3339.format(manifest.at_ms)
  for i, one in ipairs(list) do manifest.files[i] = { name = one.name, bytes = one.bytes, sha256 = one.sha256 } end
  return manifest
end

--- The anchors of the audit trail of rows that are in the copy, in a file beside: one of a row
--- that is not in it would say that the trail was cut, and one too few that anchors were.
local function copy_anchors(home, path, copy)
  local text = file.read(file.join(home, "var", "audit.anchor"))
  if not text then return {} end
  local db <close> = store.open(copy, { read_only = true })
  local last = db and db:read("audit.last", {})[1]
  text = text:gsub("[^\n]*\n?", function(line)
    local id = tonumber(line:match "^(%d+) ")
    if id and last and id > last.id then return "" end
  end)
  if not file.write(path .. ".anchor", text) then return {} end
  return { ["var/audit.anchor"] = path .. ".anchor" }
end

--- Keep a home in a file. options: with_secrets (the token of HTTP, too), force (write over
--- it), inbox (folders of config.lua). Returns { file, bytes, files, at }, or nil, err.
function backup.write(home, path, options)
  if file.exists(path) and not options.force then return nil, errors.new("K9101", { name = path }) end
  local copies = {}
  if file.exists(file.join(home, "var", "keel.db")) then
    local copy = path .. ".store"
    os.remove(copy)
    local ok, message, code = store.copy(file.join(home, "var", "keel.db"), copy)
    if not ok then return nil, errors.from(message, code, { name = copy }) end
    copies = copy_anchors(home, path, copy)
    copies["var/keel.db"] = copy
  end
  local partial = path .. ".part"
  local function done(result, err)
    for _, name in pairs(copies) do os.remove(name) end
    if not result then os.remove(partial) end
    return result, err
  end
  local list, err = gather(home, options.inbox or {}, copies, options.with_secrets)
  if not list then return done(nil, err) end
  local manifest = manifest_of(home, list)
  file.write(partial, "", tonumber("600", 8))
  local out, why = io.open(partial, "wb")
  if not out then return done(nil, errors.new("K9005", { name = partial, detail = why })) end
  local ok
  ok, why = write_archive(out, list, manifest)
  out:close()
  if ok then ok, why = file.sync(partial) end
  if not ok then return done(nil, errors.new("K9005", { name = partial, detail = why, message = ("%s: %s"):format(partial, why) })) end
  ok, why = os.rename(partial, path)
  if not ok then return done(nil, errors.new("K9005", { name = path, detail = why })) end
  return done { file = path, bytes = (file.stat(path)), files = #list, at = manifest.at }
end

-- ---- reading ------------------------------------------------------------------------------

local function bad(path, detail) return errors.new("K9102", { name = path, detail = detail }) end

local function is_manifest(m)
  if type(m) ~= "table" or m.keel_backup ~= format or type(m.files) ~= "table" or math.type(m.piece_bytes) ~= "integer"
    or m.piece_bytes < 4096 or m.piece_bytes > 64 << 20 or #m.files > most_files then return false end
  for _, one in ipairs(m.files) do
    if type(one) ~= "table" or type(one.name) ~= "string" or math.type(one.bytes) ~= "integer" or type(one.sha256) ~= "table" then return false end
  end
  return true
end

local function read_manifest(entry, pieces)
  if entry.name ~= "manifest.json" or entry.bytes > most_manifest_bytes then return nil, "it does not begin with a manifest" end
  local parts = {}
  for text in pieces do parts[#parts + 1] = text end
  local manifest = json.decode(table.concat(parts))
  if not is_manifest(manifest) then return nil, "its manifest cannot be read" end
  local wanted = {}
  for _, one in ipairs(manifest.files) do wanted[one.name] = one end
  return manifest, wanted
end

--- Compare a file of the archive with its digests, and write it below `into` (nil: only
--- compare). Returns true, or nil, message.
local function take(one, pieces, manifest, into)
  local out, path
  if into then
    path = file.join(into, one.name)
    local ok, message = file.mkdir(path:match "^(.*)/")
    if not ok then return nil, message end
    file.write(path, "", tonumber("600", 8))
    out, message = io.open(path, "wb")
    if not out then return nil, message end
  end
  local gathered, number, why = "", 0, nil
  local function whole(text)
    number = number + 1
    if digest.sha256(text) ~= one.sha256[number] then why = one.name .. " is not what was kept" end
    if out and not why and not out:write(text) then why = "the disk takes nothing more" end
  end
  while not why do
    local text, cut = pieces()
    if not text then
      why = cut
      break
    end
    gathered = gathered .. text
    while #gathered >= manifest.piece_bytes and not why do
      whole(gathered:sub(1, manifest.piece_bytes))
      gathered = gathered:sub(manifest.piece_bytes + 1)
    end
  end
  if not why and gathered ~= "" then whole(gathered) end
  if not why and number ~= #one.sha256 then why = one.name .. " is not what was kept" end
  if out then
    if not out:close() then why = why or "the disk takes nothing more" end
    if not why then file.sync(path) end
  end
  return why == nil, why
end

--- Go through an archive, comparing all; write it below `into` when told. Returns the
--- manifest, or nil, err.
function backup.read(path, into)
  local handle, why = io.open(path, "rb")
  if not handle then return nil, errors.new("K1009", { name = path, detail = why }) end
  local manifest, wanted
  local ok
  ok, why = tar.each(function(n) return handle:read(n) end, function(entry, pieces)
    if not manifest then
      manifest, wanted = read_manifest(entry, pieces)
      return manifest ~= nil, wanted
    end
    local one = wanted[entry.name]
    if not one or one.bytes ~= entry.bytes then return nil, "it holds what its manifest does not name: " .. entry.name end
    wanted[entry.name] = nil
    return take(one, pieces, manifest, into)
  end)
  handle:close()
  if ok and not manifest then ok, why = nil, "it is empty" end
  if ok and next(wanted) then ok, why = nil, "it lacks " .. next(wanted) end
  if not ok then return nil, bad(path, why) end
  return manifest
end

-- ---- putting in place ------------------------------------------------------------------------

local function is_empty(home)
  local names = file.list(home)
  return not names or #names == 0
end

--- Opening a store whose anchors were not kept begins them anew; that they were not is the reason.
local function accept_anchors(db, tx, now)
  for _, row in ipairs(db:read("audit.list", { limit = 1 })) do
    if row.what == "audit.anchor" then
      tx:add("audit.put", { now = now, who = "restore", what = "audit.accept", seq = row.id,
        detail_codec = { note = "the backup held no anchors of it" } })
    end
  end
end

--- Everything is held, until its owner lets it go: the home that was kept may be at work
--- elsewhere still.
local function hold(home, now, go)
  local path = file.join(home, "var", "keel.db")
  if not file.exists(path) then return true end
  local db, message, code = store.open(path)
  if not db then return nil, errors.from(message, code, { name = path }) end
  local tx = db:tx()
  accept_anchors(db, tx, now)
  tx:add("approval.restored", {}) -- the home that was kept may have acted on them since
  if not go then
    tx:add("pause.put", { scope = "all", who = "restore", now = now, note = "restored from a backup" })
    tx:add("audit.put", { now = now, who = "restore", what = "pause", subject = "all", detail_codec = { note = "restored from a backup" } })
  end
  local ok
  ok, message, code = db:commit(tx)
  db:close()
  if not ok then return nil, errors.from(message, code, { name = path }) end
  return true
end

--- Make a home of a backup. options: force (what is there is moved aside), go (do not hold
--- its work). Returns { home, files, at, aside? }, or nil, err. Nothing is in place unless
--- all of it is as it was kept.
function backup.restore(path, home, options)
  if not is_empty(home) and not options.force then return nil, errors.new("K9103", { name = home }) end
  if require("remote").ping(home) then return nil, errors.new("K1020", { pid = "?", name = home }) end
  local manifest, err = backup.read(path) -- all of it, before anything is written
  if not manifest then return nil, err end
  local beside = home:gsub("/+$", "") .. ".restored"
  if not is_empty(beside) then return nil, errors.new("K9103", { name = beside }) end
  manifest, err = backup.read(path, beside)
  if not manifest then return nil, err end
  local now = clock.now_ms()
  local held
  held, err = hold(beside, now, options.go)
  if not held then return nil, err end
  local aside
  if file.exists(home) and not is_empty(home) then
    aside = ("%s.before-%d"):format(home:gsub("/+$", ""), now // 1000)
    os.rename(home, aside)
  else
    os.remove(home) -- an empty folder
  end
  local ok, why = os.rename(beside, home)
  if not ok then return nil, errors.new("K9005", { name = home, detail = why }) end
  return { home = home, files = #manifest.files, at = manifest.at, aside = aside, held = not options.go }
end

return backup
