--- What three equal overrides within thirty days suggest: never done, only said.
--
-- Two overrides are equal when the same skill (or the same effect, or agent) had proposed and
-- the owner changed the same thing to the same: the same fields to the same values, or said
-- no for the same reason. A suggestion has its evidence, the ids of the overrides.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local diff = require "diff"
local digest = require "core.digest"
local json = require "json"
local rfc3339 = require "rfc3339"

local suggestions = {}

suggestions.enough, suggestions.within_ms = 3, 30 * 86400000

--- What was changed, without what differs by nature: where from.
local function change_of(one)
  if one.outcome == "rejected" then return { no = one.reason or "" } end
  local list = json.array {}
  for i, change in ipairs(diff.values(one.proposed, one.decided)) do list[i] = { path = change.path, to = change.to } end
  return list
end

--- The suggestions that stand: { key, about, change, count, evidence = { ids }, last, words },
--- newest first.
function suggestions:suggestions()
  local groups, order, since = {}, {}, self.clock() - suggestions.within_ms
  for _, one in ipairs(self:overrides { limit = 1000 }) do
    local at = one.at and rfc3339.parse(one.at)
    if at and at >= since then
      local about, change = one.skill or one.agent, change_of(one)
      local key = digest.sha256(json.pack { about = about, change = change }):sub(1, 16)
      if not groups[key] then
        groups[key] = { key = key, about = about, change = change, count = 0, evidence = json.array {}, last = one.at, reasons = json.array {} }
        order[#order + 1] = groups[key]
      end
      local group = groups[key]
      group.count = group.count + 1
      table.insert(group.evidence, one.id)
      if one.reason then table.insert(group.reasons, one.reason) end
    end
  end
  local list = json.array {}
  for _, group in ipairs(order) do
    if group.count >= suggestions.enough then
      group.words = ("%s was decided the same way %d times in 30 days; consider changing it"):format(group.about, group.count)
      list[#list + 1] = group
    end
  end
  return list
end

--- Publish what a decision made a suggestion of: once each.
function suggestions:raise_suggestions()
  for _, one in ipairs(self:suggestions()) do
    self:emit("suggestion.raised", { about = one.about, change = one.change, count = one.count, evidence = one.evidence, words = one.words },
      { key = one.key .. "/" .. one.evidence[#one.evidence], quiet = true, trust = "agent" })
  end
end

return suggestions
