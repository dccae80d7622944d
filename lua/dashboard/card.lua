--- One question to the owner, as a card that answers: what, why, what is other than last
--- time, what happens if you do nothing; and with what it can be answered.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local rfc3339 = require "rfc3339"
local terminal = require "terminal"
local words = require "dashboard.words"

local h = html.h
local card = {}

local what_then = { reject = "this is rejected", skip = "this step is skipped", approve = "this is approved",
  escalate = "somebody else is asked", hold = "nothing happens: it goes on waiting" }

--- "If you do nothing, at 14:00 this is rejected."
function card.otherwise(v, item)
  local due = not json.absent(item.deadline) and words.ms(item.deadline)
  if not due then return h.p { class = "otherwise", "If you do nothing, it waits; there is no deadline." } end
  local otherwise = json.absent(item.otherwise) and "hold" or tostring(item.otherwise)
  local after = what_then[otherwise] or ("the agent goes on with '%s'"):format(otherwise)
  local left = due - v.now
  return h.p { class = "otherwise" .. (left < 3600000 and " soon" or ""), "If you do nothing, at ", words.time(v, due), " ", after,
    h.span { class = "left", left > 0 and (" (in %s)"):format(terminal.took(left // 60000 * 60000 > 0 and left // 60000 * 60000 or left)) or " (now)" } }
end

-- ---- editing ---------------------------------------------------------------------------

--- Whether a text can stand in a field and come back as it was.
local function is_plain(text)
  if not utf8.len(text) or text:find "[\r\t]" then return false end
  local line = text:gsub("\n", "")
  return terminal.escape(line) == line
end

--- Whether a proposal is a flat object: one field for each key then.
function card.is_flat(value)
  if type(value) ~= "table" or json.is_list(value) or next(value) == nil then return false end
  local count = 0
  for key, one in pairs(value) do
    count = count + 1
    local kind = type(one)
    if count > 12 or not tostring(key):find "^[%w_]+$" then return false end
    if kind == "string" then
      if not is_plain(one) or one:find "^\n" then return false end
    elseif kind ~= "boolean" and kind ~= "number" then
      return false
    end
  end
  return true
end

local function one_field(item, key, value)
  local id = ("f-%s-%s"):format(item.id, key)
  local control
  if type(value) == "boolean" then
    control = h.select { id = id, ["data-field"] = key, ["data-kind"] = "boolean", h.option { value = "true", selected = value, "true" }, h.option { value = "false", selected = not value, "false" } }
  elseif type(value) == "number" then
    control = h.input { id = id, ["data-field"] = key, value = json.encode(value), inputmode = "decimal", ["data-kind"] = "number" }
  elseif #value > 60 or value:find "\n" then
    local _, lines = value:gsub("\n", "")
    control = h.textarea { id = id, ["data-field"] = key, rows = tostring(math.min(14, math.max(3, lines + 1, #value // 70 + 1))), value }
  else
    control = h.input { id = id, ["data-field"] = key, value = value }
  end
  return h.div { class = "field", h.label { ["for"] = id, key }, control }
end

--- Bytes of JSON that a form takes along: a page of fifty questions is to stay light.
local most_edited = 50000

--- JSON over several lines, with what turns or hides text spelled out as \\u.
local function escaped_json(value)
  local text = json.encode(value, 2) or "null"
  if #text > most_edited or not utf8.len(text) then return text end
  local out = {}
  for _, code in utf8.codes(text) do
    local char = utf8.char(code)
    out[#out + 1] = (code >= 0x80 and terminal.escape(char) ~= char) and (code > 0xffff
      and ("\\u%04x\\u%04x"):format(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff)) or ("\\u%04x"):format(code)) or char
  end
  return table.concat(out)
end

--- The fields of a form that edits, or nil where there is too much of it: the JSON, which is what is sent; and where the script of
--- the page can write it, one field for each key of a flat proposal in its stead.
local function edit_fields(item)
  local whole = escaped_json(item.proposal)
  if #whole > most_edited then return nil end
  local _, lines = whole:gsub("\n", "")
  local area = h.div { class = "field whole", h.label { ["for"] = "j-" .. item.id, "as JSON" },
    h.textarea { id = "j-" .. item.id, name = "edit", class = "json", spellcheck = "false", rows = tostring(math.min(20, lines + 2)), whole } }
  if not card.is_flat(item.proposal) then return area end
  local fields = {}
  for _, key in ipairs(json.sorted_keys(item.proposal)) do -- an effect keeps its op, whatever is edited
    if key ~= "op" or json.absent(item.effect) then fields[#fields + 1] = one_field(item, key, item.proposal[key]) end
  end
  return { h.div { class = "flat js", fields }, area }
end

-- ---- answering ---------------------------------------------------------------------------

local function allows(item, what)
  if not item.allowed or json.absent(item.allowed) then return true end
  for _, one in ipairs(item.allowed) do if one == what then return true end end
  return false
end

local function path(item, verb) return ("/api/approvals/%s/%s"):format(html.encode(item.id), verb) end

local function note(item, kind, label)
  local id = ("%s-%s"):format(kind, item.id)
  return h.div { class = "field", h.label { ["for"] = id, label }, h.input { id = id, name = "note", maxlength = "2000", autocomplete = "off" } }
end

local function answers(v, item, back)
  local digest = item.digest
  local list = {}
  if allows(item, "approve") then
    list[#list + 1] = layout.form(v, path(item, "approve"), { digest = digest, back = back, class = "approve" },
      h.button { type = "submit", class = "main", ["aria-keyshortcuts"] = "a", "Approve" })
  end
  if allows(item, "edit") then
    local fields = edit_fields(item)
    list[#list + 1] = h.details { class = "do edit", id = "edit-" .. item.id, h.summary { ["aria-keyshortcuts"] = "e", "Edit" },
      fields and layout.form(v, path(item, "edit"), { digest = digest, back = back, class = "editing" }, { fields, note(item, "en", "note (optional)"),
        h.button { type = "submit", class = "main", "Approve as edited" } }) or h.p { "This is too long to be edited here. ", h.code { ("keel approve %s --edit-file FILE"):format(item.id) }, " takes a file." } }
  end
  if allows(item, "reject") then
    list[#list + 1] = h.details { class = "do reject", id = "reject-" .. item.id, h.summary { ["aria-keyshortcuts"] = "r", "Reject" },
      layout.form(v, path(item, "reject"), { digest = digest, back = back }, { note(item, "rn", "why (the agent and the record see it)"),
        h.button { type = "submit", class = "no", "Reject" } }) }
  end
  if allows(item, "snooze") then
    local id = "sf-" .. item.id
    list[#list + 1] = h.details { class = "do snooze", id = "snooze-" .. item.id, h.summary { ["aria-keyshortcuts"] = "s", "Snooze" },
      layout.form(v, path(item, "snooze"), { back = back }, { h.div { class = "field", h.label { ["for"] = id, "for" },
        h.select { id = id, name = "for", h.option { value = "1h", "an hour" }, h.option { value = "3h", "three hours" }, h.option { value = "24h", "a day" },
          h.option { value = "72h", "three days" } } }, h.button { type = "submit", class = "plain", "Snooze" } }) }
  end
  return h.div { class = "answers", list }
end

--- What nobody knows (did it happen?) has answers of its own.
local function reconcile(v, item, back)
  local stuck = item.kind == "stuck_undo"
  local to = "/api/reconcile/" .. html.encode(item.id)
  local list = {
    layout.button(v, to, stuck and "It is undone by now" or "It happened", { answer = "happened", value = "true", back = back, tone = "plain" }),
    layout.button(v, to, stuck and "Try the undo again" or "It did not: send it", { answer = "not_happened", back = back, tone = "plain" }) }
  if not stuck and type(item.proposal) == "table" and item.proposal.undo then
    list[3] = layout.button(v, to, "Undo it", { answer = "undo", back = back, tone = "plain" })
  end
  list[#list + 1] = layout.button(v, to, stuck and "Pass over it" or "Leave it, end here", { answer = "abandon", back = back, tone = "no" })
  return h.div { class = "answers", list }
end

local asks = { reconcile = "Did this happen?", stuck_undo = "This could not be undone" }

local function selects(item)
  local tier = math.tointeger(tonumber(item.tier))
  if item.kind ~= "approval" or not allows(item, "approve") then return nil end
  if tier and tier >= 3 then return h.span { class = "quiet small", title = "tier 3 is approved one by one", "one by one" } end
  return h.label { class = "pick", h.input { type = "checkbox", name = "items", form = "batch", value = item.id .. ":" .. tostring(item.digest), ["aria-keyshortcuts"] = "x" },
    h.span { class = "hidden", "select " .. tostring(item.subject) } }
end

--- An agent's own words, in quotes: what stands without them is Keel's. Where an effect is asked
--- about, its name and the reason are.
local function said(item, text) return json.absent(item.effect) and item.kind == "approval" and "“" .. text .. "”" or text end

--- The card. `options`: whole (everything unfolded), back.
function card.item(v, item, options)
  options = options or {}
  local back = options.back or "/approvals"
  local id = tostring(item.id)
  local changed = words.changes(item.diff)
  return h.article { class = "card" .. (tonumber(item.tier) == 3 and " grave" or ""), id = "card-" .. id, tabindex = "-1", ["aria-labelledby"] = "subject-" .. id,
    ["data-id"] = id, ["data-tier"] = item.tier and tostring(item.tier), ["data-digest"] = item.digest, ["data-run"] = item.run, ["data-kind"] = item.kind,
    h.header { selects(item), h.h3 { id = "subject-" .. id, h.a { href = "/approvals/" .. html.encode(id), asks[item.kind] and asks[item.kind] .. " " or "", said(item, words.short(item.subject or item.kind, 160)) } },
      words.tier(item.tier), not item.tier and not json.absent(item.risk) and h.span { class = "tier", "risk: " .. words.short(item.risk, 40) } or nil },
    h.p { class = "facts", words.agent_link(tostring(item.agent)), " asks in ", words.run_link(tostring(item.run)), " · ", words.ago(v, item.created),
      item.digest and { " · digest ", words.digest(item.digest) } or nil, item.snoozed and { " · snoozed until ", words.time(v, item.snoozed_until) } or nil,
      not json.absent(item.escalations) and (tonumber(item.escalations) or 0) > 0 and " · escalated" or nil },
    not json.absent(item.why) and h.div { class = "why", h.span { class = "tag", "why" }, " ", said(item, words.short(item.why, 400)) } or nil,
    not json.absent(item.effect) and h.div { class = "why", h.span { class = "tag", "does" }, " ", words.short(item.effect, 400) } or nil,
    item.agent_changed == true and h.p { class = "note", "The agent's code was changed since it asked." } or nil,
    h.div { class = "proposal", words.value(item.proposal) },
    changed and h.details { class = "diff", id = "diff-" .. id, open = options.whole, h.summary { ["aria-keyshortcuts"] = "d", ("changed since your last decision on this: %s"):format(
      words.count(#item.diff, "place")) }, changed } or nil,
    card.otherwise(v, item),
    item.kind == "approval" and answers(v, item, back) or reconcile(v, item, back) }
end

--- A decision of a moment ago that can still be taken back.
function card.decided(v, item, back)
  local until_ms = not json.absent(item.undo_until) and words.ms(item.undo_until)
  local can = until_ms and until_ms > v.now and item.spent ~= true
  return h.li { id = "decided-" .. tostring(item.id), ["data-id"] = tostring(item.id), ["data-undo"] = can and rfc3339.format(until_ms),
    words.state(tostring(item.state), item.state == "rejected" and "warn" or (item.state == "approved" or item.state == "edited") and "good" or nil), " ",
    h.a { href = "/approvals/" .. html.encode(item.id), words.short(item.subject, 80) }, " ", h.span { class = "quiet", "by ", json.absent(item.by) and "nobody" or tostring(item.by),
      not json.absent(item.channel) and (", %s, "):format(item.channel) or " ", words.ago(v, item.at) },
    not json.absent(item.note) and { " ", h.q { words.short(item.note, 160) } } or nil, can and " " or nil,
    can and layout.button(v, path(item, "recall"), ("Undo (until %s)"):format(words.clock(v, until_ms)), { back = back, tone = "plain small" }) or nil }
end

return card
