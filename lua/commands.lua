--- The commands in the order in which help shows them. A name whose module is not
-- there is passed over.
return {
  { "agents at work", "run", "runs", "show", "replay", "why", "emit", "schedule" },
  { "your decisions", "inbox", "approve", "reject", "snooze", "recall", "reconcile",
    "pause", "resume", "cancel", "fork" },
  { "what is there", "agents", "records", "memory", "budget", "costs", "audit" },
  { "writing agents", "init", "dev", "test", "case", "model", "sandbox", "lua", "repl",
    "demo", "bench" },
  { "the engine", "serve", "doctor", "backup", "restore", "explain", "version", "help" },
}
