--- The agents: on or off, their versions and what changed between them, caps and budgets.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local runs_page = require "dashboard.page.runs"
local terminal = require "terminal"
local words = require "dashboard.words"

local h = html.h
local agents = {}

local function goes_on(manifest)
  local list = {}
  for i, on in ipairs(manifest.on or {}) do
    list[i] = on.kind == "event" and on.event or on.kind == "cron" and "cron " .. tostring(on.cron) or on.kind == "every" and "every " .. require("duration").format(on.every_ms) or on.kind or "?"
  end
  return #list > 0 and table.concat(list, ", ") or "when told"
end

local function state_of(v, name)
  local ok, state, stopped = pcall(v.e.agent_state, v.e, name)
  if not ok then return "on" end
  return state, type(stopped) == "table" and stopped.reason or nil
end

local function state_mark(v, name, state)
  local held = v:ask("paused", "") ~= true and v:ask("paused", name) == true -- when all is held every page says so
  return { words.state(state, state == "on" and "good" or state == "off" and "warn" or "bad"),
    held and { " ", words.state("paused", "warn"), " ", layout.button(v, "/api/resume", "Let it go on", { agent = name, tone = "plain small", about = "Let go on " .. name }) } or nil }
end

local function switch(v, name, state)
  local verb = state == "on" and "disable" or "enable"
  return layout.button(v, ("/api/agents/%s/%s"):format(html.encode(name), verb), state == "on" and "Switch off" or "Switch on", { tone = "plain small", about = (state == "on" and "Switch off " or "Switch on ") .. name })
end

local function problems(list)
  local rows = {}
  for i, err in ipairs(list) do if i <= 20 then rows[i] = h.li { h.b { words.short(err.file or "", 80) }, " ", words.text(err.message or tostring(err)) } end end
  return #rows > 0 and layout.section("problems", "Files that do not load", h.ul { class = "plain lines bad", rows }) or nil
end

--- /agents
function agents.list(v)
  local rows, names, last_of = {}, json.sorted_keys(v.e.library.agents), {}
  -- one look at the newest runs: asking for each agent would look through all runs for one that never ran
  for _, run in ipairs(v:ask("list", { limit = 200 }) or {}) do last_of[run.agent] = last_of[run.agent] or run end
  for i, name in ipairs(names) do
    local agent = v.e.library.agents[name]
    local state, why = state_of(v, name)
    local last = last_of[name]
    rows[i] = { id = "a-" .. name, words.agent_link(name), tostring(agent.manifest.version or ""), { state_mark(v, name, state), why and h.div { class = "quiet small", words.short(why, 80) } or nil }, words.short(goes_on(agent.manifest), 60),
      last and { words.run_state(last), " ", h.span { class = "quiet", words.ago(v, last.created) } } or "", words.short(agent.manifest.about or "", 90), switch(v, name, state) }
  end
  return { title = "Agents", live = "agents runs", body = { h.div { id = "list", ["data-live"] = true, #rows == 0 and layout.empty("There is no agent in agents/ yet. An agent is a Lua file that says what it goes on and what it does.", "keel init", "writes a small one to begin with.") or
    words.table("Agents", { { "agent" }, { "version", right = true, wide = true }, { "state" }, { "goes on", wide = true }, { "last run" }, { "about", wide = true, grow = true }, { "" } }, rows) },
    problems(v.e.library.problems or {}) } }
end

-- ---- one -------------------------------------------------------------------------------

