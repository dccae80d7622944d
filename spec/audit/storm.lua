--- make audit-storm: a trail of many rows is changed, again and again, at one place each time, and
--- `keel audit verify` is asked. What must hold: everything is found, at its place.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local file = require "file"
local forger = require "spec.support.forger"

local times, n, seed = tonumber(arg[1]) or 1000, tonumber(arg[2]) or 3000, tonumber(arg[3]) or 1
math.randomseed(seed)

local folder = os.tmpname()
os.remove(folder)
assert(file.mkdir(folder .. "/base"))
assert(file.mkdir(folder .. "/hurt"))
local base, hurt = folder .. "/base/keel.db", folder .. "/hurt/keel.db"
local anchors = 10
local rows = forger.trail(base, n, anchors)
n = #rows
local each = n // anchors
local whole = assert(file.read(base))
assert(file.write(folder .. "/hurt/audit.anchor", assert(file.read(folder .. "/base/audit.anchor"))))

local function anywhere(from, to) return math.random(from or 1, to or n) end

--- One bit of a value, as SQL.
local function other(row, column)
  local value = row[column]
  if math.type(value) == "integer" then return ("UPDATE audit SET %s = %d WHERE id = %d;"):format(column, value ~ (1 << anywhere(0, 40)), row.id) end
  if value == nil then return ("UPDATE audit SET %s = 'x' WHERE id = %d;"):format(column, row.id) end
  local at = anywhere(1, #value)
  local bytes = value:sub(1, at - 1) .. string.char(value:byte(at) ~ (1 << anywhere(0, 6))) .. value:sub(at + 1)
  return ("UPDATE audit SET %s = CAST(x'%s' AS TEXT) WHERE id = %d;"):format(column,
    bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end), row.id)
end

local columns = { "time", "who", "what", "subject", "channel", "run", "seq" }

--- Each gives SQL, and the rows at which a problem may be told of.
local ways = {}

