--- make reload-storm: saves in six styles, whole and broken, while many runs are under way
--- in a real `keel serve`.
--
-- The storm knows every text that it ever completed at a name, and when. Afterwards the
-- audit trail says what was published. What must hold:
--   - only texts that were complete on disk were published, and none that is broken;
--   - a text that lay still for a while was published exactly once, if it is good;
--   - what is current at the end is what lies on the disk;
--   - no run was aborted, and each ended on the version that it began with.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local digest = require "core.digest"
local file = require "file"
local json = require "json"
local loop = require "loop"
local program = require "spec.support.program"

local saves, runs, seed = tonumber(arg[1]) or 1000, tonumber(arg[2]) or 1000, tonumber(arg[3]) or 1
math.randomseed(seed)

--- A text that lay so long was to be published (ms).
local quiet_ms = 400

local path = os.tmpname()
os.remove(path)
for _, folder in ipairs { "agents", "skills", "var", "elsewhere" } do assert(file.mkdir(path .. "/" .. folder)) end

-- ---- texts ---------------------------------------------------------------------------

local version = 0
local function next_version()
  version = version + 1
  return version
end

--- "agents/a1.lua" -> a good text of a version that no other has.
local function good(name)
  local n = next_version()
  if name == "config.lua" then return ('return { zone = "UTC", owner = "Mira %d" }\n'):format(n), n end
  if name:find "^skills/" then
    return ([[return skill { version = %d, about = "Gives %d", input = { type = "object" }, output = { type = "object" },
  examples = { { input = {}, output = { n = %d } } },
  ["local"] = function() return { n = %d } end }
]]):format(n, n, n, n), n
  end
  return ([[return agent { version = %d, about = "Says %d", uses = { "one" },
  run = function(ctx, input)
    ctx.step { name = "begin", run = function() return %d end }
    ctx.sleep(input.ms)
    return { v = ctx.step { name = "end", run = function() return %d end } }
  end }
%s]]):format(n, n, n, n, ("-- %d\n"):format(n):rep(math.random(0, 40))), n
end

--- A text that must never be current, and why.
local function broken(name)
  local text = good(name)
  local kind = math.random(name:find "^skills/" and 4 or 3)
  if kind == 1 then return (text:gsub("%s*}[^}]*$", "\n")) end
  if kind == 2 then return (text:gsub("version", "versoin"):gsub("zone", "zoen")) end
  if kind == 3 then return "return 5 -- " .. version .. "\n" end
  return (text:gsub("return { n = %d+ }", "return { n = -1 }"))
end

