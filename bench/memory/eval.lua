-- bench/memory/eval.lua [WEIGHTS...]: keel lua bench/memory/eval.lua
-- How well memory finds what answers a question, on the sets of this folder:
--   NAME.items.jsonl      what is remembered: lines that `keel memory import` takes
--   NAME.questions.jsonl  { id, ns, text, relevant = ids, type }
-- Every third question is held apart: tune on the others, and look at those last.
-- A line for each set: recall at 1 and 10, the mean reciprocal rank, nDCG at 10; with
-- full text alone (BM25) beside it. KEY=VALUE words try other weights: context=0.4 k1=1.2
local json = require "json"
local memory = require "memory"

local folder = (arg[0]:match "^(.*)/[^/]*$" or ".")
local sets = { "conv-a", "conv-b", "conv-c", "conv-d", "conv-e", "office", "abstracts" }
local part, weights, only = "tune", {}, nil
for _, word in ipairs(arg) do
  local key, value = word:match "^([%w_]+)=(.*)$"
  if key == "part" then part = value elseif key == "set" then only = value elseif key then weights[key] = tonumber(value) end
end

local function lines(path)
  local f = io.open(path)
  if not f then return nil end
  local list = {}
  for line in f:lines() do list[#list + 1] = assert(json.decode(line)) end
  f:close()
  return list
end

local function measure(hits, relevant)
  local wanted, n = {}, 0
  for _, id in ipairs(relevant) do wanted[id], n = true, n + 1 end
  local found1, found10, first, gain, ideal = 0, 0, 0, 0, 0
  for i, hit in ipairs(hits) do
    if wanted[hit.id] then
      if i == 1 then found1 = 1 end
      if i <= 10 then found10, gain = found10 + 1, gain + 1 / math.log(i + 1, 2) end
      if first == 0 then first = 1 / i end
    end
  end
  for i = 1, math.min(n, 10) do ideal = ideal + 1 / math.log(i + 1, 2) end
  return { r1 = found1 / n, r10 = found10 / n, mrr = first, ndcg = gain / ideal }
end

local plain = { text = 1, vector = 0, recency = 0, importance = 0, context = 0, time = 0 }

local function run(m, questions, tuned)
  local sum, n, by_type = { r1 = 0, r10 = 0, mrr = 0, ndcg = 0 }, 0, {}
  for i, q in ipairs(questions) do
    local held = i % 3 == 0
    if part == "all" or held == (part == "held") then
      local one = measure(assert(m:search { ns = q.ns, query = q.text, k = 20, weights = tuned }), q.relevant)
      for name, x in pairs(one) do sum[name] = sum[name] + x end
      local t = by_type[q.type] or { n = 0, r10 = 0 }
      by_type[q.type] = t
      t.n, t.r10, n = t.n + 1, t.r10 + one.r10, n + 1
    end
  end
  for name, x in pairs(sum) do sum[name] = x / n end
  return sum, n, by_type
end

print(("%-10s %5s  %-31s %s"):format("set", "n", "recall@1 recall@10 MRR nDCG@10", "BM25 alone"))
local total, count = { r1 = 0, r10 = 0, mrr = 0, ndcg = 0 }, 0
for _, name in ipairs(sets) do
  local questions = lines(("%s/%s.questions.jsonl"):format(folder, name))
  local items = io.open(("%s/%s.items.jsonl"):format(folder, name))
  if questions and items and (not only or name:find(only)) then
    local m <close> = assert(memory.open(":memory:", { ns = name, kinds = { turn = weights.k1 and { k1 = weights.k1, b = weights.b } } }))
    assert(m:import(items:lines()))
    local own, n, by_type = run(m, questions, weights)
    local bare = run(m, questions, plain)
    local types = {}
    for kind, t in pairs(by_type) do types[#types + 1] = ("%s %.2f"):format(kind, t.r10 / t.n) end
    table.sort(types)
    print(("%-10s %5d  %.3f  %.3f  %.3f  %.3f      %.3f  %.3f  %.3f  %.3f   %s"):format(name, n, own.r1, own.r10, own.mrr, own.ndcg,
      bare.r1, bare.r10, bare.mrr, bare.ndcg, table.concat(types, ", ")))
    for key, x in pairs(own) do total[key] = total[key] + x * n end
    count = count + n
  end
  if items then items:close() end
end
print(("%-10s %5d  %.3f  %.3f  %.3f  %.3f"):format("all", count, total.r1 / count, total.r10 / count, total.mrr / count, total.ndcg / count))
