--- The gate in front of every effect: may this run do this, now, with these arguments?
--
-- Asked right before the effect, of the very arguments that would go out. What the policy
-- wants asked (policy.lua), and what a run asked for by name (ctx.approve{ effect = "mail" }),
-- needs an approval of these arguments, to the byte; one approval lets one effect through.
--
-- A run is known by what it has seen: text from outside, private memory, and when it asked a
-- person. All three are of the run's own time, kept while the run is in memory and read from its
-- journal when it comes back. What a person approved since is read from the approvals, so a fork
-- has none of that, and it stands for the texts that were in it alone.
--
-- What such a run leaves to others carries its marks: memory and events the one of text from
-- outside themselves (`trust`), records and private events as uses of kind 'x' (a step whose
-- record stems from outside), 'y' (one that stems from private memory), 'z' (such an event) and 'w'
-- (an adapter that was given such text to keep), of run 0, so that they outlive
-- the run. Where there is no mark, what it was before there were any.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local digest = require "core.digest"
local json = require "json"
local policy = require "policy"

local gate = {}

-- ---- what a run has seen -----------------------------------------------------------------

--- Every piece of text moves the run's time on; what is asked then is asked of all before it.
local function note(seen, what, seq)
  seen.tick = (seen.tick or 0) + 1
  seen[what], seen.step = seen.tick, seq
end

--- What a run in memory has just been shown. Before its journal is read that is kept aside.
local function shown_to(run, what, seq)
  if run.seen and run.seen.whole then return note(run.seen, what, seq) end
  run.shown = run.shown or {}
  table.insert(run.shown, { what = what, seq = seq })
end

--- A question is asked, of all that was read so far: what comes while it waits, nobody looked at.
local function asked_now(seen, seq)
  seen.asked = seen.asked or {}
  seen.asked[seq] = seen.asked[seq] or seen.tick or 0
end

local function each_item(items, fn)
  if type(items) ~= "table" then return end
  for _, item in ipairs(items) do
    fn "private"
    if type(item) == "table" and item.trust == "external" then fn "external" end
  end
end

local readers = { search = true, get = true, history = true, pack = true }

--- Numbers of a run and a step as one, for the mark of what a step wrote.
local function mark_of(run, seq) return run << 20 | seq end

local kinds_of_marks = { external = "x", private = "y" }
local marks_of_kinds = { x = "external", y = "private" }

--- The marks of a record as a run was shown it: of the version that held this value, or of the one
--- that stood at that time.
local function each_mark(self, kind, shown, fn)
  if type(kind) ~= "string" or type(shown.key) ~= "string" then return end
  for _, row in ipairs(self:rows("record.marks", { type = kind, key = shown.key, time = shown.time, version = shown.version,
    value_json = shown.value })) do
    fn(marks_of_kinds[row.kind])
  end
end

-- ---- what a service says ---------------------------------------------------------------------

--- Failures that the engine itself speaks of, with nothing in them of a service's.
local our_failures = { denied = true, rejected = true, cancelled = true, undone = true, wrong_use = true }

local function collect_texts(value, into)
  if type(value) == "string" then into[value] = true end
  for name, part in pairs(type(value) == "table" and value or {}) do
    if type(name) == "string" then into[name] = true end
    collect_texts(part, into)
  end
  return into
end

local field_name = "^[%a_][%w_]*$"

