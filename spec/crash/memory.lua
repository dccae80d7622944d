--- make crash-memory: a memory that is written to, forgets, lets go by rules, is moved
--- together and purged, killed before the nth call that changes the disk, KILLS times over
--- the whole of it.
--
--   build/keel lua spec/crash/memory.lua [--kills N]
--
-- After each kill: what was told to be done is there; rows, words, vectors, fields and
-- tombstones agree; what was forgotten is found by no search. Then the work goes on from
-- where it was told to be, and in the end memory is what it is when nobody kills, and a
-- purged word is nowhere in the file or its log.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local file = require "file"
local lab = require "spec.crash.lab"
local memory = require "memory"
local program = require "spec.support.program"

local marker = "zanzibarquixote"
local day = 86400000
local start = 1700000000000

local function word(b, n) return ("unique%dx%d"):format(b, n) end

-- ---- the work: a list of things to do, each of which may be done twice ------------------

local function batch(b)
  local items = {}
  for n = 1, 40 do
    items[n] = { id = ("i%d-%d"):format(b, n), kind = n % 4 == 0 and "turn" or "note", session = "s" .. b,
      text = ("%s was said about the garden of client %d in week %d"):format(word(b, n), n % 7, b), tags = { "week" .. b },
      value = { week = b, open = n % 2 == 0 }, ttl = n == 7 and "3d" or nil, time = start + b * day, now = start + b * day }
  end
  items[41] = { kind = "fact", key = "price", text = ("the price is %d"):format(b), time = start + b * day, now = start + b * day }
  items[42] = { id = "secret" .. b, kind = "note", text = marker .. " is what " .. word(b, 42) .. " must not be read", value = { name = marker },
    tags = { marker }, now = start + b * day }
  return items
end

