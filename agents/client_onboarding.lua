-- A client says yes to a proposal, and everything that follows is prepared.
--
-- The mail is read for what it accepts, whom to bill and when they are away. The client is
-- found in the books or put there, a project and its folder are made, kickoff times are looked
-- for, the invoice of the deposit is drafted, and a welcome is written. Then you are asked;
-- what you approve goes out. Say no and what was made is taken back, newest first; the client
-- stays. Where the mail names another price than the proposal, or the proposal has run out,
-- you are asked before anything hangs on it.

--- A number as people write it in a change: 5200, 4900.50
local function plain(amount)
  return math.type(amount) == "integer" and tostring(amount) or (("%.3f"):format(amount):gsub("0$", ""))
end

--- Who wrote: "Ana Reis <ana@fernline.example>", or an address and a name beside it.
local function sender_of(mail)
  local name, address = mail.from:match("^%s*(.-)%s*<([^<>%s]+)>%s*$")
  address = (address or mail.from:match("[^%s<>]+@[^%s<>]+") or mail.from):lower()
  name = name and name:gsub('^"', ""):gsub('"$', "") or mail.from_name
  return { address = address, domain = address:match("@(.+)$") or address, name = name ~= "" and name or nil }
end

--- "509 123 456" -> "509123456"
local function compact(text)
  return type(text) == "string" and text:gsub("[%s.]", "") or nil
end

local function text_or_nil(value)
  return type(value) == "string" and value ~= "" and value or nil
end

-- What is accepted --------------------------------------------------------------------------

--- "Proposal P-118." -> " proposal p 118 "
local function as_words(text)
  return " " .. text:lower():gsub("[^%w\128-\255]+", " ") .. " "
end

--- The proposal that is meant: the one that is named, else the only one for this domain.
local function proposal_for(ctx, said, sender)
  local id = text_or_nil(said.proposal_id)
  local named = id and ctx.records.get { type = "proposal", key = id }
  if named then
    return id, named
  end
  local meant = {}
  for _, row in ipairs(id and ctx.records.find { type = "proposal", limit = 10000 } or {}) do
    if as_words(id):find(as_words(row.key), 1, true) then -- as a model may write it: "proposal p-118"
      meant[#meant + 1] = row
    end
  end
  if #meant == 1 then
    return meant[1].key, meant[1].value
  end
  local rows = ctx.records.find { type = "proposal", where = { client_domain = sender.domain }, limit = 2 } or {}
  if not id and #rows == 1 then
    return rows[1].key, rows[1].value
  end
end

--- No acceptance, or not surely: something for you to look at. Nothing else happens.
local function hand_over(ctx, mail, why)
  local source = ctx.event and ctx.event.key or mail.message_id or mail.from .. "/" .. (mail.subject or "")
  local id = "TK-" .. source
  ctx.records.put { type = "ticket", key = id, value = { id = id, state = "open", title = "Is this an acceptance? " .. (mail.subject or ""),
    from = mail.from, why = why, source = source } }
  ctx.emit("run.ticket", { ticket = id, why = why })
  return { ticket = id, why = why }
end

--- Ask, and go on only with a yes. A no ends the run; what it made is taken back. Where the
--- time box ends without a word, nothing is decided: nil.
local function ask(ctx, name, id, question)
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {})[name], default = { timebox_s = 14400, on_timeout = "remind_once_then_hold" } }
  question.subject = name .. ":" .. id
  question.within, question.otherwise, question.remind, question.escalate = terms.within, terms.otherwise, terms.remind, terms.escalate
  local verdict = assert(ctx.approve(question))
  if verdict.outcome == "rejected" then
    error { code = "rejected", message = verdict.note or question.subject .. " was rejected" }
  end
  return verdict.approved and verdict.value or nil
end

--- Amounts in the mail that are neither the price nor its deposit.
local function other_price(ctx, said, deal)
  local amounts = ctx.skill.read_amounts { values = type(said.amounts_mentioned) == "table" and said.amounts_mentioned or {}, currency = deal.currency }.amounts
  for _, one in ipairs(amounts) do
    local same_money = not one.currency or not deal.currency or one.currency == deal.currency
    local known = math.abs(one.amount - deal.price) < 0.005 or math.abs(one.amount - deal.deposit) < 0.005
    if not (same_money and known) then
      return one
    end
  end
end

