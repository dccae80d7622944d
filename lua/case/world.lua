--- What the world outside of the engine remembers while a case is played: the time, what is
--- still to come, which replies and answers were given, which faults are left.
--
-- It is a file beside the home that the case is played in, written at each change: when the
-- case kills the engine (kill -9, in a process of its own), the world goes on from there, as
-- the one outside does.
local file = require "file"
local json = require "json"

local world = {}
world.__index = world

local function path_of(folder) return file.join(folder, "var", "world.json") end

--- The world of a folder as it was left; nil when it never began.
function world.load(folder)
  local text = file.read(path_of(folder))
  local kept = text and json.decode(text)
  if not kept then return nil end
  return setmetatable({ folder = folder, at = kept }, world)
end

--- A world that begins at a time (ms).
function world.begin(folder, now)
  local self = setmetatable({ folder = folder, at = { now = now, part = 1, coming = json.array {}, used_answers = {},
    used_replies = {}, given = {}, given_up = {}, faults_met = {}, met_at = {}, asked_items = {}, questions = json.array {}, runs = json.array {},
    differences = json.array {}, unchecked = json.array {}, number = 0 } }, world)
  self:keep()
  return self
end

--- Write it down. Needed before the engine can die, not for who looks.
function world:keep()
  local path = path_of(self.folder)
  assert(file.write(path .. ".new", assert(json.encode(self.at))))
  assert(os.rename(path .. ".new", path))
end

--- Something comes at a time: one = { at = ms, ... }. What comes at the same time comes in
--- the order in which it was added.
function world:add(one)
  self.at.number = self.at.number + 1
  one.number = self.at.number
  table.insert(self.at.coming, one)
end

--- What comes next; it stays among what is coming until it is taken.
function world:next()
  local first
  for _, one in ipairs(self.at.coming) do
    if not first or one.at < first.at or one.at == first.at and one.number < first.number then first = one end
  end
  return first
end

function world:take(one)
  for i, other in ipairs(self.at.coming) do
    if other == one then table.remove(self.at.coming, i) end
  end
  self:keep()
end

--- Something that a case says does not hold.
function world:differ(path, wanted, got, why)
  table.insert(self.at.differences, { path = path, expected = wanted == nil and json.null or wanted,
    got = got == nil and json.null or got, why = why })
end

return world
