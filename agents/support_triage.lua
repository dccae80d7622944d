-- Mail to support: what it is, what is known about it, and an answer. Simple questions are
-- answered from snippets that you wrote; everything else you see first; money goes back only
-- when you say so, and never because a mail says so.

local function present(value)
  return value ~= nil and type(value) ~= "userdata" and value ~= ""
end

local function hash_of(text)
  local h = 5381
  for byte in text:gmatch(".") do
    h = (h * 33 + byte:byte()) & 0xffffffff
  end
  return ("%08x"):format(h)
end

local function writer_of(mail)
  local from = mail.from or mail.email or ""
  local email = (from:match("<%s*([^<>%s]+@[^<>%s]+)%s*>") or from:match("[^%s<>,;]+@[^%s<>,;]+") or ""):lower()
  local name = mail.name or mail.from_name or from:match("^%s*\"?([^<\"@]-)\"?%s*<") or ""
  name = name:match("^%s*([%a\128-\255'%-]+)") or "" -- a first name, and nothing that is more than that
  return email, name ~= "" and #name <= 40 and name or nil
end

--- "Re: AW: Audit kit" -> "audit kit"
local function plain_subject(subject)
  local text = (subject or ""):lower()
  local before
  repeat
    before = text
    text = text:gsub("^%s*re%s*:%s*", ""):gsub("^%s*fwd?%s*:%s*", ""):gsub("^%s*aw%s*:%s*", ""):gsub("^%s*sv%s*:%s*", "")
  until text == before
  return (text:gsub("%s+", " ")):match("^%s*(.-)%s*$")
end

--- The open ticket that this mail belongs to, or a new one.
local function thread(ctx, mail, email)
  local topic = hash_of(email .. "/" .. plain_subject(mail.subject))
  for _, row in ipairs(ctx.records.find { type = "ticket", where = { thread = topic }, limit = 5 } or {}) do
    if row.value.state ~= "solved" then
      local ticket = row.value
      ticket.mails = (ticket.mails or 1) + 1
      return ticket
    end
  end
  local key = ctx.event and ctx.event.key or ctx.run
  return { id = "TK-" .. hash_of(key), thread = topic, email = email, subject = mail.subject, message = key, state = "open", mails = 1, replies = 0 }
end

local function save(ctx, ticket)
  ctx.records.put { type = "ticket", key = ticket.id, value = ticket }
end

--- What the mail is; by rules where no model can be asked.
local function classify(ctx, mail, body)
  local found, err = ctx.skill.classify_ticket { body = body, subject = mail.subject }
  if found then
    return { class = found.class, urgency = found.urgency or 0, confidence = found.confidence or 0 } -- not sure is not sure enough
  end
  ctx.emit("run.degraded", { why = "classified by rules: " .. err.message }, { key = "degraded:" .. ctx.run })
  local rules = ctx.skill.classify { text = body, subject = mail.subject, labels = { "how_to", "bug", "refund", "sales", "other" } }
  return { class = rules.label, urgency = 0, confidence = math.min(rules.confidence, 0.5) }
end

--- The order of an address that the mail names; the newest, where it names none.
local function lookup_order(ctx, email, text)
  local newest
  for _, row in ipairs(ctx.records.find { type = "order", where = { email = email }, limit = 100 } or {}) do
    local order = row.value
    order.id = order.id or row.key
    if text:find("%f[%w]" .. order.id:gsub("%p", "%%%0") .. "%f[^%w]") then
      return order
    elseif not newest or tostring(order.paid) > tostring(newest.paid) then
      newest = order
    end
  end
  return newest
end

--- The known issue that the mail speaks of. A question how something is done or bought is
--- rarely about one, so more is wanted of it.
local function match_issue(ctx, text, class)
  local candidates, by_key = {}, {}
  for i, row in ipairs(ctx.records.find { type = "known_issue", limit = 500 } or {}) do
    candidates[i] = { key = row.key, text = row.value.title or row.value.text or row.key }
    by_key[row.key] = row.value
  end
  if #candidates == 0 then
    return nil
  end
  local match = ctx.skill.match_issue { text = text, issues = candidates, min = math.min(1, ctx.config.issue_score + ((class == "how_to" or class == "sales") and 0.1 or 0)) }
  local issue = match.key and by_key[match.key]
  if issue then
    issue.id = issue.id or match.key
  end
  return issue
end

