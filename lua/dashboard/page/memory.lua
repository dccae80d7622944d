--- What the agents remember: search with the parts of each score, an item's history, forget.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local memory = {}

local parts = { "text", "vector", "recency", "importance", "context", "time" }

--- The parts of a score as one bar, with the numbers as its title and as text.
local function score(hit)
  if not hit.score then return nil end
  local said, marks, x = {}, {}, 0
  for i, part in ipairs(parts) do
    local value = hit.parts and hit.parts[part] or 0
    if value > 0.0005 then
      said[#said + 1] = ("%s %.2f"):format(part, value)
      local width = math.min(value * 60, 100 - x)
      marks[#marks + 1] = h.rect { class = "part p" .. i, x = ("%.1f"):format(x), y = "0", width = ("%.1f"):format(width), height = "6" }
      x = x + width
    end
  end
  local text = table.concat(said, " + ")
  return h.div { class = "score", h.svg { viewBox = "0 0 100 6", preserveAspectRatio = "none", role = "img", ["aria-label"] = text, h.title { text }, marks },
    h.span { class = "quiet small num", ("%.2f = "):format(hit.score), text } }
end

local function path(item) return html.url("/memory/" .. html.encode(item.id), {}) end

local function forget(v, ns, item)
  return h.details { class = "do", id = "forget-" .. tostring(item.id), h.summary "Forget", layout.form(v, "/api/memory/forget", { ns = ns, id = item.id, back = "/memory", class = "inline" },
    { h.label { h.span "why", h.input { name = "reason", autocomplete = "off" } }, h.button { type = "submit", class = "no", "Forget this" } }) }
end

local function item_row(v, ns, item)
  return h.li { id = "m-" .. tostring(item.id), h.p { h.a { href = html.url("/memory/" .. html.encode(item.id), { ns = ns }), words.short(item.kind .. "/" .. (item.key or "-"), 80) }, " ",
    h.span { class = "quiet", item.layer or "", item.trust and " · " .. tostring(item.trust) or "", " · ", words.time(v, item.time) } },
    words.text(item.text or (item.value ~= nil and json.encode(item.value)) or "", "text clamp"), score(item) }
end

local function opened(v)
  local ok, m = pcall(v.e.memory, v.e)
  if ok and m then return m end
end

local function spaces(m, ns)
  local rows = {}
  for i, row in ipairs(m:stats(ns) or {}) do
    rows[i] = { row.ns or "", row.kind or "", row.layer or "", tostring(row.current or 0), tostring(row.superseded or 0), tostring(row.forgotten or 0) }
  end
  return #rows > 0 and h.details { h.summary "How much there is", words.table("Memory by kind", { { "namespace" }, { "kind" }, { "layer" }, { "current", right = true }, { "replaced", right = true }, { "forgotten", right = true } }, rows) } or nil
end

--- /memory
function memory.search(v)
  local m = opened(v)
  if not m then return { title = "Memory", body = v:missing() } end
  local q = v.query
  local names = m:namespaces() or {}
  local ns = q.ns ~= "" and q.ns or v.e.namespace or "main"
  local ok, hits, message = pcall(m.search, m, { ns = ns, query = q.q ~= "" and q.q or nil, k = 25, kind = q.kind ~= "" and q.kind or nil })
  if not ok then hits, message = nil, hits end
  local rows = {}
  for i, item in ipairs(hits or {}) do rows[i] = item_row(v, ns, item) end
  return { title = "Memory", live = "memory", body = {
    layout.filter("/memory", { layout.input("Search", "q", q.q, { first = true, type = "search", size = "28", placeholder = "a question, in your words" }), layout.input("Kind", "kind", q.kind, { size = "8" }),
      layout.choice("Namespace", "ns", ns, names) }),
    not hits and v:missing(message) or #rows == 0 and (layout.asked(q, "q", "kind") and words.none "Nothing fits." or layout.empty("Nothing is remembered yet. What agents remember stands here, with where they know it from.", "keel memory import", "takes in what you know already.")) or h.ol { class = "plain found", rows },
    spaces(m) } }
end

--- The run that wrote it; an item has only its number, or its name.
local function run_of(v, item)
  if json.absent(item.run) then return nil end
  local row = math.type(item.run) == "integer" and (v:ask("rows", "run.by_id", { id = item.run }) or {})[1]
  local name = row and row.run or type(item.run) == "string" and item.run
  return name and { " · from ", words.run_link(name) } or nil
end

--- /memory/ID
function memory.one(v, id)
  local m = opened(v)
  if not m then return { title = "Memory", body = v:missing() } end
  local ns = v.query.ns or v.e.namespace or "main"
  local ok, list, message = pcall(m.history, m, { ns = ns, id = id })
  if not ok or not list or #list == 0 then return nil, not ok and list or message or "Nothing with this id is remembered here." end
  local rows, first = {}, list[1]
  if first.key and not json.absent(first.key) then -- what was known under its name before, too
    local there, all = pcall(m.history, m, { ns = ns, kind = first.kind, key = first.key })
    if there and all and #all > #list then list = all end
  end
  for i, item in ipairs(list) do
    rows[i] = h.li { h.p { h.b { i == 1 and not item.forgotten and "now" or item.forgotten and "forgotten" or "before" }, " ", words.time(v, item.time), " ", h.span { class = "quiet", item.trust or "" },
      run_of(v, item) },
      item.text and words.text(item.text) or item.value ~= nil and words.value(item.value) or words.none(item.reason or "gone") }
  end
  return { title = words.short((first.kind or "?") .. "/" .. (first.key or "-"), 80), body = { h.ol { class = "plain found", rows },
    not first.forgotten and forget(v, ns, { id = id }) or nil, h.p { h.a { href = "/why/" .. html.encode(id), "Why: where this came from" } } } }
end

memory.path = path
return memory
