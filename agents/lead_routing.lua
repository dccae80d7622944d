-- Leads from the contact form or by mail: recorded at once, scored by rules, answered in the
-- right template, and not forgotten.
--
-- What a model reads out of the text is only facts; the score, the route and the words of
-- the answer are the house's. Somebody who competes with a client of yours is not answered
-- before you have said so.

local month_names = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }

local function trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

--- A number that the same words always have, however they are spaced and written.
local function hash_of(text)
  local h = 5381
  for byte in text:lower():gsub("%s+", " "):gmatch(".") do
    h = (h * 33 + byte:byte()) & 0xffffffffffff
  end
  return ("%012x"):format(h)
end

--- The first of these fields that holds a text; a form may have its fields in `fields`.
local function field(input, ...)
  for _, form in ipairs { input, type(input.fields) == "table" and input.fields or nil } do
    for _, name in ipairs { ... } do
      if type(form[name]) == "string" and form[name] ~= "" then
        return form[name]
      end
    end
  end
  return ""
end

local function text_of(input)
  return field(input, "text", "message", "body", "comment")
end

--- Who writes: "Leo Brandt <leo@harbor.example>" or fields of a form.
local function writer_of(input)
  local from = field(input, "email", "e-mail", "mail", "from")
  local email = from:match("<%s*([^<>%s]+@[^<>%s]+)%s*>") or from:match("[^%s<>,;]+@[^%s<>,;]+") or ""
  local name = field(input, "name", "full_name", "from_name")
  name = name ~= "" and name or from:match("^%s*\"?([^<\"]-)\"?%s*<") or ""
  return trim(name), email:lower(), (email:lower():match("@(.+)$") or "")
end

--- At most `most` bytes of a text, whole characters only.
local function clip(text, most)
  if #text <= most then
    return text
  end
  local stop = most
  while stop > 0 and text:byte(stop + 1) & 0xC0 == 0x80 do
    stop = stop - 1
  end
  return text:sub(1, stop)
end

--- The facts, as soon as a model can be asked; it may be away for hours, the lead is safe. Where
--- it cannot be asked at all they are what the words alone say, and a guess.
local function extract(ctx, ask)
  local pause = 60
  local facts, err
  for _ = 1, ctx.config.attempts do
    facts, err = ctx.skill.extract_lead(ask)
    if facts or err.code == "budget" or err.code == "invalid_request" or err.code == "content_filter" then
      break
    end
    ctx.sleep(pause * 1000)
    pause = math.min(pause * 2, 3600)
  end
  if facts then
    return facts, false
  end
  ctx.emit("run.degraded", { why = err.message })
  return ctx.skill.read_lead(ask), true
end

local gone = { inactive = true, former = true, ended = true, closed = true, archived = true, lost = true, cancelled = true }

