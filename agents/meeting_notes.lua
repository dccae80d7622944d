-- Meeting notes become tasks, decisions and memory.
--
-- Drop a Markdown file into the notes folder. Each task in it becomes a record, or
-- changes the record it already has: a due date that moved is a change, not a second
-- task. Decisions go into long memory with the file as their source, so that "why did
-- we drop dark mode?" has an answer in a year.

--- "We dropped the dark mode idea." -> "we-dropped-the-dark-mode-idea"
local function slug(text)
  text = text:lower():gsub("[^%w\128-\255]+", "-"):gsub("^%-+", ""):gsub("%-+$", "")
  while #text > 60 do
    text = text:match("^(.+)%-[^-]*$") or text:sub(1, utf8.offset(text, 15) - 1)
  end
  return text
end

--- "inbox/notes/2026-03-05-fernline.md" -> "2026-03-05-fernline", and its date.
local function name_of(path)
  local name = path:match("([^/]+)$"):gsub("%.%w+$", "")
  return name, name:match("%d%d%d%d%-%d%d%-%d%d")
end

--- The project that a file's name tells: what is left without the date.
local function project_of(name)
  local project = slug((name:gsub("%d%d%d%d%-%d%d%-%d%d", "")))
  return project ~= "" and project or "general"
end

local carried = { "owner", "due", "estimate_h", "waiting_on" }

--- Open tasks of a project, as match_entity wants them, and by key.
local function open_tasks(ctx, project)
  local candidates, by_key = {}, {}
  local rows = ctx.records.find { type = "task", where = { project = project, state = "open" }, limit = 200 }
  for i, row in ipairs(rows or {}) do
    candidates[i] = { key = row.key, text = row.value.title }
    by_key[row.key] = row.value
  end
  return candidates, by_key
end

--- Write what the notes say into the task they mean. Returns the changes.
local function update(ctx, key, task, said, source)
  local changes = {}
  for _, field in ipairs(carried) do
    if said[field] ~= nil and said[field] ~= task[field] then
      changes[#changes + 1] = { key = key, field = field, from = task[field], to = said[field] }
      task[field] = said[field]
    end
  end
  if #changes > 0 then
    task.source = source
    ctx.records.put { type = "task", key = key, value = task }
  end
  return changes
end

local function file_tasks(ctx, tasks, project, source)
  local created, updated = ctx.array(), ctx.array()
  local candidates, by_key = open_tasks(ctx, project)
  for _, said in ipairs(tasks) do
    local match = ctx.skill.match_entity { text = said.title, candidates = candidates }
    if match.key then
      for _, change in ipairs(update(ctx, match.key, by_key[match.key], said, source)) do
        updated[#updated + 1] = change
      end
    else
      local key = project .. "/" .. slug(said.title)
      local task = { title = said.title, project = project, state = "open", source = source, note = said.note }
      for _, field in ipairs(carried) do
        task[field] = said[field]
      end
      ctx.records.put { type = "task", key = key, value = task }
      created[#created + 1] = { key = key, title = task.title, owner = task.owner, due = task.due }
    end
  end
  return created, updated
end

return agent {
  version = 1,
  about = "Turns meeting notes into tasks, decisions and memory",
  on = { event = "file.created" },

  input = {
    type = "object", required = { "path", "text" },
    properties = { path = { type = "string" }, text = { type = "string" }, project = { type = "string" } },
  },
  output = {
    type = "object", required = { "created", "updated", "decisions" },
    properties = {
      project = { type = "string" }, summary = { type = "string" },
      created = { type = "array" }, updated = { type = "array" },
      decisions = { type = "array", items = { type = "string" } }, meetings = { type = "array" },
      skipped = { type = "string" },
    },
  },
  config = {
    type = "object", additionalProperties = false,
    properties = { me = { type = "string", description = "who 'I' is in the notes", default = "me" } },
  },

  budget = { run = "$0.02", day = "$0.50" },
  uses = { "extract_tasks", "find_dates", "match_entity", "summarise" },
  memory = { read = { "meeting/*", "decision/*" }, write = { "meeting/*", "decision/*" } },

  run = function(ctx, file)
    if not (file.path:find("%.md$") or file.path:find("%.txt$")) then
      return { created = ctx.array(), updated = ctx.array(), decisions = ctx.array(),
        skipped = "not a text file: " .. file.path }
    end
    local name, day = name_of(file.path)
    local project = file.project or project_of(name)
    local notes = ctx.skill.extract_tasks { text = file.text, me = ctx.config.me,
      base = day or ctx.now_text() }

    local created, updated = file_tasks(ctx, notes.tasks, project, file.path)

    for _, decision in ipairs(notes.decisions) do
      ctx.memory.remember { layer = "long", kind = "decision", key = project .. "/" .. slug(decision),
        text = decision, importance = 0.8, tags = { project }, source = file.path }
    end

    local summary = ctx.skill.summarise { text = file.text, max_sentences = 3 }.summary
    ctx.memory.remember { layer = "long", kind = "meeting", key = name, text = summary,
      value = { people = notes.people, meetings = notes.meetings }, tags = { project }, source = file.path }

    return { project = project, summary = summary, created = created, updated = updated,
      decisions = notes.decisions, meetings = notes.meetings }
  end,
}
