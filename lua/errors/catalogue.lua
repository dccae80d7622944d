--- Every error that a person can meet: number, code, exit code, what happened,
-- why it happens, what to do next.
--
-- A number is never given to another error once it was released. In the texts
-- {name} stands for a field of errors.new; a [part with {name}] in square
-- brackets is left out when the field is absent. The thousands are the topic:
--   K1 usage   K2 manifest, config, schema   K3 script   K4 caps   K5 budget
--   K6 waiting for a person   K7 divergence, reconciliation
--   K8 provider, network   K9 store, machine

local catalogue = {}

local function define(exit_code, rows)
  for _, row in ipairs(rows) do
    catalogue[row[1]] = { number = row[1], code = row[2], exit = exit_code,
      title = row[3], cause = row[4], next = row[5] }
  end
end

-- K1: usage ---------------------------------------------------------------

define(2, {
  { "K1001", "unknown_command", "there is no command '{name}'",
    "The first word after `keel` names a command.", "keel help" },
  { "K1002", "unknown_flag", "the command '{command}' knows no flag '{name}'",
    "Each command lists its flags under `keel help COMMAND`.",
    "keel help {command}" },
  { "K1003", "missing_argument", "'{command}' needs {name}",
    "A required argument was not given.", "keel help {command}" },
  { "K1004", "bad_argument", "{name} is not usable[: {detail}]",
    "An argument has a form that the command cannot read.",
    "keel help {command}" },
  { "K1005", "unknown_agent", "there is no agent '{name}'",
    "An agent is a file agents/NAME.lua in the home; its name is the file's.",
    "keel agents" },
  { "K1006", "unknown_skill", "there is no skill '{name}'",
    "A skill is a file skills/NAME.lua in the home; its name is the file's.",
    "keel doctor" },
  { "K1007", "not_found", "there is no {kind} '{name}'",
    "Nothing in this home's store has that id; it may belong to another home,"
    .. " or was purged.", "keel runs" },
  { "K1008", "ambiguous_id", "'{name}' is the beginning of {count} ids",
    "A short id must belong to exactly one thing.", "keel runs --json" },
  { "K1009", "unreadable_file", "cannot read '{name}'[: {detail}]",
    "The file does not exist, is a folder, is not text, or this user may not"
    .. " read it.",
    "ls -l {name}" },
  { "K1010", "input_not_json", "the input is not JSON[: {detail}]",
    "Input is one JSON value in UTF-8.", "keel help run" },
  { "K1011", "input_mismatch",
    "the input does not fit agent '{agent}'[: {detail}]",
    "The agent's manifest declares a schema for its input; a run is not started"
    .. " with anything else.", "keel agents {agent}" },
  { "K1012", "broken_mail", "the mail '{name}' is cut off or malformed[: {detail}]",
    "The message ends inside a header, a part or an encoded block. It was kept"
    .. " as it is and no run was started from it.", "keel run AGENT --file {name}" },
  { "K1013", "no_home", "there is no Keel home at '{name}'",
    "A home is a folder with a config.lua. It is named by --home, by KEEL_HOME,"
    .. " or is the current folder.", "keel init {name}" },
  { "K1014", "already_decided", "'{name}' is already decided[: {detail}]",
    "A decision is made once; the first one holds.", "keel inbox" },
  { "K1015", "wrong_state", "{kind} '{name}' is {state}, so it cannot be {action}",
    "The command does not apply to what is in this state.", "keel show {name}" },
  { "K1016", "unknown_number", "there is no error '{name}'",
    "Error numbers look like K2101.", "keel explain" },
  { "K1017", "malformed_case", "the case file '{name}' is malformed[: {detail}]",
    "A case file follows spec/cases/case.schema.json.", "keel help lint" },
  { "K1018", "input_too_large", "{name} is larger than {limit}",
    "What comes from outside has a size limit, so that it cannot fill the store.",
    "keel help run" },
  { "K1019", "engine_not_running", "no engine runs in this home",
    "The command talks to a running engine through var/engine.sock.",
    "keel serve" },
  { "K1020", "engine_running", "an engine already serves this home (process {pid})",
    "One home has one engine; commands reach it through its socket.",
    "keel runs" },
  { "K1021", "unknown_event", "no agent listens to events of type '{name}'",
    "The event was kept but starts nothing.", "keel agents" },
  { "K1041", "other_question", "'{name}' is a question of another kind",
    "Proposals of agents are approved or rejected; whether an effect happened is"
    .. " answered by keel reconcile.", "keel {command} {name}" },
  { "K1042", "run_over", "run {name} is over already[: {detail}]",
    "Only a run that is not over can be held, given up or moved.", "keel show {name}" },
  { "K1043", "not_paused", "nothing is paused as {name}",
    "What was paused as a whole is resumed as a whole: everything, an agent, or a"
    .. " run.", "keel runs --state waiting" },
  { "K1044", "no_such_step", "run {name} has no finished step {seq}",
    "A fork begins behind a step that has a result.", "keel show {name}" },
  { "K1045", "run_busy", "run {name} is at work just now",
    "It can be moved when it waits.", "keel show {name}" },
  { "K1022", "agent_off", "agent '{name}' is {state}",
    "It was switched off by a person, or its budget ran out.",
    "keel agents enable {name}" },
  { "K1061", "not_confirmed", "nothing was purged: {detail}",
    "What is purged cannot be brought back, so it takes --yes; --dry-run shows"
    .. " what would go.", "keel help purge" },
  { "K1062", "in_flight", "{kind} '{name}' is {state}, so it cannot be purged",
    "What a run in flight holds is what it goes on with: its payloads would be"
    .. " missed at its next step. Cancel it first, or wait for its end.",
    "keel cancel {name}" },
  { "K1030", "bad_signature",
    "the request to /events/{name} is not signed as it should be[: {detail}]",
    "A request from outside shows X-Keel-Timestamp (seconds) and X-Keel-Signature:"
    .. " sha256= and the HMAC-SHA256 of `timestamp.body` in hex, made with the secret"
    .. " of the webhook and at most 5 minutes old.", "keel help serve" },
  { "K1031", "no_webhook", "there is no webhook for events of type '{name}'",
    "Requests from outside are taken for the types in http.webhooks of config.lua"
    .. " that have a secret; others need the token of var/token.", "keel help serve" },
})

