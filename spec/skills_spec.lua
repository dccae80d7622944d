--- Every skill's examples, run by its `local` implementation alone.

local lfs = require "lfs"
local pace = require "spec.support.pace"
local schema = require "schema"
local words = require "core.words"

-- What a skill may reach inside a run (PLAN: the run's sandbox).
local function sandbox()
  local env = {
    string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine,
    pairs = pairs, ipairs = ipairs, select = select, type = type, tostring = tostring,
    tonumber = tonumber, pcall = pcall, error = error, assert = assert, next = next,
    setmetatable = setmetatable, getmetatable = getmetatable,
  }
  env.skill = function(manifest) return manifest end
  return env
end

local function load_skill(name)
  return assert(loadfile("skills/" .. name .. ".lua", "t", sandbox()))()
end

local function lib_for(manifest)
  local lib = { now = "2026-03-05T16:10:00.000Z", zone = "Europe/Lisbon", similarity = words.similarity,
    config = {}, skill = {} }
  for _, needed in ipairs(manifest.needs and manifest.needs.skills or {}) do
    local other = load_skill(needed)
    lib.skill[needed] = function(input)
      return other["local"](input, lib_for(other))
    end
  end
  return lib
end

--- nil when everything in `want` is in `got`, else where it is not. A list must
-- have the length that is wanted, a table at least its keys.
local function missing(want, got, path)
  if type(want) ~= "table" then
    return want ~= got and ("%s: expected %q, got %q"):format(path, tostring(want), tostring(got)) or nil
  elseif type(got) ~= "table" then
    return path .. ": expected a table, got " .. tostring(got)
  elseif #want ~= #got and (next(want) == nil or #want > 0) and next(got) ~= nil and (#got > 0 or #want > 0) then
    local shown = {}
    for i, v in ipairs(got) do
      shown[i] = type(v) == "table" and (v.title or v.text or v.label or "?") or tostring(v)
    end
    return ("%s: expected %d, got %d (%s)"):format(path, #want, #got, table.concat(shown, " | "))
  end
  for k, v in pairs(want) do
    local at = missing(v, got[k], path .. "." .. tostring(k))
    if at then
      return at
    end
  end
end

local names = {}
for file in lfs.dir("skills") do
  names[#names + 1] = file:match("^(.+)%.lua$")
end
table.sort(names)

describe("The skill", function()
  for _, name in ipairs(names) do
    local manifest = load_skill(name)

    it(name .. " says what it is", function()
      assert.equal("integer", math.type(manifest.version))
      assert(#manifest.about > 10 and not manifest.about:find("%.$"))
      assert.equal("pure", manifest.effect)
      assert(schema.compile(manifest.input))
      assert(schema.compile(manifest.output))
      local model = manifest.model -- none: what is arithmetic stays so
      assert(not model or model.tier and model.prompt and model.max_tokens)
      assert(#manifest.examples >= 5)
    end)

    for i, example in ipairs(manifest.examples) do
      it(("%s holds its example %d"):format(name, i), function()
        local input, output = assert(schema.compile(manifest.input)), assert(schema.compile(manifest.output))
        assert(input:check(example.input))
        local got = manifest["local"](example.input, lib_for(manifest))
        local ok, why = output:check(got)
        assert(ok, type(why) == "table" and (why.message or (why[1] and why[1].message)) or why)
        assert.is_nil(missing(example.output, got, name))
      end)
    end
  end

  -- Every skill that takes a text, given texts that break pattern habits.
  local odd_texts = {
    "", "\n\n", "Ärger – mit • Gedankenstrichen… “Zitat” → Ende?\n– Ünal: prüfen bis 3. März\n• Zoë — später",
    "Grüße,\nZoë Çelik · Geschäftsführerin | Müller & Söhne – Köln",
    "すみません。会議は３月１３日です？ - りお - 東京 - 大阪",
    "Ищу — дизайнера. Сколько стоит?\n\nС уважением,\nИгорь", "\u{FFFD}\u{1F389}- \u{A0}– \u{200B}?",
    ("é"):rep(70000) .. "?", ("- é "):rep(20000), ("a. "):rep(20000), (" "):rep(100000), ("("):rep(50000),
    ("1 "):rep(30000), ("?"):rep(50000), ("."):rep(50000), ("Ana will "):rep(5000), ("\n>"):rep(30000),
    ("12/"):rep(20000), ("\n- [ ] @Ana (x) "):rep(3000), ("+1 "):rep(20000), ("on Mon "):rep(8000),
  }
  local extra = { classify = { labels = { "bug", "other" } }, match_entity = { candidates = { { key = "k", text = "Zoë – späte Prüfung" } } },
    draft_reply = { body = true }, extract_acceptance = { body = true }, extract_notes = { file = "notes.md" } }

  local function reads_text(manifest, name)
    for _, field in ipairs(manifest.input.required or {}) do
      if field ~= "text" and not (extra[name] or {})[field] then return false end
    end
    return extra[name] ~= nil or manifest.input.properties.text ~= nil
  end

  local function assert_utf8(value, where)
    if type(value) == "string" then
      assert(utf8.len(value), where .. " is not UTF-8")
    elseif type(value) == "table" then
      for k, v in pairs(value) do
        assert_utf8(v, where .. "." .. tostring(k))
      end
    end
  end

  for _, name in ipairs(names) do
    if reads_text(load_skill(name), name) then it(name .. " gives whole characters back, and soon, whatever it reads", function()
      local manifest = load_skill(name)
      for i, text in ipairs(odd_texts) do
        local input = { text = text }
        for k, v in pairs(extra[name] or {}) do
          if v == true then
            input.text, input[k] = nil, text
          else
            input[k] = v
          end
        end
        local before = os.clock()
        assert_utf8(manifest["local"](input, lib_for(manifest)), ("%s on odd text %d"):format(name, i))
        local took = os.clock() - before
        assert(took < 100 * pace(), ("%s took %.1f s on odd text %d"):format(name, took, i))
      end
    end) end
  end
end)
