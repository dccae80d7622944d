--- keel bench memory: many memories are written, searched and let go, beside the bare scan
--- of as many vectors. Each part runs in a process of its own, so that what is resident
--- is the part's own.
local clock = require "core.clock"
local core = require "core.bench"
local errors = require "errors"
local file = require "file"
local json = require "json"
local lab = require "bench.lab"
local memory = require "memory"

local bench = {}

local vocabulary, common, small_every = 100000, 150, 100
local model = "bench"
local start_ms = 1700000000000

-- Words as they fall in speech: of 100,000, the i-th is used 1/i as often as the first.
local function teller(seed)
  local state = seed
  local function chance()
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) / 2147483648
  end
  local words = {}
  for i = 1, vocabulary do
    local n, word = i * 7919 % 1000003, ""
    if i < 200 then n = i * 31 % 6000 end -- common words are short
    repeat
      word = word .. ("bcdfghklmnprstvz"):sub(n % 16 + 1, n % 16 + 1) .. ("aeiou"):sub(n // 16 % 5 + 1, n // 16 % 5 + 1)
      n = n // 80
    until n == 0
    words[i] = word
  end
  -- `least`: without the words that are as common as "the" and "of", which are half of
  -- what is written and which no question is asked with.
  return function(length, least)
    local out = {}
    for i = 1, length do
      local rank
      repeat rank = math.floor(vocabulary ^ chance()) until rank >= (least or 1)
      out[i] = words[rank]
    end
    return table.concat(out, " ")
  end
end

local function quantile(list, q)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * q))]
end

local function ms_since(began) return (clock.mono_us() - began) / 1000 end

local function open(path, options)
  options = options or {}
  options.ns = "big"
  return assert(memory.open(path, options))
end

-- ---- parts, each in a process of its own ---------------------------------------------

local parts = {}

