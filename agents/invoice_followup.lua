-- Overdue invoices: the right reminder at the right stage, never after payment, never twice.
--
-- Every morning it looks at each invoice by itself: how many days it is overdue says what is
-- due (a friendly mail, a firm one, a last one, a call). What is delicate is asked first; an
-- invoice that is paid while you think about it withdraws the question. The words may be a
-- model's; the figures in them never are.

--- Which reminder is due after so many days.
local function stage_of(days, config)
  if days <= 0 then
    return nil
  elseif days <= config.friendly_until then
    return "friendly"
  elseif days <= config.firm_until then
    return "firm"
  elseif days <= config.final_until then
    return "final"
  end
  return "call"
end

--- What an invoice is over, under any of its usual names: eur, amount_eur, total_usd, ...
local function whole_amount(ctx, invoice)
  for _, field in ipairs { "", "amount", "total", "gross", "sum" } do
    local found = ctx.skill.amount_of { record = invoice, field = field }
    if found.amount then
      return found
    end
  end
  return {}
end

--- What is open of an invoice: { amount, text, currency, paid }; amount is nil where it says none.
local function open_amount(ctx, invoice)
  local all = whole_amount(ctx, invoice)
  local paid = ctx.skill.amount_of { record = invoice, field = "paid" }
  local cents = math.floor((all.amount or 0) * 100 + 0.5) - math.floor((paid.amount or 0) * 100 + 0.5)
  local open = ctx.skill.amount_of { record = { amount = cents / 100, currency = all.currency } }
  return { amount = all.amount and cents / 100, text = open.text, currency = (all.currency or ""):upper(), paid = (paid.amount or 0) > 0,
    paid_field = paid.field or all.currency and "paid_" .. all.currency or "paid" }
end

--- Days since 1970 of a date in a record; its time of day, if it has one, does not matter.
local function day_of(ctx, text)
  if type(text) ~= "string" then
    return nil
  end
  return ctx.time.parts { at = text:sub(1, 10) .. "T12:00:00Z", zone = "UTC" }.day
end

--- Whom to write to: the invoice's own address, what is remembered of the client, or accounts;
--- nil when nothing says it.
local function address_of(ctx, invoice)
  if invoice.email or not invoice.client then
    return invoice.email
  end
  local kept = ctx.memory.get { kind = "client", key = "client:" .. invoice.client .. "/billing" }
  if kept and type(kept.value) == "table" and kept.value.email then
    return kept.value.email
  end
  local rows = ctx.records.find { type = "client", where = { domain = invoice.client }, limit = 1 } or {}
  local client = rows[1] and rows[1].value or {}
  return client.billing_email or client.email or "billing@" .. invoice.client
end

--- The line about a late fee, where the contract has one.
local function fee_line(ctx, invoice, open)
  local contract = invoice.contract and ctx.records.get { type = "contract", key = invoice.contract }
  if not contract then
    local rows = ctx.records.find { type = "contract", where = { client = invoice.client }, limit = 1 } or {}
    contract = rows[1] and rows[1].value or {}
  end
  local fee = ctx.skill.amount_of { record = contract, field = "late_fee" }
  local percent = tonumber(contract.late_fee_pct or contract.late_fee_percent)
  if percent and percent > 0 then
    local part = ctx.skill.amount_of { record = { amount = open.amount, currency = open.currency }, percent = percent }
    return ("\n\nAs our contract says, a late fee of %g %% applies: %s %s."):format(percent, part.text, open.currency)
  elseif fee.amount and fee.amount > 0 then
    return ("\n\nAs our contract says, a late fee of %s %s applies."):format(fee.text, (fee.currency or open.currency):upper())
  end
  return contract.late_fee == true and "\n\nAs our contract says, a late fee applies." or ""
end

--- What a figure's place may be called in somebody's words.
local places = {
  amount = "amount", open_amount = "amount", amount_open = "amount", amount_due = "amount", open = "amount", balance = "amount", total = "amount", sum = "amount",
  due = "due", due_date = "due", date = "due", invoice = "invoice", invoice_id = "invoice", invoice_number = "invoice", number = "invoice", id = "invoice",
  days = "days", days_overdue = "days", overdue = "days", days_late = "days", client = "client", customer = "client", company = "client", name = "client",
}

