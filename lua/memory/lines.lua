--- Memory out and in again: lines of JSON, and folders of Markdown. Methods of a memory.
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"
local suggest = require "suggest"
local time = require "memory.time"

local lines = {}

local LINE = {}
for name in ([[id text key kind session speaker time tags value importance ttl layer trust source expires valid_to
  run seq]]):gmatch "%S+" do LINE[name] = true end

local batch_size = 1000
local longest_text = 1 << 20 -- MEMORY_TEXT_MAX of src/memory.h

-- An item from a decoded line; false for one that is over already; or nil, message.
local function item_of(line, ns, now)
  if type(line) ~= "table" then return nil, "a line is one JSON object" end
  local item = { ns = ns }
  for name, value in pairs(line) do
    if not LINE[name] then
      local near = suggest.nearest(tostring(name), LINE)
      return nil, ("no field '%s'%s"):format(name, near and (", did you mean '" .. near .. "'?") or "")
    end
    if value ~= json.null then item[name] = value end
  end
  for _, name in ipairs { "id", "session", "speaker", "key" } do
    if math.type(item[name]) == "integer" then item[name] = tostring(item[name]) end
  end
  item.valid_to = nil -- told by the versions' own times
  if item.time then
    local ms, message = time.read(item.time)
    if not ms then return nil, message end
    item.time = ms
  end
  if item.expires then
    local ms, message = time.read(item.expires)
    if not ms then return nil, message end
    item.expires, item.ttl = nil, ms - now
    if item.ttl <= 0 then return false end
  end
  return item
end