function ways.change()
  local i = anywhere()
  return other(rows[i], columns[anywhere(1, #columns)]), { [i] = true }
end

function ways.change_detail()
  local i = anywhere()
  return ("UPDATE audit SET detail = x'0a' WHERE id = %d;"):format(i), { [i] = true }
end

function ways.change_hash()
  local i, at = anywhere(), anywhere(1, 64)
  return ("UPDATE audit SET chain = CAST(substr(chain, 1, %d) || CASE WHEN substr(chain, %d, 1) = x'00' THEN x'01' ELSE x'00' END"
    .. " || substr(chain, %d) AS BLOB) WHERE id = %d;"):format(at - 1, at, at + 1, i), { [i] = true }
end

function ways.change_number()
  local i = anywhere()
  local to = n + anywhere(1, 1000)
  return ("UPDATE audit SET id = %d WHERE id = %d;"):format(to, i), { [i] = true, [to] = true }
end

function ways.change_kept_hash()
  local i = anywhere()
  return ("UPDATE audit SET subject_hash = zeroblob(32), subject = 'sha256:0' WHERE id = %d;"):format(i), { [i] = true }
end

function ways.scrub_alone()
  local i = anywhere()
  return ("UPDATE audit SET subject_hash = x'%s', subject = 'sha256:0' WHERE id = %d;"):format(
    require("core.digest").sha256(rows[i].subject and "\3" .. (">s8"):pack(rows[i].subject) or "\0"), i), { [i] = true }
end

function ways.delete()
  local i, m = anywhere(1, n - 10), anywhere(1, 5)
  local where = {}
  for k = i, i + m - 1 do where[k] = true end
  return ("DELETE FROM audit WHERE id BETWEEN %d AND %d;"):format(i, i + m - 1), where
end

function ways.delete_and_close()
  local i = anywhere(1, n - 10)
  return ("DELETE FROM audit WHERE id = %d; %s"):format(i, forger.shift(i, -1)), { [i] = true }
end

function ways.insert()
  local i = anywhere(0, n - 1)
  local row = { id = i + 1, time = 1772442000000, who = "Mira", what = "approval.approved", subject = "pay:P-1" }
  local sql = anywhere(1, 2) == 1 and forger.insert(row, rows[i].hash)
    or ("INSERT INTO audit(id, time, who, what, chain) VALUES(%d, 1, 'Mira', 'x', zeroblob(64));"):format(i + 1)
  return forger.shift(i, 1) .. sql, { [i + 1] = true }
end

function ways.swap()
  local i, j = anywhere(), anywhere()
  if i == j then j = i % n + 1 end
  local where = { [i] = true, [j] = true }
  return ("UPDATE audit SET id = -1 WHERE id = %d; UPDATE audit SET id = %d WHERE id = %d; UPDATE audit SET id = %d WHERE id = -1;")
    :format(i, i, j, j), where
end

function ways.cut()
  local i = anywhere(1, n)
  return ("DELETE FROM audit WHERE id >= %d;"):format(i), { [i] = true }
end

--- A row is changed and it and everything behind it sealed anew.
function ways.rewrite()
  local i, list = anywhere(), {}
  for k = i, n do
    list[#list + 1] = setmetatable(k == i and { who = "nobody" } or {}, { __index = rows[k] })
  end
  local anchor = (i + each - 1) // each * each
  return "BEGIN;" .. forger.reseal(list, rows[i - 1].hash) .. "COMMIT;", { [anchor] = true }
end

--- One bit of the file itself, in a row's record: its length, its number, its types, its columns.
-- What lies around it may become unreadable with it, so its neighbours count as its place.
function ways.raw_byte()
  local i = anywhere(2, n - 1)
  local at = assert(whole:find(rows[i - 1].hash .. rows[i].hash, 1, true))
  at = at + anywhere(-50, 63)
  local text = whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ (1 << anywhere(0, 7))) .. whole:sub(at + 1)
  assert(file.write(hurt, text))
  return nil, { [i - 1] = true, [i] = true, [i + 1] = true, any = true }
end

local names = {}
for name in pairs(ways) do names[#names + 1] = name end
table.sort(names)

local began, sums, wrong = clock.mono_us(), {}, 0
for _, name in ipairs(names) do sums[name] = { done = 0, found = 0, located = 0, exact = 0 } end
for turn = 1, times do
  local name = names[(turn - 1) % #names + 1]
  local sum = sums[name]
  assert(file.write(hurt, whole))
  local sql, where = ways[name]()
  if sql then forger.damage(hurt, sql) end
  local found = forger.verify(hurt)
  local located, stray = false, nil
  for _, problem in ipairs(found.problems) do
    if where[problem.id] then located = true else stray = stray or problem end
  end
  sum.done = sum.done + 1
  if found.count > 0 then sum.found = sum.found + 1 end
  if located then sum.located = sum.located + 1 end
  if located and not stray then sum.exact = sum.exact + 1 end
  if found.count == 0 or not located or stray then
    wrong = wrong + (located and 0 or 1)
    if sum.told ~= 2 then
      sum.told = (sum.told or 0) + 1
      local list = {}
      for i, problem in ipairs(found.problems) do
        if i <= 4 then list[i] = ("%s %d (%s)"):format(problem.kind, problem.id, problem.what) end
      end
      print(("%s: %s\n  told: %s"):format(name, (sql or 'raw'):sub(1, 120), #list > 0 and table.concat(list, "; ") or "nothing"))
    end
  end
end
for _, name in ipairs(names) do
  local s = sums[name]
  print(("%-18s %5d done, %5d found, %5d located, %5d and nothing else named"):format(name, s.done, s.found, s.located, s.exact))
end
os.execute(("rm -rf '%s'"):format(folder))
print(("%d changes of a trail of %d rows, %d not found at their place; %.1f s"):format(times, n, wrong,
  (clock.mono_us() - began) / 1e6))
os.exit(wrong == 0 and 0 or 1)