--- Words with the figures put in; nil when they have a figure of their own, or a place that is none.
local function filled(words, figures)
  local bare = words
  for from, to in words:gmatch("()" .. figures.invoice:gsub("%p", "%%%0") .. "()") do
    bare = bare:sub(1, from - 1) .. (" "):rep(to - from) .. bare:sub(to)
  end
  if bare:find("%d") then
    return nil
  end
  local function put(name)
    return figures[places[name:lower()]]
  end
  local text = words:gsub("{+%s*([%a_]+)%s*}+", put):gsub("%[%s*([%a_]+)%s*%]", put):gsub("<%s*([%a_]+)%s*>", put)
  return not text:find("{%s*[%a_]+%s*}") and text or nil
end

--- The mail, with the figures put in.
local function compose(ctx, one)
  local figures = { amount = one.open.text .. " " .. one.open.currency, due = one.invoice.due, invoice = one.id, days = tostring(one.days),
    client = tostring(one.invoice.name or one.invoice.client or "") }
  local said, err = ctx.skill.compose_reminder { stage = one.stage, client = one.invoice.client, partly_paid = one.open.paid, tier = one.invoice.tier }
  local subject = filled(said and said.subject or "Invoice {invoice}: reminder", figures)
  local body = said and filled(said.body or said.text or said.message or said.draft, figures)
  if not body or not subject then
    -- the model is away, too dear, or wrote figures: the house's own words do
    ctx.emit("run.degraded", { invoice = one.id, why = "the house template was used: " .. (err and err.message or "figures, or places that are none") },
      { key = "degraded:" .. ctx.run .. ":" .. one.id })
    subject = filled("Invoice {invoice}: reminder", figures)
    body = filled("Hello,\n\ninvoice {invoice} over {amount} was due on {due} and is open.\n\nBest", figures)
  end
  if not body:find(one.open.text, 1, true) then
    body = body .. ("\n\nInvoice %s, open amount: %s"):format(one.id, figures.amount)
  end
  return { to = address_of(ctx, one.invoice), subject = subject, body = body .. fee_line(ctx, one.invoice, one.open) }
end

--- Put the invoice on the list of calls: one task, however often it is seen.
local function call_task(ctx, one)
  local to = one.invoice.client
  local title = to and ("Call %s about %s"):format(to, one.id) or ("Find out whom to ask about %s"):format(one.id)
  local key = "T-call-" .. one.id
  if not ctx.records.get { type = "task", key = key } then
    ctx.records.put { type = "task", key = key, value = { id = key, title = title, state = "open", invoice = one.id, client = to } }
  end
  return { task = title }
end

--- Look again on a later day, in the morning.
local function look_again(ctx, id, last)
  local due = ctx.time.parts { at = last:sub(1, 10) .. "T12:00:00Z", zone = "UTC" }
  local at = ctx.time.at { date = due.date, time = ctx.config.at_time, plus_days = ctx.config.days_between }
  local key = ("reminder:%s:%s"):format(id, at.at:sub(1, 10))
  ctx.emit("timer.set", { at = at.at, event = "invoice.reminder_due", payload = { invoice = id }, key = key }, { key = key })
  return { id = id, why = "too_soon" }
end

--- How an invoice stands: { skip } | { task } | { stage, days, open, invoice, id }.
local function state_check(ctx, id, today)
  local invoice = ctx.records.get { type = "invoice", key = id }
  if not invoice then
    return { skip = { id = id, why = "paid" } }
  end
  local open = open_amount(ctx, invoice)
  local days = today.day - (day_of(ctx, invoice.due) or today.day)
  local stage = stage_of(days, ctx.config)
  if not open.amount and invoice.state ~= "paid" then
    ctx.emit("invalid_item", { id = id, why = "it says no amount" }, { key = "invalid:" .. ctx.run .. ":" .. id })
    return { skip = { id = id, why = "hold" } }
  elseif invoice.state == "paid" or open.amount <= 0 then
    return { skip = { id = id, why = "paid" } }
  elseif invoice.state == "disputed" or invoice.disputed then
    return { skip = { id = id, why = "disputed" } }
  elseif invoice.state == "hold" or invoice.hold then
    return { skip = { id = id, why = "hold" } }
  elseif not stage then
    return { skip = { id = id, why = "not_due" } }
  end
  local one = { id = id, invoice = invoice, open = open, days = days, stage = stage, key = ("reminder:%s:%s"):format(id, stage) }
  if stage == "call" or not (invoice.email or invoice.client) then
    return call_task(ctx, one)
  end
  local last = day_of(ctx, invoice.last_reminder)
  if last and today.day - last < ctx.config.days_between then
    return { skip = look_again(ctx, id, invoice.last_reminder) }
  elseif invoice.last_stage == stage then
    return { skip = { id = id, why = "too_soon" } } -- this stage's mail is out; the next stage comes
  end
  return one
