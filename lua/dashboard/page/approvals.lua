--- What waits for the owner: review with keys, or with plain forms.
local card = require "dashboard.card"
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local approvals = {}

local most_cards = 50

local function matches(item, text)
  if not text or text == "" then return true end
  local all = ("%s %s %s"):format(tostring(item.subject), tostring(item.agent), words.short(item.proposal, 2000)):lower()
  return all:find(text:lower(), 1, true) ~= nil
end

--- Newest decision first: those that can be taken back, however old the question, and some more.
local function recent(v)
  local list = v:ask("approvals", { limit = math.min(12 + v.waiting, 200) })
  local decided, seen, rows = {}, {}, {}
  for _, items in ipairs { v:ask("approvals", { undoable = true }) or {}, list or {} } do
    for _, item in ipairs(items) do
      if item.state and item.state ~= "open" and not seen[item.id] then
        seen[item.id], decided[#decided + 1] = true, item
      end
    end
  end
  table.sort(decided, function(a, b) return (a.at or "") > (b.at or "") end)
  for i = 1, math.min(#decided, 20) do
    if i <= 8 or not json.absent(decided[i].undo_until) then rows[#rows + 1] = card.decided(v, decided[i], "/approvals") end
  end
  return list and #rows > 0 and layout.section("recent", "Decided lately", h.ul { class = "plain decided", rows }) or
    h.section { id = "recent", ["data-live"] = true }
end

local function batch(v)
  return layout.form(v, "/api/approvals/batch", { state = "approved", back = "/approvals", form = "batch" },
    { h.button { type = "submit", class = "plain", ["aria-keyshortcuts"] = "Shift+A", "Approve the selected" } })
end

local keys = { { "j k", "next, previous" }, { "a", "approve" }, { "r", "reject, with a note, then Enter" }, { "e", "edit" }, { "s", "snooze" },
  { "u", "undo the last decision" }, { "x", "select" }, { "A", "approve the selected" }, { "o", "open" }, { "d", "what changed" }, { "w", "why" }, { "/", "filter" }, { "?", "all keys" } }

local function hints()
  local list = {}
  for i, key in ipairs(keys) do list[i] = h.span { h.kbd { key[1] }, " ", key[2] } end
  return h.p { class = "hints js", list }
end

--- /approvals
function approvals.list(v)
  local all = v.query.all == "1"
  local items = all and v:ask("inbox", { all = true }) or v.inbox
  local cards, hidden = {}, 0
  for _, item in ipairs(items) do
    if matches(item, v.query.text) then
      if #cards < most_cards then cards[#cards + 1] = card.item(v, item, { back = v.here }) else hidden = hidden + 1 end
    end
  end
  local form = batch(v)
  return { title = "Approvals", live = "inbox", heading = v.waiting == 0 and "Nothing waits for you" or words.count(v.waiting, "approval") .. (v.waiting == 1 and " waits" or " wait") .. " for you",
    body = { hints(),
      h.div { class = "bar", layout.filter("/approvals", { layout.input("Filter", "text", v.query.text, { first = true, type = "search", size = "24", placeholder = "subject, agent, content" }),
        h.label { class = "check", h.input { type = "checkbox", name = "all", value = "1", checked = all }, h.span "with snoozed ones" } }),
        #cards > 1 and h.div { id = "batch-box", form } or nil },
      v.inbox_error and v:missing(v.inbox_error) or nil,
      h.div { id = "cards", class = "cards", ["data-live"] = true, ["data-list"] = true, cards,
        #cards == 0 and h.p { class = "quiet", id = "no-cards", v.waiting == 0 and "Everything that was asked is answered. New questions appear here by themselves." or "Nothing fits this filter." } or nil },
      hidden > 0 and h.p { class = "quiet", ("and %d more after these"):format(hidden) } or nil,
      recent(v) } }
end

local function history(v, item)
  if json.absent(item.subject) then return nil end
  local list = v:ask("approvals", { subject = item.subject, limit = 10 })
  local rows = {}
  for _, one in ipairs(list or {}) do
    if one.id ~= item.id then rows[#rows + 1] = card.decided(v, one, v.here) end
  end
  return #rows > 0 and layout.section("history", "Decided before on this", h.ul { class = "plain decided", rows }) or nil
end

--- /approvals/ID
function approvals.one(v, id)
  local item, err = v:ask("approval", id)
  if not item then return nil, err end
  local open
  for _, one in ipairs(v:ask("inbox", { all = true }) or {}) do if one.id == item.id then open = one end end
  local body
  if open then
    body = h.div { id = "cards", class = "cards", ["data-list"] = true, ["data-live"] = true, card.item(v, open, { whole = true, back = "/approvals" }) }
  else
    body = layout.section("decision", "Decided", { h.ul { class = "plain decided", card.decided(v, item, v.here) },
      h.h3 "What was proposed", h.div { class = "proposal", words.value(item.proposal) },
      item.state == "edited" and { h.h3 "What you made of it", words.difference(item.proposal, item.value) or words.value(item.value) } or nil })
  end
  return { title = words.short(item.subject or item.kind, 80), live = "inbox", body = { body, history(v, item),
    h.p { h.a { href = "/why/" .. html.encode(item.id), ["data-why"] = true, "Why: what led to this" }, " · ", h.a { href = "/runs/" .. html.encode(item.run), "the run" },
      " · ", h.a { href = "/approvals", "all approvals" } } } }
end

return approvals