local names = { "config.lua", "skills/one.lua", "skills/two.lua" }
for i = 1, 9 do names[#names + 1] = ("agents/a%d.lua"):format(i) end

-- ---- what the storm knows -----------------------------------------------------------------

local known = {}	-- name -> { texts = hash -> { good }, now = { hash, since, good } }
for _, name in ipairs(names) do known[name] = { texts = {}, stable = {} } end

--- What lies at a name from now on; what lay there before may have lain long enough.
local function lies(name, text, is_good)
  local k, now = known[name], clock.now_ms()
  local before = k.now
  if before and now - before.since >= quiet_ms then k.stable[#k.stable + 1] = before end
  local hash = text and digest.sha256(text) or "gone"
  k.texts[hash] = { good = is_good }
  k.now = { hash = hash, good = is_good, since = now }
end

--- Somebody is writing: nothing lies there.
local function unsettled(name)
  local k, now = known[name], clock.now_ms()
  if k.now and now - k.now.since >= quiet_ms then k.stable[#k.stable + 1] = k.now end
  k.now = nil
end

-- ---- styles of saving ------------------------------------------------------------------------

local function full(name) return path .. "/" .. name end
local function shell(text, ...) assert(os.execute((text:format(...)))) end

--- A symbolic link would be written through: then the text lies elsewhere, which is fine.
local function write(where, text)
  local handle = assert(io.open(where, "w"))
  handle:write(text)
  handle:close()
end

local styles = {}

function styles.in_place(name, text, is_good)
  unsettled(name)
  write(full(name), text)
  lies(name, text, is_good)
end

function styles.in_pieces(name, text, is_good)
  unsettled(name)
  local handle = assert(io.open(full(name), "w"))
  handle:setvbuf "no"
  local cut = math.random(#text)
  handle:write(text:sub(1, cut))
  loop.sleep(math.random(60))
  handle:write(text:sub(cut + 1))
  loop.sleep(math.random(10))
  handle:close()
  lies(name, text, is_good)
end

function styles.rename(name, text, is_good)
  write(full(name) .. ".tmp", text)
  unsettled(name)
  os.rename(full(name) .. ".tmp", full(name))
  lies(name, text, is_good)
end

function styles.backup(name, text, is_good)
  unsettled(name)
  os.rename(full(name), full(name) .. "~")
  write(full(name), text)
  lies(name, text, is_good)
end

function styles.sed(name, text, is_good)
  write(path .. "/elsewhere/text", text)
  unsettled(name)
  if not file.exists(full(name)) then write(full(name), "x\n") end
  shell("sed -i -e '1r %s' -e '1,$d' '%s' 2>/dev/null", path .. "/elsewhere/text", full(name))
  if file.read(full(name)) ~= text then write(full(name), text) end
  lies(name, file.read(full(name)), is_good)
end

function styles.link(name, text, is_good)
  local target = ("%s/elsewhere/%d.lua"):format(path, next_version())
  write(target, text)
  unsettled(name)
  if math.random(2) == 1 then
    shell("ln -sfn '%s' '%s'", target, full(name))
  else
    shell("ln -s '%s' '%s.new' && mv -T '%s.new' '%s'", target, full(name), full(name), full(name))
  end
  lies(name, text, is_good)
end

local style_names = json.sorted_keys(styles)

local function save(name)
  if name:find "^agents/" and math.random(25) == 1 then
    unsettled(name)
    os.remove(full(name))
    lies(name, nil, true)
    return
  end
  local is_good = math.random(6) > 1
  local text = is_good and good(name) or broken(name)
  styles[style_names[math.random(#style_names)]](name, text, is_good)
end

-- ---- the engine --------------------------------------------------------------------------------

for _, name in ipairs(names) do
  local text = good(name)
  write(full(name), text)
  lies(name, text, true)
  known[name].first = known[name].now.hash
end

local pipe = assert(io.popen(("exec timeout -s KILL 900 '%s' serve --home '%s' --listen off 2>'%s/var/log'"):format(program, path, path)))
local paper = json.decode(assert(pipe:read "l"))

local function keel(words)
  local handle = io.popen(("'%s' %s --home '%s' --json 2>&1"):format(program, words, path))
  local text = handle:read "a"
  handle:close()
  return json.decode(text) or error("no JSON from " .. words .. ": " .. text:sub(1, 300))
end

--- Start runs that end at several moments of the storm.
local function start_runs(count, longest_ms)
  local list = {}
  for i = 1, count do list[i] = ('{"a%d", %d}'):format(math.random(9), math.random(200, longest_ms)) end
  local handle = assert(io.popen(("'%s' repl --home '%s' --write >'%s/var/started' 2>&1"):format(program, path, path), "w"))
  handle:write(("for _, r in ipairs{ %s } do pcall(run, r[1], { ms = r[2] }) end\n"):format(table.concat(list, ", ")))
  handle:close()
end

-- ---- the storm -----------------------------------------------------------------------------------

local began = clock.now_ms()
local batch = math.max(1, runs // 20)
start_runs(runs - 10 * batch, math.max(1000, saves * 70)) -- half of them are there all the time
loop.spawn(function()
  for i = 1, saves do
    if (i - 1) % math.max(1, saves // 10) == 0 then start_runs(batch, 5000) end
    save(names[math.random(#names)])
    local dice = math.random(10)
    loop.sleep(dice <= 5 and 0 or dice <= 9 and math.random(60) or 500)
  end
  loop.sleep(3 * quiet_ms)
  if not known["config.lua"].now.good then styles.rename("config.lua", good "config.lua", true) end -- commands read it
  loop.sleep(3 * quiet_ms)
  loop.stop()
end, function(_, trace)
  io.stderr:write(trace, "\n")
  os.execute("kill " .. paper.supervisor_pid)
  os.exit(1)
end)
local hold = loop.timer(3600000, function() end)
loop.run()
hold:stop()
local storm_ms = clock.now_ms() - began
for _, name in ipairs(names) do unsettled(name) end

-- ---- what came of it -------------------------------------------------------------------------------

local passed, failed = 0, 0
local function check(ok, text, ...)
  if ok then passed = passed + 1 return end
  failed = failed + 1
  if failed <= 20 then print("FAILED " .. text:format(...)) end
end

local published, order = {}, {}
for _, row in ipairs(keel "repl -e 'audit(1000000)'") do
  if row.who == "reload" then table.insert(order, 1, row) end
end
local rfc3339 = require "rfc3339"
for _, row in ipairs(order) do
  local k, hash = known[row.subject], row.what == "publish" and row.detail.hash or "gone"
  published[row.subject] = published[row.subject] or { count = {}, list = {} }
  local p = published[row.subject]
  p.count[hash] = (p.count[hash] or 0) + 1
  p.list[#p.list + 1] = { hash = hash, at = rfc3339.parse(row.time) }
  check(k.texts[hash], "%s: a text was published that was never whole on the disk (%s)", row.subject, hash:sub(1, 12))
  check(k.texts[hash] and k.texts[hash].good, "%s: a broken text was published (%s)", row.subject, hash:sub(1, 12))
end

local late, wanted = {}, 0
for _, name in ipairs(names) do
  local p, k = published[name] or { count = {}, list = {} }, known[name]
  local last = k.first
  for _, one in ipairs(k.stable) do
    if one.good and one.hash ~= k.first then
      wanted = wanted + 1
      local count = p.count[one.hash] or 0
      if one.hash == "gone" then
        check(count > 0 or last == "gone", "%s: that it is gone was not published", name)
      else
        check(count == 1, "%s: a text that lay still was published %d times (%s)", name, count, one.hash:sub(1, 12))
        for _, pub in ipairs(p.list) do
          if pub.hash == one.hash then late[#late + 1] = pub.at - one.since end
        end
      end
      last = one.hash
    end
  end
  for i = 2, #p.list do check(p.list[i].hash ~= p.list[i - 1].hash, "%s: published twice in a row", name) end
  local newest = p.list[#p.list] and p.list[#p.list].hash or k.first
  local stable = k.stable[#k.stable]
  if stable and stable.good then check(newest == stable.hash, "%s: what is current is not what lies there", name) end
end

local ended, waiting
for _ = 1, 60 do -- those that began last may sleep still
  ended, waiting = keel(("runs --limit %d"):format(runs * 2)), 0
  for _, run in ipairs(ended) do waiting = waiting + (run.state == "done" and 0 or 1) end
  if waiting == 0 then break end
  loop.sleep(500)
end
local states = {}
for _, run in ipairs(ended) do
  states[run.state] = (states[run.state] or 0) + 1
  if run.state == "done" then
    check(run.output.v == run.version, "%s ended on version %s, and began on %d", run.run, tostring(run.output.v), run.version)
  else
    check(false, "%s of %s is %s", run.run, run.agent, run.state)
  end
end
check(#ended >= runs * 0.8, "only %d runs were begun", #ended)

os.execute("kill " .. paper.supervisor_pid)
local _, _, code = pipe:close()
check(code == 0, "keel serve ended with %s", tostring(code))
table.sort(late)
local told = {}
for _, state in ipairs(json.sorted_keys(states)) do told[#told + 1] = states[state] .. " " .. state end
print(("%d saves in %.1f s, %d texts lay still, %d publications, %d runs (%s)"):format(saves, storm_ms / 1000, wanted, #order, #ended,
  table.concat(told, ", ")))
if #late > 0 then
  print(("save to published: p50 %d ms, p99 %d ms, longest %d ms"):format(late[(#late + 1) // 2], late[math.max(1, #late * 99 // 100)], late[#late]))
end
print(("%d passed, %d failed"):format(passed, failed))
if failed == 0 then os.execute("rm -rf '" .. path .. "'") else print("kept: " .. path) end
os.exit(failed == 0 and 0 or 1)
