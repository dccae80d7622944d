--- Any bytes: as lines to import, as Markdown, as a question, as a time. What is refused is
--- refused in words; what is taken comes out again as it went in.
local json = require "json"
local memory = require "memory"
local time = require "memory.time"

local now = 1700000000000
local m = assert(memory.open(":memory:", { ns = "main", clock = function() return now end }))
assert(m:import([[
{"id":"a","text":"The logo is dark green","session":"s","speaker":"Ines","tags":["t"],"value":{"n":1,"s":"x"}}
{"id":"b","text":"It comes on Friday, 3 May 2023","session":"s","speaker":"Mira","time":"2023-05-03"}
{"id":"c","key":"k","kind":"fact","text":"The price is 9 euros"}
]], "main"))

local function same(lines, ns)
  local out = {}
  for line in m:export(ns) do out[#out + 1] = line end
  local again = ns .. "+"
  m:forget { ns = again, all = true }
  local done, message = m:import(table.concat(out, "\n"), again)
  assert(done, message)
  local i = 0
  for line in m:export(again) do
    i = i + 1
    assert(line == out[i], line)
  end
  assert(i == #out)
end

return function(bytes)
  local way, text = (bytes:byte() or 0) % 4, bytes:sub(2)
  if way == 0 then
    m:forget { ns = "lines", all = true }
    local done, message, code = m:import(text, "lines")
    assert(done or type(message) == "string" and message:find "^line" and code, message)
    same(text, "lines")
  elseif way == 1 then
    local list = require("memory.lines").sections_of("note.md", text)
    for _, item in ipairs(list) do
      assert(#item.text > 0 and item.key)
      if utf8.len(text) then m:check("note", item) end
    end
  elseif way == 2 then
    local hits, message = m:search { query = text, k = 3 }
    assert(hits or message)
    for _, hit in ipairs(hits or {}) do
      local sum = 0
      for _, x in pairs(hit.parts) do sum = sum + x end
      assert(sum == hit.score)
    end
    local packed = m:pack { query = text, tokens = 40 }
    assert(not packed or packed.tokens <= 40 and json.encode(packed))
  else
    local about = time.about(text, now)
    assert(not about or about.month and about.month <= 12 or about.from < about["until"])
    local ms, message = time.read(text)
    assert(math.type(ms) == "integer" or message)
  end
end