--- At most three snippets, and how well the best fits, from 0 to 1.
local function snippets_for(ctx, text)
  local list = ctx.array()
  for _, hit in ipairs(ctx.memory.search { query = text, kind = "snippet", k = 3 } or {}) do
    list[#list + 1] = hit.text
  end
  return list, #list > 0 and ctx.skill.match_snippet { text = text, snippets = list }.score or 0
end

--- Every address, link and domain in a text.
local function links_in(text)
  local found = {}
  for link in text:lower():gmatch("[%w_%-%.]+%.%a%a+") do
    found[#found + 1] = link
  end
  return found
end

--- A stranger's text as it may be kept and quoted: what is visible, without addresses and links.
local function quotable(text)
  text = text:gsub("%[(%a+)%].-%[/%1%]", " "):gsub("<!%-%-.-%-%->", " "):gsub("[Ss][Yy][Ss][Tt][Ee][Mm]:[^\n]*", " ")
  text = text:gsub("%a+://%S+", "(link)"):gsub("[%w_%-%.%+]+@[%w_%-%.]+", "(address)"):gsub("[%w_%-]+%.[%w_%-%.]*%a%a+", function(word)
    return word:find("%.%a%a+$") and "(link)" or word
  end)
  return (text:gsub("%s+", " "):match("^%s*(.-)%s*$"))
end

--- Whether words for an answer repeat a link or an address of the mail that is neither its
--- writer's own nor in a snippet: somebody else's text has no business to go out as yours.
local function repeats_links(words, body, email, snippets)
  local known, strange = table.concat(snippets, "\n"):lower() .. "\n" .. email, {}
  for _, link in ipairs(links_in(body)) do
    strange[link] = not known:find(link, 1, true) or nil
  end
  for _, link in ipairs(links_in((words.subject or "") .. "\n" .. words.body)) do
    if strange[link] then
      return link
    end
  end
  return nil
end

--- "If this is not fixed I want my money back": no wish for money yet.
local function is_conditional(text)
  for _, word in ipairs { "if", "unless", "otherwise", "or else" } do
    local clause = text:match("%f[%w]" .. word .. "%f[^%w]([^\n]*)")
    local threat = clause and (clause:find("not refund") or clause:find("n't refund") or clause:find("not get my money") or clause:find("n't get my money"))
    if clause and not threat and (clause:find("money back", 1, true) or clause:find("refund", 1, true)) and (word ~= "if" or clause:find("n't", 1, true) or clause:find("%f[%w]not%f[^%w]")) then
      return true
    end
  end
  return false
end

--- Whether a refund is within the policy, in words, and whether it is.
local function refund_policy(ctx, order)
  local days
  if present(order.paid) then
    local now = ctx.time.parts { at = ctx.now_text() }
    days = now.day - ctx.time.parts { at = tostring(order.paid):sub(1, 10) .. "T12:00:00Z", zone = "UTC" }.day
  end
  local within = days ~= nil and days <= ctx.config.refund_days
  local text = ("within %d days: %s"):format(ctx.config.refund_days, days == nil and "unknown" or within and "yes" or "no")
  for _, sku in ipairs(ctx.config.no_refund_after_download) do
    if order.downloaded and tostring(order.sku):find(sku, 1, true) then
      within, text = false, text .. "; " .. order.sku .. " was downloaded: no"
    end
  end
  return within, text
end

--- What is paid back: what you wrote, if it is money and not more than the order was.
local function agreed_amount(value, most)
  local told = type(value) == "table" and value.amount or nil
  local amount = type(told) == "string" and tonumber((told:gsub(",", ""))) or tonumber(told)
  return amount and amount > 0 and amount <= most and amount or nil
end

--- Ask for the refund of an order, and do it when you say so. Returns whether it was done.
local function refund(ctx, order, ticket)
  local money = ctx.skill.amount_of { record = order }
  if not money.amount then
    return false
  end
  local _, policy = refund_policy(ctx, order)
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).refund, default = { timebox_s = 28800, on_timeout = "escalate" } }
  local verdict = assert(ctx.approve { subject = "refund:" .. order.id, within = terms.within, otherwise = terms.otherwise, remind = terms.remind, risk = "high",
    proposal = { order = order.id, amount = money.amount, currency = (money.currency or ""):upper(), policy = policy, ticket = ticket },
    why = policy, facts = { { records = "order", key = order.id } } })
  local amount = verdict.approved and agreed_amount(verdict.value, money.amount)
  if not amount then
    return false
  end
  ctx.step { name = "refund", run = function()
    return assert(ctx.skill.payments { op = "refund", key = "refund:" .. order.id, order = order.id, amount = amount, currency = (money.currency or ""):upper() })
  end }
  order.refunded = true
  ctx.records.put { type = "order", key = order.id, value = order }
  return true
end

