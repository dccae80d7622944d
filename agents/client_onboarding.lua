-- A client says yes to a proposal: everything that has to happen then, once.
--
-- The client and the project are recorded, a folder is made, kickoff slots are found, the
-- deposit invoice is drafted, and a welcome mail waits for your yes. When you say no, or
-- something fails, what was done is taken back, newest first.
--
-- Each step has a name and a key of the business (the proposal's), so that nothing happens
-- twice, whatever dies when.

local month_names = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" }

local function present(value)
  return value ~= nil and type(value) ~= "userdata" and value ~= ""
end

--- Who wrote: name, address, domain. An answer goes to nobody else.
local function writer_of(from)
  local email = (from:match("<%s*([^<>%s]+@[^<>%s]+)%s*>") or from:match("[^%s<>,;]+@[^%s<>,;]+") or ""):lower()
  return from:match("^%s*\"?([^<\"]-)\"?%s*<"), email, email:match("@(.+)$") or ""
end

--- An amount in a mail as a number, in whatever form it was read.
local function number_of(one)
  if type(one) == "table" then
    one = one.amount or one.value or one.eur
  end
  return tonumber((tostring(one):gsub("[^%d%.]", "")))
end

--- Something for you to look at by yourself; the run is over.
local function ticket(ctx, mail, why)
  local key = "TK-" .. (ctx.event and ctx.event.key or ctx.run)
  ctx.records.put { type = "ticket", key = key, value = { id = key, title = "Look at: " .. (mail.subject or "a mail"), why = why, from = mail.from, state = "open" } }
  ctx.emit("run.ticket", { ticket = key, why = why })
  return { ticket = key, why = why }
end

--- The client that this is: by domain, then by address, then by a name that is nearly the same.
local function match_client(ctx, domain, email, name)
  local rows = ctx.records.find { type = "client", limit = 10000 } or {}
  for _, row in ipairs(rows) do
    if row.value.domain == domain then
      return row.key, row.value
    end
  end
  for _, row in ipairs(rows) do
    if row.value.email == email or row.value.billing_email == email then
      return row.key, row.value
    end
  end
  local candidates = {}
  for _, row in ipairs(rows) do
    if present(row.value.name) then
      candidates[#candidates + 1] = { key = row.key, text = row.value.name }
    end
  end
  if present(name) and #candidates > 0 then
    local match = ctx.skill.match_entity { text = name, candidates = candidates, min = ctx.config.match_score }
    if match.key then
      return match.key, ctx.records.get { type = "client", key = match.key }
    end
  end
end

local function upsert_client(ctx, key, before, said)
  local client = {}
  for field, value in pairs(before or {}) do
    client[field] = value
  end
  for field, value in pairs(said) do
    if present(value) then
      client[field] = value
    end
  end
  client.id = key
  return ctx.step { name = "upsert_client",
    run = function()
      ctx.records.put { type = "client", key = key, value = client }
      return { key = key, before = before }
    end,
    undo = function(done)
      -- somebody new stays known; somebody known is again what they were
      if done.before then
        ctx.records.put { type = "client", key = key, value = done.before }
      end
      return true
    end }
end

--- Free kickoff slots: your preference, your calendar, and when they are away.
local function propose_slots(ctx, unavailable)
  local kept = ctx.memory.get { kind = "preference", key = "calendar.kickoff" }
  local wish = kept and type(kept.value) == "table" and kept.value or {}
  local today = ctx.time.parts { at = ctx.now_text() }
  local asked, look, window = {}, {}, ctx.config.kickoff_window_days
  for i = 1, window do
    asked[2 * i - 1] = { date = today.date, time = wish.from or "10:00", plus_days = i }
    asked[2 * i] = { date = today.date, time = wish.to or "16:00", plus_days = i }
  end
  local at = ctx.time.at(asked)
  for i = 1, window do
    look[i] = { at = at[2 * i - 1].at }
  end
  local days, times = {}, {}
  for i, day in ipairs(ctx.time.parts(look)) do
    days[i] = { date = day.date, weekday = day.weekday, from_ms = at[2 * i - 1].ms, to_ms = at[2 * i].ms }
  end
  local rows = ctx.records.find { type = "calendar_busy", limit = 10000 } or {}
  for i, row in ipairs(rows) do
    times[2 * i - 1], times[2 * i] = { at = row.value.from }, { at = row.value.to }
  end
  local busy, parts = {}, #times > 0 and ctx.time.parts(times) or {}
  for i = 1, #rows do
    busy[i] = { from_ms = parts[2 * i - 1].ms, to_ms = parts[2 * i].ms }
  end
  local slots = ctx.skill.propose_slots { days = days, busy = busy, minutes = wish.min or 60, count = 3, weekdays = wish.days or { "Mon", "Tue", "Wed", "Thu", "Fri" },
    not_on = unavailable }.slots
  local list, lines = ctx.array(), ctx.array()
  for i, slot in ipairs(slots) do
    local from, to = ctx.time.parts { at = slot.from_ms }, ctx.time.parts { at = slot.to_ms }
    list[i] = { from = from.at, to = to.at }
    lines[i] = ("%s, %d %s, %s to %s"):format(from.weekday, tonumber(from.date:sub(9)), month_names[tonumber(from.date:sub(6, 7))], from.time, to.time)
  end
  return list, lines
end

--- Ask whether to go on; what is not a yes ends the run.
local function must_approve(ctx, subject, proposal, why)
  local kind = subject:match("^[^:]*")
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {})[kind], default = { on_timeout = "hold" } }
  local verdict = assert(ctx.approve { subject = subject, proposal = proposal, why = why, within = terms.within, otherwise = terms.otherwise, remind = terms.remind })
  if not verdict.approved then
    error { code = "rejected", message = verdict.note or (subject .. ": " .. verdict.outcome) }
  end
  return verdict.value
