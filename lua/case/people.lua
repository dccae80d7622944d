--- The operator of a case: scripted answers to the questions that runs ask.
--
-- An answer is for the first question that it means: by the subject of an approval or the
-- beginning of it up to a colon (`welcome` means welcome:P-118), or `reconcile:KEY` for a
-- question whether an effect happened. What was put off, or taken back, can be answered again.
--
-- Where the case is killed beside what it says itself (case/kills.lua), whether an effect
-- happened that was on its way then is answered by who looks for it outside.
local json = require "json"

local people = {}
people.__index = people

--- `parts`: of which part of a sequence each answer is: it is given in that. `look_outside(item)`:
--- whether the effect that a question is about is there.
function people.new(world, answers, parts, look_outside)
  return setmetatable({ world = world, answers = answers, parts = parts, look_outside = look_outside }, people)
end

local outcomes = { done = "happened", not_done = "not_happened", undo = "undo", abandon = "abandon" }

local function same_subject(name, subject)
  return name == subject or subject:sub(1, #name + 1) == name .. ":"
end

local function means(one, item)
  local asked = one.action == "answer" and (one.question or ""):match "^reconcile:(.*)$" or nil
  if item.kind ~= "approval" then return asked ~= nil and (item.subject or ""):find(asked, 1, true) ~= nil end
  if one.action == "answer" then return false end
  return one.approval == nil or same_subject(one.approval, item.subject or "")
end

--- Plan the answer that is next for an item; for one that is decided, that is taking it back.
local function plan(self, item, now, decided)
  local at = self.world.at
  for i, one in ipairs(self.answers) do
    local place = tostring(i)
    if self.parts[i] == at.part and not at.used_answers[place] and means(one, item) then
      if decided and one.action ~= "recall" then return end -- for the next question of this subject
      at.used_answers[place] = true
      if one.action ~= "none" and one.after_s ~= -1 then
        self.world:add { at = now + (one.after_s or 0) * 1000, answer = i, item = item.id, subject = item.subject }
      end
      return
    end
  end
end

--- A part of a sequence begins: it may answer what an earlier one left open.
function people:begin_part(e, now)
  local answered = {}
  for _, one in ipairs(self.world.at.coming) do answered[one.item or ""] = true end
  for _, item in ipairs(e:inbox { all = true }) do
    if self.world.at.asked_items[item.id] and not answered[item.id] then plan(self, item, now) end
  end
end

--- Whether it is asked because of the kill, and for the first time.
local function is_of_the_kill(self, e, item)
  local killed = self.world.at.killed
  if not killed or item.kind ~= "reconcile" then return false end
  local full = e:approval(item.id)
  local place = ("%s/%s"):format(full.run, full.seq)
  if not killed.blind[place] then return false end
  killed.blind[place] = nil
  return true
end

--- Take note of what is asked anew.
function people:look(e, now)
  local at, any = self.world.at, false
  for _, item in ipairs(e:inbox { all = true }) do
    if not at.asked_items[item.id] then
      any = true
      at.asked_items[item.id] = true
      local of_kill = is_of_the_kill(self, e, item) or nil
      table.insert(at.questions, { id = item.id, kind = item.kind, subject = item.subject, diff = item.diff, asked = now, of_kill = of_kill })
      if of_kill then self.world:add { at = now, answer = 0, item = item.id, subject = item.subject } else plan(self, item, now) end
    end
  end
  if any then self.world:keep() end
end

-- ---- edits -------------------------------------------------------------------------------

--- Names under which the words of a thing go; an edit of one means the one that is there.
local wording = { "body", "text", "draft", "content", "message" }

local function lines_of(text) return text:gsub("^%s+", ""):gsub("%s+$", "") end

--- Words that are changed in a text: { replace = { { "old", "new" } } | { old = new },
--- remove = "..." | { ... }, first_sentence = "..." }.
local function reworded(text, edit)
  local function swap(old, new)
    local from, to = text:find(old, 1, true)
    if from then text = text:sub(1, from - 1) .. new .. text:sub(to + 1) end
  end
  for key, one in pairs(type(edit.replace) == "table" and edit.replace or {}) do
    if type(one) == "table" then swap(one[1] or one.from, one[2] or one.to) else swap(key, one) end
  end
  local remove = type(edit.remove) == "table" and edit.remove or { edit.remove }
  for _, one in ipairs(remove) do swap(one, "") end
  if edit.first_sentence then text = text:gsub("^.-[%.%!%?]", (edit.first_sentence:gsub("%%", "%%%%")), 1) end
  return (lines_of(text:gsub("\n\n\n+", "\n\n")))
end

local operations = { replace = true, remove = true, first_sentence = true }

local function place_of_words(value)
  for _, name in ipairs(wording) do
    if type(value[name]) == "string" then return name end
  end
end

--- What a proposal is after an edit: an object is changed in the fields that the edit names,
--- anything else is replaced.
function people.edited(proposal, edit)
  if type(proposal) ~= "table" or type(edit) ~= "table" or json.is_list(proposal) or json.is_list(edit) and next(edit) ~= nil then
    if type(proposal) == "table" and type(edit) == "string" and place_of_words(proposal) then
      return people.edited(proposal, { [place_of_words(proposal)] = edit })
    end
    return edit
  end
  local out, place, reword = {}, place_of_words(proposal), false
  for key, value in pairs(proposal) do out[key] = value end
  for key, value in pairs(edit) do
    if operations[key] and proposal[key] == nil and place then
      reword = true
    elseif proposal[key] == nil and type(value) == "string" and place and (key == "text" or key == "body" or key == "draft") then
      out[place] = value
    elseif value == json.null then
      out[key] = nil
    else
      out[key] = type(value) == "table" and type(proposal[key]) == "table" and people.edited(proposal[key], value) or value
    end
  end
  if reword then out[place] = reworded(proposal[place], edit) end
  return out
end

-- ---- giving answers ------------------------------------------------------------------------

local function decide(e, item, one)
  local state = one.action == "approve" and "approved" or one.action == "edit" and "edited" or "rejected"
  local value = one.edit
  if state == "edited" then value = people.edited(item.proposal, one.edit) end
  return e:decide(item.id, { state = state, value = value, note = one.note })
end

local acts = {}

function acts.recall(e, item, one) return e:recall(item.id, { note = one.note }) end
function acts.answer(e, item, one) return e:reconcile(item.id, { answer = outcomes[one.value], note = one.note }) end
function acts.snooze(e, item, one) return e:snooze(item.id, (one.for_s or 3600) * 1000) end
acts.approve, acts.edit, acts.reject = decide, decide, decide

--- Give a planned answer. What expired, or was withdrawn, cannot be answered and need not be;
--- nor what was answered already when the engine died of it.
-- Returns true, or nil, err.
function people:give(e, coming, now)
  local one = self.answers[coming.answer]
  local item, err = e:approval(coming.item)
  if not item then return nil, err end
  local open, again = item.state == "open", coming.under_way
  coming.under_way = true
  self.world:keep()
  if not one then -- of the kill
    if open then return e:reconcile(item.id, { answer = self.look_outside(item) and "happened" or "not_happened" }) end
    return true
  end
  local recall, done = one.action == "recall", true
  if not open and not recall and not again then return true end
  if open or recall then done, err = acts[one.action](e, item, one) end
  if not done and not recall then
    self.world:differ("/human/" .. coming.answer - 1, one.action, nil, err.message)
    return true
  end
  -- too late is an answer, too: what the case expects of it is checked
  if not done and not again then
    table.insert(self.world.at.unchecked, ("/human/%d was not taken back: %s"):format(coming.answer - 1, err.message))
  end
  -- an answer to the same question may follow: after it was put off or taken back, or to take it back
  item = e:approval(item.id) or item
  plan(self, { id = item.id, kind = item.kind, subject = item.subject }, now, item.state ~= "open")
  return true
end

--- The answers that nothing asked for.
function people:left()
  local list = {}
  for i, one in ipairs(self.answers) do
    if not self.world.at.used_answers[tostring(i)] and one.action ~= "none" then list[#list + 1] = i end
  end
  return list
end

return people