define(1, {
  { "K1046", "cancelled", "run {run} was cancelled",
    "Somebody gave it up, or the run that called it. What its steps had done was"
    .. " undone where they have an undo.", "keel show {run}" },
  { "K1070", "too_late", "{name} cannot be taken back: {detail}",
    "A decision can be recalled until its run has gone on with it; from then on only the"
    .. " run itself could undo what it did.", "keel show {run}" },
  { "K1071", "edit_invalid", "what {name} is changed to does not fit: {detail}",
    "The question says in a JSON Schema what may be approved in place of its proposal.", "keel inbox" },
  { "K1072", "other_digest", "{name} is not what was looked at",
    "The digest that came with the decision is another one than the question's, so somebody"
    .. " would say yes to what he has not seen.", "keel inbox" },
  { "K1073", "not_together", "{name} cannot be decided with others",
    "What cannot be undone wants a look of its own.", "keel approve {name}" },
  { "K1901", "test_failed", "{count} of {total} do not hold",
    "A test, an example or a case gave another result than it states.",
    "keel test" },
  { "K1902", "replay_differs", "run {name} replays differently at step {seq}",
    "The script given now does something else than was recorded.",
    "keel replay {name}" },
  { "K1903", "audit_broken", "the audit trail is broken at record {seq}",
    "A row was changed, inserted or cut after it was written.",
    "keel audit verify --json" },
  { "K1904", "purged", "run {name} was purged[ ({detail})]",
    "Retention or a privacy deletion took this run; only its tombstone is left"
    .. " (when, why, a digest of its records), so it cannot be replayed.",
    "keel show {name}" },
})

