-- Your settings. This is Lua, run once when the engine starts (and again when you
-- save it); it sees nothing but env(NAME), and returns one table. A misspelt key is
-- an error that names the line and the key you meant.
return {
  zone = "Europe/Lisbon", -- your days begin and end here: budgets, schedules, "by Tuesday"
  owner = "Mira",         -- whom approvals are for

  -- Models, by tier. With none, every skill uses its `local` implementation: patterns,
  -- word vectors and extractive summaries, free and offline. To add one, take the two
  -- dashes away; a key is named here and kept in the environment, never written down.
  -- Prices are USD per million tokens; "free" is for servers of your own.
  tiers = {
    -- small = { { provider = "openai", model = "gpt-x-mini", key = env "OPENAI_API_KEY",
    --             price = { input = 0.20, output = 0.80, as_of = "2026-11-01" } } },
    -- large = { { provider = "ollama", model = "llama3", base_url = "http://127.0.0.1:11434",
    --             price = "free" } },
  },

  -- What all agents together may spend. At a limit a call is not sent; you are told at
  -- half and at four fifths. Agents and runs have smaller budgets inside this one.
  budget = { day = "$2.00", month = "$30.00", warn = { 0.5, 0.8 } },

  -- Where effects go. "outbox" writes to var/outbox.jsonl instead of the world: try
  -- everything with it, then put a real adapter in its place, on one of these lines.
  adapters = {
    mail = "outbox", docs = "outbox", calendar = "outbox", billing = "outbox",
    payments = "outbox", newsletter = "outbox",
  },

  -- What agents may do by themselves: what cannot be taken back (money that leaves) is
  -- asked first; so is, always, what mixes text from outside with private memory.
  policy = { { risk = "irreversible", say = "ask" } },

  -- Folders that are watched: a file that appears becomes an event.
  inbox = { ["mail.received"] = "inbox/mail", ["file.created"] = "inbox/notes" },

  -- Mailboxes that are watched, once `mail` is an imap adapter (docs/adapters.md): a mail
  -- that comes becomes an event. Nothing in the mailbox is changed.
  -- watch = { { adapter = "mail", folder = "INBOX" } },

  -- Values for what an agent's manifest declares under `config`.
  agents = {
    inbox_triage = { sign_as = "Mira", reply_within = "1d" },
    meeting_notes = { me = "Mira" },
  },
}