--- Sources of an agent that were published, newest first: { hash, version, at }.
local function versions(v, agent)
  local list, seen = { { hash = agent.hash, version = agent.manifest.version } }, { [agent.hash] = true }
  local function add(hash, version, at)
    if not json.absent(hash) and not seen[hash] then
      seen[hash] = true
      list[#list + 1] = { hash = hash, version = version, at = at }
    end
  end
  for _, row in ipairs(v:ask("audit", { what = "publish", subject = agent.file, limit = 10 }) or {}) do
    local detail = type(row.detail) == "table" and row.detail or {}
    if detail.hash == agent.hash then list[1].at = row.time end
    add(detail.hash, detail.version, row.time)
    add(detail.was)
  end
  return list
end

local function source_of(v, hash)
  local row = v.e:rows("code.get", { hash = hash })[1]
  return row and row.body
end

local function lines_of(text)
  local list = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch "([^\n]*)\n" do list[#list + 1] = line end
  return list
end

--- What is other between two sources, line by line: the same beginning and end are left out,
--- and what lies between is compared by a longest common subsequence where it is small.
local function source_diff(old, new)
  local a, b = lines_of(old), lines_of(new)
  local first, ea, eb = 1, #a, #b
  while first <= ea and first <= eb and a[first] == b[first] do first = first + 1 end
  while ea >= first and eb >= first and a[ea] == b[eb] do ea, eb = ea - 1, eb - 1 end
  local out = {}
  local function add(sign, class, line) out[#out + 1] = h[class] { h.span { class = "sign", sign .. " " }, line, "\n" } end
  for i = math.max(1, first - 3), first - 1 do add(" ", "span", a[i]) end
  local n, m = ea - first + 1, eb - first + 1
  if n * m <= 250000 then
    local best = {}
    for i = n + 1, 1, -1 do
      best[i] = {}
      for j = m + 1, 1, -1 do
        best[i][j] = (i > n or j > m) and 0 or a[first + i - 1] == b[first + j - 1] and best[i + 1][j + 1] + 1 or math.max(best[i + 1][j], best[i][j + 1])
      end
    end
    local i, j = 1, 1
    while i <= n or j <= m do
      if i <= n and j <= m and a[first + i - 1] == b[first + j - 1] then
        add(" ", "span", a[first + i - 1])
        i, j = i + 1, j + 1
      elseif j > m or i <= n and best[i + 1][j] >= best[i][j + 1] then
        add("−", "del", a[first + i - 1])
        i = i + 1
      else
        add("+", "ins", b[first + j - 1])
        j = j + 1
      end
    end
  else
    for k = first, ea do add("−", "del", a[k]) end
    for k = first, eb do add("+", "ins", b[k]) end
  end
  for i = ea + 1, math.min(#a, ea + 3) do add(" ", "span", a[i]) end
  return h.pre { class = "source", out }
end

local function history(v, agent)
  local list, rows = versions(v, agent), {}
  for i, one in ipairs(list) do
    local before = list[i + 1]
    local new = i == 1 and agent.text or source_of(v, one.hash)
    new = new or source_of(v, one.hash)
    local old = before and source_of(v, before.hash)
    rows[i] = h.li { h.p { h.b { one.version and "version " .. tostring(one.version) or "an older one" }, i == 1 and " (now) " or " ", words.digest(one.hash), " ", one.at and h.span { class = "quiet", "published ", words.time(v, one.at) } or nil },
      new and old and h.details { id = "v-" .. tostring(one.hash):sub(1, 12), h.summary "what changed in it", source_diff(old, new) } or before and h.p { class = "quiet small", "its predecessor's source is not in the store" } or nil }
  end
  return h.ol { class = "plain found", rows }
end

local function budgets(v, name)
  local ok, list = pcall(require("budget").list, v.e.store, { limits = v.e.settings.budget, zone = v.e.settings.zone, now = v.now })
  local rows = {}
  for _, row in ipairs(ok and list or {}) do
    if row.scope == "agent:" .. name then
      rows[#rows + 1] = { row.window, row.limit_picousd and words.money(row.limit_picousd) or "none", words.money(row.spent_picousd), words.state(row.state, row.state == "ok" and "good" or row.state == "warn" and "warn" or "bad") }
    end
  end
  local form = layout.form(v, "/api/budget", { scope = "agent:" .. name, class = "inline" }, { h.label { h.span "a limit of", h.input { name = "limit", placeholder = "$5.00", size = "8", required = true, autocomplete = "off" } },
    h.label { h.span "a", h.select { name = "window", h.option { value = "day", "day" }, h.option { value = "month", "month" }, h.option { value = "hour", "hour" }, h.option { value = "run", "run" } } }, h.button { type = "submit", class = "plain", "Set" } })
  return { #rows > 0 and words.table("Budgets", { { "window" }, { "limit", right = true }, { "spent", right = true }, { "state" } }, rows) or words.none "Nothing was spent, and no limit is set.", form }
end

local function caps_of(caps)
  local list = {}
  if math.type(caps.instructions) then list[#list + 1] = ("%.4g million instructions"):format(caps.instructions / 1e6) end
  if math.type(caps.memory) then list[#list + 1] = ("%.4g MB"):format(caps.memory / 1048576) end
  if math.type(caps.wall) then list[#list + 1] = terminal.took(caps.wall) end
  return #list > 0 and table.concat(list, ", ") or "the usual ones"
end

--- /agents/NAME
function agents.one(v, name)
  local agent, err = v:ask("agent_named", name)
  if not agent then return nil, err end
  local manifest = agent.manifest
  local state, why = state_of(v, name)
  local caps = manifest.caps or {}
  local failed = v:ask("list", { agent = name, state = "failed", limit = 5 }) or {}
  local recent = v:ask("list", { agent = name, limit = 10 }) or {}
  local facts = { { "version", tostring(manifest.version) }, { "goes on", goes_on(manifest) }, { "uses", table.concat(manifest.uses or {}, ", ") }, { "file", agent.file },
    { "caps", caps_of(caps) } }
  local out = {}
  for _, row in ipairs(facts) do if row[2] ~= "" then out[#out + 1] = h.div { h.dt { row[1] }, h.dd { words.short(row[2], 300) } } end end
  return { title = name, live = "agents runs", lead = manifest.about and words.short(manifest.about, 300) or nil, body = {
    layout.section("state", "State", { h.div { state_mark(v, name, state), why and " " .. words.short(why, 200) or nil }, h.dl { class = "facts", out }, h.div { class = "answers", switch(v, name, state) } }),
    layout.section("budgets", "Budgets", budgets(v, name)),
    layout.section("errors", "Last failures", #failed == 0 and words.none "None." or words.table("Last failures", runs_page.columns, runs_page.rows(v, failed))),
    layout.section("recent", "Last runs", { #recent == 0 and words.none "It has not run yet." or words.table("Last runs", runs_page.columns, runs_page.rows(v, recent)), h.p { h.a { href = html.url("/runs", { agent = name }), "All its runs" } } }),
    layout.section("versions", "Versions", history(v, agent)) } }
end

return agents
