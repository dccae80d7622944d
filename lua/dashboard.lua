--- The dashboard: a page for each question that an owner has, made here and whole without
--- any script in the browser.
--
--   dashboard.handle(e, request, session) -> { status, headers, body }
--
-- Pages only read. What acts are forms that go to the routes of /api; the script of the
-- page (dashboard/script.lua) only makes them quicker.
local errors = require "errors"
local html = require "dashboard.html"
local layout = require "dashboard.layout"
local terminal = require "terminal"
local words = require "dashboard.words"
local zone = require "zone"

local h = html.h
local dashboard = {}

local routes = {
  { "^/$", "today", "/" },
  { "^/approvals$", "approvals", "/approvals", "list" }, { "^/approvals/([%w_.-]+)$", "approvals", "/approvals", "one" },
  { "^/runs$", "runs", "/runs" }, { "^/runs/([%w_.-]+)$", "run", "/runs" },
  { "^/memory$", "memory", "/memory", "search" }, { "^/memory/([^/]+)$", "memory", "/memory", "one" },
  { "^/agents$", "agents", "/agents", "list" }, { "^/agents/([%w_.-]+)$", "agents", "/agents", "one" },
  { "^/costs$", "costs", "/costs" }, { "^/schedules$", "schedules", "/schedules" },
  { "^/events$", "events", "/events", "list" }, { "^/event/([^/]+)$", "events", "/events", "one" },
  { "^/audit$", "audit", "/audit" }, { "^/overrides$", "overrides", "/overrides" },
  { "^/why/([%w_.:-]+)$", "why", "/runs" },
}

-- ---- what a page has at hand -----------------------------------------------------------

local View = {}
View.__index = View

--- What an engine says, or nil, err; nil alone when this engine has no such method.
function View:ask(method, ...)
  local fn = self.e[method]
  if not fn then return nil end
  local ok, value, err, more = pcall(fn, self.e, ...)
  if ok then return value, err, more end
  if self.e.failed then error(value, 0) end
  return nil, errors.is(value) and value or errors.new("K9009", { detail = tostring(value) })
end

--- What stands where an answer would, when there is none.
function View.missing(_, err)
  if err == nil then return words.none "not available" end
  return h.p { class = "flash bad", terminal.message(errors.is(err) and err.message or tostring(err)) }
end

--- The zone of the owner; opened once for every name.
local zones = {}

local function zone_of(name)
  name = name or "UTC"
  zones[name] = zones[name] or zone.open(name) or zone.open "UTC"
  return zones[name]
end

local function view_of(e, request, session)
  local v = setmetatable({ e = e, request = request, session = session, query = request.query or {}, now = e.clock(),
    zone = zone_of(e.settings.zone) }, View)
  v.here = html.url(request.path, v.query)
  local inbox, err = v:ask("inbox")
  v.inbox, v.inbox_error = inbox or {}, err
  v.waiting = #v.inbox
  return v
end

-- ---- answering -------------------------------------------------------------------------

local function answer(status, text)
  return { status = status, headers = { ["Content-Type"] = "text/html; charset=utf-8" }, body = text }
end

local function not_found(v, message)
  return answer(404, layout.page(v, { title = "Not found", body = h.p { message or "There is no such page. ", " ", h.a { href = "/", "Back to today" } } }))
end

local function route_of(path)
  for _, route in ipairs(routes) do
    local id = path:match(route[1])
    if id then return route, id end
  end
end

--- A page's module, loaded when first asked for.
local function page_of(name)
  local ok, page = pcall(require, "dashboard.page." .. name)
  return ok and page or error(page, 0)
end

--- "%2F" -> "/": of an id in a path.
local function decoded(text) return (text:gsub("%%(%x%x)", function(x) return string.char(tonumber(x, 16)) end)) end

--- The page that a GET asks for.
function dashboard.handle(e, request, session)
  local route, id = route_of(request.path)
  local v = view_of(e, request, session or {})
  if not route then return not_found(v) end
  v.section = route[3]
  local page = page_of(route[2])
  local made, err = (route[4] and page[route[4]] or page.show)(v, decoded(id))
  if made then return answer(made.status or 200, layout.page(v, made)) end
  return not_found(v, errors.is(err) and err.message or tostring(err))
end

return dashboard
