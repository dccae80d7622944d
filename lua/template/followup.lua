--- The home that `keel init` makes: an agent on a schedule that asks before it acts, a skill
--- with examples, a case that says what must come of it, settings with words to each. file name -> text.
return {
  ["config.lua"] = [==[
-- Your settings: Lua that sees nothing but env(NAME) and returns one table. A misspelt key
-- is an error with its line. A save is used at once.
return {
  zone = "UTC",          -- your days begin and end here: "Europe/Lisbon", "America/New_York"
  owner = "Owner",       -- whom questions are for

  -- Where effects go. "outbox" writes them to var/outbox.jsonl instead of the world.
  adapters = { mail = "outbox" },

  -- What agents may do by themselves: what cannot be taken back is asked first.
  policy = { { risk = "irreversible", say = "ask" } },

  -- What all agents together may spend on models. There is none yet, as for example
  -- tiers = { small = { { provider = "ollama", model = "llama3",
  --   base_url = "http://127.0.0.1:11434", price = "free" } } },
  budget = { day = "$2.00", month = "$30.00" },

  -- Values for what an agent's manifest declares under `config`.
  agents = {
    followup = { invoices = {
      { id = "2026-014", client = "Fernline", email = "ines@fernline.example", sum = 480, days_late = 12 },
      { id = "2026-017", client = "Tide Works", email = "joao@tideworks.example", sum = 1250, days_late = 3 },
    } },
  },
}
]==],
  ["agents/followup.lua"] = [==[
-- Looks at the invoices in config.lua, drafts a reminder for what is late, asks you, and
-- sends it when you say yes. What is decided once is not asked again.
return agent {
  version = 1,
  about = "Reminds clients of late invoices, after asking",

  -- When it starts: every ten seconds, to see something happen. In earnest:
  -- on = { cron = "0 9 * * 1-5" },
  on = { every = "10s" },

  uses = { "draft_reminder", "mail" },
  config = { type = "object", properties = {
    invoices = { type = "array", items = { type = "object", required = { "id", "client", "email", "sum", "days_late" } } },
    grace_days = { type = "integer", default = 7 },
  } },

  run = function(ctx)
    local done = {}
    for _, invoice in ipairs(ctx.config.invoices or {}) do
      local known = ctx.records.get { type = "reminder", key = invoice.id }
      if not known and invoice.days_late > ctx.config.grace_days then
        local draft = ctx.skill.draft_reminder(invoice)
        local verdict = ctx.approve { subject = "reminder:" .. invoice.id, within = "2d", otherwise = "hold",
          proposal = { to = invoice.email, text = draft.text } }
        if verdict.approved then
          local sent, err = ctx.skill.mail { op = "send", to = verdict.value.to, body = verdict.value.text }
          if not sent then error("the reminder was not sent: " .. err.message) end
        end
        ctx.records.put { type = "reminder", key = invoice.id, value = { sent = verdict.approved, client = invoice.client } }
        done[#done + 1] = invoice.id
      end
    end
    return { decided = done }
  end,
}
]==],
  ["skills/draft_reminder.lua"] = [==[
-- A skill is a function with a contract: what it takes, what it gives, and examples that
-- `keel test` runs.
return skill {
  version = 1,
  about = "Writes a short, friendly reminder of a late invoice",
  input = { type = "object", required = { "id", "client", "sum", "days_late" } },
  output = { type = "object", required = { "text" }, properties = { text = { type = "string" } } },
  examples = {
    { input = { id = "7", client = "Ana", sum = 90, days_late = 8 },
      output = { text = "Dear Ana, invoice 7 of 90 is 8 days late. Did it slip through? Thank you!" } },
    { input = { id = "8", client = "Ben", sum = 90, days_late = 40 },
      output = { text = "Dear Ben, invoice 8 of 90 is 40 days late. Please tell me when I may expect it." } },
  },
  ["local"] = function(input)
    local text = ("Dear %s, invoice %s of %g is %d days late. "):format(input.client, input.id, input.sum, input.days_late)
    if input.days_late > 30 then return { text = text .. "Please tell me when I may expect it." } end
    return { text = text .. "Did it slip through? Thank you!" }
  end,
}
]==],
  ["cases/followup.json"] = [==[
{
  "case": "followup",
  "title": "Two late invoices: one is past its grace, and is reminded of after a yes",
  "workflow": "followup@1",
  "now": "2026-03-02T09:00:00Z",
  "tz": "UTC",
  "config": {
    "grace_days": 7,
    "invoices": [
      { "id": "2026-014", "client": "Fernline", "email": "ines@fernline.example", "sum": 480, "days_late": 12 },
      { "id": "2026-017", "client": "Tide Works", "email": "joao@tideworks.example", "sum": 1250, "days_late": 3 }
    ]
  },
  "event": { "type": "schedule", "key": "2026-03-02" },
  "human": [ { "approval": "reminder", "after_s": 600, "action": "approve" } ],
  "expect": {
    "status": "done",
    "outbox": [ { "adapter": "mail", "op": "send", "contains": ["ines@fernline.example", "12 days late"] } ],
    "approvals": [ { "subject": "reminder:2026-014", "state": "approved" } ],
    "never": ["joao@tideworks.example"]
  }
}
]==],
  [".gitignore"] = "var/\n",
}