end

--- Whether you are asked before this reminder goes out.
local function is_delicate(one, config)
  if one.stage == "final" then
    return true
  end
  for _, tier in ipairs(config.ask_firm_for) do
    if one.stage == "firm" and one.invoice.tier == tier then
      return true
    end
  end
  return false
end

--- Whether another run has asked you about this reminder and waits; else this one does now.
local function asked_already(ctx, one, today)
  local asked = ctx.records.get { type = "reminder", key = one.key }
  if asked and asked.run ~= ctx.run and today.day - asked.day < ctx.config.days_between then
    return true
  end
  ctx.records.put { type = "reminder", key = one.key, value = { run = ctx.run, day = today.day } }
  return false
end

--- What must not have changed between the words and the mail.
local function standing(ctx, invoice)
  return table.concat({ open_amount(ctx, invoice).text or "", tostring(invoice.state), tostring(invoice.disputed), tostring(invoice.hold),
    tostring(invoice.last_reminder) }, "/")
end

local function today_of(ctx)
  return ctx.time.parts { at = ctx.now_text() }
end

--- One invoice from looking at it to having written it down.
local function follow_up(ctx, id, terms)
  while true do
    local today = today_of(ctx)
    local one = state_check(ctx, id, today)
    if not one.stage then
      return one
    end
    local delicate, before = is_delicate(one, ctx.config), standing(ctx, one.invoice)
    if delicate and asked_already(ctx, one, today) then
      return { awaiting = id }
    end
    local mail = compose(ctx, one)
    local verdict
    if delicate then
      verdict = assert(ctx.approve { subject = one.key, proposal = mail, within = terms.within, otherwise = terms.otherwise, remind = terms.remind,
        why = ("%s is %d days overdue, %s %s open, tier %s"):format(id, one.days, one.open.text, one.open.currency, tostring(one.invoice.tier)),
        facts = { { records = "invoice", key = id } } })
      mail = verdict.approved and verdict.value or mail
      ctx.records.delete { type = "reminder", key = one.key }
      if not verdict.approved and verdict.outcome ~= "obsolete" then
        return { skip = { id = id, why = "hold" } }
      end
    end
    -- a payment may have come since: look once more, right before the mail
    local now = ctx.step { name = "recheck_payment", run = function()
      return { same = standing(ctx, ctx.records.get { type = "invoice", key = id } or {}) == before }
    end }
    if now.same and not (verdict and verdict.outcome == "obsolete") then
      ctx.step { name = "send", run = function()
        return assert(ctx.skill.mail { op = "send", key = one.key, to = mail.to, subject = mail.subject, body = mail.body })
      end }
      local date = today_of(ctx).date -- you may have thought about it for days
      ctx.step { name = "record", run = function()
        local invoice = ctx.records.get { type = "invoice", key = id }
        invoice.last_reminder, invoice.last_stage = date, one.stage
        ctx.records.put { type = "invoice", key = id, value = invoice }
        return true
      end }
      return { sent = id }
    end
    -- otherwise what is true now is looked at from the beginning
  end
end

--- Which invoice a payment is for: the one it names, or the only one of the client that is open
--- with just that amount.
local function invoice_of(ctx, payment, came)
  for _, name in ipairs { "invoice", "invoice_id", "reference", "ref", "id" } do
    local id = payment[name]
    local invoice = type(id) == "string" and ctx.records.get { type = "invoice", key = id }
    if invoice then
      return id, invoice
    end
  end
  local id, found
  for _, row in ipairs(payment.client and came.amount and ctx.records.find { type = "invoice", where = { client = payment.client }, limit = 1000 } or {}) do
    if row.value.state ~= "paid" and open_amount(ctx, row.value).amount == came.amount then
      if found then
        return nil
      end
      id, found = row.key, row.value
    end
  end
  return id, found
end

local function cents(amount)
  return math.floor(amount * 100 + 0.5)
end

