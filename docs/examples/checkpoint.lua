-- Durable steps: `build/keel lua docs/examples/checkpoint.lua [FILE.db]`
-- Kill it where you like and start it again with the same file: it goes on.
local checkpoint = require "checkpoint"

local path = arg and arg[1] or os.tmpname()
local c <close> = assert(checkpoint.open(path))

local function import(step)
  -- What is outside of a step happens again each time, what is inside happens once.
  local rows = step("fetch", function()
    print "fetching"
    return { { name = "Ana", hours = 3 }, { name = "Rui", hours = 5 } }
  end)
  local total = 0
  for _, row in ipairs(rows) do
    -- The key is the same when the step must be done again after a crash.
    total = total + step("book " .. row.name, function(key)
      print("booking " .. row.name, key:match "/(%d+)$")
      return row.hours
    end)
  end
  return { booked = total }
end

print("booked", assert(c:run("import-42", import)).booked)

-- A second time nothing is done: the recorded result is the answer.
print("booked", assert(c:run("import-42", import)).booked)

for _, entry in ipairs(c:log("import-42")) do print(entry.seq, entry.name) end

c:forget("import-42")
print(#c:list() .. " runs left")
if not (arg and arg[1]) then os.execute("rm -f " .. path .. "*") end
