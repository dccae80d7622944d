--- What every page has around it: the head, the way to the other pages, messages.
local html = require "dashboard.html"

local h = html.h
local layout = {}

--- The pages of the menu: path, name, and the key that follows `g`.
layout.pages = {
  { "/", "Today", "t" }, { "/approvals", "Approvals", "a" }, { "/runs", "Runs", "r" }, { "/memory", "Memory", "m" },
  { "/agents", "Agents", "n" }, { "/costs", "Costs", "c" }, { "/schedules", "Schedules", "s" }, { "/events", "Events", "e" },
  { "/audit", "Audit", "u" }, { "/overrides", "Overrides", "o" },
}

local function menu(v)
  local items = {}
  for i, page in ipairs(layout.pages) do
    local here = v.section == page[1]
    local count = page[1] == "/approvals" and v.waiting and v.waiting > 0 and h.span { class = "count", tostring(v.waiting),
      h.span { class = "hidden", " waiting" } } or nil
    items[i] = h.li { h.a { href = page[1], ["aria-current"] = here and "page", ["data-key"] = page[3], page[2], count } }
  end
  return h.nav { ["aria-label"] = "Pages", h.ul { id = "menu", ["data-live"] = true, items } }
end

local function field(name, value) return h.input { type = "hidden", name = name, value = value } end

--- A form that acts. `fields`: hidden ones by name, but for back, class and form (its id).
function layout.form(v, action, fields, inside)
  local hidden = { field("csrf", v.session.csrf or ""), field("back", fields.back or v.here) }
  for name, value in pairs(fields) do
    if name ~= "back" and name ~= "class" and name ~= "form" then hidden[#hidden + 1] = field(name, value) end
  end
  table.sort(hidden, function(a, b) return tostring(a) < tostring(b) end)
  return h.form { method = "post", action = action, class = fields.class, id = fields.form, ["data-act"] = true, hidden, inside }
end

--- A form of one button.
function layout.button(v, action, text, fields)
  fields = fields or {}
  local class, about = fields.tone, fields.about
  fields.tone, fields.about = nil, nil
  return layout.form(v, action, fields, h.button { type = "submit", class = class, ["aria-label"] = about, text })
end

local function head(title)
  return h.head {
    h.meta { charset = "utf-8" }, h.title { title .. " · Keel" },
    h.meta { name = "viewport", content = "width=device-width, initial-scale=1" },
    h.meta { name = "color-scheme", content = "light dark" }, h.meta { name = "referrer", content = "same-origin" },
    h.link { rel = "icon", href = "/assets/icon.svg", type = "image/svg+xml" },
    h.link { rel = "stylesheet", href = "/assets/style.css" },
    h.script { src = "/assets/page.js", defer = true },
  }
end

layout.head = head

local function stop_all(v)
  return h.div { class = "stop", layout.button(v, "/api/pause", "Pause everything", { all = "true", tone = "plain small",
    about = "Pause everything: no run goes on until you resume" }) }
end

--- What holds for every page: all is held, or the store takes no changes.
local function standing(v)
  local resting, held = v.e.resting, v:ask("paused", "") == true
  return h.div { id = "held", ["data-live"] = true,
    resting and h.p { class = "flash bad", "The store takes no changes, so pages show and nothing acts: ", require("terminal").message(resting.message) } or nil,
    held and h.div { class = "flash bad", "Everything is paused: no run goes on.", layout.button(v, "/api/resume", "Let everything go on", { all = "true", tone = "plain small" }) } or nil }, held
end

--- The page as text. `page`: title, body, lead?, live? (what of /live concerns it), status?.
function layout.page(v, page)
  local flash, state, held = v.session.flash, standing(v)
  return html.document(h.html { lang = "en", head(page.title),
    h.body { ["data-csrf"] = v.session.csrf, ["data-live-on"] = page.live or "inbox", ["data-run"] = page.run,
      h.a { class = "skip", href = "#main", "Skip to the content" },
      h.header { class = "top", h.a { class = "brand", href = "/", h.svg { class = "mark", viewBox = "0 0 24 24", ["aria-hidden"] = "true",
        h.path { d = "M3 6h18l-3 9a4 4 0 0 1-3.8 2.7H9.8A4 4 0 0 1 6 15z" }, h.path { d = "M12 17v4" } }, "Keel" }, menu(v),
        h.div { class = "who", h.span { class = "owner", v.session.owner or "" }, h.button { type = "button", class = "plain small js", id = "keys", "Keys ?" },
          layout.button(v, "/api/logout", "Log out", { tone = "plain small", back = "/login" }) } },
      h.main { id = "main", tabindex = "-1",
        h.div { class = "title", h.h1 { page.heading or page.title }, page.actions },
        page.lead and h.p { class = "lead", page.lead } or nil,
        h.div { id = "flash", role = "status", ["aria-live"] = "polite", flash and h.p { class = "flash " .. (flash.kind == "bad" and "bad" or "good"), flash.text } or nil },
        state, page.body },
      h.footer { h.p { ["data-live"] = true, id = "as-of", "as of ", require("dashboard.words").time(v, v.now), " in ",
        tostring(v.e.settings.zone or "UTC") }, not held and stop_all(v) or nil },
    } })
end

--- A section with a heading of its own. `id` is what a live look replaces.
function layout.section(id, title, body, more)
  return h.section { id = id, ["data-live"] = true, ["aria-labelledby"] = id .. "-h", h.h2 { id = id .. "-h", title, more }, body }
end

--- What an empty page says: what would stand here, and the command that makes it so.
function layout.empty(what, command, does)
  return h.div { class = "empty", h.p { what }, command and h.p { h.code { command }, " ", does } or nil }
end

--- Whether a question was asked by any of these fields; forms send those that are empty, too.
function layout.asked(query, ...)
  for _, name in ipairs { ... } do if (query[name] or "") ~= "" then return true end end
  return false
end

--- A form that only looks: its fields become the query.
function layout.filter(path, inside)
  return h.form { method = "get", action = path, class = "filter", role = "search", inside, h.button { type = "submit", class = "plain", "Show" } }
end

function layout.input(label, name, value, fields)
  fields = fields or {}
  return h.label { h.span { label }, h.input { type = fields.type or "text", name = name, value = value or "", size = fields.size or "16",
    placeholder = fields.placeholder, ["data-filter"] = fields.first, autocomplete = "off" } }
end

function layout.choice(label, name, value, options)
  local list = { h.option { value = "", "any" } }
  for _, one in ipairs(options) do
    list[#list + 1] = h.option { value = one, selected = one == value, (one:gsub("_", " ")) }
  end
  return h.label { h.span { label }, h.select { name = name, list } }
end

return layout
