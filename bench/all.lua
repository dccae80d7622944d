-- bench/all.lua: every bench, a line of JSON each, with the machine's name first.
-- usage: build/keel lua bench/all.lua
local program = arg[-1] or "build/keel"

local function line_of(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read("a")
  pipe:close()
  return (line:gsub("%s+$", ""))
end

print("machine  " .. line_of "uname -srm" .. ", " .. line_of "nproc" .. " cores, load " .. line_of "cut -d' ' -f1 /proc/loadavg")
for _, shape in ipairs { { 1, 5000 }, { 64, 1000 }, { 1000, 100 } } do
  print(line_of(("%s bench steps --runs %d --steps %d --json"):format(program, shape[1], shape[2])))
end
for _, name in ipairs { "replay", "park", "recover" } do print(line_of(("%s bench %s --json"):format(program, name))) end
