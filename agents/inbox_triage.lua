-- The first agent to read, and to copy.
--
-- Every mail that comes in is filed: who wrote, what about, in two sentences. The
-- people become contacts, what they wrote becomes memory that every other agent can
-- search. Where somebody asks something and waits, an answer is drafted and put
-- before you; nothing leaves the house until you say yes.
--
-- Every ctx.* call is a durable step: kill the engine anywhere in here and the run
-- goes on at the first step that has no result yet.

-- What a mail can be. The skill `classify` knows these words; your own labels work
-- as well if you describe them (see its `descriptions`).
local labels = { "quote", "refund", "complaint", "bug", "how_to", "meeting", "invoice",
  "newsletter", "notification", "spam", "thanks", "other" }

-- The ones that a person may be waiting for.
local answered = { quote = true, refund = true, complaint = true, bug = true, how_to = true,
  meeting = true }

--- 0 (whenever) to 3 (now), from the words people use.
local function urgency(mail)
  local text = (mail.subject .. " " .. mail.body):lower()
  if text:find("urgent") or text:find("asap") or text:find("as soon as possible") then
    return 3
  elseif text:find("today") or text:find("deadline") or text:find("tomorrow") then
    return 2
  elseif text:find("this week") or text:find("by %a+day") then
    return 1
  end
  return 0
end

--- "Ana Reis, Head of Product at Fernline, +351 912 345 678"
local function introduce(contact)
  local text = contact.name or contact.email
  if contact.role then
    text = text .. ", " .. contact.role
  end
  if contact.company then
    text = text .. (contact.role and " at " or ", ") .. contact.company
  end
  return contact.phone and text .. ", " .. contact.phone or text
end

--- Remember the writer: a record to look up, and a line of memory to find by words.
-- What an earlier mail said stays unless this one says it anew.
local function remember_contact(ctx, mail, id)
  local found = ctx.skill.extract_contact { text = mail.body, from = mail.from, from_name = mail.from_name }
  local contact = ctx.records.get { type = "contact", key = mail.from } or {}
  for field, value in pairs(found) do
    contact[field] = value
  end
  contact.last_mail = id
  ctx.records.put { type = "contact", key = mail.from, value = contact }
  ctx.memory.remember { layer = "long", kind = "client", key = mail.from, text = introduce(contact),
    value = contact, importance = 0.6, tags = { "contact" }, source = id }
  return contact
end

--- Draft an answer, ask the owner, send what was approved. Returns what happened.
local function answer(ctx, mail, id, kind, contact)
  -- Snippets are sentences you have written before and want to be reused.
  local facts = {}
  for _, hit in ipairs(ctx.memory.search { query = mail.subject, kind = "snippet", k = 2 } or {}) do
    facts[#facts + 1] = hit.text
  end
  local draft = ctx.skill.draft_reply { body = mail.body, subject = mail.subject, to_name = contact.name,
    kind = kind.label, facts = facts, owner = ctx.config.sign_as }
  if #draft.questions == 0 then
    return "filed" -- nobody asks anything
  end

  local verdict, err = ctx.approve {
    subject = "reply:" .. id,
    proposal = { to = mail.reply_to or mail.from, subject = draft.subject, body = draft.body },
    within = ctx.config.reply_within, otherwise = "hold",
  }
  if not verdict then
    ctx.log("no decision on the reply to " .. mail.from .. ": " .. err.message, "warn")
    return "held"
  elseif not verdict.approved then
    return verdict.outcome == "rejected" and "rejected" or "held"
  end
  -- verdict.value is the proposal, with your edits if you made any.
  local reply = verdict.value
  local sent
  sent, err = ctx.skill.mail { op = "send", to = reply.to, subject = reply.subject, body = reply.body,
    in_reply_to = mail.message_id, key = "reply:" .. id }
  -- What cannot be done is said, never swallowed: the run fails and shows why.
  return sent and "replied" or error("the reply was not sent: " .. err.message)
end

return agent {
  version = 1,
  about = "Files every mail, remembers who wrote, and drafts answers for your approval",
  on = { event = "mail.received", key = "message_id" },

  input = {
    type = "object", required = { "from", "subject", "body" },
    properties = {
      message_id = { type = "string" }, from = { type = "string" }, from_name = { type = "string" },
      reply_to = { type = "string" }, to = { type = "array", items = { type = "string" } },
      subject = { type = "string" }, body = { type = "string" }, date = { type = "string" },
      attachments = { type = "array" }, in_reply_to = { type = "string" },
      bulk = { type = "boolean" }, automatic = { type = "boolean" }, trust = { type = "string" },
    },
  },
  output = {
    type = "object", required = { "class", "urgency", "action" },
    properties = {
      class = { type = "string" }, confidence = { type = "number" }, urgency = { type = "integer" },
      summary = { type = "string" }, contact = { type = "string" },
      action = { enum = { "filed", "replied", "held", "rejected" } },
    },
  },
  config = { -- set these in config.lua: agents = { inbox_triage = { sign_as = "Mira" } }
    type = "object", additionalProperties = false,
    properties = {
      sign_as = { type = "string" },
      reply_within = { type = "string", default = "1d" },
    },
  },

  budget = { run = "$0.02", day = "$0.50" },
  uses = { "extract_contact", "classify", "summarise", "draft_reply", "mail" },
  memory = { read = { "client/*", "mail/*", "snippet/*" }, write = { "client/*", "mail/*" } },

  run = function(ctx, mail)
    local id = mail.message_id or mail.from .. "/" .. mail.subject
    local kind = ctx.skill.classify { text = mail.body, subject = mail.subject, labels = labels }
    -- The header knows better than the words: a list is a list, a machine a machine.
    local label = mail.bulk and "newsletter" or mail.automatic and "notification" or kind.label
    local summary = ctx.skill.summarise { text = mail.body, max_sentences = 2 }.summary
    local person = not mail.bulk and not mail.automatic and label ~= "newsletter"
      and label ~= "notification" and label ~= "spam"

    local contact = person and remember_contact(ctx, mail, id) or nil
    ctx.memory.remember { layer = "long", kind = "mail", key = id,
      text = mail.subject .. " – " .. summary, importance = person and 0.5 or 0.1,
      tags = { label }, source = id }

    local action = "filed"
    if person and answered[label] then
      action = answer(ctx, mail, id, kind, contact)
    end

    local out = { class = label, confidence = kind.confidence, urgency = person and urgency(mail) or 0,
      summary = summary, contact = contact and mail.from or nil, action = action }
    ctx.records.put { type = "mail", key = id, value = { from = mail.from, subject = mail.subject,
      date = mail.date, attachments = mail.attachments, class = out.class, urgency = out.urgency,
      summary = summary, action = action } }
    return out
  end,
}