define(130, {
  { "K1905", "interrupted", "interrupted",
    "The command was stopped by a signal. What was durable stays; open runs go"
    .. " on when the engine starts again.", "keel runs" },
})

define(2, {
  { "K1101", "trial_taken", "another `keel dev` tries edits in '{name}'[: {detail}]",
    "The trial of a home is one home, in var/dev, and one process owns it.", "keel help dev" },
})

define(2, {
  { "K1131", "home_there", "there are files of a home in '{name}' already: {detail}",
    "`keel init` overwrites nothing.", "keel init DIR" },
  { "K1133", "changed_since", "'{name}' was changed after it was improved",
    "Taking the improvement back would take your own change back, too. What it was before is in '{before}'.",
    "diff {before} {name}" },
})

-- Of the REPL.
define(2, {
  { "K1115", "read_only", "'{name}' writes, and this session only reads",
    "A REPL begins read-only. What is written after `.write on` is kept in the audit trail.", "keel help repl" },
  { "K1116", "unknown_dot", "there is no command '{name}'",
    "Lines that begin with a dot are commands of the REPL.", "keel help repl" },
})
define(130, {
  { "K1117", "typed_interrupt", "stopped by Ctrl-C",
    "Your variables are as they were left; what was asked of the engine may still be done by it.", "keel help repl" },
})

-- K2: configuration, manifests, schemas ------------------------------------

define(10, {
  { "K2001", "no_config", "there is no config.lua in '{name}'",
    "A home is configured by one file, config.lua.", "keel init {name}" },
  { "K2002", "config_syntax", "config.lua cannot be read: {detail}",
    "config.lua is plain Lua that returns one table.", "keel doctor" },
  { "K2003", "config_failed", "config.lua stopped: {detail}",
    "config.lua runs without any library; only env(NAME) is there.",
    "keel doctor" },
  { "K2004", "config_no_table", "config.lua returns {got}, not a table",
    "The file ends in: return { ... }", "keel doctor" },
  { "K2005", "unknown_zone", "there is no time zone '{name}'",
    "Zones are named as in the tz database: Europe/Lisbon, America/New_York, UTC.",
    "keel explain K2005" },
  { "K2006", "secret_missing", "the secret for {name} is not there[: {detail}]",
    "A key comes from env \"NAME\" or from the file named by key_file.",
    "keel doctor" },
  { "K2007", "unknown_tier", "no tier '{name}' is configured",
    "Tiers are the keys of `tiers` in config.lua.", "keel doctor" },
  { "K2008", "unknown_adapter", "there is no adapter '{name}'",
    "`adapters` in config.lua maps a purpose to one of the engine's adapters.",
    "keel doctor" },
  { "K2101", "unknown_field", "unknown field '{field}'[ in {where}]",
    "Manifests and config.lua may only hold the fields that Keel knows; a"
    .. " misspelt one would otherwise be ignored in silence.",
    "keel explain K2101" },
  { "K2102", "missing_field", "missing field '{field}'[ in {where}]",
    "The field is required here.", "keel explain K2102" },
  { "K2103", "wrong_type", "'{field}' is {got}, expected {expected}",
    "The field holds another kind of value than Keel reads there.",
    "keel explain K2103" },
  { "K2104", "schema_mismatch", "{what} does not fit its schema[: {detail}]",
    "A value was checked against the JSON Schema that its owner declares.",
    "keel explain K2104" },
  { "K2105", "bad_value", "'{field}' is not usable: {detail}",
    "The field has the right kind of value, but one that means nothing there.",
    "keel explain K2105" },
  { "K2106", "bad_schema", "the schema in '{field}' is wrong: {detail}",
    "Schemas are JSON Schema (draft 2020-12) written as Lua tables; unknown"
    .. " keywords are refused, since a misspelt one checks nothing.",
    "keel explain K2106" },
  { "K2107", "not_a_manifest", "{file} returns {got}, not {expected}",
    "An agent's file ends in `return agent { ... }`, a skill's in"
    .. " `return skill { ... }`.", "keel explain K2107" },
  { "K2108", "bad_name", "'{name}' cannot be the name of {kind}",
    "Names are the file's: a letter, then letters, digits and '_', at most 64.",
    "keel explain K2108" },
  { "K2109", "missing_skill", "{owner} uses the skill '{name}', which does not exist",
    "Everything under `uses` (or needs.skills) must be a file in skills/ or an"
    .. " adapter from config.lua.", "keel doctor" },
  { "K2110", "no_implementation", "skill '{name}' has no implementation",
    "A skill has at least one of `[\"local\"]` (a function) and `model` (a tier"
    .. " and a prompt).", "keel explain K2110" },
  { "K2111", "version_reused",
    "{name}@{version} changed but kept its version number",
    "NAME@VERSION means one source. Runs stay pinned to the source that they"
    .. " began with; new content needs a new number.", "keel agents {name}" },
  { "K2112", "circular_skills", "skills need each other in a circle: {detail}",
    "needs.skills must not lead back to the skill itself.", "keel doctor" },
})

