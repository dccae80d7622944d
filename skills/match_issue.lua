-- Which known issue a mail speaks of, if any: sentence by sentence, by the words that carry
-- meaning (their beginnings, so that "duplicate" finds "duplicated") and by the engine's
-- word vectors.

local stop = {}
for word in ("a an and are as at be but by can did do does for from had has have i if in into is it its me my not of on or our out please so that the their then there "
  .. "they this to too up us was we were when will with you your want how where what why who which again every time hello hi hey dear thanks thank came come comes get got send"):gmatch("%S+") do
  stop[word] = true
end

-- Words for "it does not work" are one word.
local trouble = {}
for word in ("crash crashes crashed crashing break breaks broke broken breaking fail fails failed failing failure error errors freeze freezes frozen hang hangs stuck "
  .. "bug bugs missing misses drops dropped lost loses"):gmatch("%S+") do
  trouble[word] = "trouble"
end

--- "boxes" and "box" are one word, "duplicate" and "duplicated" as well.
local function root_of(word)
  if trouble[word] then
    return trouble[word]
  end
  word = #word > 4 and word:gsub("([sx])es$", "%1"):gsub("([^s])s$", "%1") or #word > 3 and word:gsub("([^s])s$", "%1") or word
  return #word > 5 and word:sub(1, 5) or word
end

local function roots_of(text)
  local roots, count = {}, 0
  for word in text:lower():gmatch("[%a\128-\255]+") do
    local root = root_of(word)
    if not stop[word] and #word > 2 and not roots[root] then
      roots[root], count = true, count + 1
    end
  end
  return roots, count
end

local function sentences(text)
  local list = {}
  for one in (text:gsub("\n", ". ") .. " "):gmatch("(.-)[%.%!%?]+%s") do
    list[#list + 1] = one
  end
  list[#list + 1] = text
  return list
end

--- How much of the shorter of two texts is in the other, from 0 to 1.
local function score(a, b, lib)
  local told = lib.given and lib.given(a, b) -- vectors that somebody gives for just these texts
  if told then
    return told
  end
  local mine, n = roots_of(a)
  local theirs, m = roots_of(b)
  local least = math.min(n, m)
  if least < 3 then
    return 0 -- two words in common are no issue
  end
  local shared = 0
  for root in pairs(mine) do
    shared = shared + (theirs[root] and 1 or 0)
  end
  return 0.75 * shared / least + 0.25 * math.max(0, lib.similarity(a, b))
end

return skill {
  version = 1,
  about = "Finds the known issue that a mail speaks of",
  effect = "pure",
  input = {
    type = "object", required = { "text", "issues" },
    properties = { text = { type = "string" }, min = { type = "number", minimum = 0, maximum = 1 },
      issues = { type = "array", items = { type = "object", required = { "key", "text" }, properties = { key = { type = "string" }, text = { type = "string" } } } } },
  },
  output = { type = "object", required = { "score" }, properties = { key = { type = "string" }, score = { type = "number" } } },

  ["local"] = function(input, lib)
    local best, top = nil, 0
    for _, sentence in ipairs(sentences(input.text:sub(1, 20000))) do
      for _, issue in ipairs(input.issues) do
        local value = score(sentence, issue.text, lib)
        if value > top then
          best, top = issue.key, value
        end
      end
    end
    top = math.floor(top * 1000 + 0.5) / 1000
    return { key = top >= (input.min or 0.7) and best or nil, score = top }
  end,

  examples = {
    { name = "the same in other words", input = { text = "The audit kit crashes when I duplicate page 4. If this is not fixed this week I want my money back. Jo",
        issues = { { key = "KI-7", text = "Audit kit: duplicated page crashes older desktop app" }, { key = "KI-8", text = "Invoices show the wrong tax number" } } }, output = { key = "KI-7" } },
    { name = "another thing", input = { text = "Where do I click to get my own copy of the CRM kit?", issues = { { key = "KI-7", text = "Audit kit: duplicated page crashes older desktop app" } } },
      output = {} },
    { name = "one of many, in the singular", input = { text = "Hello, my starter box came without the jar.", issues = { { key = "A", text = "Starter boxes of batch 12 ship without the jar" } } }, output = { key = "A" } },
    { name = "a question is no trouble", input = { text = "How do I reset my password?", issues = { { key = "A", text = "Login loop after password reset" } } }, output = { score = 0 } },
    { name = "none are known", input = { text = "It crashes.", issues = {} }, output = { score = 0 } },
    { name = "one word is not enough", input = { text = "Crashes!", issues = { { key = "A", text = "App crashes on start" } } }, output = { score = 0 } },
    { name = "the better of two", input = { text = "Exporting to PDF loses all fonts here.", issues = { { key = "A", text = "Export to PDF is slow" }, { key = "B", text = "PDF export loses fonts" } } },
      output = { key = "B" } },
  },
}