--- Clients that somebody competes with, as long memory has it; not those who are clients no more.
local function conflicts_of(ctx, input, domain)
  local memories, active = ctx.array(), ctx.array()
  for _, hit in ipairs(assert(ctx.memory.search { query = "competitors, who competes with " .. domain, kind = "client", layer = "long", k = 1000 })) do
    if hit.key and (hit.key:find("/competitors?$") or type(hit.value) == "table" and hit.value.competitors) then
      memories[#memories + 1] = { key = hit.key, text = hit.text, value = hit.value }
    end
  end
  local company = field(input, "company", "organisation", "organization")
  local found = #memories > 0 and ctx.skill.match_rival { memories = memories, names = { company },
    sites = { domain, field(input, "website", "url", "site", "domain"), company } }.clients or {}
  for _, name in ipairs(found) do
    local client = (ctx.records.find { type = "client", where = { domain = name }, limit = 1 } or {})[1]
    client = client and client.value or {}
    if not gone[client.state or client.status or ""] and client.active ~= false then
      active[#active + 1] = name
    end
  end
  return active
end

--- What the calendar has, as instants. A date alone is that whole day; a time without a zone is
--- of the owner's own clock.
local function busy_times(ctx)
  local function instant(text, whole_days)
    if text:find("%d[Tt]%d.*[Zz]$") or text:find("[+-]%d%d:%d%d$") then
      return ctx.time.parts { at = text }.ms
    end
    local time = text:match("%d[Tt ](%d%d:%d%d)")
    return ctx.time.at { date = text:sub(1, 10), time = time, plus_days = not time and whole_days or 0 }.ms
  end
  local busy = ctx.array()
  for _, row in ipairs(ctx.records.find { type = "calendar_busy", limit = 10000 } or {}) do
    local from = row.value.from or row.value.start
    local to = row.value.to or row.value["end"] or from
    if type(from) == "string" and type(to) == "string" then
      busy[#busy + 1] = { from_ms = instant(from, 0), to_ms = instant(to, 1) }
    end
  end
  return busy
end

--- The hours of the days that come.
local function days_ahead(ctx, count, from, to)
  local today, asked, look, days = ctx.time.parts { at = ctx.now_text() }, {}, {}, {}
  for i = 1, count do
    asked[2 * i - 1] = { date = today.date, time = from, plus_days = i }
    asked[2 * i] = { date = today.date, time = to, plus_days = i }
  end
  local at = ctx.time.at(asked)
  for i = 1, count do
    look[i] = { at = at[2 * i - 1].at }
  end
  for i, day in ipairs(ctx.time.parts(look)) do
    days[i] = { date = day.date, weekday = day.weekday, from_ms = at[2 * i - 1].ms, to_ms = at[2 * i].ms }
  end
  return days
end

--- Three slots for a call, from your calendar and your preference; later ones only when the
--- days of the settings are full.
local function slots_for(ctx)
  local kept = ctx.memory.get { kind = "preference", key = "calendar.call" } or ctx.memory.get { kind = "preference", key = "calendar.kickoff" }
  local wish = ctx.skill.meeting_terms { text = kept and kept.text, value = kept and kept.value }
  local busy, count = busy_times(ctx), ctx.config.call_window_days
  local slots
  repeat
    slots = ctx.skill.propose_slots { days = days_ahead(ctx, count, wish.from or "10:00", wish.to or "16:00"), busy = busy,
      minutes = ctx.config.call_minutes, count = 3, weekdays = #wish.days > 0 and wish.days or { "Mon", "Tue", "Wed", "Thu", "Fri" } }.slots
    count = count * 2
  until #slots >= 3 or count > 120
  local lines = {}
  for i, slot in ipairs(slots) do
    local from = ctx.time.parts { at = slot.from_ms }
    lines[i] = ("%s, %d %s, %s"):format(from.weekday, tonumber(from.date:sub(9)), month_names[tonumber(from.date:sub(6, 7))], from.time)
  end
  return ctx.array(lines)
end

--- The page of the product that is asked for: the one whose words are said most, else the usual.
local function product_link(ctx, said)
  local best, most, text = ctx.config.product_link, 0, said:lower()
  for _, row in ipairs(ctx.records.find { type = "product", limit = 1000 } or {}) do
    local one, words = row.value, 0
    for word in (tostring(one.title or one.name or "") .. " " .. row.key):lower():gmatch("[%w\128-\255]+") do
      words = words + (#word > 1 and text:find("%f[%w\128-\255]" .. word .. "s?%f[^%w\128-\255]") and 1 or 0)
    end
    local link = one.url or one.link
    if words > most and type(link) == "string" then
      best, most = link, words
    end
  end
  return best
end

--- The answer of a route, in the house's words.
local function answer(ctx, route, name, said)
  return ctx.skill.answer_lead { route = route, name = clip(name, 200), minutes = ctx.config.call_minutes, owner = ctx.config.sign_as,
    slots = route == "book_call" and slots_for(ctx) or nil, link = route == "template_offer" and product_link(ctx, said) or nil }
end

--- Something for you to do about a lead.
local function come_back(ctx, lead, what)
  local key = "T-lead-" .. lead.id
  local who = lead.name ~= "" and lead.name or lead.email ~= "" and lead.email or lead.id
  ctx.records.put { type = "task", key = key, value = { id = key, title = what .. who, state = "open", lead = lead.id } }
end

--- A lead that nobody has answered for days becomes a task.
local function follow_up(ctx, input)
  local lead = ctx.records.get { type = "lead", key = input.lead } or {}
  if lead.state == "answered" then
    come_back(ctx, lead, "Follow up with ")
  end
  return { lead = input.lead, score = lead.score or 0, route = lead.route or "nurture", reply = "none" }
end

--- The lead's record from the first moment; or that of the same words that came before.
local function store(ctx, input, name, email, domain)
  local text = text_of(input)
  local hash = hash_of(trim(text))
  -- the same words from somebody of another name are another lead's
  for _, row in ipairs(trim(text) ~= "" and ctx.records.find { type = "lead", where = { text_hash = hash }, limit = 100 } or {}) do
    local lead, known = row.value, false
    if lead.email ~= email and name ~= "" and (lead.name or "") ~= "" and lead.name:lower() ~= clip(name, 200):lower() then
      goto next
    end
    for _, one in ipairs(lead.emails or {}) do
      known = known or one == email
    end
    if not known then
      lead.emails[#lead.emails + 1] = email
      ctx.records.put { type = "lead", key = row.key, value = lead }
    end
    do
      return row.key, lead, true
    end
    ::next::
  end
  local source = ctx.event and ctx.event.key or ctx.run
  local id = "L-" .. hash_of(source .. "/" .. email):sub(1, 8)
  local lead = { id = id, name = clip(name, 200), email = email, emails = ctx.array { email }, domain = domain, source = source, text_hash = hash,
    text = clip(text, 2000), state = "new" }
  if #text > ctx.config.max_text then
    lead.note = ("the text was cut from %d to %d bytes"):format(#text, ctx.config.max_text)
  end
  ctx.records.put { type = "lead", key = id, value = lead }
  return id, lead, false
end

local routes = { book_call = true, nurture = true, template_offer = true, decline = true }

--- Somebody competes with clients of yours: whether and how they are answered is yours to say.
--- Sets the lead's route; returns what becomes of the reply.
local function ask(ctx, lead, domain, rivals)
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).conflict, default = { timebox_s = 86400, on_timeout = "decline_politely" } }
  local verdict = assert(ctx.approve { subject = "conflict:" .. (domain ~= "" and domain or lead.id), within = terms.within, otherwise = terms.otherwise,
    remind = terms.remind, why = (domain ~= "" and domain or "Who writes") .. " competes with " .. table.concat(rivals, ", "),
    proposal = { lead = lead.id, name = lead.name, domain = domain, conflicts_with = rivals, route = lead.route, score = lead.score } })
  if verdict.approved then
    local route = type(verdict.value) == "table" and verdict.value.route or verdict.value
    lead.route = routes[route] and route or lead.route
    return "sent"
  end
  -- nobody decided: what the time box says, and without its word nothing goes out
  lead.route = "decline"
  local decline = verdict.outcome == "expired" and tostring(verdict.applied):find("^decline")
  return verdict.outcome == "rejected" and "none" or decline and "sent" or "held"
end

return agent {
  version = 1,
  about = "Records, scores and answers leads, and comes back to them",
  on = { { event = "form.submitted" }, { event = "lead.follow_up" } },

  input = { type = "object" },
  output = {
    type = "object", required = { "lead", "score", "route", "reply" }, additionalProperties = false,
    properties = {
      lead = { type = "string" }, score = { type = "integer", minimum = 0, maximum = 100 },
      route = { enum = { "book_call", "nurture", "template_offer", "decline" } }, reply = { enum = { "sent", "held", "none" } },
      factors = { type = "object", additionalProperties = { type = "integer" } },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      approval = { type = "object" }, rules = { type = "object", description = "points and thresholds of the skill route_lead" },
      currency = { type = "string", default = "eur" },
      follow_up_days = { type = "integer", minimum = 1, default = 4 }, remember_days = { type = "integer", minimum = 1, default = 45 },
      call_minutes = { type = "integer", default = 30 }, call_window_days = { type = "integer", default = 10 },
      max_text = { type = "integer", default = 8000 }, attempts = { type = "integer", minimum = 1, default = 12 },
      product_link = { type = "string", default = "https://shop.example/crm-kit" }, sign_as = { type = "string", description = "the owner's name without it" },
    },
  },

  budget = { day = "$0.003", loops = 60 },
  uses = { "extract_lead", "read_lead", "match_rival", "route_lead", "answer_lead", "meeting_terms", "propose_slots", "amount_of", "approval_terms", "mail" },
  memory = { read = { "client/*", "preference/*", "lead/*" }, write = { "lead/*" } },
  policy = { { effect = "mail.send", say = "auto" } }, -- the words are templates, the reader is who wrote

  run = function(ctx, input)
    if ctx.event and ctx.event.type == "lead.follow_up" then
      return follow_up(ctx, input)
    end
    local name, email, domain = writer_of(input)
    local id, lead, known = store(ctx, input, name, email, domain)
    if known then
      return { lead = id, score = lead.score or 0, route = lead.route or "nurture", reply = "none", factors = lead.factors }
    end
    local text = clip(text_of(input), ctx.config.max_text)
    local facts, guessed = extract(ctx, { text = text, name = clip(name, 200), email = email, now = ctx.now_text(), currency = ctx.config.currency, note = lead.note })
    local budget = ctx.skill.amount_of { record = facts, field = "budget" }
    local routed = ctx.skill.route_lead { budget = budget.amount, timeline_weeks = facts.timeline_weeks, need = facts.need, referral = facts.referral,
      product_interest = facts.product_interest, rules = ctx.config.rules }
    lead.score, lead.route, lead.factors, lead.need = routed.score, routed.route, routed.factors, facts.need
    lead.budget, lead.currency = budget.amount, budget.currency

    local reply, rivals = "sent", conflicts_of(ctx, input, domain)
    if #rivals > 0 then
      reply = ask(ctx, lead, domain, rivals)
    elseif guessed and lead.route == "decline" then
      reply = "held" -- nobody is turned away on a guess
    end
    if email == "" then
      reply = "held"
    end
    if reply == "sent" then
      local letter = answer(ctx, lead.route, name, text .. " " .. tostring(facts.need or ""))
      ctx.step { name = "answer", run = function()
        return assert(ctx.skill.mail { op = "send", key = "lead:" .. id, to = email, subject = letter.subject, body = letter.body })
      end }
    end
    lead.state = reply == "sent" and (lead.route == "decline" and "declined" or "answered") or reply == "none" and "declined" or "open"
    lead.emails = (ctx.records.get { type = "lead", key = id } or lead).emails -- others may have come meanwhile
    ctx.records.put { type = "lead", key = id, value = lead }
    if reply == "held" then
      come_back(ctx, lead, "Answer ")
    end
    ctx.memory.remember { layer = "session", kind = "lead", key = "lead:" .. (domain ~= "" and domain or id), importance = 0.6, source = lead.source,
      text = ("Lead %s from %s: %s, score %d"):format(id, domain ~= "" and domain or "nowhere", lead.route, lead.score), value = { lead = id, route = lead.route, score = lead.score },
      ttl = ctx.config.remember_days .. "d" }
    if lead.state == "answered" then
      local now = ctx.time.parts { at = ctx.now() }
      local at = ctx.time.at { date = now.date, time = now.time, plus_days = ctx.config.follow_up_days }.ms + ctx.now() % 60000 -- to the second
      ctx.emit("timer.set", { at = ctx.time.parts { at = at }.at, event = "lead.follow_up", payload = { lead = id }, key = "follow-up:" .. id }, { key = "follow-up:" .. id })
    end
    return { lead = id, score = lead.score, route = lead.route, reply = reply, factors = lead.factors }
  end,
}
