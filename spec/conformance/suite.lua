--- make conformance SUITE=DIR: Lua's own test files in sandboxes. Run by the test program
-- (main.c) with the folder and, perhaps, the name of one file.
--
-- Each file is played four times: with room; preempted wherever it can be; collected all
-- the time, neither of which may show; and with a tenth of the fuel that a run has by
-- default, where it may only pass or run out.
local cuts = dofile "spec/conformance/cuts.lua"

local names = { "pm", "tpack", "vararg", "math", "utf8", "sort", "strings", "nextvar", "coroutine", "closure", "calls",
  "constructs", "events", "goto", "locals" }

local default_fuel = 20000000	-- of keel sandbox
local plays = {
  { name = "whole", instructions = 25 * default_fuel },
  { name = "preempted", instructions = 25 * default_fuel, slice = 7,
    same = { "outcome", "error", "printed", "instructions", "total", "peak_bytes" } },
  { name = "collected all the time", instructions = 25 * default_fuel, gc_pause = 50,
    same = { "outcome", "error", "printed", "instructions" } },
  { name = "a tenth of the fuel", instructions = default_fuel // 10 },
}

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function play(name, text, how)
  return conformance.play { name = "@" .. name .. ".lua", source = text, instructions = how.instructions,
    slice = how.slice, gc_pause = how.gc_pause, memory = 256 << 20 }
end

-- The same again for a person, with the calls that led to the error.
local function where(name, text)
  local wrapped = ('local f = load(%q, "@%s.lua")\nlocal ok, m = xpcall(f, require "debug".traceback)\nerror(m, 0)')
    :format(text, name)
  local r = play(name, wrapped, plays[1])
  return (tostring(r.error):gsub("\\n\\t", "\n    "):gsub("\\n", "\n    "))
end

-- What is wrong with how one play went, or nil.
local function complaint(how, r, whole)
  for _, fact in ipairs(how.same or {}) do
    if r[fact] ~= whole[fact] then
      return ("%s: %s is %s, and %s when it is not"):format(how.name, fact, r[fact], whole[fact])
    end
  end
  if how.same then return nil end
  if r.outcome ~= "ok" and not (how ~= plays[1] and r.outcome == "instructions") then
    return ("%s: %s, %s"):format(how.name, r.outcome, r.error)
  end
end

local function check(name, text)
  local whole, wrong, short
  for _, how in ipairs(plays) do
    if wrong then break end
    local r = play(name, text, how)
    whole = whole or r
    wrong = complaint(how, r, whole)
    short = r.outcome
  end
  return wrong, whole, short
end

local function lines_of(cut)
  return cut.first == cut.last and "line " .. cut.first or ("lines %d to %d"):format(cut.first, cut.last)
end

local function one(name, text)
  local source, done = cuts.apply(text, cuts.files[name])
  local wrong, whole, short = check(name, source)
  print(("%-10s %s  %d instructions, %d with the library%s"):format(name, wrong and "FAILED" or "passed",
    whole.instructions, whole.total, wrong and "" or "; with a tenth of the fuel: " ..
    (short == "ok" and "the same" or short)))
  for _, cut in ipairs(done) do print(("           skipped %s: %s"):format(lines_of(cut), cut.why)) end
  if wrong then
    print("           " .. wrong)
    if whole.outcome == "error" then print("    " .. where(name, source)) end
  end
  return not wrong, #done
end

local folder, only = ...
local passed, failed, skipped = 0, 0, 0
if folder == "" then print "SUITE is not set: make conformance SUITE=DIR, a folder with Lua's own test files" end
for _, name in ipairs(only and { only } or names) do
  local text = folder ~= "" and read(folder .. "/" .. name .. ".lua")
  if text then
    local good, cut = one(name, text)
    passed, failed = passed + (good and 1 or 0), failed + (good and 0 or 1)
    skipped = skipped + cut
  else
    skipped = skipped + 1
    print(("%-10s skipped: %s"):format(name, folder == "" and "no SUITE" or "no such file in " .. folder))
  end
end
if passed + failed > 0 then
  print "what a run does otherwise, and is to do otherwise:"
  for _, name in ipairs(cuts.order) do print("  " .. cuts.reasons[name]) end
end
print(("%d passed, %d failed, %d skipped"):format(passed, failed, skipped))
return failed > 0 and 1 or 0
