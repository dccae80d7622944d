--- What the benches share: a scratch home, other processes of this program, and the raw
--- figures of the same disk.
local core = require "core.bench"
local errors = require "errors"
local file = require "file"
local json = require "json"

local lab = {}

--- Make a home in `folder` with these agents (name -> source) and config.
function lab.home(folder, agents, config)
  for _, part in ipairs { "agents", "skills", "var" } do assert(file.mkdir(file.join(folder, part))) end
  assert(file.write(file.join(folder, "config.lua"), config or 'return { zone = "UTC" }\n'))
  for name, source in pairs(agents) do assert(file.write(file.join(folder, "agents", name .. ".lua"), source)) end
  return folder
end

--- Median of appending 4 KiB with fdatasync there, in us. Or nil, err.
function lab.fsync(folder)
  local us, message, code = core.fsync(file.join(folder, "var", "fsync.bin"), 200)
  if not us then return nil, errors.from(message, code) end
  return us
end

--- Bare SQLite there: rows of about a step's bytes in commits of `group`. Returns rows a
-- second, p50 and p99 of a commit in us; or nil, err.
function lab.raw(folder, rows, group)
  local path = file.join(folder, "var", ("raw-%d.db"):format(group))
  local per_s, p50, p99 = core.commits(path, rows, group, 96)
  if not per_s then return nil, errors.from(p50, p99) end
  return per_s, p50, p99
end

local function quoted(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end

local function this_program()
  local pipe = assert(io.popen(("readlink /proc/%d/exe"):format(file.getpid())))
  local path = pipe:read("l")
  pipe:close()
  return path
end

local child_code = 'local name = "bench." .. (...) require(name).child(select(2, ...))'

--- Call `child(...)` of the module bench.NAME in a process of its own, with the words
-- given. Returns { pid, lines = function() -> next line, close = function() }.
function lab.child(name, ...)
  local words = { quoted(this_program()), "lua", "-e", quoted(child_code), quoted(name) }
  for _, word in ipairs { ... } do words[#words + 1] = quoted(word) end
  local pipe = assert(io.popen("exec " .. table.concat(words, " ")))
  return { pid = tonumber(pipe:read("l")), lines = function() return pipe:read("l") end,
    close = function() return pipe:close() end }
end

--- In the child: say who we are, before any work.
function lab.hello()
  io.stdout:setvbuf("line")
  print(file.getpid())
end

--- Serve a home with these words: what it prints when it is ready, and close(); or nil.
function lab.serve(folder, words)
  local pipe = assert(io.popen(("exec %s serve --home %s %s 2>%s"):format(quoted(this_program()), quoted(folder), words,
    quoted(file.join(folder, "var", "serve.log")))))
  local line = pipe:read("l")
  local paper = line and json.decode(line)
  if type(paper) ~= "table" then
    pipe:close()
    return nil
  end
  paper.close = function() return pipe:close() end
  return paper
end

--- The child's last words, as a value. Or nil, err when it ended without.
function lab.answer(child)
  local line = child.lines()
  child.close()
  local value = line and json.decode(line)
  if value then return value end
  return nil, errors.new("K1009", { name = "the bench's own child", detail = line or "it ended without an answer" })
end

--- Bytes that this process has resident now, and had at most so far.
function lab.resident()
  local handle = assert(io.open("/proc/self/status"))
  local status = handle:read("a")
  handle:close()
  return tonumber(status:match("VmRSS:%s*(%d+)")) * 1024, tonumber(status:match("VmHWM:%s*(%d+)")) * 1024
end

--- The size of the store as it lies there, log included.
function lab.store_bytes(folder)
  local sum = 0
  for _, name in ipairs { "keel.db", "keel.db-wal" } do sum = sum + (file.stat(file.join(folder, "var", name)) or 0) end
  return sum
end

return lab