define(10, {
  { "K2201", "example_fails", "example {count} of skill '{name}' does not hold[: {detail}]",
    "A skill that is saved is used only when its examples, and those of skills that need it, hold. The version"
    .. " before it stays in use.", "keel test {name}" },
})

-- Of lint: each finding is an error of its own, with a level and a better way.
for _, row in ipairs(require "errors.lint") do
  define(1, { { row[1], row[2], row[4], row[5], "keel explain " .. row[1] } })
  catalogue[row[1]].level, catalogue[row[1]].mend = row[3], row[6]
end

-- K3: scripts ---------------------------------------------------------------

define(3, {
  { "K3001", "script_syntax", "{detail}",
    "The file is not valid Lua 5.4, so nothing of it was loaded; the version"
    .. " that was loaded before stays in use.", "keel explain K3001" },
  { "K3002", "script_error", "the script failed: {detail}",
    "An error was raised in the script and nothing there caught it. Effects"
    .. " that were already made are journalled; compensations were run.",
    "keel show {run}" },
  { "K3003", "wrong_use", "{name} was called wrongly: {detail}",
    "A function got arguments that it can never accept.",
    "keel help ctx" },
  { "K3004", "not_in_uses", "skill '{name}' is not in the agent's `uses`",
    "An agent reaches only what its manifest lists.", "keel agents {agent}" },
  { "K3005", "output_mismatch", "the output does not fit agent '{agent}'[: {detail}]",
    "The manifest declares a schema for the output; a result that does not fit"
    .. " is not handed on.", "keel show {run}" },
  { "K3006", "not_a_value", "{what} cannot be kept: {detail}",
    "Only null, booleans, numbers, strings, lists and objects can be"
    .. " journalled: no functions, cycles or NaN.", "keel explain K3006" },
  { "K3007", "skill_failed", "skill '{name}' failed[: {detail}]",
    "The skill raised an error or returned nil and a reason.",
    "keel show {run}" },
  { "K3008", "skill_mismatch", "the {side} of skill '{name}' does not fit its"
    .. " schema[: {detail}]",
    "Skills are checked against their declared input and output on every call.",
    "keel test" },
  { "K3009", "memory_not_allowed", "agent '{agent}' may not {action} '{name}'",
    "memory.read and memory.write in the manifest list the keys that an agent"
    .. " may reach.", "keel agents {agent}" },
  { "K3010", "host_not_allowed", "the host '{name}' is not allowed here",
    "A skill reaches only the hosts in its needs.hosts.", "keel explain K3010" },
  { "K3011", "outside_text", "this effect needs an approval first",
    "The run has read text from outside and private memory; what it sends out"
    .. " must be seen by a person, unless the agent's policy says otherwise.",
    "keel inbox" },
  { "K3012", "effect_denied", "an effect is not allowed",
    "A rule of `policy` in config.lua or in the agent's manifest says deny.", "keel explain K3012" },
})