--- A payment came: write it into its invoice. One that fits none, or not its currency, is for
--- you to look at.
local function book(ctx, payment)
  local out = { sent = ctx.array(), awaiting = ctx.array(), tasks = ctx.array(), skipped = ctx.array() }
  local came = ctx.skill.amount_of { record = payment }
  if not came.amount then
    came = ctx.skill.amount_of { record = payment, field = "paid" }
  end
  local id, invoice = invoice_of(ctx, payment, came)
  local open = invoice and open_amount(ctx, invoice)
  if not invoice or not open.amount or not came.amount or came.currency and open.currency ~= "" and came.currency:upper() ~= open.currency then
    local key = "T-payment-" .. (ctx.event and ctx.event.key or ctx.run)
    local title = ("Look at a payment of %s %s: %s"):format(came.text or "?", (came.currency or ""):upper(), invoice and open.amount and came.amount and id .. " is in " .. open.currency or "no invoice fits")
    ctx.records.put { type = "task", key = key, value = { id = key, title = title, state = "open" } }
    out.tasks[1] = title
    return out
  end
  local left = cents(open.amount) - cents(came.amount)
  local paid = cents(tonumber(invoice[open.paid_field]) or 0) + cents(came.amount)
  invoice[open.paid_field] = paid % 100 == 0 and paid // 100 or paid / 100
  if left <= 0 then
    invoice.state = "paid"
    out.skipped[1] = { id = id, why = "paid" }
  end
  ctx.records.put { type = "invoice", key = id, value = invoice }
  return out
end

return agent {
  version = 1,
  about = "Reminds of overdue invoices at the right stage, and stops the moment that they are paid",
  on = { { cron = "0 9 * * *" }, { event = "payment.received" }, { event = "invoice.reminder_due" } },

  input = { type = "object" },
  output = {
    type = "object", required = { "sent", "awaiting", "tasks", "skipped" }, additionalProperties = false,
    properties = {
      sent = { type = "array", items = { type = "string" } }, awaiting = { type = "array", items = { type = "string" } },
      tasks = { type = "array", items = { type = "string" } },
      skipped = { type = "array", items = { type = "object", required = { "id", "why" }, properties = { id = { type = "string" },
        why = { enum = { "disputed", "hold", "too_soon", "paid", "not_due" } } } } },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      friendly_until = { type = "integer", default = 7, description = "days overdue" }, firm_until = { type = "integer", default = 21 },
      final_until = { type = "integer", default = 45 }, days_between = { type = "integer", minimum = 1, default = 7 },
      ask_firm_for = { type = "array", items = { type = "string" }, default = { "gold" } },
      at_time = { type = "string", default = "09:00" },
      approval = { type = "object" },
    },
  },

  budget = { run = "$0.012", day = "$0.10" },
  uses = { "amount_of", "approval_terms", "compose_reminder", "mail" },
  memory = { read = { "client/*" } },
  policy = { { effect = "mail.send", say = "auto" } }, -- what is delicate is asked above

  run = function(ctx, input)
    if ctx.event and ctx.event.type == "payment.received" or input.invoice and ctx.skill.amount_of { record = input }.amount then
      return book(ctx, input)
    end
    local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).reminder, default = { timebox_s = 21600, on_timeout = "hold" } }
    local ids = {}
    if input.invoice then
      ids[1] = input.invoice
    else
      -- the youngest first: a friendly word is sooner written than a call is made
      local rows = ctx.records.find { type = "invoice", limit = 10000 } or {}
      table.sort(rows, function(a, b)
        local x, y = tostring(a.value.due), tostring(b.value.due)
        if x ~= y then
          return x > y
        end
        return a.key < b.key
      end)
      for i, row in ipairs(rows) do
        ids[i] = row.key
      end
    end
    local branches = {}
    for i, id in ipairs(ids) do
      branches[i] = function() return follow_up(ctx, id, terms) end
    end
    local results, by_id = ctx.all(branches), {}
    for i, id in ipairs(ids) do
      by_id[id] = results[i]
    end
    table.sort(ids)
    local out = { sent = ctx.array(), awaiting = ctx.array(), tasks = ctx.array(), skipped = ctx.array() }
    for _, id in ipairs(ids) do
      local one = by_id[id]
      if one.sent then
        out.sent[#out.sent + 1] = one.sent
      elseif one.awaiting then
        out.awaiting[#out.awaiting + 1] = one.awaiting
      elseif one.task then
        out.tasks[#out.tasks + 1] = one.task
      else
        out.skipped[#out.skipped + 1] = one.skip
      end
    end
    return out
  end,
}
