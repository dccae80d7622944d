-- The weekly newsletter: from collected notes to a scheduled issue.
--
-- Tuesday morning it looks through your notes, leaves out what an earlier issue said
-- already, has the best one outlined and drafted, checks the draft, and shows it to you
-- with what changed since the version before. What you approve is scheduled for Thursday;
-- until then you can take it back. What you change is remembered and given to the next
-- draft, so that you need not change it again.

local function words_in(text)
  return select(2, text:gsub("%S+", ""))
end

--- All texts of a value, in the order of its names.
local function texts_in(value, list)
  if type(value) == "string" and value:find("%S") then
    list[#list + 1] = value
  elseif type(value) == "table" then
    local names = {}
    for name in pairs(value) do
      names[#names + 1] = name
    end
    table.sort(names, function(a, b)
      if type(a) ~= type(b) then
        return type(a) == "number"
      end
      return a < b
    end)
    for _, name in ipairs(names) do
      texts_in(value[name], list)
    end
  end
  return list
end

--- The words of a draft, whatever the model called them: one text, paragraphs, a draft in it.
local function body_of(draft)
  for _, name in ipairs { "body", "text", "draft", "content", "markdown", "paragraphs", "sections", "issue" } do
    local words = draft[name]
    if type(words) == "table" then
      return words[1] and table.concat(texts_in(words, {}), "\n\n") or body_of(words)
    elseif type(words) == "string" and words:find("%S") then
      return words
    end
  end
  local longest = ""
  for _, text in ipairs(texts_in(draft, {})) do
    longest = #text > #longest and text or longest
  end
  return longest
end

local function subject_of(draft)
  return draft.subject or draft.title or draft.headline or type(draft.draft) == "table" and subject_of(draft.draft)
    or type(draft.issue) == "table" and subject_of(draft.issue) or nil
end

--- The hosts that a text links to: https://host, //host, www.host.
local function hosts_in(body)
  local hosts = {}
  local text = " " .. body:lower()
  for colon, rest in text:gmatch("(:?)//([^%s%)>%]\"'<]*)") do
    local host = rest:match("^[^/?#\\]*"):gsub("^.*@", ""):gsub(":%d*$", ""):gsub("%.$", "")
    if colon ~= "" or host:find(".", 1, true) then
      hosts[#hosts + 1] = host
    end
  end
  for host in text:gmatch("[^%w/.@-](www%.[%w.-]*%w)") do
    hosts[#hosts + 1] = host
  end
  return hosts
end

--- The last paragraph: behind the last empty line, or the last line where there is none.
local function last_paragraph(body)
  local text = body:gsub("\r", ""):gsub("%s+$", "")
  local last = text:match("\n([^\n]*)$") or text
  for start in text:gmatch("\n[ \t]*\n()") do
    last = text:sub(start)
  end
  return last
end

--- What is wrong with a draft, in words for a model and for you.
local function problems_of(body, config)
  local list = {}
  local words = words_in(body)
  if words > config.max_words then
    list[#list + 1] = ("it has %d words, %d are allowed"):format(words, config.max_words)
  end
  for _, host in ipairs(hosts_in(body)) do
    local allowed = false
    for _, one in ipairs(config.link_hosts) do
      one = one:lower()
      allowed = allowed or host == one or host:sub(-#one - 1) == "." .. one
    end
    if not allowed then
      list[#list + 1] = "it links to " .. host .. ", which is not on the list"
    end
  end
  local lower = body:lower()
  for _, phrase in ipairs(config.banned_phrases) do
    if lower:find(phrase:lower(), 1, true) then
      list[#list + 1] = ("it says '%s'"):format(phrase)
    end
  end
  local marks = 0
  for _, mark in ipairs { "%?", "？", "؟" } do
    marks = marks + select(2, last_paragraph(body):gsub(mark, ""))
  end
  if marks ~= 1 then
    list[#list + 1] = "its last paragraph has not exactly one question mark"
  end
  return list
end

--- Notes that are alive and unused, oldest first.
local function collect_notes(ctx)
  local notes = ctx.array()
  for _, hit in ipairs(ctx.memory.search { kind = "note", k = 1000 } or {}) do
    local value = type(hit.value) == "table" and hit.value or {}
    if hit.key and hit.text and not (value.used_in or value.used_by or value.used or value.state == "used") then
      notes[#notes + 1] = { key = hit.key, text = hit.text, created = hit.time or hit.created, value = hit.value,
        expires = hit.expires, layer = hit.layer, importance = hit.importance, tags = hit.tags }
    end
  end
  table.sort(notes, function(a, b)
    return a.key < b.key
  end)
  return notes
end

--- The keys of the last issues, so many as are compared; issues without a number by their time.
local function last_issues(ctx)
  local issues, recent = {}, {}
  for i, hit in ipairs(ctx.memory.search { kind = "published", k = 500 } or {}) do
    issues[i] = { key = hit.key, number = tonumber((hit.key or ""):match("(%d+)$")) or 0, at = -i }
  end
  table.sort(issues, function(a, b)
    if a.number ~= b.number then
      return a.number > b.number
    end
    return a.at > b.at
  end)
  for i = 1, math.min(#issues, ctx.config.compare_issues) do
    recent[issues[i].key or ""] = true
  end
  return recent, #issues
end

--- Leave out notes that say what one of the last issues said.
local function drop_repeats(ctx, notes)
  local fresh, dropped = ctx.array(), ctx.array()
  local recent, all = last_issues(ctx)
  for _, note in ipairs(notes) do
    local nearest, score = nil, 0
    for _, hit in ipairs(ctx.memory.search { query = note.text, kind = "published", k = math.max(1, all) } or {}) do
      if recent[hit.key or ""] and (hit.similarity or 0) > score then
        nearest, score = hit.key, hit.similarity
      end
    end
    if score >= ctx.config.dedupe_similarity then
      dropped[#dropped + 1] = { key = note.key, like = nearest, similarity = math.floor(score * 100 + 0.5) / 100 }
    else
      fresh[#fresh + 1] = note
    end
  end
  return fresh, dropped
end

--- No note is left: you choose one of the evergreen topics, or none.
local function ask_for_topic(ctx, issue, terms)
  local topics = {}
  for _, hit in ipairs(ctx.memory.search { kind = "evergreen", k = 3 } or {}) do
    topics[#topics + 1] = hit.text
  end
  for _, text in ipairs(ctx.config.evergreen_topics) do
    if #topics < 3 then
      topics[#topics + 1] = text
    end
  end
  local verdict = assert(ctx.approve { subject = "no_topic:" .. issue, proposal = { topic = topics[1], topics = topics },
    within = terms.within, otherwise = terms.otherwise, remind = terms.remind })
  if not verdict.approved then
    return nil, verdict
  end
  local value = type(verdict.value) == "table" and verdict.value or { topic = verdict.value }
  local chosen = value.topic or topics[1]
  if chosen == topics[1] and type(value.topics) == "table" then
    chosen = value.topics[1] or chosen -- another list was given, and its first is meant
  end
  local note = { key = "note:" .. issue .. "/evergreen", text = tostring(topics[chosen] or chosen), created = ctx.now_text(), layer = "session",
    expires = ctx.now() + 60 * 86400000 }
  ctx.memory.remember { layer = note.layer, kind = "note", key = note.key, text = note.text, ttl = "60d" }
  return note
end

--- What you changed in earlier drafts, newest first.
local function earlier_edits(ctx)
  local edits = ctx.array()
  for _, hit in ipairs(ctx.memory.search { kind = "edit", k = 5 } or {}) do
    edits[#edits + 1] = { issue = hit.key, what = hit.text }
  end
  return edits
end

--- The paragraphs of one text that are not in another.
local function missing(from, to)
  local list = {}
  for paragraph in (from .. "\n\n"):gmatch("(.-)\n\n+") do
    if paragraph:find("%S") and not to:find(paragraph, 1, true) then
      list[#list + 1] = paragraph
    end
  end
  return list
end

--- A draft as one text.
local function whole(draft)
  return (subject_of(draft) or "") .. "\n\n" .. body_of(draft)
end

--- Remember an edit for the drafts to come.
local function learn(ctx, issue, before, after)
  local gone, new = missing(before, after), missing(after, before)
  local text = ("In issue %d the owner took out: %s"):format(issue, #gone > 0 and table.concat(gone, " / ") or "nothing")
  if #new > 0 then
    text = text .. "\nand wrote instead: " .. table.concat(new, " / ")
  end
  ctx.memory.remember { layer = "long", kind = "edit", key = "edit:issue:" .. issue, text = text,
    value = { removed = gone, written = new }, importance = 0.9 }
end

--- Draft, check, and have it mended at most twice.
local function write(ctx, note, others, voice)
  local more = ctx.array()
  for _, one in ipairs(others) do
    more[#more + 1] = one.text
  end
  local outline = assert(ctx.skill.outline_issue { topic = { key = note.key, text = note.text }, more = more, voice = voice })
  local edits = earlier_edits(ctx)
  local ask = { outline = outline, notes = { { key = note.key, text = note.text } }, voice = voice, edits = edits,
    max_words = ctx.config.max_words }
  local draft = assert(ctx.skill.draft_issue(ask))
  local function check(name)
    return ctx.step { name = name, run = function() return ctx.array(problems_of(body_of(draft), ctx.config)) end }
  end
  local problems = check("check")
  for _ = 1, ctx.config.rewrites do
    if #problems == 0 then
      break
    end
    ask.problems, ask.before = problems, body_of(draft)
    local better = ctx.skill.draft_issue(ask)
    if not better then
      break -- the owner sees what is wrong with it
    end
    draft = better
    problems = check("check_again")
  end
  return draft, problems
end

--- Ask until what is approved holds the checks. Returns the text, its version, or nil, verdict.
local function approve(ctx, issue, draft, problems, terms)
  local version, subject = 1, "issue:" .. issue
  local proposal = { subject = subject_of(draft), body = body_of(draft) }
  while true do
    local verdict = assert(ctx.approve { subject = subject, proposal = proposal, within = terms.within,
      otherwise = terms.otherwise, remind = terms.remind,
      why = #problems > 0 and "The checks say: " .. table.concat(problems, "; ") or nil })
    if not verdict.approved then
      return nil, verdict
    end
    local value = type(verdict.value) == "table" and verdict.value or { subject = proposal.subject, body = tostring(verdict.value) }
    if verdict.outcome == "approved" then
      return value, version
    end
    version = version + 1
    learn(ctx, issue, whole(proposal), whole(value))
    proposal, problems = value, problems_of(body_of(value), ctx.config)
    -- how you end a letter is yours to say; what must not go out is asked again
    local hard = words_in(body_of(value)) > ctx.config.max_words
    for _, problem in ipairs(problems) do
      hard = hard or problem:find("^it links") or problem:find("^it says")
    end
    if not hard then
      return value, version
    end
  end
end

--- Write into a note which issue used it, or that none did. It stays as it was otherwise.
local function mark(ctx, note, used_in)
  local value = note.value or { unused = true }
  if used_in then
    value = { used_in = used_in }
    for name, one in pairs(type(note.value) == "table" and note.value or { said = note.value }) do
      value[name] = one
    end
  end
  ctx.memory.remember { layer = note.layer or "session", kind = "note", key = note.key, text = note.text, value = value,
    importance = note.importance, tags = note.tags, ttl = note.expires and math.max(1, note.expires - ctx.now()) or nil }
end

--- What became of an issue so far: { state, attempt, output }.
local function so_far(ctx, issue)
  return ctx.records.get { type = "issue", key = "issue:" .. issue } or {}
end

--- Schedule it, mark its note as used, and stand by until it goes out: you may take it back.
-- What was taken back once is scheduled under another key: the sender knows the first one.
local function send_later(ctx, output, note, final, slot)
  local name, before = "issue:" .. output.issue, so_far(ctx, output.issue)
  local attempt = before.state == "held" and before.attempt + 1 or 1
  local key = attempt > 1 and name .. ":" .. attempt or name
  local function note_state(state)
    ctx.records.put { type = "issue", key = name, value = { id = name, state = state, attempt = attempt, output = output } }
  end
  local function unmark()
    mark(ctx, note, nil)
    ctx.memory.forget { kind = "published", key = name }
  end
  ctx.step { name = "schedule_send",
    run = function()
      local done = assert(ctx.skill.newsletter { op = "schedule", key = key, send_at = slot.at, subject = subject_of(final), body = body_of(final) })
      note_state("scheduled")
      return done
    end,
    undo = function()
      note_state("held")
      return ctx.skill.newsletter { op = "unschedule", key = key }
    end }
  ctx.step { name = "mark_used",
    run = function()
      mark(ctx, note, name)
      ctx.memory.remember { layer = "long", kind = "published", key = name, text = note.text, importance = 0.6,
        value = { subject = subject_of(final) } }
      return true
    end,
    undo = unmark }
  local left = ("%ds"):format(math.max(1, (slot.ms - ctx.now()) // 1000))
  if not ctx.wait { event = "approval.recalled", where = { subject = name }, within = left } then
    return "scheduled"
  end
  assert(ctx.skill.newsletter { op = "unschedule", key = key })
  unmark()
  note_state("held")
  return "held"
end

--- When it goes out: as told, or at the next weekday and time of the settings.
local function slot_of(ctx, told)
  if told then
    return ctx.time.parts { at = told }
  end
  local today = ctx.time.parts { at = ctx.now_text() }
  for days = 0, 7 do
    local slot = ctx.time.at { date = today.date, time = ctx.config.send_time, plus_days = days }
    if slot.ms > today.ms and ctx.time.parts { at = slot.at }.weekday == ctx.config.send_day then
      return slot
    end
  end
  error("config: send_day is one of Mon, Tue, Wed, Thu, Fri, Sat, Sun")
end

--- A slot that has passed while you thought is the same one a week later.
local function still_ahead(ctx, slot)
  local wall, days = ctx.time.parts { at = slot.ms }, 0
  while slot.ms <= ctx.now() do
    days = days + 7
    slot = ctx.time.at { date = wall.date, time = wall.time, plus_days = days }
  end
  return slot
end

--- The number of this issue: as told, or one more than the last that was published.
local function number_of(ctx, told)
  if told then
    return told
  end
  local last = 0
  for _, hit in ipairs(ctx.memory.search { kind = "published", k = 100 } or {}) do
    last = math.max(last, tonumber(tostring(hit.key):match("^issue:(%d+)$")) or 0)
  end
  return last + 1
end

return agent {
  version = 1,
  about = "Chooses a topic from your notes, drafts the weekly issue, and schedules what you approve",
  on = { cron = "0 8 * * 2" },

  input = {
    type = "object",
    properties = { send_at = { type = "string" }, issue = { type = "integer" } },
  },
  output = {
    type = "object", required = { "issue", "state", "version", "words", "sources" }, additionalProperties = false,
    properties = {
      issue = { type = "integer" }, state = { enum = { "scheduled", "skipped", "held" } },
      version = { type = "integer", minimum = 1 }, words = { type = "integer" },
      sources = { type = "array", items = { type = "string", pattern = "^note:" } },
      send_at = { type = { "string", "null" } },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = {
      max_words = { type = "integer", minimum = 20, default = 520 },
      dedupe_similarity = { type = "number", default = 0.86 },
      compare_issues = { type = "integer", minimum = 1, default = 8, description = "so many of the last issues are compared" },
      rewrites = { type = "integer", minimum = 0, default = 2, description = "how often a draft is mended before you see it" },
      link_hosts = { type = "array", items = { type = "string" }, default = {} },
      banned_phrases = { type = "array", items = { type = "string" }, default = {} },
      evergreen_topics = { type = "array", items = { type = "string" },
        default = { "The question that clients ask first", "A mistake I stopped making", "The tool I use every day" } },
      send_day = { type = "string", default = "Thu" }, send_time = { type = "string", default = "07:30" },
      approval = { type = "object" },
    },
  },

  budget = { run = "$0.09", day = "$0.20" },
  uses = { "rank_topics", "outline_issue", "draft_issue", "approval_terms", "newsletter" },
  memory = { read = { "note/*", "published/*", "voice/*", "evergreen/*", "edit/*" },
    write = { "note/*", "published/*", "edit/*" } },
  -- what goes out is what was approved; the schedule can be taken back
  policy = { { effect = "newsletter.schedule", say = "auto" }, { effect = "newsletter.unschedule", say = "auto" } },

  run = function(ctx, input)
    local issue = number_of(ctx, input.issue)
    if so_far(ctx, issue).state == "scheduled" then
      return so_far(ctx, issue).output
    end
    local slot = slot_of(ctx, input.send_at)
    local terms = ctx.skill.approval_terms { terms = (ctx.config.approval or {}).issue, default = { timebox_s = 86400, on_timeout = "skip_issue" } }
    local function ended(state, version, words, sources)
      return { issue = issue, state = state, version = version or 1, words = words or 0, sources = sources or ctx.array(),
        send_at = state == "scheduled" and slot.at or ctx.null }
    end
    local function not_approved(verdict, words, sources)
      if verdict.outcome == "rejected" then
        error { code = "rejected", message = verdict.note or "the issue was rejected" }
      end
      ctx.emit("run.skipped", { issue = issue, why = verdict.outcome })
      return ended("skipped", 1, words, sources)
    end

    local notes = ctx.step { name = "collect_notes", run = function() return collect_notes(ctx) end }
    local fresh = ctx.step { name = "drop_repeats", run = function() return (drop_repeats(ctx, notes)) end }
    local note = fresh[1]
    if #fresh > 0 then
      local ranked = assert(ctx.skill.rank_topics { notes = fresh, today = ctx.now_text() })
      for i = #ranked.ranked, 1, -1 do
        for _, one in ipairs(fresh) do
          note = one.key == ranked.ranked[i] and one or note
        end
      end
    else
      local verdict
      local own = (ctx.config.approval or {}).no_topic
      note, verdict = ask_for_topic(ctx, issue, own and ctx.skill.approval_terms { terms = own, default = { timebox_s = 86400, on_timeout = "skip_issue" } } or terms)
      if not note then
        return not_approved(verdict)
      end
    end

    local voice = (ctx.memory.search { kind = "voice", k = 1 } or {})[1]
    local others = {}
    for _, one in ipairs(fresh) do
      others[#others + 1] = one.key ~= note.key and one or nil
    end
    local draft, problems = write(ctx, note, others, voice and voice.text or nil)
    local final, version = approve(ctx, issue, draft, problems, terms)
    local sources = ctx.array { note.key }
    if not final then
      return not_approved(version, words_in(body_of(draft)), sources)
    end
    if so_far(ctx, issue).state == "scheduled" then
      return so_far(ctx, issue).output -- another run was quicker
    end
    slot = still_ahead(ctx, slot)
    local words = words_in(body_of(final))
    local state = send_later(ctx, ended("scheduled", version, words, sources), note, final, slot)
    return ended(state, version, words, sources)
  end,
}
