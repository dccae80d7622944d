--- The main job on a scratch home: real mail and notes through two agents.
--
-- The home is made from a source folder's config.lua, agents/, skills/ and sample files.
-- What was left open by an earlier demo goes on; when a sample or a script was changed
-- since, the demo starts over.
local digest = require "core.digest"
local errors = require "errors"
local file = require "file"
local json = require "json"

local demo = {}

local function files_of(from)
  local list = { { from = file.join(from, "config.lua"), to = "config.lua" } }
  local function folder(source, target, pattern)
    for _, name in ipairs(file.list(file.join(from, source)) or {}) do
      if name:find(pattern) then
        list[#list + 1] = { from = file.join(from, source, name), to = file.join(target, name) }
      end
    end
  end
  folder("agents", "agents", "%.lua$")
  folder("skills", "skills", "%.lua$")
  folder("spec/data/mail", "inbox/mail", "%.eml$")
  folder("spec/data/notes", "inbox/notes", "%.md$")
  return list
end

--- Copy what is new; a copy that was edited in place stays as it is. Returns the digest
--- of all that lies in the home now, or nil, err.
local function copy(from, home)
  local marks = {}
  local before = json.decode(file.read(file.join(home, "var", "demo.json")) or "") or {}
  local copied = before.files or {}
  for _, one in ipairs(files_of(from)) do
    local text, message = file.read(one.from)
    if not text then return nil, errors.new("K1009", { name = one.from, detail = message }) end
    local target = file.join(home, one.to)
    local hash = digest.sha256(text)
    if copied[one.to] ~= hash or not file.exists(target) then
      local ok, why, code = file.mkdir(target:match("^(.*)/"))
      if ok then ok, why, code = file.write(target, text) end
      if not ok then return nil, errors.from(why, code) end
      copied[one.to] = hash
    end
    marks[#marks + 1] = one.to .. "=" .. digest.sha256(file.read(target))
  end
  return digest.sha256(table.concat(marks, "\n")), copied, before.all
end

local function forget(home)
  for _, name in ipairs(file.list(file.join(home, "var")) or {}) do
    os.remove(file.join(home, "var", name))
  end
end

--- Make or refresh the home. Returns "new", "open" (an earlier demo goes on) or
--- "changed" (its files changed, so it starts over); or nil, err.
function demo.prepare(from, home, fresh)
  local made, message, code = file.mkdir(file.join(home, "var"))
  if not made then return nil, errors.from(message, code) end
  local all, copied, last = copy(from, home)
  if not all then return nil, copied end
  local state = not last and "new" or last == all and "open" or "changed"
  if fresh or state == "changed" then forget(home) end
  local ok
  ok, message, code = file.write(file.join(home, "var", "demo.json"), json.encode { all = all, files = copied })
  if not ok then return nil, errors.from(message, code) end
  return fresh and "new" or state
end

--- Take what lies in the inbox of an open engine, and go on until all is done or
--- waits. Returns a list of { file, err } for what could not be read, or nil, err.
function demo.work(e)
  local problems
  e:task(function()
    local _
    _, problems = e:scan_inbox()
  end)
  local ok, err = e:drain()
  if not ok then return nil, err end
  for _, refused in ipairs(e.refused or {}) do
    problems[#problems + 1] = { file = refused.event .. " for " .. refused.agent, err = refused.err }
  end
  return problems
end

return demo
