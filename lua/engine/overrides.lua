--- What the owner decided otherwise than an agent proposed: every edit and every no.
--
-- An override is an approval that a person edited or rejected; nothing is kept twice. The
-- skill that made the proposal is found where it was recorded: the last step before the
-- question whose result is the proposal, or a part of it.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"

local overrides = {}

local function hash(value) return digest.sha256(json.pack { value }) end

--- Where in `whole` the value with this hash is: "" for all of it, a key, or nil.
local function part_with(whole, wanted)
  if hash(whole) == wanted then return "" end
  if type(whole) ~= "table" then return nil end
  for _, key in ipairs(json.sorted_keys(whole)) do
    -- a number or a word may be anybody's
    local part = whole[key]
    if (type(part) == "table" or type(part) == "string" and #part >= 16) and hash(part) == wanted then return key end
  end
  return nil
end

--- Which texts of a result stand in the proposal, under which names there: { [key] = field },
--- or nil. A short one may be anybody's.
local function fields_of(proposal, value)
  local fields
  if type(proposal) ~= "table" or type(value) ~= "table" then return nil end
  for _, key in ipairs(json.sorted_keys(proposal)) do
    for _, field in ipairs(type(proposal[key]) == "string" and #proposal[key] >= 16 and json.sorted_keys(value) or {}) do
      if value[field] == proposal[key] then
        fields = fields or {}
        fields[key] = fields[key] or field
      end
    end
  end
  return fields
end

--- The step whose result the proposal is or holds, or some of whose texts it holds: { skill, seq,
--- input, output, part | fields }, or nil.
local function source_of(records, row)
  local found, begun = nil, {}
  for _, record in ipairs(records) do
    if record.seq >= row.seq and record.seq ~= 0 then break end
    if record.kind == "intent" then begun[record.seq] = record end
    if record.kind == "result" and begun[record.seq] then -- named where it was begun alone
      record.name, record.args = begun[record.seq].name, begun[record.seq].args
    end
    local name = (record.name or ""):match "^skill:(.*)$"
    local value = record.value
    if name and not record.failed and value ~= nil and (record.kind == "step" or record.kind == "result") then
      local part = part_with(row.proposal, hash(value))
      local fields = not part and not (found and found.part) and fields_of(row.proposal, value) or nil
      if part or fields then found = { skill = name, seq = record.seq, input = record.args, output = value, part = part, fields = fields } end
    end
  end
  return found
end

--- The override that an approval is, with the skill that had proposed: it is looked for in the
--- run's journal.
function overrides:override_of(item)
  local row = self:rows("run.get", { run = item.run })[1]
  local records = row and self:journal(row) or {}
  local source = source_of(records, item)
  return { id = item.id, run = item.run, step = item.seq, agent = item.agent, version = row and row.version, subject = item.subject,
    skill = source and source.skill or item.effect, proposed = item.proposal, decided = item.value, outcome = item.state,
    by = item.by, at = item.at, reason = item.note, channel = item.channel, source = source }
end

--- The overrides, newest first: { run, step, skill, proposed, decided, by, at, reason, outcome,
--- channel, ... }. Filters: skill, agent, limit (50).
function overrides:overrides(filter)
  filter = filter or {}
  local list, limit = json.array {}, filter.limit or 50
  for _, item in ipairs(self:approvals { changed = true, agent = filter.agent, limit = filter.skill and 1000 or limit }) do
    if item.by ~= "deadline" then
      local one = self:override_of(item)
      if not filter.skill or one.skill == filter.skill then list[#list + 1] = one end
      if #list >= limit then break end
    end
  end
  return list
end

--- An edit as an example of the skill that proposed: { name, input, output }; nil when it is none
-- (a no, or what the skill made is a part that the owner left as it was).
function overrides.as_example(one)
  local source = one.source
  if one.outcome ~= "edited" or not source or json.absent(one.decided) then return nil end
  local output = one.decided
  if source.fields then
    output = {}
    for field, value in pairs(source.output) do output[field] = value end
    for key, field in pairs(source.fields) do output[field] = type(one.decided) == "table" and one.decided[key] or output[field] end
  elseif source.part ~= "" then output = type(output) == "table" and output[source.part] or nil end
  if output == nil or hash(output) == hash(source.output) then return nil end
  local input = source.input
  return { name = ("as decided in %s"):format(one.id), input = input == nil and json.null or input, output = output }
end

-- ---- again, with another agent ---------------------------------------------------------------

local function verdict(played, row)
  if played.equal or not played.at or row.seq < played.at then return "same" end
  if row.seq > played.at then return "not_reached" end
  local new = played.new or {}
  local asks = (new.name or ""):match "^approve" ~= nil
  local proposal = asks and type(new.args) == "table" and new.args.proposal
  return asks and "differs" or "not_asked", asks and { proposal = proposal,
    diff = require("diff").values(row.proposal, proposal) } or nil
end

--- Give the recorded decisions to a changed agent: for each, whether it would be asked the same
--- again. Options: agent, with (a file), limit of runs (100). Returns { { id, run, step, subject,
--- outcome, verdict = "same|differs|not_asked|not_reached", new? } }, or nil, err.
function overrides:reapply(options)
  local list, runs, order = json.array {}, {}, {}
  for _, item in ipairs(self:approvals { agent = options.agent, limit = 1000 }) do
    if item.kind == "approval" and item.state ~= "open" and not item.effect then
      if not runs[item.run] then
        runs[item.run] = {}
        order[#order + 1] = item.run
      end
      table.insert(runs[item.run], 1, item)
    end
  end
  for i = 1, math.min(#order, options.limit or 100) do
    local played, err = self:replay(order[i], { with = options.with })
    if not played and err.number ~= "K1904" then return nil, err end
    for _, item in ipairs(played and runs[order[i]] or {}) do
      local word, new = verdict(played, item)
      list[#list + 1] = { id = item.id, run = item.run, step = item.seq, subject = item.subject, outcome = item.state,
        verdict = word, new = new and new.proposal, diff = new and new.diff }
    end
  end
  if #list == 0 then return nil, errors.new("K1007", { kind = "decision of agent", name = options.agent or "", next = "keel inbox" }) end
  return list
end

return overrides
