-- Meeting notes to tasks that are true: new ones, changed ones, and nothing twice.
--
-- A file in the notes folder is read in parts that fit a prompt. What it says is checked (a
-- date that is past, an owner whom the notes do not name), merged with the tasks that the
-- project has, and applied all at once. When the file itself is changed later, what that
-- changes is shown to you first. Decisions become long memory with the file as their source.

local stop_words = {}
for word in ("a an the we i is are was be been of to on in for and or with not no out it its this that will would shall should idea decided decision decide dropped drop "
  .. "agreed agree chosen choose chose keep kept remove removed cancel cancelled go going use using from now instead rather than"):gmatch("%S+") do
  stop_words[word] = true
end

local function present(value)
  return value ~= nil and type(value) ~= "userdata" and value ~= ""
end

local function hash_of(text)
  local h = 5381
  for byte in text:gmatch(".") do
    h = (h * 33 + byte:byte()) & 0xffffffff
  end
  return ("%08x"):format(h)
end

--- "We dropped the dark mode idea." -> "dark-mode"
local function topic_of(text)
  local words = {}
  for word in text:lower():gmatch("[%w\128-\255]+") do
    if not stop_words[word] and #words < 4 then
      words[#words + 1] = word
    end
  end
  return #words > 0 and table.concat(words, "-") or hash_of(text)
end

--- Parts of a text of at most so many bytes, cut between paragraphs, else lines, else words.
local function chunks_of(text, most)
  local parts, from = {}, 1
  while from <= #text do
    local stop = math.min(#text, from + most - 1)
    if stop < #text then
      local piece = text:sub(from, stop)
      local cut = piece:match("^.*()\n\n") or piece:match("^.*()\n") or piece:match("^.*()[%.%!%?] ") or piece:match("^.*() ")
      if cut and cut > most // 4 then
        stop = from + cut - 1
      else
        while stop > from and text:byte(stop + 1) & 0xC0 == 0x80 do
          stop = stop - 1
        end
      end
    end
    parts[#parts + 1] = text:sub(from, stop)
    from = stop + 1
  end
  return parts
end

-- What a model said, in one form ----------------------------------------------------------

local function list_of(...)
  local out = {}
  for _, one in ipairs { ... } do
    for _, item in ipairs(type(one) == "table" and (#one > 0 and one or next(one) ~= nil and { one } or {}) or {}) do
      out[#out + 1] = item
    end
  end
  return out
end

local function pick(item, ...)
  for _, name in ipairs { ... } do
    if present(item[name]) then
      return item[name]
    end
  end
  return nil
end

local function tasks_in(said)
  local tasks = {}
  for _, item in ipairs(list_of(said.tasks or false, said.action_items or false, said.actions or false, said.items or false)) do
    if type(item) == "string" then
      item = { title = item }
    end
    local title = pick(item, "title", "task", "text", "action", "what")
    if title then
      tasks[#tasks + 1] = { title = tostring(title):sub(1, 120), owner = pick(item, "owner", "who", "assignee"), due = pick(item, "due", "date", "deadline", "by"),
        estimate_h = tonumber((tostring(pick(item, "estimate_h", "hours", "estimate")):match("%d+%.?%d*"))), waiting_on = pick(item, "waiting_on") }
    end
  end
  return tasks
end

local function decisions_in(said)
  local list = {}
  for _, one in ipairs(list_of(said.decisions or false)) do
    local text = type(one) == "table" and pick(one, "text", "decision", "title", "fact") or one
    if present(text) then
      local key = type(one) == "table" and pick(one, "key", "topic", "slug")
      -- a word of a key, however it was given: "decision:PRJ-FERN/dark-mode", "Dark mode"
      key = key and tostring(key):match("[^/]*$"):lower():gsub("[^%w\128-\255]+", "-"):gsub("^%-+", ""):gsub("%-+$", "") or ""
      list[#list + 1] = { text = tostring(text), key = key ~= "" and key or topic_of(tostring(text)) }
    end
  end
  return list
end

local function meetings_in(said)
  local list = {}
  for _, one in ipairs(list_of(said.meetings or false, said.meeting or false)) do
    one = type(one) == "table" and one or { at = one }
    local at = tostring(pick(one, "at", "start", "from", "when", "date") or "")
    if at ~= "" then
      local date, time, zone = at:match("^(%d%d%d%d%-%d%d%-%d%d)[T ]?(%d*:?%d*)[:%d%.]*(.*)$")
      list[#list + 1] = { title = pick(one, "title", "what") or "Next meeting", date = date or at, time = pick(one, "time") or time ~= "" and time or nil,
        zone = zone and (zone == "Z" or zone:find("^[+-]%d%d:%d%d$")) and zone or nil }
    end
  end
  return list
end

-- The steps -----------------------------------------------------------------------------------

--- Read the file, part by part where it is long. What a model does not manage the skill for
--- tasks reads by rules; but what there is no money for is not done at all.
local function extract(ctx, file, base)
  -- three bytes a token is more than text has; the rest of the prompt needs some room, too
  local parts = chunks_of(file.text, math.max(1000, (ctx.config.prompt_tokens - 1000) * 3))
  local all = { tasks = {}, decisions = {}, meetings = {}, parts = #parts }
  for i, text in ipairs(parts) do
    local source = #parts > 1 and ("%s#chunk-%d-of-%d"):format(file.source, i, #parts) or file.source
    local said, err = ctx.skill.extract_notes { text = text, me = ctx.config.me, base = base, source = source }
    if err and err.code == "budget" then
      error(err, 0)
    elseif err then
      ctx.emit("run.degraded", { source = source, why = "read by rules: " .. err.message }, { key = "degraded:" .. ctx.run .. ":" .. i })
      said = ctx.skill.extract_tasks { text = text, me = ctx.config.me, base = base }
    end
    table.move(tasks_in(said), 1, 1000, #all.tasks + 1, all.tasks)
    table.move(decisions_in(said), 1, 1000, #all.decisions + 1, all.decisions)
    table.move(meetings_in(said), 1, 1000, #all.meetings + 1, all.meetings)
  end
  return all
end

--- The day that a word means, counted from the meeting; nil when it means none.
local function date_of(ctx, text, base)
  if not present(text) then
    return nil
  end
  text = tostring(text)
  local year, month, day = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)")
  if year then
    local last = month == "02" and (tonumber(year) % 4 == 0 and (tonumber(year) % 100 ~= 0 or tonumber(year) % 400 == 0) and 29 or 28)
      or ("04 06 09 11"):find(month, 1, true) and 30 or 31
    month, day = tonumber(month), tonumber(day)
    return month >= 1 and month <= 12 and day >= 1 and day <= last and text:sub(1, 10) or nil
  end
  local found = ctx.skill.find_dates { text = text, base = base, limit = 1 }.dates[1]
  return found and found.date
end

--- The day of the meeting: of the file's name, of the first line, else today.
local function day_of_meeting(ctx, file)
  local today = ctx.time.parts { at = ctx.now_text() }.date
  local named = date_of(ctx, file.key:match("%d%d%d%d%-%d%d%-%d%d"), today)
  if named then
    return named
  end
  local line = file.text:match("^%s*([^\n]*)"):sub(1, 120)
  line = line:match("^(.-)%s+%-%s") or line:match("^(.-%.)%s") or line -- not what stands behind the title
  local found = ctx.skill.find_dates { text = line, base = today, limit = 1 }.dates[1]
  return found and line:find("%d") and found.date or today
end

local function is_me(owner, config)
  local word = tostring(owner):lower()
  local signed = config.sign_as:lower()
  return word == "me" or word == "i" or word == "myself" or word == config.me:lower() or word == signed or word == signed:match("^%S+")
end

--- Whether a name stands in the notes: as words, not inside of others.
local function is_named(owner, text)
  local name = tostring(owner):lower()
  return text:find("%f[%w\128-\255]" .. name:gsub("%p", "%%%0") .. "%f[^%w\128-\255]") ~= nil
end

--- Keep what the notes bear out; the rest is for you to look at.
local function validate(ctx, found, file, base)
  local kept, reviews = {}, {}
  local text = file.text:lower()
  local function review(task, why)
    reviews[#reviews + 1] = { title = task.title, why = why }
  end
  for _, task in ipairs(found.tasks) do
    local owner = present(task.owner) and task.owner or "me"
    if is_me(owner, ctx.config) then
      owner = "me"
    end
    local due = date_of(ctx, task.due, base)
    if present(task.due) and not due then
      review(task, ("its date %s is none"):format(tostring(task.due)))
    elseif due and due < base then
      review(task, ("its date %s is past (the meeting was on %s)"):format(due, base))
      due = nil
    end
    local hours = task.estimate_h
    if hours and (hours < 0.25 or hours > 80) then
      review(task, ("its estimate of %g h cannot be"):format(hours))
      hours = nil
    end
    if owner ~= "me" and not is_named(owner, text) then
      review(task, "its owner is not in the notes")
    else
      kept[#kept + 1] = { title = task.title, owner = owner, due = due, estimate_h = hours,
        waiting_on = owner ~= "me" and owner or present(task.waiting_on) and not is_me(task.waiting_on, ctx.config) and task.waiting_on or nil }
    end
  end
  return kept, reviews
end

local carried = { "owner", "due", "estimate_h", "waiting_on" }

local days = "monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun today tomorrow eod"

--- What a title is about, without when, and with one word for all handing over:
--- "Deliver audit checklist to Ana by Monday" is "send audit checklist to ana".
local function core_of(title)
  local text = title:lower():gsub("%f[%w](%a+)%s+([%w%-]+)%f[^%w%-]%s*(%a*)", function(word, day, month)
    if (word == "by" or word == "until" or word == "before" or word == "on") and ((" " .. days .. " "):find(" " .. day .. " ", 1, true) or day:find("^%d")) then
      return day:find("^%d") and month:find("^%a%a%a") and "" or month
    end
  end)
  return (text:gsub("^%s*(%a+)", { deliver = "send", share = "send", email = "send", mail = "send", forward = "send", hand = "send", give = "send", get = "send" }))
end

--- The task that there is which this one is, by its words; else by what they are about.
local function match(ctx, task, candidates)
  if #candidates == 0 then
    return nil
  end
  local found = ctx.skill.match_entity { text = task.title, candidates = candidates, min = ctx.config.merge_similarity }
  if not found.key then
    local plain = {}
    for i, one in ipairs(candidates) do
      plain[i] = { key = one.key, text = core_of(one.text) }
    end
    found = ctx.skill.match_entity { text = core_of(task.title), candidates = plain, min = ctx.config.merge_similarity }
  end
  return found.key
end

--- What of it is new, and what changes a task that there is. Parts of a long file may tell of
--- the same task twice.
local function merge(ctx, tasks, project, parts)
  local candidates, by_key, made = {}, {}, {}
  for i, row in ipairs(ctx.records.find { type = "task", where = { project = project, state = "open" }, limit = 1000 } or {}) do
    candidates[i] = { key = row.key, text = row.value.title }
    by_key[row.key] = row.value
  end
  local new, changes = {}, {}
  for _, task in ipairs(tasks) do
    local key = match(ctx, task, candidates)
    local old = key and not made[key] and by_key[key]
    if old then
      for _, field in ipairs(carried) do
        -- a task that had no owner is yours already
        local was = old[field] == nil and field == "owner" and "me" or old[field]
        if task[field] ~= nil and task[field] ~= was then
          changes[#changes + 1] = { id = key, field = field, from = old[field] == nil and ctx.null or old[field], to = task[field], source = old.source }
        end
      end
    elseif key then
      for _, field in ipairs(carried) do
        made[key][field] = task[field] or made[key][field]
      end
    else
      local id = "T-" .. hash_of(project .. "/" .. topic_of(task.title) .. "/" .. task.title:lower())
      if not made[id] and not by_key[id] and not ctx.records.get { type = "task", key = id } then
        made[id] = { id = id, title = task.title, project = project, owner = task.owner, due = task.due, estimate_h = task.estimate_h, waiting_on = task.waiting_on }
        new[#new + 1] = made[id]
        candidates[#candidates + 1] = parts > 1 and { key = id, text = task.title } or nil
      end
    end
  end
  return new, changes
end

--- What another version of the same file said before is shown to you before it is changed.
local function reviewed(ctx, changes, file)
  local sure, asked, lines = {}, {}, {}
  for _, one in ipairs(changes) do
    if (one.source == file.source or file.changed) and type(one.from) ~= "userdata" then
      asked[#asked + 1] = one
      lines[#lines + 1] = ("%s of %s %s -> %s"):format(one.field, one.id, tostring(one.from), tostring(one.to))
    else
      sure[#sure + 1] = one
    end
  end
  if #asked == 0 then
    return sure
  end
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).changes, default = { on_timeout = "hold" } }
  local verdict = assert(ctx.approve { subject = "changes:" .. file.source, proposal = { changes = lines }, within = terms.within, otherwise = terms.otherwise, remind = terms.remind })
  if verdict.approved then
    table.move(asked, 1, #asked, #sure + 1, sure)
  end
  return sure
end

--- All of it, or nothing.
local function apply(ctx, new, changes, reviews, file)
  local values = {}
  for _, one in ipairs(changes) do
    values[one.id] = values[one.id] or ctx.records.get { type = "task", key = one.id }
    values[one.id][one.field], values[one.id].source = one.to, file.source
  end
  ctx.step { name = "apply", run = function()
    return assert(ctx.atomic(function()
      for _, one in ipairs(changes) do
        ctx.records.put { type = "task", key = one.id, value = values[one.id] }
      end
      for _, one in ipairs(new) do
        local task = { state = "open", source = file.source }
        for field, value in pairs(one) do
          task[field] = value
        end
        ctx.records.put { type = "task", key = one.id, value = task }
      end
      for i, one in ipairs(reviews) do
        local key = ("RV-%s-%d"):format(hash_of(file.source .. one.title), i)
        ctx.records.put { type = "review", key = key, value = { id = key, title = one.title, why = one.why, source = file.source, state = "open" } }
      end
      return true
    end))
  end }
end

--- Draft a slot in the calendar for each meeting that was agreed.
local function draft_meetings(ctx, meetings, project, base)
  for _, one in ipairs(meetings) do
    local date = date_of(ctx, one.date, base)
    if date and not one.time then
      one.time = (ctx.skill.find_dates { text = one.date, base = base, limit = 1 }.dates[1] or {}).time
    end
    if date then
      local at = one.zone and one.time and ctx.time.parts { at = ("%sT%s:00%s"):format(date, one.time, one.zone) } or ctx.time.at { date = date, time = one.time or "09:00" }
      ctx.step { name = "calendar_draft", run = function()
        return assert(ctx.skill.calendar { op = "draft", key = ("meeting:%s:%s"):format(project, date), at = at.at, title = one.title })
      end }
    end
  end
end

--- The mail after the meeting, if there is somebody to write to and you say yes.
local function follow_up(ctx, said, file, project)
  local record = ctx.records.get { type = "project", key = project } or {}
  local domain = record.client
  local contact = domain and ctx.memory.get { kind = "client", key = "client:" .. domain .. "/contact" }
  local known = contact and type(contact.value) == "table" and contact.value or {}
  local rows = domain and ctx.records.find { type = "client", where = { domain = domain }, limit = 1 } or {}
  local to = known.email or rows[1] and rows[1].value.email or domain and "hello@" .. domain
  if not to then
    return "none"
  end
  local draft = ctx.skill.draft_followup { tasks = said.tasks, decisions = said.decisions, meetings = said.meetings, project = project,
    to_name = known.name and known.name:match("%S+"), owner = ctx.config.sign_as }
  if not draft then
    ctx.emit("run.degraded", { why = "no follow-up was drafted" })
    return "none"
  end
  local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).followup, default = { timebox_s = 86400, on_timeout = "skip" } }
  local verdict = assert(ctx.approve { subject = "followup:" .. file.source, proposal = draft, within = terms.within, otherwise = terms.otherwise, remind = terms.remind,
    why = "To " .. to })
  if not verdict.approved then
    return "held"
  end
  local letter = type(verdict.value) == "table" and verdict.value or { body = tostring(verdict.value) }
  ctx.step { name = "send", run = function()
    return assert(ctx.skill.mail { op = "send", key = "followup:" .. file.key, to = to, subject = letter.subject or "After our meeting", body = letter.body or letter.text or letter.message or letter.draft })
  end }
  return "sent"
end

return agent {
  version = 1,
  about = "Turns meeting notes into tasks, decisions, calendar drafts and a follow-up that you approve",
  -- files that say their project; meeting_notes takes any
  on = { { event = "file.created", where = { project = { prefix = "" } } }, { event = "file.changed", where = { project = { prefix = "" } } } },

  input = {
    type = "object", required = { "text" },
    properties = { text = { type = "string" }, project = { type = "string" }, path = { type = "string" } },
  },
  output = {
    type = "object", required = { "created", "updated", "decisions" }, additionalProperties = false,
    properties = {
      created = { type = "array", items = { ["$ref"] = "#/$defs/task" } },
      updated = { type = "array", items = { type = "object", required = { "id", "field", "from", "to" } } },
      decisions = { type = "array", items = { type = "string" } }, followup = { enum = { "sent", "held", "none" } },
    },
    ["$defs"] = { task = { type = "object", required = { "title", "project", "owner" }, additionalProperties = false, properties = {
      title = { type = "string", maxLength = 120 }, project = { type = "string" }, owner = { type = "string" }, due = { type = { "string", "null" } },
      estimate_h = { type = { "number", "null" }, minimum = 0.25, maximum = 80 }, waiting_on = { type = { "string", "null" } } } } },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      merge_similarity = { type = "number", minimum = 0, maximum = 1, default = 0.82 }, prompt_tokens = { type = "integer", minimum = 1500, default = 6000 },
      me = { type = "string", default = "me", description = "your name in the notes" }, approval = { type = "object" }, sign_as = { type = "string", default = "Mira" },
    },
  },

  budget = { run = "$0.025", day = "$0.30" },
  uses = { "extract_notes", "extract_tasks", "draft_followup", "find_dates", "match_entity", "approval_terms", "calendar", "mail" },
  locally = { "extract_tasks", "find_dates", "match_entity" },
  memory = { read = { "client/*", "decision/*" }, write = { "decision/*" } },
  policy = { { effect = "calendar.draft", say = "auto" }, { effect = "mail.send", say = "auto" } }, -- the mail is what you approve above

  run = function(ctx, input)
    local key = ctx.event and ctx.event.key or input.path or ctx.run
    local file = { key = key, source = input.path or key:match("^([^#]+)"), text = input.text, changed = ctx.event and ctx.event.type == "file.changed" }
    local base = day_of_meeting(ctx, file)
    local project = input.project or "general"

    local found = extract(ctx, file, base)
    local tasks, reviews = validate(ctx, found, file, base)
    local new, changes = merge(ctx, tasks, project, found.parts)
    changes = reviewed(ctx, changes, file)
    apply(ctx, new, changes, reviews, file)
    for _, one in ipairs(reviews) do
      ctx.emit("invalid_item", one)
    end

    local decisions = ctx.array()
    for i, one in ipairs(found.decisions) do
      decisions[i] = one.text
      ctx.memory.remember { layer = "long", kind = "decision", key = ("decision:%s/%s"):format(project, one.key), text = one.text, importance = 0.8, source = file.source }
    end
    draft_meetings(ctx, found.meetings, project, base)
    local followup = follow_up(ctx, { tasks = tasks, decisions = decisions, meetings = found.meetings }, file, project)

    local created, updated = ctx.array(), ctx.array()
    for i, one in ipairs(new) do
      created[i] = { title = one.title, project = project, owner = one.owner, due = one.due, estimate_h = one.estimate_h, waiting_on = one.waiting_on }
    end
    for i, one in ipairs(changes) do
      updated[i] = { id = one.id, field = one.field, from = one.from, to = one.to }
    end
    return { created = created, updated = updated, decisions = decisions, followup = followup }
  end,
}
