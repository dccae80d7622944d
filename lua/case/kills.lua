--- The kill matrix of a case: it is played once for each command of all its runs, killed there
--- after its effect and before its result was kept, and must come to the same as undisturbed.
--
--   local told = assert(kills.everywhere(home, value, { file = path }))
--   told.kills, #told.differences
--
-- Equal are effects, records, memories, questions, events, how runs ended, and the bill. What
-- nobody can look up (an effect without key and probe) must be asked of the owner, nothing
-- else; who answers looks for the effect outside, and then the end must be the same as well.
local case = require "case"
local json = require "json"
local snapshot = require "case.snapshot"

local kills = {}

--- Steps and the sides of a compensation are brackets: what is done in them are commands.
local brackets = { step = true, undo = true, start = true }

local function add(told, where, name, one)
  table.insert(told.differences, { at = where, name = name, path = one.path, expected = one.expected == nil and json.null or one.expected,
    got = one.got == nil and json.null or one.got, why = one.why })
end

--- What a model was asked again and again in one command, in vain, it is asked again, and paid
--- again: nothing of it was kept. How many calls that were; the bills are then not compared.
local function paid_again(calm, killed, command)
  local more, most = killed.ledger.calls - calm.ledger.calls, 0
  for _, one in ipairs(killed.killed.at_once and calm.commands or { command }) do most = most + (one.calls > 1 and one.calls or 0) end
  return more > 0 and more <= most and more or 0
end

local function without_bill(told)
  local kept, events = {}, json.array {}
  for _, one in ipairs(told.snapshot.events) do
    if not one.type:find "^budget%." then events[#events + 1] = one end
  end
  for name, part in pairs(told.snapshot) do kept[name] = part end
  kept.events, kept.ledger = events, nil
  return kept
end

--- Hold what came of a case that was killed to what came of it undisturbed.
local function compare(told, calm, killed, command, where, name)
  if not killed.killed then
    return add(told, where, name, { path = "/kill", why = "the engine was not killed: the command did not come about" })
  end
  local again = paid_again(calm, killed, command)
  told.paid_again = told.paid_again + again
  local wanted, got = calm.snapshot, killed.snapshot
  if again > 0 then wanted, got = without_bill(calm), without_bill(killed) end
  for _, one in ipairs(snapshot.differences(wanted, got, killed.killed.at_once)) do add(told, where, name, one) end
  for place in pairs(killed.killed.blind) do
    add(told, where, name, { path = "/questions", expected = "a question", why = "nobody asked whether the effect of " .. place:match "/(.*)$" .. " happened" })
  end
  local known = {}
  for _, one in ipairs(calm.differences) do known[one.path] = true end
  for _, one in ipairs(killed.differences) do
    local free = again > 0 and one.path:find "^/expect/ledger" or killed.killed.at_once and one.path:find "^/expect/outbox/"
    if not known[one.path] and not free then add(told, where, name, one) end
  end
end

--- Play a case killed at a command. Where branches go side by side another command may have its
--- number in this play: then once more, and at last at whatever comes behind it.
local function play_killed(home, value, file, kill)
  local killed, err
  for try = 1, 3 do
    kill.or_later = try == 3 or nil
    killed, err = case.play(home, value, { file = file, kill = kill })
    if not killed or killed.killed or kill.when == "during" then break end
  end
  return killed, err
end

--- Play a case once for each command, killed.
-- @param options  file (where the case was read); when (a list of moments: before_effect, during,
--   after_effect, which is the default); only(command) -> whether to kill there
-- @return { case, kills, asked, paid_again, differences = { { at, name, path, expected, got, why } } }; or nil, err
function kills.everywhere(home, value, options)
  local calm, err = case.play(home, value, { file = options.file })
  if not calm then return nil, err end
  local told = { case = value.case, kills = 0, asked = 0, paid_again = 0, differences = json.array {} }
  for _, one in ipairs(calm.differences) do add(told, "nowhere", "undisturbed", one) end
  for _, command in ipairs(calm.commands) do
    if not brackets[command.kind] and not (options.only and not options.only(command)) then
      local at = ("%s/%d#%d"):format(command.agent, command.number, command.seq)
      local name = command.name ~= "" and command.kind .. " " .. command.name or command.kind
      for _, when in ipairs(options.when or { "after_effect" }) do
        -- what waits to the end has no effect yet
        if command.state == "waiting" and when == "after_effect" then when = "during" end
        local killed
        killed, err = play_killed(home, value, options.file, { at = at, when = when })
        if not killed then return nil, err end
        if when ~= "during" or killed.killed then
          told.kills = told.kills + 1
          told.asked = told.asked + killed.asked
          compare(told, calm, killed, command, at, name)
        end
      end
    end
  end
  return told
end

return kills