-- The REPL has its own: what is typed is run in a sandbox and asks an engine.
define(3, {
  { "K3101", "unknown_call", "the engine knows no '{name}'",
    "The REPL and the engine it asks are of different versions, or the name was made up.", "keel help repl" },
  { "K3103", "sandbox_ended", "what you typed reached the cap on {limit}[; what could not be kept: {detail}]",
    "It ended the sandbox of the session. A fresh one has your variables, but functions and what holds them cannot"
    .. " be copied.", "keel help repl" },
  { "K3106", "typed_error", "what you typed failed",
    "It raised an error; your variables are as they were left.", "keel help repl" },
  { "K3107", "typed_syntax", "what you typed is not Lua", "It cannot be compiled; nothing was run.", "keel help repl" },
})

-- K4: caps ------------------------------------------------------------------

define(4, {
  { "K4001", "instructions", "the instruction cap of {limit} was reached",
    "A script may execute so many instructions between two durable steps"
    .. " (caps.instructions).", "keel show {run}" },
  { "K4002", "memory", "the memory cap of {limit} was reached",
    "A script's state may hold so many bytes (caps.memory).",
    "keel show {run}" },
  { "K4003", "wall", "the time cap of {limit} was reached",
    "A script may compute so long between two durable steps (caps.wall);"
    .. " waiting does not count.", "keel show {run}" },
  { "K4004", "payload_cap", "{what} is larger than {limit}",
    "Values that are journalled have a size and depth limit.",
    "keel explain K4004" },
  { "K4006", "deadline", "the run took longer than it may",
    "Its agent's manifest has a timeout, waiting included. What its steps had done"
    .. " was undone where they have an undo.", "keel show {run}" },
  { "K4005", "steps_cap", "the run made more than {limit} steps",
    "A run that never ends is most often a loop without an exit.",
    "keel show {run}" },
})

define(4, {
  { "K4007", "typed_limit", "what you typed ran for {limit} instructions and was stopped",
    "An entry may take about a second of computing, so that a loop without an end ends.", "keel help repl" },
})

-- K5: budget ----------------------------------------------------------------

define(5, {
  { "K5001", "budget", "the {scope} budget has {left} left and the call"
    .. " may cost {need}",
    "A call is sent only when its upper bound fits every budget that it counts"
    .. " against; nothing was sent and nothing was spent.", "keel budget" },
  { "K5002", "deactivated", "agent '{agent}' is {state}: {detail}",
    "At the hard stop of a budget, and when a guard trips, an agent makes no more"
    .. " paid calls and begins no new runs until a person enables it again. Its new"
    .. " events are queued.", "keel agents enable {agent}" },
  { "K5003", "call_limit", "'{agent}' made {limit} calls, which is its limit",
    "budget.calls bounds how often an agent may call a model.", "keel budget" },
  { "K5004", "token_limit", "'{agent}' used {limit} tokens, which is its limit",
    "budget.tokens bounds how many tokens an agent may use.", "keel budget" },
  { "K5005", "loop_guard", "the run has lost its way: {detail}",
    "Repeating a call that fails, or asking the same thing again and again, only"
    .. " costs money. budget.loops of the manifest says how often it may (5).",
    "keel show {run}" },
  { "K5006", "no_price", "model '{name}' has no price",
    "Without a price nothing can be reserved. A local server has"
    .. " price = \"free\".", "keel explain K5006" },
})

-- K6: waiting ---------------------------------------------------------------