--- Take a price: it and its deposit are rounded to the smallest coin there is.
local function set_price(ctx, deal, amount)
  local record = { amount = amount, currency = deal.currency }
  local deposit = ctx.skill.amount_of { record = record, percent = deal.percent }
  deal.price, deal.deposit, deal.deposit_text = ctx.skill.amount_of { record = record }.amount, deposit.amount, deposit.text
end

--- The price and the deposit, in the proposal's own currency.
local function deal_of(ctx, id, proposal)
  local money = ctx.skill.amount_of { record = proposal, field = "price" }
  if not money.amount then
    money = ctx.skill.amount_of { record = proposal }
  end
  if not money.amount then
    error { code = "no_price", message = ("proposal %s has no price, such as price_eur"):format(id) }
  end
  local deal = { currency = money.currency, field = money.field, percent = tonumber(proposal.deposit_pct) or ctx.config.deposit_pct }
  set_price(ctx, deal, money.amount)
  return deal
end

--- The mail names another price: which one holds is yours to say. Returns whether one does.
local function settle_price(ctx, id, deal, named)
  local from, to = plain(deal.price), plain(named.amount)
  local strange = named.currency and deal.currency and named.currency ~= deal.currency
  local change = ("%s -> %s%s"):format(from, to, strange and " " .. named.currency:upper() or "")
  local decided = ask(ctx, "price_mismatch", id, {
    proposal = { proposal = id, [deal.field] = named.amount, change = change, currency = (deal.currency or ""):upper() },
    why = ("The mail names another price than proposal %s: %s. Yes takes the price of the mail."):format(id, change) })
  if not decided then
    return false
  end
  local price = type(decided) == "table" and (decided[deal.field] or decided.price) or decided
  price = ctx.skill.read_amounts { values = { price } }.amounts[1]
  if not price then
    error { code = "no_price", message = "the decision about the price of " .. id .. " names none" }
  end
  set_price(ctx, deal, price.amount)
  return true
end

-- What is made ------------------------------------------------------------------------------

