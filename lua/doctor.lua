--- Whether a home and the machine under it are well: a list of checks, each with what was
--- found, why it matters and what to do.
--
-- Nothing here raises, and nothing is changed but a file of its own that is removed again.
local clock = require "core.clock"
local errors = require "errors"
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"

local doctor = {}

local function ok(text) return { state = "ok", found = text } end
local function warn(text, why, next_) return { state = "warn", found = text, why = why, next = next_ } end
local function bad(text, why, next_) return { state = "bad", found = text, why = why, next = next_ } end

local function of_error(err, state)
  local place = err.file and ("%s%s: "):format(err.file, err.line and ":" .. err.line or "") or ""
  return { state = state or "bad", found = place .. err.message, why = err.cause, next = err.next, number = err.number, file = err.file, line = err.line }
end

-- ---- the checks: { name, function(d) -> result or a list of results } --------------------

local checks = {}

local function check(name, fn) checks[#checks + 1] = { name = name, fn = fn } end

check("home", function(d)
  if file.kind(d.home) ~= "folder" or not file.exists(file.join(d.home, "config.lua")) then
    return of_error(errors.new("K1013", { name = d.home }))
  end
  return ok(d.home)
end)

check("settings", function(d)
  local config, err = require("settings").load(file.join(d.home, "config.lua"), d.getenv)
  if not config then return of_error(err) end
  d.config = config
  local list = { ok "config.lua is valid" }
  for _, text in ipairs(config.warnings) do list[#list + 1] = warn("config.lua: " .. text, "It will not work as written.", "edit config.lua") end
  return list
end)

check("keys of models", function(d)
  if not d.config then return nil end
  local list = {}
  for _, tier in ipairs(json.sorted_keys(d.config.tiers)) do
    for i, entry in ipairs(d.config.tiers[tier]) do
      local key, err = require("settings").key_of(d.config, entry)
      if not key then list[#list + 1] = of_error(err, "warn") else list[#list + 1] = ok(("tiers.%s[%d]: %s"):format(tier, i, key == "" and "needs none" or "there")) end
    end
  end
  return #list > 0 and list or ok "no tier is configured: skills use their local implementation"
end)

check("agents and skills", function(d)
  if not d.config then return nil end
  local library = require("library").load(d.home, d.config.adapters)
  local list, count = {}, { 0, 0 }
  for _ in pairs(library.agents) do count[1] = count[1] + 1 end
  for _ in pairs(library.skills) do count[2] = count[2] + 1 end
  list[1] = ok(("%d agents, %d skills"):format(count[1], count[2]))
  for _, err in ipairs(library.problems) do list[#list + 1] = of_error(err) end
  for _, text in ipairs(library.warnings) do list[#list + 1] = warn(text, "Its schedule never starts it.", "keel schedule") end
  d.library = library
  return list
end)

--- The access bits of a file, as text: "600".
local function mode_of(path)
  local pipe = io.popen(("stat -c %%a '%s' 2>/dev/null"):format((path:gsub("'", "'\\''"))))
  local text = pipe and pipe:read "l"
  if pipe then pipe:close() end
  return text
end

check("who may read", function(d)
  local list = {}
  for _, name in ipairs { "var/keel.db", "var/token", "var/repl.history" } do
    local path = file.join(d.home, name)
    local mode = file.exists(path) and mode_of(path)
    if mode and mode:sub(-2) ~= "00" then
      list[#list + 1] = bad(("%s is open to others (mode %s)"):format(name, mode), "It holds what only you should see.", "chmod 600 " .. path)
    end
  end
  return #list > 0 and list or ok "what is private is private"
end)

check("store", function(d)
  local path = file.join(d.home, "var", "keel.db")
  if not file.exists(path) then return ok "none yet: the first run makes it" end
  local e, err = require("engine").look { home = d.home }
  if not e then return of_error(err) end
  d.e = e
  return ok(("%s, %s"):format(path, require("bytesize").format((file.stat(path)))))
end)

check("integrity", function(d)
  if not d.e then return nil end
  local db = file.join(d.home, "var", "keel.db")
  local good, message = require("store").check(db, d.thorough)
  if good then return ok(d.thorough and "every page and index was read" or "its structure is sound (--thorough reads every index)") end
  return bad(tostring(message), "The disk or another program changed it.", "keel restore FILE")
end)

check("audit trail", function(d)
  if not d.e then return nil end
  local found, err = d.e:audit_verify()
  if not found then return of_error(err) end
  if found.ok then return ok(("%d rows, all as they were written"):format(found.rows)) end
  local list = {}
  for i, one in ipairs(found.problems) do
    if i > 3 then break end
    list[i] = bad(("%s, row %d: %s"):format(one.kind, one.id, one.what), "The record of who did what cannot be held to all that it should be.",
      one.kind == "begun" and "keel audit accept" or "keel audit verify")
  end
  return list
end)

check("log", function(d)
  local bytes = file.stat(file.join(d.home, "var", "keel.db-wal"))
  if not bytes or bytes < 256 << 20 then return ok "the log of the store is short" end
  return warn(("the log of the store has %s"):format(require("bytesize").format(bytes)), "A reader holds on to it, or nothing moves it.", "keel gc")
end)

check("engine", function(d)
  local pid = require("remote").ping(d.home)
  if pid then return ok(("runs here, process %d"):format(pid)) end
  if file.exists(file.join(d.home, "var", "engine.sock")) then
    return warn("a socket without an engine", "The engine ended without closing its door; the next start replaces it.", "keel serve")
  end
  return ok "none runs here"
end)

--- What a mailbox says to a look now, while no engine looks at it.
local function visited(d, entry)
  local watched = require("serve.mailboxes").watched(d.e or { home = d.home, settings = d.config, clock = clock.now_ms }, entry)
  return watched.adapter:visit(entry.folder, "EXAMINE", function() return true end, { quiet_ms = 5000 })
end

check("mailboxes", function(d)
  if not d.config or #d.config.watch == 0 then return nil end
  local list, served = {}, require("remote").ping(d.home)
  for i, entry in ipairs(d.config.watch) do
    local row = d.e and d.e:mailbox(entry.id)
    local fine, err = true, nil
    if not served then fine, err = visited(d, entry)
    elseif row and row.failures > 0 then
      fine, err = false, { code = row.code, message = ("since %s, %d looks: %s"):format(rfc3339.format(row.failing), row.failures, row.reason) }
    end
    local refused = err and err.code == "auth"
    list[i] = fine and ok(("%s lets itself be looked at"):format(entry.name))
      or bad(("%s: %s"):format(entry.name, err.message), refused and "The user or the password is wrong: no mail of it comes."
        or "No mail of it comes until it can be looked at.", refused and "edit config.lua" or "keel explain K8103")
  end
  return list
end)

check("collector", function(d)
  if not d.config or not d.config.otlp then return nil end
  local dropped, list = require("remote").dropped(d.home) or {}, {}
  for _, what in ipairs(json.sorted_keys(dropped)) do
    if dropped[what] > 0 then
      list[#list + 1] = warn(("%d %s were not told to %s since the engine started"):format(dropped[what], what, d.config.otlp.url),
        "It was away, slow, or refused them.", "look into the log of keel serve")
    end
  end
  return #list > 0 and list or ok(d.config.otlp.url)
end)

check("what waits", function(d)
  if not d.e then return nil end
  local list, now = {}, d.e.clock()
  for _, state in ipairs { "quarantined", "needs_reconciliation", "diverged" } do
    local count = #d.e:list { state = state, limit = 1000 }
    if count > 0 then list[#list + 1] = warn(("%d runs are %s"):format(count, (state:gsub("_", " "))), "They go on only when you say how.", "keel runs --state " .. state) end
  end
  local dead = #d.e:event_list { state = "dead", limit = 1000 }
  if dead > 0 then list[#list + 1] = warn(("%d events are dead"):format(dead), "An agent could not start on them.", "keel events --state dead") end
  local late = 0
  for _, item in ipairs(d.e:inbox()) do
    local deadline = item.deadline and rfc3339.parse(item.deadline)
    if deadline and deadline < now then late = late + 1 end
  end
  if late > 0 then list[#list + 1] = warn(("%d questions are past their deadline"):format(late), "No engine runs that acts on it.", "keel inbox") end
  for _, row in ipairs(d.e:rows("pause.list", {})) do
    list[#list + 1] = warn(("%s is held since %s%s"):format(require("hold").name(row.scope), rfc3339.format(row.time),
      row.note and " (" .. row.note .. ")" or ""), "Nothing new is begun there.", "keel resume " .. (row.scope == "all" and "--all" or ""))
  end
  return #list > 0 and list or ok "nothing is stuck"
end)

check("budget", function(d)
  if not d.e then return nil end
  local rows = require("budget").list(d.e.store, { limits = d.e.settings.budget, zone = d.e.settings.zone, now = d.e.clock() })
  local list = {}
  for _, row in ipairs(rows or {}) do
    if row.state ~= "ok" then list[#list + 1] = warn(("%s, %s: %s"):format(row.scope, row.window, row.state), "Calls are refused at a limit.", "keel budget") end
  end
  return #list > 0 and list or ok "within its limits"
end)

check("zones", function(d)
  local zone = d.config and d.config.zone or "UTC"
  local opened, why = require("zone").open(zone)
  if opened then return ok(zone) end
  return bad(tostring(why), "Days and schedules are counted in it.", "apt-get install tzdata")
end)

check("clock", function()
  local now = clock.now_ms()
  if now > 1767225600000 then return ok(rfc3339.format(now)) end -- 2026-01-01
  return bad("the clock says " .. rfc3339.format(now), "Timers, budgets and ids count on it.", "set the clock")
end)

check("disk", function(d)
  local path = file.join(d.home, "var", ".doctor")
  if file.kind(file.join(d.home, "var")) ~= "folder" then return nil end
  local worst = 0
  for _ = 1, 5 do
    local began = clock.mono_us()
    local done, message = file.append_sync(path, "x")
    worst = math.max(worst, clock.mono_us() - began)
    if not done then
      os.remove(path)
      return bad(tostring(message), "Nothing can be kept.", "df " .. d.home)
    end
  end
  os.remove(path)
  local text = ("a durable write takes %.1f ms at most"):format(worst / 1000)
  return worst < 200000 and ok(text) or warn(text, "Every step waits for the disk.", "keel bench steps")
end)

check("room", function(d)
  local pipe = io.popen(("df -Pk '%s' 2>/dev/null"):format((d.home:gsub("'", "'\\''"))))
  local text = pipe and pipe:read "a" or ""
  if pipe then pipe:close() end
  local kb = text:match "\n%S+ +%d+ +%d+ +(%d+)"
  kb = kb and math.tointeger(tonumber(kb))
  if not kb then return nil end
  local found = require("bytesize").format(kb * 1024) .. " free"
  if kb > 1 << 20 then return ok(found) end
  return (kb > 64 << 10 and warn or bad)(found, "When the disk is full the engine rests.", "keel gc")
end)

check("libraries", function()
  local list = {}
  for _, one in ipairs { { "libcurl.so.4", "models and other servers", "libcurl4" }, { "libmicrohttpd.so.12", "HTTP", "libmicrohttpd12" } } do
    local there = require("core.program").loads(one[1])
    list[#list + 1] = there and ok(one[1]) or warn(one[1] .. " is not there", ("It is needed for %s."):format(one[2]), "apt-get install " .. one[3])
  end
  return list
end)

check("watches", function()
  local handle = io.open "/proc/sys/fs/inotify/max_user_watches"
  local most = handle and math.tointeger(tonumber((handle:read "l")))
  if handle then handle:close() end
  if not most or most >= 1024 then return ok "folders can be watched" end
  return warn(("only %d folders can be watched"):format(most), "Saves and new files are noticed late.", "sysctl fs.inotify.max_user_watches=65536")
end)

-- ---- all of them -------------------------------------------------------------------------------

--- Examine a home. options: getenv, thorough. Returns a list of { check, state = "ok" |
--- "warn" | "bad", found, why?, next?, number?, file?, line? }.
function doctor.examine(home, options)
  local d = { home = home, getenv = options.getenv, thorough = options.thorough }
  local list = json.array {}
  for _, one in ipairs(checks) do
    local fine, result = pcall(one.fn, d)
    if not fine then
      result = errors.is(result) and of_error(result) or bad("the check failed: " .. tostring(result), "This should not happen.", "keel explain K9009")
    end
    if result and result.state then result = { result } end
    for _, found in ipairs(result or {}) do
      found.check = one.name
      list[#list + 1] = found
    end
    if one.name == "home" and result[1].state == "bad" then break end
  end
  if d.e then d.e:close() end
  return list
end

return doctor
