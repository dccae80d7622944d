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

--- The words of a draft, whatever the model called them.
local function body_of(draft)
  return draft.body or draft.text or draft.draft or draft.content or draft.markdown or table.concat(draft.paragraphs or {}, "\n\n")
end

--- What is wrong with a draft, in words for a model and for you.
local function problems_of(body, config)
  local list = {}
  local words = words_in(body)
  if words > config.max_words then
    list[#list + 1] = ("it has %d words, %d are allowed"):format(words, config.max_words)
  end
  for host in body:gmatch("https?://([^/%s%)>\"]+)") do
    local allowed = false
    for _, one in ipairs(config.link_hosts) do
      allowed = allowed or host:lower() == one or host:lower():sub(-#one - 1) == "." .. one
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
  local last = body:gsub("%s+$", ""):match("([^\n]*)$") or ""
  if select(2, last:gsub("%?", "")) ~= 1 then
    list[#list + 1] = "its last paragraph has not exactly one question mark"
  end
  return list
end

--- Notes that are alive and unused, oldest first.
local function collect_notes(ctx)
  local notes = ctx.array()
  for _, hit in ipairs(ctx.memory.search { kind = "note", k = 100 } or {}) do
    local value = type(hit.value) == "table" and hit.value or {}
    if hit.key and not value.used_in then
      notes[#notes + 1] = { key = hit.key, text = hit.text, created = hit.time or hit.created, value = hit.value,
        expires = hit.expires, layer = hit.layer }
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
  local chosen = verdict.value.topic or topics[1]
  local note = { key = "note:" .. issue .. "/evergreen", text = chosen, created = ctx.now_text() }
  ctx.memory.remember { layer = "session", kind = "note", key = note.key, text = chosen, ttl = "60d" }
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
  local proposal = draft
  if not proposal.body then
    proposal = { subject = draft.subject, body = body_of(draft) }
  end
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
    learn(ctx, issue, proposal.body, body_of(value))
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

--- Schedule it, mark its notes as used, and stand by until it goes out: you may take it back.
local function send_later(ctx, input, note, final)
  local key = "issue:" .. input.issue
  ctx.step { name = "schedule_send",
    run = function()
      return assert(ctx.skill.newsletter { op = "schedule", key = key, send_at = input.send_at, subject = final.subject, body = body_of(final) })
    end,
    undo = function()
      return ctx.skill.newsletter { op = "unschedule", key = key }
    end }
  local function mark(used)
    ctx.memory.remember { layer = note.layer or "session", kind = "note", key = note.key, text = note.text,
      value = used and { used_in = key } or { unused = true } }
  end
  ctx.step { name = "mark_used",
    run = function()
      mark(true)
      ctx.memory.remember { layer = "long", kind = "published", key = key, text = note.text, importance = 0.6,
        value = { subject = final.subject } }
      return true
    end }
  local recalled = ctx.wait { event = "approval.recalled", where = { subject = key }, within = input.wait }
  if not recalled then
    return "scheduled"
  end
  assert(ctx.skill.newsletter { op = "unschedule", key = key })
  mark(false)
  ctx.memory.forget { kind = "published", key = key }
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
      note, verdict = ask_for_topic(ctx, issue, terms)
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
    local state = send_later(ctx, { issue = issue, send_at = slot.at, wait = ("%ds"):format(math.max(1, (slot.ms - ctx.now()) // 1000)) }, note, final)
    return ended(state, version, words_in(body_of(final)), sources)
  end,
}