--- Who it is in the books. By who wrote, not by the address that they would have billed: anybody
--- can name one.
local function find_client(ctx, domain, sender, said)
  local clients = ctx.array()
  for i, row in ipairs(ctx.records.find { type = "client", limit = 10000 } or {}) do
    clients[i] = { id = row.key, client = type(row.value) == "table" and row.value or {} }
  end
  local names = ctx.array { said.billing.name }
  names[#names + 1] = sender.name
  return ctx.skill.match_client { domains = { domain, sender.domain }, clients = clients, names = names,
    emails = { sender.address } }
end

--- A new client's id: the domain without its ending, or all of it where another has that one.
local function id_for(ctx, domain, sender)
  local shared = ctx.skill.match_client { domains = { domain }, clients = { { id = "self", client = { domain = domain } } } }.id == nil
  local name = shared and sender.address or domain
  local short = "C-" .. name:gsub("%.%w+$", ""):gsub("[^%w]+", "-")
  return ctx.records.get { type = "client", key = short } and "C-" .. name:gsub("[^%w]+", "-") or short
end

--- Write what the mail says into the client's record. What it does not say stays; so does
--- everything that is known, where the mail came from elsewhere than this client's addresses.
local function upsert_client(ctx, id, domain, sender, contact, billing)
  return ctx.step { name = "upsert_client",
    run = function()
      local before = ctx.records.get { type = "client", key = id }
      local client = {}
      for field, value in pairs(before or {}) do
        client[field] = value
      end
      local known = not before or ctx.skill.match_client { domains = { sender.domain }, emails = { sender.address }, clients = { { id = id, client = before } } }.id
      local function say(field, value)
        client[field] = known and value or client[field] or value
      end
      client.id, client.domain = id, client.domain or domain
      say("name", billing.name or client.name or contact.name)
      client.email = client.email or contact.email
      say("contact", contact)
      say("tax_id", billing.tax_id)
      say("billing_name", billing.name)
      say("billing_email", billing.email)
      ctx.records.put { type = "client", key = id, value = client }
      return { before = before }
    end,
    undo = function(done)
      -- a client who was not there before said yes all the same, and stays
      if done.before then
        ctx.records.put { type = "client", key = id, value = done.before }
      end
    end }
end

local function create_project(ctx, project)
  return ctx.step { name = "create_project",
    run = function()
      ctx.records.put { type = "project", key = project.id, value = project }
      return true
    end,
    undo = function()
      local now = ctx.records.get { type = "project", key = project.id } or project
      now.state = "cancelled"
      ctx.records.put { type = "project", key = project.id, value = now }
    end }
end

--- Write into the project what has come of it, so that a second mail finds it.
local function note_progress(ctx, project, parts)
  for name, value in pairs(parts) do
    project[name] = value
  end
  ctx.records.put { type = "project", key = project.id, value = project }
end

-- When to meet ------------------------------------------------------------------------------

--- Days on which they cannot, as the mail has them: weekdays, dates, or { from, to }.
local function absences_of(ctx, list)
  local not_on = ctx.array()
  for _, one in ipairs(type(list) == "table" and list or {}) do
    local text = type(one) == "table" and (one.date or one.day or one.weekday or one.from) or one
    local till = type(one) == "table" and one.to or nil
    if type(text) == "string" then
      local first = text:match("%d%d%d%d%-%d%d%-%d%d")
      local last = (type(till) == "string" and till or text:sub(11)):match("%d%d%d%d%-%d%d%-%d%d")
      if first then
        for days = 0, last and 60 or 0 do
          local day = ctx.time.parts { at = ctx.time.at { date = first, time = "12:00", plus_days = days }.at }.date
          if days > 0 and day > last then
            break
          end
          not_on[#not_on + 1] = day
        end
      else
        for _, name in ipairs(ctx.skill.meeting_terms { text = type(till) == "string" and text .. "-" .. till or text }.days) do
          not_on[#not_on + 1] = name
        end
      end
    end
  end
  return not_on
end

--- What the calendar has, as instants. A date alone is that whole day.
local function busy_times(ctx)
  local busy = ctx.array()
  local function instant(text, whole_day)
    if not text:find("%d[Tt ]%d") then
      return ctx.time.at { date = text:sub(1, 10), plus_days = whole_day }.ms
    end
    text = text:gsub("(%d) (%d)", "%1T%2")
    if text:find("[Zz]$") or text:find("[+-]%d%d:%d%d$") then
      return ctx.time.parts { at = text }.ms
    end
    return ctx.time.at { date = text:sub(1, 10), time = text:sub(12, 16) }.ms -- of the owner's own clock
  end
  for _, row in ipairs(ctx.records.find { type = "calendar_busy", limit = 10000 } or {}) do
    local from = row.value.from or row.value.start
    local to = row.value.to or row.value["end"] or from
    if type(from) == "string" and type(to) == "string" then
      busy[#busy + 1] = { from_ms = instant(from, 0), to_ms = instant(to, 1) }
    end
  end
  return busy
end

--- The hours of the days that come, on the clock of the owner's zone.
local function days_ahead(ctx, days, hours)
  local today, froms, tos = ctx.time.parts { at = ctx.now_text() }, ctx.array(), ctx.array()
  for i = 0, days do
    froms[i + 1] = { date = today.date, time = hours.from, plus_days = i }
    tos[i + 1] = { date = today.date, time = hours.to, plus_days = i }
  end
  froms, tos = ctx.time.at(froms), ctx.time.at(tos)
  local list, noted = ctx.array(), ctx.time.parts(froms)
  local latest = today.ms + days * 86400000
  for i, from in ipairs(froms) do
    list[i] = { date = noted[i].date, weekday = noted[i].weekday, from_ms = from.ms, to_ms = math.min(tos[i].ms, latest) }
  end
  return list
end

--- Two or three times, within the window of the settings; a later one only when it is full.
local function propose_slots(ctx, said)
  local kept = ctx.memory.get { kind = "preference", key = "calendar.kickoff" }
  local wish = ctx.skill.meeting_terms { text = kept and kept.text, value = kept and kept.value }
  local hours = { from = wish.from or ctx.config.kickoff_from, to = wish.to or ctx.config.kickoff_to }
  local busy, not_on = busy_times(ctx), absences_of(ctx, said.unavailable)
  local window = ctx.config.kickoff_window_days
  local found
  repeat
    found = ctx.skill.propose_slots { days = days_ahead(ctx, window, hours), busy = busy, not_on = not_on, count = 3,
      minutes = wish.min or ctx.config.kickoff_minutes, weekdays = #wish.days > 0 and wish.days or { "Mon", "Tue", "Wed", "Thu", "Fri" },
      not_before_ms = ctx.now() + ctx.config.kickoff_notice_h * 3600000 }.slots
    window = window * 2
  until #found >= 2 or window > 120
  if #found < 2 then
    error { code = "no_slots", message = "no two times for a kickoff are free; see calendar_busy and the preference calendar.kickoff" }
  end
  local slots = ctx.array()
  for i, one in ipairs(found) do
    slots[i] = { from = ctx.time.parts { at = one.from_ms }.at, to = ctx.time.parts { at = one.to_ms }.at }
  end
  return slots
end

local months = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }

--- "Tue 10 March, 10:00"
local function slots_in_words(ctx, slots)
  local words = ctx.array()
  for i, slot in ipairs(slots) do
    local wall = ctx.time.parts { at = slot.from }
    words[i] = ("%s %d %s, %s"):format(wall.weekday, tonumber(wall.date:sub(9, 10)), months[tonumber(wall.date:sub(6, 7))], wall.time)
  end
  return words
end

-- What is said ------------------------------------------------------------------------------

--- How the house writes and what it knows of this client: few items, the best first.
local function known_about(ctx, domain, title)
  local texts, taken, room = ctx.array(), {}, ctx.config.memory_tokens
  local function take(item)
    local tokens = item and item.text and (#item.text + 3) // 4
    if tokens and not taken[item.key] and #texts < ctx.config.memory_items and tokens <= room then
      taken[item.key], room = true, room - tokens
      texts[#texts + 1] = item.text
    end
  end
  take(ctx.memory.get { kind = "playbook", key = "onboarding.voice" })
  local about = "client:" .. domain .. "/"
  for _, hit in ipairs(ctx.memory.search { query = "welcome mail onboarding " .. title, kind = { "playbook", "client" }, k = 50 } or {}) do
    if hit.kind == "playbook" or (hit.key or ""):sub(1, #about) == about then
      take(hit)
    end
  end
  return texts
end

--- The welcome as it was drafted, and what you should know when you read it.
local function compose(ctx, work)
  local words, invoice = slots_in_words(ctx, work.slots), work.invoice
  local draft = assert(ctx.skill.draft_welcome { name = work.contact.name, title = work.project.title, scope = work.project.scope, slots = words,
    deposit = ("The invoice for the deposit, %s %s, is due on %s."):format(invoice.text, invoice.currency, invoice.due),
    known = known_about(ctx, work.domain, work.project.title) })
  draft = { subject = draft.subject or work.project.title, body = draft.body or draft.text or draft.draft or draft.content }
  local why = ("To %s. Deposit %s %s, due %s. Free for the kickoff: %s."):format(work.sender.address, invoice.text, invoice.currency, invoice.due,
    table.concat(words, "; "))
  if work.sender.domain ~= work.domain then
    why = why .. (" The proposal is for %s, the yes came from elsewhere."):format(work.domain)
  end
  return draft, why
end

--- Keep what the next agents need to know.
local function remember(ctx, work)
  local about, offer = "client:" .. work.domain .. "/", "project:" .. work.id .. "/kickoff_offer"
  local contact, billing = work.known_contact, work.billing
  local offered = "Kickoff offered: " .. table.concat(slots_in_words(ctx, work.slots), "; ")
  local function line(...)
    local parts = {}
    for _, part in ipairs { ... } do
      parts[#parts + 1] = part ~= "" and part or nil
    end
    return table.concat(parts, ", ")
  end
  return ctx.step { name = "remember",
    run = function()
      ctx.atomic(function()
        -- your yes was for the letter; what the mail said stays what a mail said
        ctx.memory.remember { layer = "long", kind = "client", key = about .. "contact", trust = "external", importance = 0.8, value = contact,
          text = line(contact.name or "", contact.role or "", contact.email or "", contact.phone or "") }
        if next(billing) then
          ctx.memory.remember { layer = "long", kind = "client", key = about .. "billing", trust = "external", importance = 0.7, value = billing,
            text = "Billing: " .. line(billing.name or "", billing.tax_id or "", billing.email or "") }
        end
        ctx.memory.remember { layer = "session", kind = "project", key = offer, ttl = "14d", trust = "external", value = { slots = work.slots },
          text = offered }
      end)
      return true
    end,
    undo = function()
      for _, key in ipairs { about .. "contact", about .. "billing" } do
        ctx.memory.forget { kind = "client", key = key }
      end
      ctx.memory.forget { kind = "project", key = offer }
    end }
end

--- What is agreed, in words: a list of texts, of objects that are called something, or one text.
local function scope_of(ctx, scope)
  local list = ctx.array()
  for _, one in ipairs(type(scope) == "table" and scope or { scope }) do
    list[#list + 1] = text_or_nil(type(one) == "table" and (one.title or one.name or one.item or one.text) or one)
  end
  return list
end

--- What exists of a project already, as an output: a second mail makes nothing twice.
local function as_before(ctx, project)
  return { client_id = project.client_id, project_id = project.id, invoice_draft = project.invoice_draft,
    slots = project.slots or ctx.array(), welcome_state = project.welcome_state or "held" }
end

-- Both together -----------------------------------------------------------------------------

--- Folder, times and the draft of the deposit's invoice: what can be taken back.
local function prepare(ctx, work, said)
  local id, again = work.id, work.project.attempt > 1 and ":" .. work.project.attempt or ""
  local folder, invoice = "docs:" .. id .. again, "inv-deposit:" .. id .. again
  ctx.step { name = "create_folder",
    run = function()
      return assert(ctx.skill.docs { op = "create", key = folder, title = work.project.title, project = work.project.id, client = work.client_id })
    end,
    undo = function()
      return assert(ctx.skill.docs { op = "delete_if_empty", key = folder })
    end }
  work.slots = ctx.step { name = "propose_slots",
    run = function()
      local slots = propose_slots(ctx, said)
      ctx.memory.remember { layer = "working", kind = "scratch", key = "onboarding:" .. id, value = { slots = slots } }
      return slots
    end,
    undo = function()
      ctx.memory.forget { kind = "scratch", key = "onboarding:" .. id }
    end }
  local other = other_price(ctx, said, work.deal)
  if other and not settle_price(ctx, id, work.deal, other) then
    return false
  end
  local deal, billing = work.deal, work.billing
  local today = ctx.time.parts { at = ctx.now_text() }.date
  local due = ctx.time.parts { at = ctx.time.at { date = today, time = "12:00", plus_days = ctx.config.deposit_due_days }.at }.date
  local text, field = deal.deposit_text, "amount_" .. (deal.currency or "eur")
  work.invoice = { key = invoice, due = due, text = text, currency = (deal.currency or "eur"):upper(), field = field }
  ctx.step { name = "draft_invoice",
    run = function()
      return assert(ctx.skill.billing { op = "draft", key = invoice, [field] = deal.deposit, amount = text, currency = work.invoice.currency, due = due,
        client = work.client_id, project = work.project.id, bill_to = { name = billing.name or work.contact.name, tax_id = billing.tax_id,
          email = billing.email or work.sender.address }, lines = { ("Deposit %s %% of %s: %s"):format(plain(deal.percent), plain(deal.price), work.project.title) } })
    end,
    undo = function()
      return assert(ctx.skill.billing { op = "void_draft", key = invoice })
    end }
  note_progress(ctx, work.project, { slots = work.slots, invoice_draft = { key = invoice, [field] = deal.deposit, due = due }, [deal.field] = deal.price })
  return true
end

--- Write the welcome, ask, and send what was approved. Returns its state.
local function welcome(ctx, work)
  local draft, why = compose(ctx, work)
  local final = ask(ctx, "welcome", work.id, { proposal = draft, why = why })
  if not final then
    return "held"
  end
  if type(final) ~= "table" then
    final = { subject = draft.subject, body = tostring(final) }
  end
  ctx.step { name = "send_welcome",
    run = function()
      -- to who wrote, whatever the texts say
      return assert(ctx.skill.mail { op = "send", key = "welcome:" .. work.id, to = work.sender.address, subject = final.subject or draft.subject,
        body = final.body or final.text or draft.body })
    end,
    undo = function()
      -- a mail that is out stays out: you are told that it speaks of what was taken back
      local id = "TK-welcome-" .. work.id
      ctx.records.put { type = "ticket", key = id, value = { id = id, state = "open",
        title = "The welcome for " .. work.id .. " was sent, and then its onboarding failed: tell the client" } }
    end }
  return "sent"
end

return agent {
  version = 1,
  about = "Prepares everything for a client who accepted a proposal, and sends the welcome that you approve",
  on = { { event = "deal.accepted", key = "message_id" },
    { event = "mail.received", where = { subject = { prefix = "Re: Proposal" } }, key = "message_id" } },

  input = {
    type = "object", required = { "from", "body" },
    properties = { message_id = { type = "string" }, from = { type = "string" }, from_name = { type = "string" },
      subject = { type = "string" }, body = { type = "string" } },
  },
  output = { -- what was prepared; or, where it is no sure acceptance, the ticket for you
    type = "object", additionalProperties = false,
    anyOf = { { required = { "client_id", "project_id", "slots", "welcome_state" } }, { required = { "ticket", "why" } } },
    properties = {
      why = { type = "string" },
      client_id = { type = "string", pattern = "^C-" }, project_id = { type = "string", pattern = "^PRJ-" }, ticket = { type = "string" },
      invoice_draft = { type = "object", required = { "key", "due" }, properties = { key = { type = "string" }, due = { type = "string", format = "date" } } },
      slots = { type = "array", maxItems = 3, items = { type = "object", required = { "from", "to" } } },
      welcome_state = { enum = { "sent", "held", "rejected" } },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      deposit_pct = { type = "number", minimum = 0, maximum = 100, default = 40 },
      deposit_due_days = { type = "integer", minimum = 0, default = 10 },
      min_confidence = { type = "number", default = 0.8, description = "below it, whether it is a yes is for you to say" },
      kickoff_window_days = { type = "integer", minimum = 1, default = 10 },
      kickoff_notice_h = { type = "integer", minimum = 0, default = 24, description = "no kickoff sooner than this" },
      kickoff_minutes = { type = "integer", minimum = 5, default = 60 },
      kickoff_from = { type = "string", default = "10:00" }, kickoff_to = { type = "string", default = "16:00" },
      memory_items = { type = "integer", default = 8 }, memory_tokens = { type = "integer", default = 1200 },
      approval = { type = "object" },
    },
  },

  budget = { run = "$0.04", day = "$0.40" },
  uses = { "extract_acceptance", "match_client", "read_amounts", "amount_of", "approval_terms", "meeting_terms", "propose_slots", "draft_welcome",
    "docs", "billing", "mail" },
  memory = { read = { "playbook/*", "preference/*", "client/*" }, write = { "client/*", "project/*", "scratch/*" } },

  run = function(ctx, mail)
    local sender = sender_of(mail)
    local said = assert(ctx.skill.extract_acceptance { from = sender.address, from_name = sender.name, subject = mail.subject, body = mail.body })
    local id, proposal = proposal_for(ctx, said, sender)
    if not said.accepted or said.confidence < ctx.config.min_confidence then
      return hand_over(ctx, mail, "no sure acceptance")
    elseif not id then
      return hand_over(ctx, mail, "it names no proposal that is known")
    end
    local project_id = "PRJ-" .. id
    local before = ctx.records.get { type = "project", key = project_id }
    if before and before.run and before.run ~= ctx.run and before.state ~= "cancelled" then
      return as_before(ctx, before)
    end

    local today = ctx.time.parts { at = ctx.now_text() }.date
    if type(proposal.valid_until) == "string" and proposal.valid_until:sub(1, 10) < today then
      local go_on = ask(ctx, "expired_proposal", id, { proposal = { proposal = id, valid_until = proposal.valid_until, accepted_on = today },
        why = ("Proposal %s was valid until %s. Yes lets it hold all the same."):format(id, proposal.valid_until) })
      if not go_on then
        return hand_over(ctx, mail, "the proposal has run out")
      end
    end

    local domain = (text_or_nil(proposal.client_domain) or sender.domain):lower()
    local contact = type(said.contact) == "table" and said.contact or {}
    contact = { name = text_or_nil(contact.name) or sender.name, email = sender.address, role = text_or_nil(contact.role), phone = compact(contact.phone) }
    local billing = type(said.billing) == "table" and said.billing or {}
    billing = { name = text_or_nil(billing.name), tax_id = compact(billing.tax_id), email = text_or_nil(billing.email) }
    said.billing = billing

    local match = find_client(ctx, domain, sender, said)
    local work = { id = id, domain = domain, sender = sender, contact = contact, deal = deal_of(ctx, id, proposal),
      client_id = match.id or id_for(ctx, domain, sender) }
    upsert_client(ctx, work.client_id, domain, sender, contact, billing)
    local client = ctx.records.get { type = "client", key = work.client_id } or {} -- what holds from here on
    work.billing, work.known_contact = { name = client.billing_name, tax_id = client.tax_id, email = client.billing_email }, client.contact or contact
    work.project = { id = project_id, proposal = id, client = domain, client_id = work.client_id, title = text_or_nil(proposal.title) or id, scope = scope_of(ctx, proposal.scope),
      state = "active", run = ctx.run, attempt = before and before.state == "cancelled" and (before.attempt or 1) + 1 or 1 }
    create_project(ctx, work.project)
    if prepare(ctx, work, said) then
      local state = welcome(ctx, work)
      if state == "sent" then
        remember(ctx, work)
      end
      note_progress(ctx, work.project, { welcome_state = state })
    end
    ctx.memory.forget { kind = "scratch", key = "onboarding:" .. id }
    return as_before(ctx, work.project)
  end,
}
