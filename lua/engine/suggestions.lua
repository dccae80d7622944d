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
local function change_of(item)
  if item.state == "rejected" then return { no = item.note or "" } end
  local list = json.array {}
  for i, change in ipairs(diff.values(item.proposal, item.value)) do list[i] = { path = change.path, to = change.to } end
  return list
end

local function key_of(...) return digest.sha256(json.pack { ... }):sub(1, 16) end

--- Decisions of a person within the time, by what they changed: lists, newest first.
local function by_change(self)
  local groups, order, since = {}, {}, self.clock() - suggestions.within_ms
  for _, item in ipairs(self:approvals { changed = true, limit = 1000 }) do
    local at = item.by ~= "deadline" and item.at and rfc3339.parse(item.at)
    if at and at >= since then
      local change = change_of(item)
      local key = key_of(change)
      if not groups[key] then
        groups[key] = { change = change }
        order[#order + 1] = groups[key]
      end
      table.insert(groups[key], item)
    end
  end
  return order
end

--- Which skill (or effect, or agent) had proposed. It is found in a journal, once for each question.
local function about_of(self, item)
  self.proposed_by = self.proposed_by or {}
  if not self.proposed_by[item.id] then
    local one = self:override_of(item)
    self.proposed_by[item.id] = one.skill or one.agent
  end
  return self.proposed_by[item.id]
end

--- Of one change, what each skill (or effect, or agent) had it how often.
local function by_skill(self, group, list)
  local found = {}
  for _, item in ipairs(group) do
    local about = about_of(self, item)
    if not found[about] then
      found[about] = { key = key_of(about, group.change), about = about, change = group.change, count = 0, evidence = json.array {}, last = item.at,
        reasons = json.array {} }
      list[#list + 1] = found[about]
    end
    local told = found[about]
    told.count = told.count + 1
    table.insert(told.evidence, item.id)
    if item.note then table.insert(told.reasons, item.note) end
  end
end

--- The suggestions that stand: { key, about, change, count, evidence = { ids }, last, words },
--- newest first.
function suggestions:suggestions()
  local all, list = {}, json.array {}
  for _, group in ipairs(by_change(self)) do
    if #group >= suggestions.enough then by_skill(self, group, all) end
  end
  table.sort(all, function(a, b)
    if a.last ~= b.last then return a.last > b.last end
    return a.key < b.key
  end)
  for _, one in ipairs(all) do
    if one.count >= suggestions.enough then
      one.words = ("%s was decided the same way %d times in 30 days; consider changing it"):format(one.about, one.count)
      list[#list + 1] = one
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