local function work(path)
  local now = { ms = start }
  local m = assert(memory.open(path, { ns = "main", clock = function() return now.ms end }))
  local list = {}
  for b = 1, 8 do
    local function add(fn)
      list[#list + 1] = function()
        now.ms = start + b * day
        fn()
      end
    end
    add(function() assert(m:remember_all(batch(b))) end)
    add(function() assert(m:remember { id = "one" .. b, text = "a single thing, " .. word(b, 50), now = start + b * day }) end)
    add(function() assert(m:forget { id = ("i%d-%d"):format(b, b), reason = "asked to" }) end)
    if b % 2 == 0 then add(function() assert(m:gc { rules = { note = { count = 120 }, turn = { age_ms = 3 * day } }, slice = 20 }) end) end
    if b % 3 == 0 then add(function() assert(m:compact(50)) end) end
    add(function() -- the purge: forgotten, and gone from the log, too
      assert(m:forget { id = "secret" .. b, reason = "purged" })
      assert(m:settle())
    end)
  end
  return m, list
end

local function told(log)
  local n = 0
  for _ in (file.read(log) or ""):gmatch "done\n" do n = n + 1 end
  return n
end

local function go_on(path, log)
  local m, list = work(path)
  for i = told(log) + 1, #list do
    list[i]()
    assert(file.append_sync(log, "done"))
  end
  m:close()
end

-- ---- what must hold ---------------------------------------------------------------------

-- All rows, also those that have expired since.
local function lines_of(m)
  local list, clock_before = {}, m.clock
  m.clock = function() return start end
  for line in m:export() do list[#list + 1] = line end
  m.clock = clock_before
  table.sort(list)
  return list
end

-- Everything that is wrong with a store, as texts.
local function wrong(path)
  local bad = {}
  local function say(...) bad[#bad + 1] = string.format(...) end
  local m = assert(memory.open(path, { ns = "main", clock = function() return start + 8 * day end }))
  for part, n in pairs(m.store:read("memory.check", {})[1]) do
    if n ~= 0 then say("%d %s do not agree with the rows", n, part) end
  end
  if m.store:read("check.integrity", {})[1].result ~= "ok" then say "the file is damaged" end
  local live = {}
  for _, row in ipairs(m.store:read("memory.list", { ns = "main", after = 0, now = start, limit = 100000 })) do
    live[row.id] = row
    if row.text and not row.model then say("%s has no vector", row.id) end
  end
  for b = 1, 8 do
    for _, n in ipairs { 1, 2, 7, 20, 42, 50 } do
      local id = n == 42 and "secret" .. b or n == 50 and "one" .. b or ("i%d-%d"):format(b, n)
      local hit = assert(m:search { query = word(b, n), k = 1 })[1]
      local found = hit and hit.text and hit.text:find(word(b, n), 1, true) ~= nil
      local there = live[id] ~= nil and (not live[id].expires or live[id].expires > start + 8 * day)
      if found and not live[id] then say("%s is found, and is not there", id) end
      if there and not found then say("%s is there, and is not found", id) end
      local past = m:history { id = id }
      if not live[id] and #past > 0 and not past[1].forgotten then say("%s has no tombstone", id) end
      if live[id] and past[1].forgotten then say("%s has a tombstone and a row", id) end
    end
    local tagged = assert(m:search { query = "garden", where = { tags = { "week" .. b }, value = { week = b } }, k = 100, distinct = false })
    for _, hit in ipairs(tagged) do
      if not hit.tags or hit.tags[1] ~= "week" .. b then say("a field of week %d leads to %s", b, hit.id) end
    end
  end
  local lines = lines_of(m)
  m:close()
  return bad, lines
end

local function marker_left(path)
  for _, tail in ipairs { "", "-wal" } do
    local text = file.read(path .. tail)
    if text and text:find(marker, 1, true) then return tail == "" and "the file" or "the log" end
  end
end

-- ---- killing ------------------------------------------------------------------------------

local function child(path, log, fault, count)
  return lab.shell(("LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0 KEEL_FAULT=%s KEEL_FAULT_COUNT=%s %s lua spec/crash/memory.lua work %s %s 2>/dev/null")
    :format(lab.quoted(assert(lab.shim())), fault or "", lab.quoted(count or ""), lab.quoted(program), lab.quoted(path), lab.quoted(log)))
end

local function clean(path, log)
  for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end
  os.remove(log)
end

-- What there is after each thing that is done, by its number: sets of lines.
local function states()
  local m, list = work ":memory:"
  local out = { [0] = {} }
  for i, fn in ipairs(list) do
    fn()
    out[i] = {}
    for _, line in ipairs(lines_of(m)) do out[i][line] = true end
  end
  m:close()
  return out
end

-- What was told to be done is done; of the next thing, some may be.
local function told_holds(expected, n, lines, complaints)
  local before, after, have = expected[n], expected[n + 1] or expected[n], {}
  for _, line in ipairs(lines) do
    have[line] = true
    if not before[line] and not after[line] then complaints[#complaints + 1] = "nobody wrote " .. line end
  end
  for line in pairs(before) do
    if after[line] and not have[line] then complaints[#complaints + 1] = "told, and not there: " .. line end
  end
end

local function storm(kills)
  local scratch = lab.scratch()
  assert(file.mkdir(scratch))
  local path, log, count = scratch .. "/keel.db", scratch .. "/log", scratch .. "/count"
  assert(child(path, log, nil, count) == 0, "the work itself fails")
  local calls = assert(tonumber((file.read(count) or ""):match "%d+"), "no disk calls were counted")
  local bad, reference = wrong(path)
  local expected = states()
  assert(#bad == 0, "undisturbed, " .. tostring(bad[1]))
  assert(not marker_left(path), "undisturbed, the purged word is left")
  local passed, failed, began = 0, 0, clock.mono_us()
  for i = 1, kills do
    clean(path, log)
    local at = math.max(1, (i * calls) // (kills + 1))
    local fault = (i % 3 == 0 and "tear:" or "kill:") .. at
    local complaints = {}
    if child(path, log, fault) ~= 137 then complaints[1] = "it was not killed" end
    if file.exists(path) then
      local now, lines = wrong(path)
      table.move(now, 1, #now, #complaints + 1, complaints)
      told_holds(expected, told(log), lines, complaints)
    end
    local code = child(path, log)
    if code ~= 0 then complaints[#complaints + 1] = "it does not go on (exit " .. code .. ")" end
    local after, lines = wrong(path)
    table.move(after, 1, #after, #complaints + 1, complaints)
    if table.concat(lines, "\n") ~= table.concat(reference, "\n") then
      complaints[#complaints + 1] = ("it ends otherwise: %d lines, %d undisturbed"):format(#lines, #reference)
    end
    local left = marker_left(path)
    if left then complaints[#complaints + 1] = "the purged word is in " .. left end
    if #complaints == 0 then passed = passed + 1 else
      failed = failed + 1
      print(("%s of %d: %s"):format(fault, calls, table.concat(complaints, "; ", 1, math.min(5, #complaints))))
    end
  end
  print(("%d kills over %d disk calls in %d s: %d passed, %d failed"):format(kills, calls, (clock.mono_us() - began) // 1000000, passed, failed))
  lab.remove(scratch)
  return failed == 0
end

if arg[1] == "work" then
  go_on(arg[2], arg[3])
else
  os.exit(storm(arg[1] == "--kills" and math.tointeger(tonumber(arg[2])) or 200), true)
end
