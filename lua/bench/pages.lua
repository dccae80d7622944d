--- keel bench pages: R runs, C calls of models and as many records of the audit trail, spread
--- over 90 days; then how long each page of the dashboard takes, beside the same of an empty home.
local clock = require "core.clock"
local core = require "core.bench"
local dashboard = require "dashboard"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local lab = require "bench.lab"
local loop = require "loop"

local pages = {}

local day_ms, days, at_once = 86400000, 90, 256

local works = [[
return agent { version = 1, about = "does a step, and fails now and then", run = function(ctx, input)
  ctx.step { name = "look", run = function() return { text = "word" .. input.n } end }
  if input.n % 50 == 0 then error("nothing came of " .. input.n) end
  return { n = input.n, text = "the answer to question " .. input.n }
end }
]]

local asks = [[
return agent { version = 1, about = "asks", run = function(ctx, input)
  return ctx.approve { subject = "question " .. input.n % 100, proposal = { n = input.n, body = ("text "):rep(40) }, risk = "reversible" }.outcome
end }
]]

local agents = { "invoices", "letters", "mails", "notes", "tasks" }

-- ---- a home that was at work for long -------------------------------------------------------

--- Begin runs of all agents, so many at once, while the clock goes through the days.
local function fill_runs(e, n, now)
  local begun, failure = 0, nil
  for _ = 1, at_once do
    e:task(function()
      while begun < n and not failure do
        begun = begun + 1
        now.ms = now.from + days * day_ms * begun // n
        local run, err = e:start(agents[begun % #agents + 1], { n = begun, who = "client " .. begun % 977 })
        if not run then failure = err else e:rest(run.id) end
      end
    end)
  end
  local ok, err = e:drain()
  if not ok or failure then return nil, err or failure end
  return true
end

--- Calls of models, paid and lost ones, as their books keep them.
local function fill_calls(e, n, now)
  local books, next_call, at_work = e:model_client().books, 0, 0
  local function worker()
    while next_call < n do
      next_call = next_call + 1
      local i = next_call
      now.ms = now.from + days * day_ms * i // n
      local held = assert(books:reserve { agent = agents[i % #agents + 1], model = "model-" .. i % 7, provider = "echo",
        tier = i % 3 == 0 and "large" or "small", money = 90000000, tokens = 900 })
      if i % 20 ~= 0 then assert(books:settle(held, { cost = i * 7919 % 89999999, input = i % 701, output = i % 197, cached = i % 31 }))
      else assert(books:release(held, "connection_lost")) end
    end
    at_work = at_work - 1
  end
  for _ = 1, at_once do
    at_work = at_work + 1
    e:task(worker, 0)
  end
  while at_work > 0 do loop.turn(true) end
  return e:drain()
end

local function in_thousands(e, n, add)
  for first = 1, n, 1000 do
    local tx = e.store:tx()
    for i = first, math.min(first + 999, n) do add(tx, i) end
    local ok, message, code = e:commit(tx)
    if not ok then return nil, errors.from(message, code) end
  end
  return true
end

local function fill_audit(e, n, now)
  return in_thousands(e, n, function(tx, i)
    tx:add("audit.put", { now = now.from + days * day_ms * i // n, who = i % 3 == 0 and "owner" or agents[i % #agents + 1], what = i % 3 == 0 and "approval.approved" or "effect",
      subject = "mail.send answer:" .. i, channel = i % 3 == 0 and "web" or nil })
  end)
end

local function fill_events(e, n, now)
  return in_thousands(e, n, function(tx, i)
    tx:add("event.put", { type = "bench." .. i % 9, payload_codec = { n = i }, now = now.from + days * day_ms * i // n, trust = "owner" })
  end)
end

--- Decided questions, and fifty that wait.
local function fill_questions(e, n)
  for i = 1, n + 50 do
    local run, err = e:start("asks", { n = i })
    if not run then return nil, err end
  end
  local ok, err = e:drain()
  if not ok then return nil, err end
  for i, item in ipairs(e:inbox {}) do
    if i > n then break end
    ok, err = e:decide(item.id, { state = i % 10 == 0 and "rejected" or "approved" })
    if not ok then return nil, err end
  end
  return e:drain()
end

local function fill(e, sizes, now)
  local ok, err = fill_runs(e, sizes.runs, now)
  if ok then ok, err = fill_calls(e, sizes.calls, now) end
  if ok then ok, err = fill_audit(e, sizes.audit, now) end
  if ok then ok, err = fill_events(e, sizes.runs, now) end
  if ok then ok, err = fill_questions(e, math.min(sizes.runs // 10, 1000)) end
  return ok, err
end

-- ---- pages -----------------------------------------------------------------------------------

--- { name, path, query } of every page; of single things, the newest.
local function places(e, sizes)
  local run = e:list { limit = 1, agent = "mails" }[1]
  local list = { { "today", "/" }, { "approvals", "/approvals" }, { "runs", "/runs" }, { "runs_deep", "/runs", { before = tostring(sizes.runs // 2) } },
    { "runs_agent", "/runs", { agent = "letters" } }, { "runs_agent_none", "/runs", { agent = "nobody" } }, { "runs_state", "/runs", { state = "failed" } },
    { "runs_state_rare", "/runs", { state = "waiting" } }, { "runs_state_none", "/runs", { state = "diverged" } },
    { "runs_agent_state", "/runs", { agent = "notes", state = "failed" } },
    { "runs_text_often", "/runs", { text = "answer" } }, { "runs_text_once", "/runs", { text = "question 17" } }, { "runs_text_none", "/runs", { text = "no such words" } },
    { "memory", "/memory" }, { "agents", "/agents" }, { "agent", "/agents/letters" }, { "agent_idle", "/agents/idle" }, { "costs_day", "/costs", { days = "1" } }, { "costs", "/costs" },
    { "costs_90", "/costs", { days = "90" } }, { "schedules", "/schedules" }, { "events", "/events" }, { "events_type", "/events", { type = "bench.3" } },
    { "events_dead", "/events", { state = "dead" } }, { "events_agent", "/events", { agent = "mails" } }, { "audit", "/audit" }, { "audit_deep", "/audit", { before = tostring(sizes.audit // 2) } }, { "audit_who", "/audit", { who = "owner" } }, { "audit_who_none", "/audit", { who = "nobody" } },
    { "audit_what_none", "/audit", { what = "purge" } }, { "audit_subject", "/audit", { subject = "mail.send answer:7" } }, { "audit_verify", "/audit", { verify = "1" } }, { "overrides", "/overrides" } }
  if run then
    list[#list + 1] = { "run", "/runs/" .. run.run }
    list[#list + 1] = { "why", "/why/" .. run.run }
    list[#list + 1] = { "approval", "/approvals/" .. e:inbox {}[1].id }
  end
  return list
end

--- Milliseconds of each page: the median of five after a first, which is `cold`; and what the
--- processor worked for it, which a busy machine does not stretch.
local function measure(e, sizes)
  local ms, cold, worked = {}, {}, {}
  for _, place in ipairs(places(e, sizes)) do
    local took, cpu = {}, {}
    for i = 0, 5 do
      local began, used = clock.mono_us(), clock.cpu_us()
      local answer = dashboard.handle(e, { method = "GET", path = place[2], query = place[3] or {}, headers = {} }, { csrf = "0", owner = "owner" })
      took[i], cpu[i] = (clock.mono_us() - began) / 1000, (clock.cpu_us() - used) / 1000
      if answer.status ~= 200 and place[1] ~= "agent_idle" then return nil, errors.new("K9009", { detail = place[2] .. " answered " .. answer.status }) end
    end
    cold[place[1]] = took[0]
    table.sort(took)
    table.sort(cpu)
    ms[place[1]], worked[place[1]] = took[3], cpu[3]
  end
  return ms, cold, worked
end

local function worst(ms)
  local name
  for one in pairs(ms) do if one ~= "audit_verify" and (not name or ms[one] > ms[name]) then name = one end end
  return name, ms[name]
end

local function open(folder, now)
  local sources = { asks = asks, idle = works }
  for _, name in ipairs(agents) do sources[name] = works end
  lab.home(folder, sources, 'return { zone = "Europe/Lisbon", owner = "owner", budget = { day = "$50000.00", month = "$999999.00" } }\n')
  return engine.open { home = folder, clock = now and function() return now.ms end }
end

--- Options: runs, n (calls), audit (records), folder. Returns the figures, or nil, err.
function pages.measure(options)
  local sizes = { runs = options.runs, calls = options.n or 1000000, audit = options.n or 1000000 }
  local empty_folder, folder = file.join(options.folder, "empty"), file.join(options.folder, "full")
  assert(file.mkdir(empty_folder))
  assert(file.mkdir(folder))
  local e, err = open(empty_folder)
  if not e then return nil, err end
  local empty
  empty, err = measure(e, sizes)
  e:close()
  if not empty then return nil, err end

  local till = clock.now_ms()
  local now, began = { from = till - days * day_ms, ms = till - days * day_ms }, clock.mono_us()
  e, err = open(folder, now)
  if not e then return nil, err end
  local ok
  ok, err = fill(e, sizes, now)
  e:close()
  if not ok then return nil, err end
  local filled = (clock.mono_us() - began) / 1e6
  e, err = open(folder)
  if not e then return nil, err end
  local ms, cold, worked = measure(e, sizes)
  local bytes = lab.store_bytes(folder)
  e:close()
  if not ms then return nil, cold end
  local name, most = worst(ms)
  local cold_name, cold_most = worst(cold)
  local cpu_name, cpu_most = worst(worked)
  local out = { runs = sizes.runs, calls = sizes.calls, audit_rows = sizes.audit, fill_s = filled, store_bytes = bytes, worst = name, worst_ms = most, worst_first = cold_name, worst_first_ms = cold_most, worst_cpu = cpu_name, worst_cpu_ms = cpu_most,
    raw_empty_worst_ms = select(2, worst(empty)), raw_scan_ms = core.scan(file.join(folder, "var", "keel.db")) }
  for one, value in pairs(ms) do out[one .. "_ms"] = value end
  return out
end

return pages