--- Whether there is a text in `value` that is not among those that were sent. What names a field
--- is none, unless it is no name.
local function has_other_text(value, sent)
  if type(value) == "string" then return value ~= "" and not sent[value] and not value:find "^run_%w+/%d+$" end
  for name, part in pairs(type(value) == "table" and value or {}) do
    local speaks = type(name) == "string" and not sent[name] and (#name > 40 or not name:find(field_name))
    if speaks or has_other_text(part, sent) then return true end
  end
  return false
end

--- Whether what came of an effect is text from outside. An adapter whose replies hold the house's
--- own words alone says so (`own_words`); of any other, what was not sent to it.
local function speaks(self, name, args, failed, value)
  if failed then return not our_failures[type(value) == "table" and value.code or ""] end
  if type(value) ~= "table" and type(value) ~= "string" or require("adapter").has_own_words(self, name) then return false end
  return has_other_text(value, collect_texts(args, {}))
end

-- ---- what the journal says -------------------------------------------------------------------

local changes_the_world = { idempotent = true, at_most_once = true }

local shows = {}

function shows.wait(seen, record)
  local event = type(record.value) == "table" and record.value or {}
  if event.trust == "external" then note(seen, "external", record.seq) end
  if event.private then note(seen, "private", record.seq) end
end

function shows.memory(seen, record, op)
  local value = record.value
  if not readers[op] or type(value) ~= "table" then return end
  each_item(value.items or (value.id or value.text) and { value } or value, function(what) note(seen, what, record.seq) end)
end

--- The arguments of a step as they went out: a person may have changed them.
local function args_of(self, run, record)
  local row = self:rows("approval.gate", { run = run, seq = record.seq })[1]
  return row and row.state == "edited" and row.value or record.args
end

--- The number of an adapter, for the mark of what it was given to keep.
local function number_of(adapter) return tonumber(digest.sha256(adapter):sub(1, 12), 16) end

--- Whether text from private memory was ever given to the adapter to keep.
local function keeps_private(self, adapter) return #self:rows("uses.kept", { item = number_of(adapter) }) > 0 end

function shows.skill(seen, record, name, self, run)
  -- a skill of the house, by its own code or by a model, says what it was given
  if (seen.skills[name] or "adapter") ~= "adapter" then return end
  if record.effect == "read" and keeps_private(self, name) then note(seen, "private", record.seq) end
  if record.effect == "read" or changes_the_world[record.effect]
    and speaks(self, name, args_of(self, run, record), record.failed, record.value) then
    note(seen, "external", record.seq)
  end
end

function shows.records(seen, record, op, self)
  local args, value = record.args, record.value
  if type(args) ~= "table" or value == nil or value == json.null then return end
  local found = op == "get" and { { key = args.key, value = value } } or op == "find" and value or {}
  for _, row in ipairs(found) do
    each_mark(self, args.type, { key = row.key, version = row.version, value = op == "get" and value or nil, time = record.t },
      function(what) note(seen, what, record.seq) end)
  end
end

local read_journal

--- What a child saw its parent has seen; of one that is not there any more nobody knows.
local function see_child(self, fn, row)
  local seen = row and read_journal(self, row)
  if not seen or seen.external then fn "external" end
  if not seen or seen.private then fn "private" end
end

--- A failure may carry text, too, of a child or of who was asked to read.
local fails = { skill = true, call = true }

--- What one record of the journal showed the run.
local function see_record(self, seen, record, children, run)
  local kind, name = (record.name or ""):match "^([^:]*):?(.*)$"
  if record.failed and not fails[kind] then return end
  if kind == "call" then
    return see_child(self, function(what) note(seen, what, record.seq) end, children[record.seq])
  end
  if shows[kind] then shows[kind](seen, record, name, self, run) end
end

--- An effect that the run has asked for by its name.
local function note_name(seen, record)
  local effect = (record.name or ""):find("^approve:") and type(record.args) == "table" and record.args.effect
  if type(effect) ~= "string" then return end
  seen.named = seen.named or {}
  seen.named[effect] = true
end

--- What a run was shown by its journal, and which commands are done there. Nil when there is none.
function read_journal(self, row)
  local records = self:journal(row)
  if not records or #records == 0 then return nil end
  local seen, done, children, begun = { skills = {} }, {}, {}, {}
  for _, child in ipairs(self:rows("run.children", { id = row.id })) do children[child.parent_seq or 0] = child end
  for _, record in ipairs(records) do
    note_name(seen, record)
    if record.kind == "start" then
      seen.external = record.value.trust == "external" and 0 or nil
      seen.private = record.value.private and 0 or nil
      seen.skills = type(record.value.skills) == "table" and record.value.skills or seen.skills
    elseif record.kind == "intent" then
      begun[record.seq] = begun[record.seq] or record
      asked_now(seen, record.seq)
    elseif record.kind == "step" or record.kind == "result" then
      done[record.seq] = true
      -- what was begun before is named there alone
      if record.kind == "result" and begun[record.seq] then
        record.name, record.args = begun[record.seq].name, begun[record.seq].args
      end
      see_record(self, seen, record, children, row.id)
    end
  end
  return seen, done
end

--- { external, private, asked }: the run's own time, or nil. In a task: what was submitted is
--- waited for. The journal of a run that was brought back is read once; what came since was
--- noted as it came.
function gate:seen(run)
  if run.seen and run.seen.whole then return run.seen end
  self:commit(self.store:tx())
  if run.seen and run.seen.whole then return run.seen end
  local row = self:rows("run.by_id", { id = run.id })[1]
  local seen, done = nil, {}
  if row then seen, done = read_journal(self, row) end
  seen = seen or { external = 0, private = 0 }
  for _, one in ipairs(run.shown or {}) do
    if not (done and done[one.seq]) then note(seen, one.what, one.seq) end
  end
  seen.whole, run.seen, run.shown = true, seen, nil
  return seen
end

--- A command read memory: items, each with its trust.
function gate:saw_memory(cmd, items)
  each_item(items, function(what) shown_to(cmd.run, what, cmd.seq) end)
end

--- A command read records: rows with their keys and versions.
function gate:saw_records(cmd, rows)
  local found = {}
  for _, row in ipairs(rows) do
    each_mark(self, cmd.args.type, { key = row.key, version = row.version, time = cmd.now }, function(what) found[what] = true end)
    if found.external and found.private then break end
  end
  for what in pairs(found) do shown_to(cmd.run, what, cmd.seq) end
end

--- A command writes a record: who reads it is to know where it stems from. The marks outlive
--- the run.
function gate:mark_record(cmd)
  local function mark(kind)
    cmd.tx:add("uses.put", { kind = kind, run = 0, seq = 0, items_json = json.array { mark_of(cmd.run.id, cmd.seq) } })
  end
  if self:is_tainted(cmd.run, cmd.args) then mark(kinds_of_marks.external) end
  if self:is_private(cmd.run, cmd.args) then mark(kinds_of_marks.private) end
end

--- Whether the words of an event stem from private memory.
function gate:is_private_event(number) return #self:rows("event.is_private", { number = number }) > 0 end

--- A command was given an event that it waited for.
function gate:saw_event(cmd, event)
  if event.trust == "external" then shown_to(cmd.run, "external", cmd.seq) end
  if event.private then shown_to(cmd.run, "private", cmd.seq) end
end

--- An effect came back, with its result or its failure.
function gate:saw_reply(cmd, op, result, err)
  -- what goes out was judged; what is only kept there may be read again by anybody
  if op.keeps and policy.tier(op.risk) < 2 and (err == nil or err.unknown) and self:is_private(cmd.run, cmd.args) then
    cmd.tx:add("uses.put", { kind = "w", run = 0, seq = 0, items_json = json.array { number_of(cmd.name) } })
  end
  if speaks(self, cmd.name, cmd.args, err ~= nil, err or result) then shown_to(cmd.run, "external", cmd.seq) end
end

--- A command reads from an adapter.
function gate:saw_read(cmd)
  shown_to(cmd.run, "external", cmd.seq)
  if keeps_private(self, cmd.name) then shown_to(cmd.run, "private", cmd.seq) end
end

--- A child of the run came back, with its result or its failure.
function gate:saw_child(run, seq, row)
  if not (run.seen and run.seen.whole) then return end -- found when the journal is read
  see_child(self, function(what) note(run.seen, what, seq) end, row)
end

--- The run asks a person, in a command of its own or before an effect.
function gate:asks(run, seq)
  if run.seen and run.seen.whole then asked_now(run.seen, seq) end
end

-- ---- what a person looked at --------------------------------------------------------------------

--- So many bytes may go out, after a yes, that were not in what was approved: addresses, ids and
--- numbers. What has a blank in it is said to somebody, and none of it may.
local most_unseen = 400

local function was_in(text, texts)
  for other in pairs(texts) do
    if other:find(text, 1, true) then return true end
  end
  return false
end

--- How many bytes of `value` were not in those texts.
local function unseen(value, texts)
  if type(value) == "number" then value = tostring(value) end
  if type(value) == "string" then
    if was_in(value, texts) then return 0 end
    return value:find "%s" and math.huge or #value
  end
  local sum = 0
  for name, part in pairs(type(value) == "table" and value or {}) do
    sum = sum + unseen(part, texts)
    if type(name) == "string" and not name:find(field_name) then sum = sum + unseen(name, texts) end
  end
  return sum
end

--- Whether a person has approved a question of the run that was asked at `since` or later, and
--- all that is said in `value` was in what they saw.
local function looked_at(self, run, seen, since, value)
  local texts, any = {}, false
  for _, row in ipairs(self:rows("approval.of_run", { run = run.id })) do
    local at = seen.asked and seen.asked[row.seq]
    if at and at >= since and row.kind == "approval" and row.spent and row.decided_by ~= "deadline"
      and (row.state == "approved" or row.state == "edited") then
      any = true
      collect_texts(row.value == nil and row.proposal or row.value, texts)
    end
  end
  return any and unseen(value, texts) <= most_unseen
end

local function carries(self, run, what, value)
  local seen = self:seen(run)
  return seen[what] ~= nil and not looked_at(self, run, seen, seen[what], value)
end

--- Whether `value`, which the run says, stems from outside, and nobody looked at it since.
function gate:is_tainted(run, value) return carries(self, run, "external", value) end

--- The same of private memory.
function gate:is_private(run, value) return carries(self, run, "private", value) end

-- ---- what is approved already ----------------------------------------------------------------

local function same(a, b) return digest.sha256(json.pack { a }) == digest.sha256(json.pack { b }) end

--- Whether what a person saw names the effect: `effect`, or `skill` and `op`; and its key.
local function names(saw, cmd)
  local args = cmd.args
  local named = saw.effect == ("%s.%s"):format(cmd.name, tostring(args.op)) or saw.skill == cmd.name and saw.op == args.op
  return named and (saw.op == nil or saw.op == args.op) and saw.key == args.key
end

--- Whether all that would go out stood in one table of what the person saw, each under its own
--- name, with the effect and its key named there or around it.
local function shown(value, cmd, around)
  if type(value) ~= "table" then return false end
  local saw, all = {}, true
  for _, name in ipairs { "effect", "skill", "op", "key" } do
    saw[name] = value[name] == nil and around and around[name] or value[name]
  end
  for name, part in pairs(cmd.args) do
    all = all and (name == "op" or name == "key" or value[name] ~= nil and same(value[name], part))
  end
  if all and names(saw, cmd) then return true end
  for _, inner in pairs(value) do
    if shown(inner, cmd, saw) then return true end
  end
  return false
end

local function is_for(row, cmd)
  return row.effect == cmd.name or row.effect == ("%s.%s"):format(cmd.name, tostring(cmd.args.op))
end

--- Somebody said yes, or, where nobody wants it asked and it can be taken back, nobody said no.
local function is_yes(row, op, say)
  if row.state ~= "approved" and row.state ~= "edited" then return false end
  return row.decided_by ~= "deadline" or say == "auto" and policy.tier(op.risk) <= 1
end

--- What the run has asked before that concerns this effect: the approval that lets it through;
--- why none does, where one was asked for by its name; and one that showed all of it to a person
--- who was told of no smaller risk.
local function asked_before(self, cmd, op, say)
  local named, plain = nil, nil
  self.used_approvals = self.used_approvals or {}
  for _, row in ipairs(self:rows("approval.of_run", { run = cmd.run.id })) do
    if row.kind == "approval" and row.seq ~= cmd.seq then
      local yes = row.spent and not row.used and not self.used_approvals[row.id] and is_yes(row, op, say)
      local value = row.value == nil and row.proposal or row.value
      if row.effect and is_for(row, cmd) then
        named = named or row.used == 0 and "it was approved before this home was restored from a backup"
          or "its arguments are not those that were approved"
        if yes and same(value, cmd.args) then
          local hold, fact = self:facts_hold(row.plan and row.plan.facts)
          if hold then return row end
          named = self.fact_name(fact) .. " changed since it was approved"
        end
      elseif yes and not row.effect and not plain and policy.tier(row.risk) >= policy.tier(op.risk)
        and shown(value, cmd) and self:facts_hold(row.plan and row.plan.facts) then
        plain = row
      end
    end
  end
  return nil, named, plain
end

-- ---- the judgement -------------------------------------------------------------------------------

local function trust_rule(self, cmd, deed)
  if policy.tier(deed.risk) < 2 then return nil end
  local seen = self:seen(cmd.run)
  if not seen.external or not seen.private then return nil end
  local last = math.max(seen.external, seen.private)
  if looked_at(self, cmd.run, seen, last, cmd.args) then return nil end
  return ("the run has read text from outside and private memory (step %d), and nobody has looked at this since"):format(seen.step or 0)
end

--- What the policy says of the effect with these arguments.
local function policy_of(self, cmd, op, args)
  local deed = { effect = ("%s.%s"):format(cmd.name, tostring(args.op)), agent = cmd.run.agent, risk = op.risk, args = args }
  return deed, policy.say({ self.settings.policy or {}, cmd.run.setup.policy or {} }, deed)
end

--- A fork has the record of what its original asked for by name, and no yes of its own.
local function forked_name(self, cmd)
  local named = self:seen(cmd.run).named
  return named and (named[cmd.name] or named[("%s.%s"):format(cmd.name, tostring(cmd.args.op))])
    and "what was approved of it was approved for the run that this one was forked from" or nil
end

--- "auto", "ask" (with the reason) or "deny" (with the reason), and the approval that lets it
--- through.
function gate:judge(cmd, op)
  if op.effect == "read" then
    local say, why = policy.say_of_read({ self.settings.policy or {}, cmd.run.setup.policy or {} },
      { effect = ("%s.%s"):format(cmd.name, tostring(cmd.args.op)), agent = cmd.run.agent, risk = "read", args = cmd.args })
    local row = say == "ask" and asked_before(self, cmd, { risk = "read" }, say)
    return row and "auto" or say, why, row or nil
  end
  local deed, say, why, names_it = policy_of(self, cmd, op, cmd.args)
  if say == "deny" then return "deny", why end
  local row, named, plain = asked_before(self, cmd, op, say)
  if row then return "auto", nil, row end
  named = named or say == "auto" and forked_name(self, cmd)
  if named then return "ask", named end
  if say == "auto" and not (why and names_it) then
    why = trust_rule(self, cmd, deed)
    if why then say = "ask" end
  end
  if say == "ask" and plain then return "auto", nil, plain end
  return say, why
end

local function ask(self, cmd, op, key, why)
  local old = self:rows("approval.gate", { run = cmd.run.id, seq = cmd.seq })[1]
  -- the newest question counts, also when the clock was set back since the one before
  if old then cmd.now = math.max(cmd.now, old.created + 1) end
  self:ask_approval(cmd, { subject = ("%s.%s %s"):format(cmd.name, tostring(cmd.args.op), key), proposal = cmd.args, effect = cmd.name,
    risk = op.risk or "outward", why = why, otherwise = "hold" })
  if cmd.intended then cmd:commit() else cmd:intent(op.effect) end
  return false, cmd:park "approval"
end

local function denied(cmd, why)
  return { code = "denied", number = "K3012", message = ("%s.%s: %s"):format(cmd.name, tostring(cmd.args.op), why) }
end

--- What the policy denies by now is not done, whatever a person said before, or wrote instead.
local function denied_since(self, cmd, op, row)
  if row.spent or row.state ~= "approved" and row.state ~= "edited" then return nil end
  local _, say, why = policy_of(self, cmd, op, row.value == nil and cmd.args or row.value)
  return say == "deny" and denied(cmd, why) or nil
end

local function digest_now(self, cmd, row)
  return self.digest_of(row.subject, cmd.args, row.effect)
end

--- The effect that it lets through is this one, and no other one that is the same.
local function use(self, cmd, row)
  self.used_approvals = self.used_approvals or {}
  self.used_approvals[row.id] = true
  cmd.tx:add("approval.use", { id = row.id, seq = cmd.seq })
end

--- Before an effect: true when it may be performed, and whether it is the first time that this
--- is known (so nothing was sent yet); else false and what the handler returns. An approval that
--- changed the arguments has them changed in `cmd`.
function gate:permit(cmd, op, key)
  local row = self:rows("approval.gate", { run = cmd.run.id, seq = cmd.seq })[1]
  if not row then
    if cmd.intended then return true, false end -- let through before
    local say, why, approval = self:judge(cmd, op)
    if say == "deny" then return false, nil, denied(cmd, why) end
    if say == "ask" then return ask(self, cmd, op, key, why) end
    if approval then use(self, cmd, approval) end
    return true, true
  end
  local refused = denied_since(self, cmd, op, row)
  if refused then
    cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
    return false, nil, refused
  end
  local was = row.spent ~= nil
  local ok, why = self:spend(row, digest_now(self, cmd, row))
  if not ok and why == "digest" then return ask(self, cmd, op, key, "what was approved is not what would be done now") end
  if not ok then return false, cmd:park "approval" end
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  if row.state ~= "approved" and row.state ~= "edited" then
    return false, nil, { code = "rejected", message = ("%s.%s %s: %s"):format(cmd.name, tostring(cmd.args.op), key,
      row.state == "rejected" and "a person said no" .. (row.note and ": " .. row.note or "") or "it was not approved (" .. row.state .. ")") }
  end
  if not row.used then use(self, cmd, row) end
  if row.value ~= nil then cmd.args = row.value end
  return true, not was
end

return gate