end

--- The price that holds: the proposal's, or another one that the mail names, if you say so.
local function price_of(ctx, proposal, amounts)
  local price = ctx.skill.amount_of { record = proposal, field = "price" }
  for _, one in ipairs(amounts) do
    local named = number_of(one)
    if named and named ~= price.amount then
      local text = ("%s -> %s"):format(("%.2f"):format(price.amount):gsub("%.00$", ""), ("%.2f"):format(named):gsub("%.00$", ""))
      local value = must_approve(ctx, "price_mismatch:" .. proposal.id, { price = named, agreed = price.amount, currency = price.currency, change = text },
        "The mail names another price than the proposal: " .. text)
      return { amount = tonumber(type(value) == "table" and value.price or value) or named, currency = price.currency }
    end
  end
  return price
end

local function remember(ctx, domain, proposal, contact, billing, slots, lines)
  local written = {}
  local function keep(item)
    -- your yes was for the letter; what the mail said stays what a mail said
    item.trust = "external"
    ctx.memory.remember(item)
    written[#written + 1] = { kind = item.kind, key = item.key }
  end
  ctx.step { name = "remember",
    run = function()
      keep { layer = "long", kind = "client", key = "client:" .. domain .. "/contact", importance = 0.8, value = contact,
        text = ("%s <%s>%s"):format(present(contact.name) and contact.name or "The contact", contact.email or "", present(contact.role) and ", " .. contact.role or "") }
      if billing and present(billing.name) then
        keep { layer = "long", kind = "client", key = "client:" .. domain .. "/billing", importance = 0.7, value = billing,
          text = ("Bill %s%s%s"):format(billing.name, present(billing.tax_id) and ", tax id " .. billing.tax_id or "", present(billing.email) and ", " .. billing.email or "") }
      end
      keep { layer = "session", kind = "project", key = "project:" .. proposal.id .. "/kickoff_offer", value = { slots = slots }, ttl = "14d",
        text = "Kickoff offered: " .. table.concat(lines, "; ") }
      return written
    end,
    undo = function(items)
      for _, one in ipairs(items) do
        ctx.memory.forget { kind = one.kind, key = one.key }
      end
      return true
    end }
end

return agent {
  version = 1,
  about = "Takes an accepted proposal from the client's mail to the welcome mail that you approve",
  on = { { event = "deal.accepted" }, { event = "mail.received", where = { folder = "deals" } } },

  input = {
    type = "object", required = { "from", "body" },
    properties = { from = { type = "string" }, subject = { type = "string" }, body = { type = "string" } },
  },
  output = {
    type = "object",
    oneOf = {
      { required = { "client_id", "project_id", "invoice_draft", "slots", "welcome_state" }, properties = {
        client_id = { type = "string", pattern = "^C-" }, project_id = { type = "string", pattern = "^PRJ-" },
        invoice_draft = { type = "object", required = { "key", "due" } },
        slots = { type = "array", maxItems = 3, items = { type = "object", required = { "from", "to" } } },
        welcome_state = { enum = { "sent", "held", "rejected" } } }, additionalProperties = false },
      { required = { "ticket", "why" }, properties = { ticket = { type = "string" }, why = { type = "string" } }, additionalProperties = false },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      deposit_pct = { type = "number", minimum = 0, maximum = 100, default = 40 }, kickoff_window_days = { type = "integer", minimum = 1, maximum = 60, default = 10 },
      invoice_due_days = { type = "integer", minimum = 0, default = 14 }, min_confidence = { type = "number", default = 0.8 },
      match_score = { type = "number", default = 0.92 }, approval = { type = "object" }, sign_as = { type = "string", default = "Mira" },
    },
  },

  budget = { run = "$0.04", day = "$0.50" },
  uses = { "extract_acceptance", "draft_welcome", "match_entity", "propose_slots", "amount_of", "approval_terms", "docs", "billing", "mail" },
  locally = { "match_entity" },
  memory = { read = { "playbook/*", "preference/*", "client/*" }, write = { "client/*", "project/*" } },
  policy = { { effect = "docs.*", say = "auto" }, { effect = "docs.create", say = "auto" }, { effect = "docs.delete_if_empty", say = "auto" },
    { effect = "billing.draft", say = "auto" }, { effect = "billing.void_draft", say = "auto" },
    { effect = "mail.send", say = "auto" } }, -- the mail is what you approve below

  run = function(ctx, mail)
    local writer, email, domain = writer_of(mail.from)
    local open = {}
    for i, row in ipairs(ctx.records.find { type = "proposal", limit = 1000 } or {}) do
      open[i] = row.key
    end
    local said, err = ctx.skill.extract_acceptance { body = mail.body, subject = mail.subject, from = mail.from, proposals = open }
    if not said then
      return ticket(ctx, mail, "the mail could not be read: " .. err.message)
    elseif not said.accepted or said.confidence < ctx.config.min_confidence then
      return ticket(ctx, mail, ("no clear yes (confidence %.2f)"):format(said.confidence))
    end
    local proposal = present(said.proposal_id) and ctx.records.get { type = "proposal", key = said.proposal_id }
    if not proposal then
      return ticket(ctx, mail, "no proposal '" .. tostring(said.proposal_id) .. "' is known")
    end
    local today = ctx.time.parts { at = ctx.now_text() }
    if present(proposal.valid_until) and today.date > proposal.valid_until then
      must_approve(ctx, "expired_proposal:" .. proposal.id, { proposal = proposal.id, valid_until = proposal.valid_until, accepted = today.date },
        "The proposal was valid until " .. proposal.valid_until)
    end

    local contact, billing = present(said.contact) and said.contact or {}, present(said.billing) and said.billing or nil
    contact.name, contact.email = present(contact.name) and contact.name or writer, email
    domain = present(proposal.client_domain) and proposal.client_domain or domain
    local found, before = match_client(ctx, domain, email, billing and billing.name)
    local client_id = found or "C-" .. domain:gsub("%.%w+$", ""):gsub("[^%w]+", "-")
    upsert_client(ctx, client_id, before, { domain = before and before.domain or domain, name = billing and billing.name or before and before.name or contact.name,
      contact = contact.name, email = email, role = contact.role, phone = contact.phone, tax_id = billing and billing.tax_id, billing_email = billing and billing.email })

    local project_id = "PRJ-" .. proposal.id
    ctx.step { name = "create_project",
      run = function()
        ctx.records.put { type = "project", key = project_id, value = { id = project_id, proposal = proposal.id, client = domain, client_id = client_id,
          title = proposal.title, scope = proposal.scope, state = "active" } }
        return project_id
      end,
      undo = function()
        local project = ctx.records.get { type = "project", key = project_id }
        project.state = "cancelled"
        ctx.records.put { type = "project", key = project_id, value = project }
        return true
      end }

    ctx.step { name = "create_folder",
      run = function() return assert(ctx.skill.docs { op = "create", key = "docs:" .. proposal.id, path = "projects/" .. proposal.id, title = proposal.title }) end,
      undo = function() return ctx.skill.docs { op = "delete_if_empty", key = "docs:" .. proposal.id, path = "projects/" .. proposal.id } end }

    local slots, lines = propose_slots(ctx, present(said.unavailable) and said.unavailable or {})

    local price = price_of(ctx, proposal, present(said.amounts_mentioned) and said.amounts_mentioned or {})
    local cents = math.floor(math.floor(price.amount * 100 + 0.5) * ctx.config.deposit_pct / 100 + 0.5)
    local deposit = cents % 100 == 0 and cents // 100 or cents / 100
    local due = ctx.time.parts { at = ctx.time.at { date = today.date, plus_days = ctx.config.invoice_due_days, time = "12:00" }.at }.date
    local key = "inv-deposit:" .. proposal.id
    local field = "amount_" .. (price.currency or "eur")
    ctx.step { name = "draft_invoice",
      run = function()
        local to = billing or {}
        return assert(ctx.skill.billing { op = "draft", key = key, client = client_id, name = to.name, tax_id = to.tax_id, email = to.email, proposal = proposal.id,
          [field] = deposit, amount = ctx.skill.amount_of { record = { amount = deposit } }.text, currency = (price.currency or ""):upper(), due = due })
      end,
      undo = function() return ctx.skill.billing { op = "void_draft", key = key } end }

    local voice = ctx.memory.get { kind = "playbook", key = "onboarding.voice" }
    local known = ctx.array()
    for _, hit in ipairs(ctx.memory.search { query = domain, kind = "client", k = 8 } or {}) do
      if tostring(hit.key):find("client:" .. domain .. "/", 1, true) then
        known[#known + 1] = hit.text
      end
    end
    local draft = assert(ctx.skill.draft_welcome { contact = contact, project = { title = proposal.title, scope = proposal.scope }, slots = lines,
      voice = voice and voice.text, known = known, owner = ctx.config.sign_as })
    local letter = must_approve(ctx, "welcome:" .. proposal.id, draft, ("To %s. Deposit %s %s, due %s."):format(email,
      ctx.skill.amount_of { record = { amount = deposit } }.text, (price.currency or ""):upper(), due))
    ctx.step { name = "send_welcome", run = function()
      return assert(ctx.skill.mail { op = "send", key = "welcome:" .. proposal.id, to = email, subject = letter.subject or draft.subject, body = letter.body or draft.body })
    end }
    remember(ctx, domain, proposal, contact, billing, slots, lines)
    return { client_id = client_id, project_id = project_id, invoice_draft = { key = key, [field] = deposit, due = due }, slots = slots, welcome_state = "sent" }
  end,
}
