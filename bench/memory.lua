-- bench/memory.lua [N] [SEARCHES]: keel lua bench/memory.lua 20000 200
-- Writes N short texts into one namespace (a tenth as many into another), searches,
-- and prints one line of JSON. Times are of this machine; the raw scan is measured
-- in the same process.
local clock = require "core.clock"
local json = require "json"
local memory = require "memory"
local vec = require "core.vec"
local words = require "core.words"

local n, searches = tonumber(arg[1] or 20000), tonumber(arg[2] or 200)

-- Words as they fall in speech: of 20,000, the i-th is used 1/i as often as the
-- first. The common ones are in the table of word vectors, the others are not.
local vocabulary, state = {}, 42
for word in ([[invoice client garden meeting export printer refund password delivery contract design colour window
  payment holiday website server backup photo wedding lawyer tax school bicycle kitchen roof letter phone engine
  supplier price discount order parcel team budget report coffee plant train ticket hotel flight music concert
  doctor medicine dog puzzle river bridge mountain winter summer evening newspaper editor camera battery cable
  screen keyboard table chair lamp carpet curtain mirror bottle glass spoon knife plate bread butter cheese apple
  orange lemon tomato potato onion garlic pepper salt sugar honey flour rice noodle soup salad steak chicken fish]])
  :gmatch "%a+" do
  vocabulary[#vocabulary + 1] = word
end
local function chance()
  state = (state * 6364136223846793005 + 1442695040888963407)
  return (state >> 33) / 2147483648
end
local function text(length)
  local out = {}
  for i = 1, length do
    local r = math.floor(20000 ^ chance())
    out[i] = vocabulary[r] or ("q%dx"):format(r)
  end
  return table.concat(out, " ")
end

local function quantile(list, q)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * q))] / 1000
end

local path = os.tmpname()
os.remove(path)
local m = assert(memory.open(path, { ns = "big" }))

local batches = { {} }
for i = 1, n do
  local batch = batches[#batches]
  batch[#batch + 1] = { key = "k" .. i, text = text(8 + i % 24), source = { mail = i } }
  if i % 10 == 0 then batch[#batch + 1] = { ns = "small", key = "k" .. i, text = text(8 + i % 24) } end
  if #batch >= 1000 and i < n then batches[#batches + 1] = {} end
end
local began = clock.mono_us()
for _, batch in ipairs(batches) do assert(m:remember_all(batch)) end
local write_us = clock.mono_us() - began

local single, singles = clock.mono_us(), 300
for i = 1, singles do m:remember { key = "s" .. i, text = text(12) } end
local single_us = (clock.mono_us() - single) / singles

local function measure(ns)
  local first = clock.mono_us()
  assert(m:search { ns = ns, query = text(4) })
  first = clock.mono_us() - first
  local times, foreign = {}, 0
  for i = 1, searches do
    local query = text(3 + i % 4)
    local t = clock.mono_us()
    local hits = assert(m:search { ns = ns, query = query })
    times[i] = clock.mono_us() - t
    for _, hit in ipairs(hits) do foreign = foreign + (hit.ns ~= ns and 1 or 0) end
  end
  return { first_ms = first / 1000, p50_ms = quantile(times, 0.5), p99_ms = quantile(times, 0.99), foreign = foreign }
end

-- The bare scan of as many vectors: what no search can beat.
local rows, count = {}, math.min(n, 100000)
for i = 1, count do rows[i] = assert(vec.quantise((words.embed(text(8 + i % 24))))) end
local arena, query, scans = table.concat(rows), rows[1], {}
for i = 1, 20 do
  local t = clock.mono_us()
  vec.top(arena, words.dim, query, 10)
  scans[i] = clock.mono_us() - t
end

local f = assert(io.open(path, "rb"))
local bytes = f:seek "end"
f:close()
local wal = io.open(path .. "-wal", "rb")
if wal then
  bytes = bytes + wal:seek "end"
  wal:close()
end
print(json.encode {
  n = n, batch_per_s = math.floor((n + n // 10) * 1000000 / write_us), single_us = single_us, big = measure "big",
  small = measure "small", copy_and_scan_ms = quantile(scans, 0.5), scanned = count, path = vec.use(),
  file_and_wal_bytes = bytes,
})
m:close()
for _, tail in ipairs { "", "-wal", "-shm", "-owner" } do os.remove(path .. tail) end