--- The day of a fix that was promised has come.
local function follow_up(ctx, input)
  local ticket = ctx.records.get { type = "ticket", key = input.ticket } or { id = input.ticket }
  local issue = input.issue and ctx.records.get { type = "known_issue", key = input.issue } or {}
  local order = input.order and ctx.records.get { type = "order", key = input.order }
  local out = { ticket = input.ticket, class = ticket.class or "bug", urgency = ticket.urgency or 1, action = "escalated", known_issue = input.issue or ctx.null,
    order = input.order or ctx.null }
  if issue.state == "fixed" or issue.fixed then
    ticket.state = "solved"
    save(ctx, ticket)
    out.action = "replied"
  elseif order and ticket.refund_wish and not order.refunded then
    order.id = input.order
    if refund(ctx, order, ticket.id) then
      ticket.state, out.action = "solved", "refunded"
      save(ctx, ticket)
    end
  end
  return out
end

--- Come back on the day that the fix is promised for.
local function come_back(ctx, ticket, issue, order)
  local fix = present(issue.fix) and issue.fix or issue.fix_date
  local found = present(fix) and ctx.skill.find_dates { text = tostring(fix), base = ctx.now_text(), limit = 1 }.dates[1]
  if found then
    local at = ctx.time.at { date = found.date, time = ctx.config.follow_up_time }
    local key = "follow-up:" .. ticket.id
    ctx.emit("timer.set", { at = at.at, event = "support.follow_up", payload = { ticket = ticket.id, issue = issue.id, order = order and order.id }, key = key }, { key = key })
  end
end

--- Words for the answer; nil, why when there are none to be had.
local function compose(ctx, class, ask)
  local said, err
  if class == "how_to" then
    said, err = ctx.skill.compose_answer { body = ask.body, subject = ask.subject, name = ask.name, snippets = ask.snippets, owner = ask.owner }
  else
    said, err = ctx.skill.compose_reply { body = ask.body, subject = ask.subject, class = class, name = ask.name, snippets = ask.snippets,
      known_issue = ask.issue and { title = ask.issue.title, fix = ask.issue.fix }, owner = ask.owner }
  end
  if said then
    return { subject = said.subject or "Re: " .. quotable(ask.subject or "your message"), body = said.body or said.text or said.reply or said.answer or said.draft }
  end
  return nil, err
end

local function send(ctx, ticket, mail)
  ticket.replies = (ticket.replies or 0) + 1
  ctx.step { name = "send", run = function()
    return assert(ctx.skill.mail { op = "send", key = ("reply:%s:%d"):format(ticket.id, ticket.replies), to = ticket.email, subject = mail.subject, body = mail.body })
  end }
end

--- The beginning of a text, of at most so many bytes, with no letter cut in two.
local function whole(text, most)
  return #text <= most and text or (text:sub(1, most):gsub("[\xC0-\xFF][\x80-\xBF]*$", ""))
end

--- No money is left for a model today: the mail comes again tomorrow.
local function put_off(ctx, ticket, mail, body)
  ticket.waits_for = "budget"
  local today = ctx.time.parts { at = ctx.now_text() }
  local at = ctx.time.at { date = today.date, time = "00:05", plus_days = 1 }
  local key = "answer:" .. ticket.id .. ":" .. ticket.mails
  ctx.emit("timer.set", { at = at.at, event = "support.answer", key = key, payload = { ticket = ticket.id, from = mail.from or mail.email, name = mail.name,
    subject = mail.subject, body = body } }, { key = key })
end

--- Put the answer before you, and send what you approve. Returns the action.
local function ask_and_send(ctx, ticket, mail, why)
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).reply, default = { timebox_s = 14400, on_timeout = "hold" } }
  local verdict = assert(ctx.approve { subject = "reply:" .. ticket.id, proposal = mail, why = why, within = terms.within, otherwise = terms.otherwise, remind = terms.remind })
  if not verdict.approved then
    return "escalated"
  end
  local value = type(verdict.value) == "table" and verdict.value or { subject = mail.subject, body = tostring(verdict.value) }
  send(ctx, ticket, { subject = value.subject or mail.subject, body = value.body or mail.body })
  return "replied"
end

