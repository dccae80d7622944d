--- Watched folders: a new file is an event. `config.inbox` says which folder makes
--- which event; the key is the message's id or the hash of the bytes, so a file is
--- taken once for ever, also after a crash, and a changed note is a new event.
local digest = require "core.digest"
local errors = require "errors"
local file = require "file"
local json = require "json"
local mime = require "mime"

local inbox = {}

inbox.max_bytes = 25 << 20

--- A file's name as text: a name may hold any bytes, an event may not.
local function as_text(name)
  return utf8.len(name) and name or require("terminal").escape(name)
end

local function mail_payload(path, bytes)
  local mail, err = mime.parse(bytes)
  if not mail then
    return nil, errors.new("K1012", { name = path, detail = err.message, file = path, line = err.line })
  end
  local payload = mime.event(mail, "sha256:" .. digest.sha256(bytes))
  return payload, payload.message_id
end

local function text_payload(path, bytes)
  if not utf8.len(bytes) then
    return nil, errors.new("K1009", { name = path, detail = "it is not UTF-8 text" })
  end
  local hash = digest.sha256(bytes)
  local name = as_text(path:match("([^/]*)$"))
  return { path = as_text(path), name = name, text = bytes, sha256 = hash, trust = "external" }, name .. "#sha256:" .. hash
end

--- The payload of the event that a file makes, and its key; or nil, err.
function inbox.payload(path)
  local bytes, message = file.read(path)
  if not bytes then return nil, errors.unreadable(path, message) end
  if #bytes > inbox.max_bytes then
    return nil, errors.new("K1018", { name = path, limit = "25 MB" })
  end
  if path:match("%.eml$") then return mail_payload(path, bytes) end
  return text_payload(path, bytes)
end

--- Names that programs use while a file is not finished; hidden ones are not ours
--- either.
local unfinished = { "^%.", "~$", "%.new$", "%.tmp$", "%.part$", "%.partial$", "%.crdownload$" }

local function is_finished(name)
  for _, pattern in ipairs(unfinished) do
    if name:find(pattern) then return false end
  end
  return true
end

local function files_in(folder, found)
  for _, name in ipairs(file.list(folder) or {}) do
    local path = file.join(folder, name)
    if is_finished(name) and file.kind(path) == "file" then found[#found + 1] = path end
  end
  return found
end

--- A file that did not change since it was looked at is not read again.
local function unchanged(e, path)
  e.seen_files = e.seen_files or {}
  local bytes, changed = file.stat(path)
  local mark = bytes and bytes .. "@" .. changed
  if e.seen_files[path] == mark then return true end
  e.seen_files[path] = mark
  return false
end

local function take(e, kind, path)
  local payload, key = inbox.payload(path)
  if not payload then return nil, key end
  if payload.path then payload.path = as_text(path:sub(#e.home + 2)) end
  local event, err = e:emit(kind, payload, { key = key, trust = "external", quiet = true })
  if not event then return nil, err end
  return event.new
end

--- Publish what is new in the folders of config.inbox: all of it, or the files of the
--- set `only` (whole ones: others may still be written). Returns the number of new
--- events and a list of { file, err }.
function inbox.scan(e, only)
  local count, problems = 0, {}
  for _, kind in ipairs(json.sorted_keys(e.settings.inbox)) do
    for _, path in ipairs(files_in(file.join(e.home, e.settings.inbox[kind]), {})) do
      if (not only or only[path]) and not unchanged(e, path) then
        local new, err = take(e, kind, path)
        if err then problems[#problems + 1] = { file = path, err = err } end
        if new then count = count + 1 end
      end
    end
  end
  return count, problems
end

return inbox
