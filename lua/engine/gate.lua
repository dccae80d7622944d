--- The gate in front of every effect: may this run do this, now, with these arguments?
--
-- Asked right before the effect, of the very arguments that would go out. What the policy
-- wants asked (policy.lua), and what a run asked for by name (ctx.approve{ effect = "mail" }),
-- needs an approval of these arguments, to the byte; one approval lets one effect through.
--
-- A run is known by what it has seen: text from outside, private memory, and when a person
-- last looked (approved something in it). All three are the numbers of steps, kept while the
-- run is in memory and read from its journal when it comes back.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local digest = require "core.digest"
local json = require "json"
local policy = require "policy"

local gate = {}

-- ---- what a run has seen -----------------------------------------------------------------

local function note(seen, what, seq)
  if not seen[what] or seen[what] < seq then seen[what] = seq end
end

local function see_items(seen, seq, items)
  if type(items) ~= "table" then return end
  for _, item in ipairs(items) do
    note(seen, "private", seq)
    if type(item) == "table" and item.trust == "external" then note(seen, "external", seq) end
  end
end

local readers = { search = true, get = true, history = true, pack = true }

--- What one record of the journal showed the run. `child(seq)` tells whether the run that was
--- called there had seen text from outside.
local function see_record(seen, record, child)
  local kind, name = (record.name or ""):match "^([^:]*):?(.*)$"
  local value = record.value
  if record.failed or value == nil then return end
  if kind == "wait" and type(value) == "table" and value.trust == "external" then note(seen, "external", record.seq) end
  if kind == "memory" and readers[name] and type(value) == "table" then
    see_items(seen, record.seq, value.items or (value.id or value.text) and { value } or value)
  end
  if kind == "skill" and record.effect == "read" then note(seen, "external", record.seq) end
  if kind == "approve" and type(value) == "table" and value.approved and not value.applied then note(seen, "looked", record.seq) end
  if kind == "call" and child(record.seq) then note(seen, "external", record.seq) end
end

local function has_seen_external(self, row)
  if not row then return false end
  local records = self:journal(row)
  if not records then return true end -- purged: nobody knows
  local seen = { external = records[1] and records[1].value and records[1].value.trust == "external" and 0 or nil }
  for _, record in ipairs(records) do
    if record.kind == "step" or record.kind == "result" then see_record(seen, record, function() return false end) end
  end
  return seen.external ~= nil
end

--- An effect that the run has asked for by its name.
local function note_name(seen, record)
  local effect = (record.name or ""):find("^approve:") and type(record.args) == "table" and record.args.effect
  if type(effect) ~= "string" then return end
  seen.named = seen.named or {}
  seen.named[effect] = true
end

--- What a run in memory has shown itself so far, before its journal was read.
local function shown_to(run)
  run.seen = run.seen or {}
  return run.seen
end

--- { external, private, looked }: numbers of steps, or nil. In a task: what was submitted is
--- waited for. The journal of a run that was brought back is read once, up to where it stood in
--- the store; what came since was noted as it came.
function gate:seen(run)
  local seen = shown_to(run)
  if seen.whole then return seen end
  self:commit(self.store:tx())
  local row = self:rows("run.by_id", { id = run.id })[1]
  local children = {}
  for _, child in ipairs(self:rows("run.children", { id = run.id })) do children[child.parent_seq or 0] = child end
  for _, record in ipairs(row and self:journal(row) or {}) do
    note_name(seen, record)
    if record.kind == "start" and record.value.trust == "external" then note(seen, "external", 0) end
    if record.kind == "step" or record.kind == "result" then
      see_record(seen, record, function(seq) return has_seen_external(self, children[seq]) end)
    end
  end
  for _, asked in ipairs(self:rows("approval.of_run", { run = run.id })) do
    if asked.spent and asked.decided_by ~= "deadline" and (asked.state == "approved" or asked.state == "edited") then
      note(seen, "looked", asked.seq)
    end
  end
  seen.whole = true
  return seen
end

--- A command read memory: items, each with its trust.
function gate:saw_memory(cmd, items) see_items(shown_to(cmd.run), cmd.seq, items) end

function gate:saw_external(run, seq) note(shown_to(run), "external", seq) end

--- A child of the run came back with its result.
function gate:saw_child(run, seq, row)
  if not shown_to(run).whole then return end -- found when the journal is read
  if has_seen_external(self, row) then note(run.seen, "external", seq) end
end

--- A person looked at what the run proposed, and let it go on.
function gate:looked_at(run, seq) note(shown_to(run), "looked", seq) end

--- Whether what the run says stems from outside, and nobody looked at it since.
function gate:is_tainted(run)
  local seen = self:seen(run)
  return seen.external ~= nil and seen.external > (seen.looked or -1)
end

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
  return ("the run has read text from outside and private memory (step %d), and nobody has looked since"):format(last)
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