return agent {
  version = 1,
  about = "Classifies mail to support, answers simple questions, and asks you about the rest and about money",
  on = { { event = "mail.received", where = { folder = "support" } }, { event = "support.follow_up" }, { event = "support.answer" } },

  input = { type = "object" },
  output = {
    type = "object", required = { "ticket", "class", "urgency", "action" }, additionalProperties = false,
    properties = {
      ticket = { type = "string" }, class = { enum = { "how_to", "bug", "refund", "sales", "other" } }, urgency = { type = "integer", minimum = 0, maximum = 3 },
      action = { enum = { "auto_replied", "awaiting_approval", "replied", "refunded", "escalated" } },
      known_issue = { type = { "string", "null" } }, order = { type = { "string", "null" } },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      auto_reply_min_conf = { type = "number", minimum = 0, maximum = 1, default = 0.9 }, auto_reply_min_snippet = { type = "number", minimum = 0, maximum = 1, default = 0.75 },
      refund_days = { type = "integer", minimum = 0, default = 14 }, issue_score = { type = "number", default = 0.7 },
      no_refund_after_download = { type = "array", items = { type = "string" }, default = { "workbook" } },
      follow_up_time = { type = "string", default = "18:00" }, max_text = { type = "integer", default = 8000 },
      approval = { type = "object" }, sign_as = { type = "string", default = "Mira" },
    },
  },

  budget = { day = "$0.006", loops = 60 },
  uses = { "classify_ticket", "classify", "compose_answer", "compose_reply", "match_issue", "match_snippet", "find_dates", "amount_of", "approval_terms", "mail", "payments" },
  locally = { "classify", "find_dates" },
  memory = { read = { "snippet/*" }, write = { "ticket/*" } },
  -- answers go to who wrote, in the words of snippets or of what you approved; money was asked
  policy = { { effect = "mail.send", say = "auto" }, { effect = "payments.refund", say = "auto" } },

  run = function(ctx, mail)
    local why = ctx.event and ctx.event.type
    if why == "support.follow_up" then
      return follow_up(ctx, mail)
    end
    local email, name = writer_of(mail)
    local body = whole(mail.body or mail.text or "", ctx.config.max_text)
    local ticket = why == "support.answer" and ctx.records.get { type = "ticket", key = mail.ticket } or thread(ctx, mail, email)
    ticket.waits_for = nil
    save(ctx, ticket)
    local kind = classify(ctx, mail, body)
    local order, issue = lookup_order(ctx, email, (mail.subject or "") .. " " .. body), match_issue(ctx, (mail.subject and mail.subject .. ". " or "") .. body, kind.class)
    local lower = body:lower()
    ticket.class, ticket.urgency = kind.class, kind.urgency
    ticket.known_issue, ticket.order = issue and issue.id, order and order.id
    ticket.refund_wish = (lower:find("money back") or lower:find("refund") or kind.class == "refund") and true or nil
    save(ctx, ticket)
    ctx.memory.remember { layer = "session", kind = "ticket", key = "ticket:" .. ticket.id, text = kind.class .. ": " .. whole(quotable(body), 200),
      source = ticket.message, ttl = "90d" }

    local function ended(action)
      ticket.state = (action == "auto_replied" or action == "refunded") and "solved" or action == "replied" and (issue and "waiting" or "solved") or "open"
      save(ctx, ticket)
      return { ticket = ticket.id, class = kind.class, urgency = kind.urgency, action = action, known_issue = issue and issue.id or ctx.null, order = order and order.id or ctx.null }
    end
    local snippets, fit = snippets_for(ctx, body)
    local words, err = compose(ctx, kind.class, { body = body, subject = mail.subject, name = name, snippets = snippets, issue = issue, owner = ctx.config.sign_as })
    if err and err.code == "budget" then
      put_off(ctx, ticket, mail, body)
      return ended("escalated")
    end
    local strange = words and repeats_links(words, (mail.subject or "") .. "\n" .. body, email, snippets)
    if strange or err and err.code == "bad_response" and tostring(err.message):find("schema", 1, true) then
      -- whatever talked the model into it, it is not what an answer is
      ctx.emit("policy.denied", { ticket = ticket.id, why = strange and "the answer repeats a link of the mail" or err.message:sub(1, 300) }, { key = "denied:" .. ctx.run })
    end
    if issue then
      come_back(ctx, ticket, issue, order)
    end
    words = not strange and words or nil
    if words and kind.class == "how_to" and kind.confidence >= ctx.config.auto_reply_min_conf and fit >= ctx.config.auto_reply_min_snippet then
      send(ctx, ticket, words)
      return ended("auto_replied")
    end
    words = words or { subject = "Re: " .. quotable(mail.subject or "your message"), body = (name and "Hi " .. name or "Hello") .. ",\n\nthank you for your message. I come back to you.\n\nBest,\n" .. ctx.config.sign_as }
    local back = kind.class == "refund" and order and not order.refunded and not is_conditional(lower)
    local reason = issue and ("Known issue %s: %s"):format(issue.id, issue.title) or err and "No answer could be drafted: " .. err.message
      or strange and "The model's answer repeated a link of the mail and was put aside" or back and "A refund of " .. order.id .. " is asked about beside this" or nil
    -- the words and the money are two questions, before you at the same time
    local said = ctx.all { reply = function() return ask_and_send(ctx, ticket, words, reason) end,
      refund = function() return back and refund(ctx, order, ticket.id) or false end }
    return ended(said.refund and "refunded" or said.reply)
  end,
}
