--- The gate in front of every effect: may this run do this, now, with these arguments?
--
-- Asked right before the effect, of the very arguments that would go out. What the policy
-- wants asked (policy.lua), and what a run asked for by name (ctx.approve{ effect = "mail" }),
-- needs an approval of these arguments, to the byte; one approval lets one effect through.
--
-- A run is known by what it has seen: text from outside, private memory, and when a person
-- last looked (approved something in it). All three are of the run's own time, kept while the
-- run is in memory and read from its journal when it comes back.
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

local function look(seen, seq)
  local at = seen.asked and seen.asked[seq]
  if at then seen.looked = math.max(seen.looked or -1, at) end
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

--- Whether the record, as it was at that time, stems from outside.
local function is_marked(self, kind, key, time)
  return type(kind) == "string" and type(key) == "string"
    and #self:rows("record.marked", { type = kind, key = key, time = time }) > 0
end

local shows = {}

function shows.wait(seen, record)
  if type(record.value) == "table" and record.value.trust == "external" then note(seen, "external", record.seq) end
end

function shows.memory(seen, record, op)
  local value = record.value
  if not readers[op] or type(value) ~= "table" then return end
  each_item(value.items or (value.id or value.text) and { value } or value, function(what) note(seen, what, record.seq) end)
end

function shows.skill(seen, record)
  if record.effect == "read" then note(seen, "external", record.seq) end
end

function shows.approve(seen, record)
  if type(record.value) == "table" and record.value.approved and not record.value.applied then look(seen, record.seq) end
end

function shows.records(seen, record, op, self)
  local args, value = record.args, record.value
  if type(args) ~= "table" or value == nil or value == json.null then return end
  local found = op == "get" and { { key = args.key } } or op == "find" and value or {}
  for _, row in ipairs(found) do
    if is_marked(self, args.type, row.key, record.t) then return note(seen, "external", record.seq) end
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
local function see_record(self, seen, record, children)
  local kind, name = (record.name or ""):match "^([^:]*):?(.*)$"
  if record.failed and not fails[kind] then return end
  if kind == "call" then
    return see_child(self, function(what) note(seen, what, record.seq) end, children[record.seq])
  end
  if shows[kind] then shows[kind](seen, record, name, self) end
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
  local seen, done, children, begun = {}, {}, {}, {}
  for _, child in ipairs(self:rows("run.children", { id = row.id })) do children[child.parent_seq or 0] = child end
  for _, record in ipairs(records) do
    note_name(seen, record)
    if record.kind == "start" then
      seen.external = record.value.trust == "external" and 0 or nil
      seen.private = record.value.private and 0 or nil
    elseif record.kind == "intent" then
      begun[record.seq] = begun[record.seq] or record
      asked_now(seen, record.seq)
    elseif record.kind == "step" or record.kind == "result" then
      done[record.seq] = true
      -- what was begun before is named there alone
      if record.kind == "result" and begun[record.seq] then
        record.name, record.args = begun[record.seq].name, begun[record.seq].args
      end
      see_record(self, seen, record, children)
    end
  end
  return seen, done
end

--- { external, private, looked }: the run's own time, or nil. In a task: what was submitted is
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
  for _, asked in ipairs(self:rows("approval.of_run", { run = run.id })) do
    if asked.spent and asked.decided_by ~= "deadline" and (asked.state == "approved" or asked.state == "edited") then
      look(seen, asked.seq)
    end
  end
  seen.whole, run.seen, run.shown = true, seen, nil
  return seen
end

--- A command read memory: items, each with its trust.
function gate:saw_memory(cmd, items)
  each_item(items, function(what) shown_to(cmd.run, what, cmd.seq) end)
end

--- A command read records: rows with their keys.
function gate:saw_records(cmd, rows)
  for _, row in ipairs(rows) do
    if is_marked(self, cmd.args.type, row.key, cmd.now) then return shown_to(cmd.run, "external", cmd.seq) end
  end
end

--- A command writes a record: who reads it is to know where it stems from. The mark outlives
--- the run.
function gate:mark_record(cmd)
  if not self:is_tainted(cmd.run) then return end
  cmd.tx:add("uses.put", { kind = "x", run = 0, seq = 0, items_json = json.array { mark_of(cmd.run.id, cmd.seq) } })
end

function gate:saw_external(run, seq) shown_to(run, "external", seq) end

--- A child of the run came back, with its result or its failure.
function gate:saw_child(run, seq, row)
  if not (run.seen and run.seen.whole) then return end -- found when the journal is read
  see_child(self, function(what) note(run.seen, what, seq) end, row)
end

--- The run asks a person, in a command of its own or before an effect.
function gate:asks(run, seq)
  if run.seen and run.seen.whole then asked_now(run.seen, seq) end
end

--- A person looked at what the run proposed, and let it go on.
function gate:looked_at(run, seq)
  if run.seen and run.seen.whole then look(run.seen, seq) end
end

local function since_looked(seen, what) return seen[what] ~= nil and seen[what] > (seen.looked or -1) end

--- Whether what the run says stems from outside, and nobody looked at it since.
function gate:is_tainted(run) return since_looked(self:seen(run), "external") end

--- The same of private memory.
function gate:is_private(run) return since_looked(self:seen(run), "private") end

-- ---- what is approved already ----------------------------------------------------------------

local function same(a, b) return digest.sha256(json.pack { a }) == digest.sha256(json.pack { b }) end

--- Whether a field of this name has this very value in what was shown, at any depth.
local function has_field(value, name, part)
  if type(value) ~= "table" then return false end
  if value[name] ~= nil and same(value[name], part) then return true end
  for _, inner in pairs(value) do
    if has_field(inner, name, part) then return true end
  end
  return false
end

--- Everything that would go out was in what the person saw, under its own name. An op and a
--- key need not be, but no other ones may be.
local function shown(value, args)
  local any = false
  for name, part in pairs(args) do
    if name == "op" or name == "key" then
      if value[name] ~= nil and value[name] ~= part then return false end
    else
      if not has_field(value, name, part) then return false end
      any = true
    end
  end
  return any
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
        named = named or "its arguments are not those that were approved"
        if yes and same(value, cmd.args) then
          local hold, fact = self:facts_hold(row.plan and row.plan.facts)
          if hold then return row end
          named = self.fact_name(fact) .. " changed since it was approved"
        end
      elseif yes and not row.effect and not plain and policy.tier(row.risk) >= policy.tier(op.risk)
        and type(value) == "table" and shown(value, cmd.args) and self:facts_hold(row.plan and row.plan.facts) then
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
  if last <= (seen.looked or -1) then return nil end
  return ("the run has read text from outside and private memory (step %d), and nobody has looked since"):format(seen.step or 0)
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
    if approval then
      self.used_approvals[approval.id] = true
      cmd.tx:add("approval.use", { id = approval.id, seq = cmd.seq })
    end
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
  if row.value ~= nil then cmd.args = row.value end
  self:looked_at(cmd.run, cmd.seq)
  return true, not was
end

return gate