define(6, {
  { "K6001", "waiting_approval", "run {run} waits for your decision: {subject}",
    "The script asked for an approval and goes on when it is decided.",
    "keel inbox" },
  { "K6002", "waiting", "run {run} waits for {waiting_for}",
    "The run sleeps without using memory and wakes by itself.",
    "keel show {run}" },
  { "K6003", "approval_changed", "what '{name}' would do has changed since it"
    .. " was shown",
    "An approval holds for the exact arguments that were shown; they are"
    .. " compared right before the effect.", "keel inbox" },
  { "K6004", "approval_obsolete", "'{name}' is no longer needed",
    "What it asked about happened or went away in the meantime.", "keel inbox" },
  { "K6005", "paused", "{name} is paused",
    "A person paused it; nothing is lost.", "keel resume {name}" },
})

-- K7: divergence and reconciliation -----------------------------------------

define(7, {
  { "K7001", "diverged", "run {run} took another way at step {seq}: recorded"
    .. " {recorded}, now {new}",
    "A replayed script must make the same calls with the same arguments. It"
    .. " was stopped before anything was done twice.", "keel replay {run}" },
  { "K7002", "needs_reconciliation", "did '{name}' of run {run} happen?",
    "The engine stopped between an effect and its record, and nobody can be"
    .. " asked. It will not guess.",
    "keel reconcile {id} --happened JSON | --not-happened" },
  { "K7003", "quarantined", "run {run} is in quarantine",
    "The engine died, or stood still, twice while it executed this run, or its"
    .. " journal cannot be played. Nothing of it is executed, undone or dropped"
    .. " until its owner says so: resume lets it go on, cancel ends it as it is.",
    "keel resume {run}" },
  { "K7004", "stuck_undo", "undoing '{name}' of run {run} failed[: {detail}]",
    "A compensation failed for good; a person must decide how to go on.",
    "keel inbox" },
  { "K7006", "no_undo", "{name} cannot be undone from here",
    "Its adapter has no undo for it. Undo it by hand, and say that it did not"
    .. " happen, or end the run.", "keel reconcile {id} --abandon" },
  { "K7007", "answer_first", "run {name} waits for an answer about an effect",
    "Whether an effect happened must be known before what came before it can be"
    .. " undone.", "keel inbox" },
  { "K7008", "abandoned", "whether an effect of run {run} happened was left open",
    "The owner ended the run without an answer; nothing was undone.", "keel show {run}" },
  { "K7005", "source_missing", "the source that run {run} is pinned to is gone",
    "A run goes on with the very source that it began with.",
    "keel show {run}" },
})

-- K8: providers and network ---------------------------------------------------