-- Items in transactions of a thousand, each made ready while the one before goes to disk.
local function writer(self)
  local write, finish = self:writer()
  local total, batch, first, before = { lines = 0 }, {}, 1, "lines 1"
  local function failed(which, message, code)
    return nil, ("%s: %s"):format(which, message), code
  end
  local function flush(number)
    if #batch == 0 then return true end
    local this = ("lines %d to %d"):format(first, number)
    local ok, done, message, code = pcall(write, batch)
    if not ok then return failed(this, tostring(done):gsub("^.-: remember_all: ", ""), "input") end
    if not done then return failed(before == "lines 1" and this or before, message, code) end
    batch, first, before = {}, number + 1, this
    return true
  end
  local function add(item, number)
    total.lines = total.lines + 1
    batch[#batch + 1] = item
    if #batch < batch_size then return true end
    return flush(number)
  end
  return add, function(number)
    local ok, message, code = flush(number)
    if not ok then return nil, message, code end
    local counts
    counts, message, code = finish()
    if not counts then return failed(before, message, code) end
    for name, n in pairs(counts) do total[name] = n end
    return total
  end, total
end

--- Import lines of JSON (an iterator, or a text) into a namespace, in transactions of
-- 1,000. Line: { id, text, key?, kind?, session?, speaker?, time?, tags?, value?,
-- importance?, ttl?, layer?, trust?, source?, expires? }. Importing the same lines
-- again changes nothing. Returns { new, superseded, same, disputed, lines }, or nil,
-- message ("line 12: ..."), code: what came before the line is kept.
function lines:import(from, ns)
  ns = self:namespace("import", ns)
  if type(from) == "string" then from = from:gmatch "[^\n]+" end
  local add, flush, total = writer(self)
  local number, ok, message, code = 0, nil, nil, nil
  for text in from do
    number = number + 1
    if text:find "%S" then
      local line, item
      line, message = json.decode(text)
      if line ~= nil then item, message = item_of(line, ns, self.clock()) end
      if item then
        ok, code = pcall(self.check, self, "line", item)
        if not ok then
          item, message = nil, tostring(code):gsub("^[%w_/.]+:%d+: ", ""):gsub("^line: ", "")
        elseif item.text and #item.text > longest_text then
          item, message = nil, ("a text of %d bytes is too long to remember (at most %d); split it"):format(#item.text, longest_text)
        end
      end
      if item == nil then
        flush(number - 1)
        return nil, ("line %d: %s"):format(number, message), "input"
      end
      if item then
        ok, message, code = add(item, number)
        if not ok then return nil, message, code end
      end
    end
  end
  return flush(number)
end

-- ---- Markdown ---------------------------------------------------------------------

-- "key: value" lines between two lines of ---, as { title, tags, date, ... }.
local function front_matter(text)
  local head, rest = text:match "^%-%-%-\r?\n(.-)\r?\n%-%-%-\r?\n(.*)$"
  if not head then return {}, text end
  local fields = {}
  for line in (head .. "\n"):gmatch "(.-)\r?\n" do
    local name, value = line:match "^([%w_-]+):%s*(.-)%s*$"
    if name then fields[name:lower()] = value:gsub('^"(.*)"$', "%1"):gsub("^'(.*)'$", "%1") end
  end
  return fields, rest
end

-- Sections of a note: each heading with what stands below it. Fences are not read.
local function sections(text, title)
  local list, body, heading, fence = {}, {}, title, nil
  local function close()
    local words = table.concat(body, "\n"):gsub("^%s+", ""):gsub("%s+$", "")
    if words ~= "" then list[#list + 1] = { heading = heading, text = words } end
    body = {}
  end
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    local mark = line:match "^%s*(```+)" or line:match "^%s*(~~~+)"
    if mark and (not fence or mark:sub(1, #fence) == fence) then fence = not fence and mark or nil end
    local name = not fence and line:match "^#+%s+(.-)%s*#*%s*$"
    if name and name ~= "" then
      close()
      heading = name
    else
      body[#body + 1] = line
    end
  end
  close()
  return list
end

local function list_of_tags(text)
  local tags = {}
  for tag in (text or ""):gsub("[%[%]\"'#]", ""):gmatch "[^,%s]+" do tags[#tags + 1] = tag end
  return tags
end

local longest_section = 8000 -- bytes: longer ones are cut at paragraphs

local function pieces(text)
  if #text <= longest_section then return { text } end
  local list, piece = {}, ""
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n%s*\n" do
    while #paragraph > longest_section do -- one paragraph without an end
      local cut = utf8.offset(paragraph, 0, longest_section) or longest_section
      list[#list + 1] = paragraph:sub(1, cut - 1)
      paragraph = paragraph:sub(cut)
    end
    if #piece + #paragraph > longest_section then
      list[#list + 1] = piece
      piece = ""
    end
    piece = piece == "" and paragraph or piece .. "\n\n" .. paragraph
  end
  if piece:find "%S" then list[#list + 1] = piece end
  return list
end

--- The items of a Markdown text: what m:import_notes makes of the file of that name.
function lines.sections_of(name, text, path)
  local fields, body = front_matter(text)
  local title = fields.title or name:match "([^/]+)%.%w+$" or name
  local items, seen = {}, {}
  for _, section in ipairs(sections(body, title)) do
    for _, piece in ipairs(pieces(section.text)) do
      local key = section.heading == title and name or name .. "#" .. section.heading
      seen[key] = (seen[key] or 0) + 1
      if seen[key] > 1 then key = key .. "~" .. seen[key] end
      items[#items + 1] = { key = key, kind = fields.kind or "note", tags = list_of_tags(fields.tags),
        text = (section.heading == title and title or title .. " / " .. section.heading) .. "\n\n" .. piece,
        session = name, source = { file = path or name }, time = fields.date and time.read(fields.date) or nil }
    end
  end
  return items
end

--- Import a folder of Markdown notes (*.md, *.markdown, folders within): each heading
-- becomes an item of kind "note", whose key is the file's name and the heading. Front
-- matter gives title, tags, date, kind. Importing again adds a version where a section
-- has changed, and forgets sections that are gone. Returns the counts of m:import and
-- `files`, `gone`; or nil, message, code.
function lines:import_notes(folder, ns)
  ns = self:namespace("import", ns)
  local add, flush, total = writer(self)
  total.files, total.gone = 0, 0
  local kept, found = {}, {}
  local function walk(path, prefix)
    local names, message, code = file.list(path)
    if not names then return nil, message, code end
    table.sort(names)
    for _, name in ipairs(names) do
      local full = path .. "/" .. name
      local kind = file.kind(full)
      if kind == "folder" and name:sub(1, 1) ~= "." then
        local ok
        ok, message, code = walk(full, prefix .. name .. "/")
        if not ok then return nil, message, code end
      elseif kind == "file" and (name:find "%.md$" or name:find "%.markdown$") then
        local text
        text, message, code = file.read(full)
        if not text then return nil, message, code end
        if not utf8.len(text) then return nil, full .. ": not UTF-8", "input" end
        total.files, found[prefix .. name] = total.files + 1, true
        for _, item in ipairs(lines.sections_of(prefix .. name, text, full)) do
          item.ns, kept[item.key] = ns, item.kind
          local ok
          ok, message, code = add(item, total.lines)
          if not ok then return nil, message, code end
        end
      end
    end
    return true
  end
  local ok, message, code = walk(folder:gsub("/+$", ""), "")
  if ok then ok, message, code = flush(total.lines) end
  if not ok then return nil, message, code end
  for name in pairs(found) do
    for _, row in ipairs(self.store:read("memory.session", { ns = ns, session = name, kind = "note", now = self.clock(),
      limit = 10000 }) or {}) do
      if row.key and not kept[row.key] and not row.valid_to then
        total.gone = total.gone + (self:forget { ns = ns, kind = row.kind, key = row.key, reason = "no longer in " .. name } or 0)
      end
    end
  end
  return total
end

-- ---- out ----------------------------------------------------------------------------

local function line_of(row)
  return assert(json.encode {
    id = row.name, text = row.text, key = row.key, kind = row.kind, layer = row.layer, value = row.value,
    tags = row.tags, importance = row.importance, trust = row.trust, session = row.session, speaker = row.speaker,
    source = row.source, run = row.run, seq = row.seq, time = rfc3339.format(row.time),
    expires = row.expires and rfc3339.format(row.expires), valid_to = row.valid_to and rfc3339.format(row.valid_to),
  })
end

--- All versions of a namespace that are live, as lines that import takes: an iterator
-- of texts without a line end. Raises when the store fails on the way.
function lines:export(ns)
  ns = self:namespace("export", ns)
  local after, rows, i = 0, {}, 0
  return function()
    i = i + 1
    if not rows[i] then
      rows = assert(self.store:read("memory.list", { ns = ns, after = after, now = self.clock(), limit = 500 }))
      i = 1
    end
    local row = rows[i]
    if not row then return nil end
    after = row.row
    return line_of(row)
  end
end

return lines
