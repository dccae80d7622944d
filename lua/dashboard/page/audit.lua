--- Who did what, when; and whether the chain of the records holds.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local audit = {}

local page_size = 50

--- Records that one page looks through for who and what, which have no index.
local most_read = 100000

local function chain(v)
  if v.query.verify ~= "1" then
    return h.p { h.a { href = "/audit?verify=1", "Check the whole chain" }, h.span { class = "quiet", " (some seconds where there are a million records; nothing is changed by it)" } }
  end
  local told, err = v:ask("audit_verify")
  if not told then return v:missing(err) end
  local rows = {}
  for i, one in ipairs(told.problems or {}) do if i <= 50 then rows[i] = h.li { h.b { one.kind }, " at record ", tostring(one.id or "?"), one.detail and ": " .. words.short(one.detail, 200) or "" } end end
  return { h.p { told.ok and words.state("the chain holds", "good") or words.state("the chain is broken", "bad"), (" %d records, %d since the last anchor, checked in %s"):format(told.rows or 0, told.unanchored or 0, words.took(told.ms or 0)) },
    #rows > 0 and h.ul { class = "plain lines", rows } or nil }
end

--- What a record says beside who, what and on what: digests to their beginning, and what
--- stands in the row already not again.
local function detail(row)
  if json.absent(row.detail) then return "" end
  local value = row.detail
  if type(value) == "table" and not json.is_list(value) then
    value = {}
    for key, one in pairs(row.detail) do
      if key ~= "run" then value[key] = type(one) == "string" and one:gsub("^(%x%x%x%x%x%x%x%x%x%x%x%x)%x+$", "%1") or one end
    end
    if next(value) == nil then return "" end
  end
  return h.span { class = "quiet", title = words.short(row.detail, 1000), words.short(value, 140) }
end

--- "approval.approved", which may be broken behind a dot.
local function kind(what)
  local parts = {}
  for part in words.short(what or "", 40):gmatch "[^.]*%.?" do
    if part ~= "" then table.insert(parts, part) table.insert(parts, h.wbr {}) end
  end
  return h.b { parts }
end

local function subject(row)
  if not json.absent(row.run) then return words.run_link(tostring(row.run)) end
  return words.short(row.subject or "", 60)
end

--- /audit
function audit.show(v)
  local q = v.query
  local function field(name) return q[name] ~= "" and q[name] or nil end
  local list, err, stop = v:ask("audit", { within = most_read, limit = page_size + 1, before = math.tointeger(tonumber(q.before)), who = field "who", what = field "what", subject = field "subject", run = field "run" })
  local rows = {}
  for i, row in ipairs(list or {}) do
    if i > page_size then break end
    rows[i] = { id = "au-" .. tostring(row.id), tostring(row.id), words.time(v, row.time), words.short(row.who or "", 40), kind(row.what), subject(row),
      detail(row), words.digest(row.hash) }
  end
  local older = list and #list > page_size and h.a { rel = "next", href = html.url("/audit", { who = q.who, what = q.what, subject = q.subject, run = q.run, before = tostring(list[page_size].id) }), "older" } or nil
  local further = stop and { h.span { class = "quiet", ("These are of %d records that were looked through."):format(most_read) },
    h.a { rel = "next", href = html.url("/audit", { who = q.who, what = q.what, before = tostring(stop) }), "Look further back" } } or nil
  return { title = "Audit", live = "audit", body = { layout.section("chain", "The chain", chain(v)),
    layout.filter("/audit", { layout.input("Who", "who", q.who, { first = true, size = "10" }), layout.input("What", "what", q.what, { size = "12" }), layout.input("Subject", "subject", q.subject), layout.input("Run", "run", q.run) }),
    h.div { id = "list", ["data-live"] = true, not list and v:missing(err) or #rows == 0 and (layout.asked(q, "who", "what", "subject", "run", "before") and words.none "No record fits." or
      layout.empty "Nothing is recorded yet. Each decision, effect, edit of an agent and change by hand becomes a record here, chained to the one before it.") or
      words.table("Audit trail, newest first", { { "no.", right = true, wide = true }, { "when" }, { "who" }, { "what" }, { "on", breaks = true }, { "detail", wide = true, grow = true }, { "hash", wide = true } }, rows) },
    h.nav { class = "paging", ["aria-label"] = "More records", older, further } } }
end

return audit