define(8, {
  { "K8001", "rate_limited", "{provider} asks to slow down[: {detail}]",
    "Too many requests or tokens in its window. It was retried until the"
    .. " deadline.", "keel costs" },
  { "K8002", "overloaded", "{provider} is overloaded[: {detail}]",
    "The provider has no room for now.", "keel doctor" },
  { "K8003", "server_error", "{provider} failed[: {detail}]",
    "The provider answered with a server error.", "keel doctor" },
  { "K8004", "timeout", "{provider} did not answer within {limit}",
    "The call's deadline passed. Its cost is kept as estimated, since the"
    .. " provider may have counted it.", "keel costs" },
  { "K8005", "connection_lost", "the connection to {provider} was lost[: {detail}]",
    "The host could not be reached, or hung up.", "keel doctor" },
  { "K8006", "stream_cut", "the answer of {provider} broke off",
    "The stream ended without its closing event.", "keel show {run}" },
  { "K8007", "bad_response", "{provider} answered something unreadable[: {detail}]",
    "The answer is no JSON of the expected form.", "keel show {run}" },
  { "K8008", "too_large", "the answer of {provider} is too large",
    "Answers have a size limit.", "keel show {run}" },
  { "K8009", "auth", "{provider} refuses the key[: {detail}]",
    "The key is missing, wrong, or has no right to this model.", "keel doctor" },
  { "K8010", "context_length", "the prompt is too long for {model}[: {detail}]",
    "Prompt and answer together must fit the model's context.",
    "keel show {run}" },
  { "K8011", "quota", "the account at {provider} is used up[: {detail}]",
    "The provider's own limit was reached, not Keel's.", "keel costs" },
  { "K8012", "content_filter", "{provider} declined the request[: {detail}]",
    "The provider's filter stopped the prompt or the answer.", "keel show {run}" },
  { "K8013", "invalid_request", "{provider} does not accept the request[: {detail}]",
    "A parameter is not known to this provider or model.", "keel show {run}" },
  { "K8014", "no_valid_answer", "{model} gave no answer that fits the schema"
    .. " in {count} attempts[: {detail}]",
    "Each attempt got the validation error of the one before.",
    "keel show {run}" },
  { "K8015", "tls", "the certificate of {provider} cannot be trusted[: {detail}]",
    "TLS is always verified.", "keel doctor" },
  { "K8101", "port_in_use", "{name} is already in use",
    "Another process listens there.", "keel serve --listen 127.0.0.1:0" },
  { "K8102", "adapter_failed", "adapter '{name}' failed[: {detail}]",
    "The outside system did not accept the operation.", "keel show {run}" },
  { "K8103", "mailbox_failed", "{name} cannot be looked at[: {detail}]",
    "It is tried again, after longer and longer pauses; no mail is lost.", "keel doctor" },
  { "K8104", "mailbox_refused", "{name} does not let anybody in[: {detail}]",
    "The user or the password is wrong, or the provider wants one made for programs."
    .. " It is tried again in an hour, and when config.lua is saved.", "keel doctor" },
})

-- K9: store and machine --------------------------------------------------------

define(9, {
  { "K9001", "store_locked", "another process[ ({pid})] uses this store",
    "One process at a time writes a store; commands reach a running engine"
    .. " through its socket.", "keel doctor" },
  { "K9002", "disk_full", "the disk is full[: {detail}]",
    "Nothing was half written: the last change is either whole or absent. Runs"
    .. " go on from there when there is room.", "df -h[ {name}]" },
  { "K9003", "store_damaged", "the store '{name}' is damaged[: {detail}]",
    "SQLite's own check found pages that do not fit together.",
    "keel restore FILE" },
  { "K9004", "store_newer", "the store was written by a newer Keel ({version})",
    "An older program does not touch what it does not understand.",
    "keel --version" },
  { "K9005", "store_io", "the store '{name}' cannot be used[: {detail}]",
    "Reading or writing a file of the store failed.", "keel doctor" },
  { "K9006", "store_readonly", "the store '{name}' is read-only",
    "This user may not write there, or the file system is mounted read-only.",
    "ls -l {name}" },
  { "K9007", "stale_owner", "another engine has taken over this store",
    "A newer owner writes now; this one must not.", "keel doctor" },
  { "K9008", "no_memory", "the machine has no memory left[ for {what}]",
    "The operating system refused memory.", "keel doctor" },
  { "K9010", "engine_lost", "the engine ended before it answered",
    "The command was on its way when the engine stopped or was restarted. What"
    .. " it began is durable and goes on; look before you repeat it.",
    "keel runs" },
  { "K9009", "internal", "an error of Keel itself: {detail}",
    "This should not happen; what was durable is safe.", "keel doctor" },
})

define(9, {
  { "K9101", "backup_there", "there is a file '{name}' already",
    "A backup overwrites nothing unless told to.", "keel backup FILE --force" },
  { "K9102", "backup_damaged", "the backup '{name}' cannot be used[: {detail}]",
    "It was cut off, changed, or is no backup of Keel. Nothing was put in place.", "keel restore FILE --check" },
  { "K9103", "not_empty", "'{name}' is not empty",
    "A backup becomes a home of its own; it is not mixed with what is there.", "keel restore FILE --home DIR" },
})

return catalogue
