--- Somebody with a tool and patience, at a store's audit trail: reads, changes and seals rows
--- anew as the format says (src/audit_chain.h), in an implementation of its own.
local bench = require "core.bench"
local digest = require "core.digest"
local file = require "file"
local store = require "store"

local forger = {}

local zeros = ("\0"):rep(32)

local function bytes_of(hex) return (hex:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end)) end
local function hex_of(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function sha256(text) return bytes_of(digest.sha256(text)) end

local function cell(value)
  if value == nil then return "\0" end
  if math.type(value) == "integer" then return "\1" .. (">i8"):pack(value) end
  return "\3" .. (">s8"):pack(value)
end

--- The hash of a row without a detail.
function forger.hash(row, before)
  return sha256(before .. (">i8"):pack(row.id) .. cell(row.time) .. cell(row.who) .. cell(row.what) .. cell(row.channel)
    .. cell(row.run) .. cell(row.seq) .. sha256(cell(row.subject)) .. sha256(cell(nil)))
end

function forger.damage(path, sql)
  assert(bench.damage(path, "DROP TRIGGER IF EXISTS audit_kept; DROP TRIGGER IF EXISTS audit_fixed;" .. sql))
end

local function text(value)
  if value == nil then return "NULL" end
  return math.type(value) == "integer" and tostring(value) or "'" .. value:gsub("'", "''") .. "'"
end

--- SQL that adds the row, sealed behind `before` (bytes); and its hash.
function forger.insert(row, before)
  local hash = forger.hash(row, before)
  return ("INSERT INTO audit(id,time,who,what,subject,channel,run,seq,chain) VALUES(%d,%d,%s,%s,%s,%s,%s,%s,x'%s');"):format(
    row.id, row.time, text(row.who), text(row.what), text(row.subject), text(row.channel), text(row.run), text(row.seq),
    hex_of(before .. hash)), hash
end

--- SQL that gives room for n rows behind row `id`.
function forger.shift(id, n)
  return ("UPDATE audit SET id = -id WHERE id > %d; UPDATE audit SET id = -id + %d WHERE id < 0;"):format(id, n)
end

--- SQL that seals rows again, from `rows` (oldest first) as they are given, behind `before`.
function forger.reseal(rows, before)
  local list = {}
  for i, row in ipairs(rows) do
    local hash = forger.hash(row, before)
    list[i] = ("UPDATE audit SET who = %s, chain = x'%s' WHERE id = %d;"):format(text(row.who), hex_of(before .. hash), row.id)
    before = hash
  end
  return table.concat(list)
end

--- A store of n rows without details, anchored `anchors` times. Returns rows (oldest first, with `hash` in
--- bytes) and its anchors.
function forger.trail(path, n, anchors)
  local each, id = n // anchors, 0
  for _ = 1, anchors do
    local s = assert(store.open(path))
    local tx = s:tx()
    for _ = 1, each do
      id = id + 1
      tx:add("audit.put", { now = 1772442000000 + id * 1000, who = id % 2 == 0 and "Mira" or "engine",
        what = id % 3 == 0 and "effect" or "approval.approved", subject = id % 5 ~= 0 and "mail.send welcome:P-" .. id or nil,
        run = "run_" .. id // 4, seq = id % 4 + 1, channel = id % 7 == 0 and "page" or nil })
    end
    assert(s:commit(tx))
    s:close()
  end
  local rows = {}
  local s = assert(store.open(path, { read_only = true }))
  for i, row in ipairs(s:read("audit.list", { limit = n })) do
    row.hash = bytes_of(row.hash)
    rows[each * anchors + 1 - i] = row
  end
  s:close()
  rows[0] = { id = 0, hash = zeros }
  return rows, file.read((path:gsub("[^/]*$", "audit.anchor")))
end

function forger.verify(path)
  local check = assert(require("core.audit").open(path))
  local over, message
  repeat over, message = check:step(10000) until over ~= false
  assert(over, message)
  local found = check:found()
  check:close()
  return found
end

return forger