function parts.write(path, n, dim)
  local m, text = open(path), teller(42)
  local took, small, text_bytes, written = 0, 0, 0, 0
  local add, finish = m:writer()
  local function batch_from(from)
    local batch = {}
    for i = from, math.min(from + 999, n) do
      -- A tenth has an end; a hundredth is another's; where it comes from is told by all.
      local other = i % small_every == 0
      small = small + (other and 1 or 0)
      batch[#batch + 1] = { ns = other and "small" or nil, text = text(8 + i % 25), run = 1000 + i // 50, seq = i % 50 + 1,
        ttl = i % 10 == 3 and "400d" or nil, vector = core.vector(i - 1, dim), model = model, now = start_ms + i * 1000 }
      text_bytes = text_bytes + #batch[#batch].text
    end
    return batch
  end
  -- Twenty batches are made, and then written on the clock, to the last one's end.
  for from = 1, n, 20000 do
    local batches = {}
    for at = from, math.min(from + 19999, n), 1000 do batches[#batches + 1] = batch_from(at) end
    local began = clock.mono_us()
    for _, batch in ipairs(batches) do assert(add(batch)) end
    written = assert(finish()).new
    took = took + ms_since(began)
  end
  m:settle()
  local bytes = file.stat(path)
  local singles, count = {}, 2000
  local began = clock.mono_us()
  for i = 1, count do
    local t = clock.mono_us()
    assert(m:remember { text = text(8 + i % 25), run = 7, seq = i, vector = core.vector(n + 5000 + i, dim), model = model })
    singles[i] = clock.mono_us() - t
  end
  local single_ms = ms_since(began)
  m:close()
  return { rows = written, batch_per_s = math.floor(written * 1000 / took), bytes_per_row = bytes / written, text_bytes_per_row = text_bytes / written,
    single_per_s = math.floor(count * 1000 / single_ms), single_p50_us = quantile(singles, 0.5),
    single_p99_us = quantile(singles, 0.99), small_rows = small }
end

function parts.search(path, n, dim, searches)
  local m, text = open(path, { read_only = true }), teller(7)
  local now = start_ms + n * 1000
  local began = clock.mono_us()
  assert(m:search { query = text(4, common), vector = core.vector(n, dim), model = model, now = now })
  local out = { load_ms = ms_since(began) }
  local function measure(ns, of)
    local times, foreign, hits_n = {}, 0, 0
    assert(m:search { ns = ns, query = text(4, common), vector = core.vector(n, dim), model = model, now = now })
    for i = 1, searches do
      local q = of(i)
      q.ns, q.now = ns, now
      local t = clock.mono_us()
      local hits = assert(m:search(q))
      times[i] = ms_since(t)
      hits_n = hits_n + #hits
      for _, hit in ipairs(hits) do foreign = foreign + (hit.ns ~= ns and 1 or 0) end
    end
    return { p50_ms = quantile(times, 0.5), p99_ms = quantile(times, 0.99), foreign_hits = foreign, hits = hits_n }
  end
  local function hybrid(i) return { query = text(3 + i % 4, common), vector = core.vector(n + i, dim), model = model } end
  out.hybrid, out.small = measure("big", hybrid), measure("small", hybrid)
  out.text = measure("big", function(i) return { query = text(3 + i % 4, common), vector = ("\0"):rep(dim), model = model } end)
  out.vector = measure("big", function(i) return { vector = core.vector(n + i, dim), model = model, distinct = false } end)
  -- What a search of many loses by looking at signs first, beside the exact scan.
  local exact, both = {}, 0
  for i = 1, 20 do
    local q = { vector = core.vector(n + i, dim), model = model, now = now, distinct = false,
      weights = { recency = 0, importance = 0, context = 0, text = 0 } }
    for _, hit in ipairs(assert(m:search(q))) do exact[hit.row] = true end
    q.query = text(1, common)
    for _, hit in ipairs(assert(m:search(q))) do both = both + (exact[hit.row] and 1 or 0) end
    exact = {}
  end
  out.hybrid_vectors_found = both / 200
  out.rss_bytes, out.rss_peak_bytes = lab.resident()
  -- Against floats: the ten nearest that a search gives are the ten nearest.
  local right, asked = 0, math.max(4, math.min(20, 4000000 // n))
  for i = 1, asked do
    local want = {}
    for _, row in ipairs(core.nearest(n + i, n, dim, 12)) do want[#want + 1] = row end
    local truth, have = {}, 0
    for _, row in ipairs(want) do -- rows of the small namespace are another's
      if (row + 1) % small_every ~= 0 and have < 10 then truth[start_ms + (row + 1) * 1000], have = true, have + 1 end
    end
    for _, hit in ipairs(assert(m:search { vector = core.vector(n + i, dim), model = model, now = now, distinct = false,
      weights = { recency = 0, importance = 0, context = 0, text = 0 } })) do
      right = right + (truth[hit.time] and 1 or 0)
    end
  end
  out.recall_at_10 = right / (asked * 10)
  m:close()
  return out
end

function parts.scan(_, n, dim)
  return { scan_ms = core.bare_scan(n, dim, 21), path = require("core.vec").use() }
end

-- The longest that a slice takes is how long another writer waits at most.
local function run_pass(pass)
  local longest, began = 0, clock.mono_us()
  repeat
    local t = clock.mono_us()
    local more = pass:step()
    longest = math.max(longest, ms_since(t))
  until not more
  return ms_since(began), longest
end

local function sizes(m, path)
  m:settle()
  local bytes, archive = file.stat(path), require "core.archive"
  assert(m.store:commit(archive.tidy(m.store:tx(), true)))
  return bytes, file.stat(path)
end

-- The oldest tenth goes by a rule; the pages that it leaves are given back.
function parts.gc(path, n)
  local now = start_ms + n * 1000
  local m = open(path, { clock = function() return now end })
  local pass = m:retain { slice = 500, rules = { note = { age_ms = n * 900 } } }
  local took, longest = run_pass(pass)
  local gone = pass.report.aged
  local began = clock.mono_us()
  assert(m:shrink())
  local shrink_ms = ms_since(began)
  local bytes, fresh = sizes(m, path)
  m:close()
  return { gc_rows = gone, gc_per_s = math.floor(gone * 1000 / took), gc_longest_lock_ms = longest, gc_shrink_ms = shrink_ms,
    file_bytes = bytes, fresh_bytes = fresh, file_ratio = bytes / fresh }
end

-- A tenth goes that is scattered over the whole file, and what is left is moved together.
function parts.scattered(path, n)
  local now = start_ms + n * 1000 + 401 * 86400000
  local m = open(path, { clock = function() return now end })
  local pass = m:retain { slice = 250 }
  local took, longest = run_pass(pass)
  local gone, began, after, slowest, slices = pass.report.expired, clock.mono_us(), 0, 0, 0
  repeat
    local t = clock.mono_us()
    after, slices = assert(m.half:compact(after, 500)), slices + 1
    m:settle_some()
    slowest = math.max(slowest, ms_since(t))
  until after == 0
  assert(m:shrink())
  local compact_ms = ms_since(began)
  local bytes, fresh = sizes(m, path)
  m:close()
  return { scattered_rows = gone, scattered_per_s = math.floor(gone * 1000 / took), scattered_longest_lock_ms = longest,
    compact_ms = compact_ms, compact_longest_lock_ms = slowest, scattered_file_ratio = bytes / fresh }
end

function bench.child(what, path, n, dim, searches)
  lab.hello()
  print(json.encode(parts[what](path, math.tointeger(n), math.tointeger(dim), math.tointeger(searches))))
end

--- Options: n (100000), dim (256), folder.
function bench.measure(options)
  local n, dim = options.n or 100000, options.dim or 256
  if n < 1000 or dim > 4096 then
    return nil, errors.new("K1004", { name = n < 1000 and "--n" or "--dim", command = "bench",
      detail = "at least 1000 memories, and at most 4096 numbers" })
  end
  assert(file.mkdir(file.join(options.folder, "var")))
  local path = file.join(options.folder, "var", "keel.db")
  local figures = { n = n, dim = dim }
  for _, part in ipairs { "write", "search", "scan", "gc", "scattered" } do
    local answer, err = lab.answer(lab.child("memory", part, path, n, dim, n > 200000 and 200 or 500))
    if not answer then return nil, err end
    for name, value in pairs(answer) do
      if type(value) == "table" then
        for inner, x in pairs(value) do figures[name .. "_" .. inner] = x end
      else
        figures[name] = value
      end
    end
  end
  figures.vector_over_scan = figures.vector_p50_ms / figures.scan_ms
  figures.fsync_p50_us = lab.fsync(options.folder)
  return figures
end

return bench
