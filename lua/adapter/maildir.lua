--- A mailbox that is a folder (Maildir), as most mail programs and servers read and write it:
---
---   mail = { use = "maildir", path = "mail", from = "Mira <mira@studio.example>" }
---
--- The folder itself is INBOX; others are .NAME beside new/ (Maildir++). `send` lays a mail into
--- `sent` ("Sent"), from where a mail program takes it; its file is named after the key, so that a
--- second try changes nothing. A file is written in tmp/, synced, and renamed into new/.
local contract = require "adapter.contract"
local digest = require "core.digest"
local file = require "file"
local json = require "json"
local mail_ops = require "adapter.mail_ops"
local mime = require "mime"
local shape = require "shape"

local maildir = {}
maildir.__index = maildir
maildir.own_words = true

local record = shape.record("a maildir adapter", {
  use = shape.text(), path = shape.text(), from = shape.text(), sent = { shape.text("^[^/.%z][^/%z]*$", "a folder's name"), default = "Sent" },
})

function maildir.shape() return record end

-- ---- folders --------------------------------------------------------------------------------

local function failure(self, code, message) return contract.failure(self, code == "not_found" and code or "io", message, { retry = false }) end

--- Where a folder is; a name that leads elsewhere is the script's mistake.
local function place(self, folder)
  folder = folder or "INBOX"
  if folder == "INBOX" then return self.path end
  if folder:find("[/%z\1-\31]") or folder:find("^%.") or folder:find("..", 1, true) then
    contract.wrong(("%s: '%s' is no folder's name"):format(self.name, folder))
  end
  return file.join(self.path, "." .. folder)
end

local function make(where)
  for _, part in ipairs { "tmp", "new", "cur" } do
    local ok, message, code = file.mkdir(file.join(where, part))
    if not ok then return nil, message, code end
  end
  return true
end

local function flags_of(name)
  local marks, flags = name:match(":2,(%a*)$") or "", {}
  for word, letter in pairs(mail_ops.flags) do
    if marks:find(letter, 1, true) then flags[#flags + 1] = word end
  end
  table.sort(flags)
  return flags
end

--- The mails of a folder, oldest first (names begin with the time): { id, folder, path, part, flags }.
local function mails_in(self, folder)
  local found, where = {}, place(self, folder)
  for _, part in ipairs { "cur", "new" } do
    for _, name in ipairs(file.list(file.join(where, part)) or {}) do
      local path = file.join(where, part, name)
      if name:sub(1, 1) ~= "." and file.kind(path) == "file" and not file.link(path) then
        found[#found + 1] = { id = name:gsub(":2,.*$", ""), name = name, folder = folder or "INBOX", path = path, part = part, flags = flags_of(name) }
      end
    end
  end
  table.sort(found, function(a, b) return a.id < b.id end)
  return found
end

local function find(self, folder, id)
  for _, one in ipairs(mails_in(self, folder)) do
    if one.id == id then return one end
  end
end

local function read_whole(self, one)
  local bytes = file.stat(one.path)
  if bytes and bytes > mime.limits.bytes then
    return contract.failure(self, "too_large", ("the mail %s has %d bytes; at most %d are read"):format(one.id, bytes, mime.limits.bytes), { retry = false })
  end
  local text, message, code = file.read(one.path)
  if not text then return failure(self, code, message) end
  return text
end

local function missing(self, id, folder)
  return contract.failure(self, "not_found", ("there is no mail '%s' in %s"):format(id, folder or "INBOX"), { retry = false })
end

--- Rename durably: both folders are synced.
local function rename(self, from, to)
  local ok, message = os.rename(from, to)
  if not ok then return failure(self, "io", message) end
  for _, path in ipairs { to, from } do
    local synced, why, code = file.sync(path:match("^(.*)/"))
    if not synced then return failure(self, code, why) end
  end
  return true
end

-- ---- ops -------------------------------------------------------------------------------------

local ops = {}

local function sent_name(self, key) return "keel." .. digest.sha256(self.name .. "\0" .. key):sub(1, 40) end

--- The mail of this key, wherever in `sent` it is now.
local function sent_before(self, key)
  return find(self, self.sent, sent_name(self, key))
end

local function sent_result(self, key, id) return { key = key, sent = true, message_id = id, folder = self.sent } end

local function id_of(self, args, key) return require("mail_message").id_of(self.name, key, args.from or self.from) end

ops.send = { effect = "idempotent", risk = "outward" }

function ops.send.perform(self, args, key)
  local bytes, _, id = mail_ops.message(self, args, key, self.clock())
  if sent_before(self, key) then return sent_result(self, key, id) end
  local where, name = place(self, self.sent), sent_name(self, key)
  local ok, message, code = make(where)
  local path = file.join(where, "tmp", name)
  if ok then ok, message, code = file.write(path, bytes, tonumber("600", 8)) end
  if not ok then return failure(self, code, message) end
  local done, err = rename(self, path, file.join(where, "new", name))
  if not done then return nil, err end
  return sent_result(self, key, id)
end

function ops.send.probe(self, args, key)
  if sent_before(self, key) then return "happened", sent_result(self, key, id_of(self, args, key)) end
  return "not"
end

ops.list = { effect = "read", risk = "read" }

function ops.list.perform(self, args)
  local out = json.array()
  local all = mails_in(self, args.folder)
  for i = #all, 1, -1 do -- newest first
    local one = all[i]
    local seen = table.concat(one.flags, " "):find("seen", 1, true)
    if #out < (args.limit or 50) and not (args.unseen and seen) then
      out[#out + 1] = mail_ops.line(read_whole(self, one) or "", { id = one.id, folder = one.folder, flags = one.flags, bytes = file.stat(one.path) })
    end
  end
  return { mails = out }
end

ops.read = { effect = "read", risk = "read" }

function ops.read.perform(self, args)
  local one = find(self, args.folder, args.id)
  if not one then return missing(self, args.id, args.folder) end
  local bytes, err = read_whole(self, one)
  if not bytes then return nil, err end
  local mail, why = mail_ops.whole(bytes, one)
  if not mail then return contract.failure(self, "bad_mail", ("%s: %s"):format(args.id, why), { retry = false }) end
  return mail
end

ops.search = { effect = "read", risk = "read" }

local function holds(text, part) return not part or (text or ""):lower():find(part:lower(), 1, true) ~= nil end

function ops.search.perform(self, args)
  local out, all = json.array(), mails_in(self, args.folder)
  for i = #all, 1, -1 do
    local bytes = #out < (args.limit or 50) and read_whole(self, all[i])
    local mail = bytes and mime.parse(bytes)
    if mail and holds(mail.from_text, args.from) and holds(mail.subject, args.subject)
        and (not args.message_id or mail.message_id == args.message_id)
        and holds(mail.subject .. "\n" .. mail.from_text .. "\n" .. mail.body, args.text) then
      out[#out + 1] = mail_ops.line(bytes, all[i])
    end
  end
  return { mails = out }
end

ops.move = { effect = "idempotent", risk = "reversible" }

local function move(self, id, from, to)
  if find(self, to, id) then return { id = id, folder = to } end
  local one = find(self, from, id)
  if not one then return missing(self, id, from) end
  local where = place(self, to)
  local ok, message, code = make(where)
  if not ok then return failure(self, code, message) end
  local done, err = rename(self, one.path, file.join(where, one.part, one.name))
  if not done then return nil, err end
  return { id = id, folder = to }
end

function ops.move.perform(self, args) return move(self, args.id, args.folder, args.to) end
function ops.move.undo(self, args) return move(self, args.id, args.to, args.folder or "INBOX") end

function ops.move.probe(self, args)
  if find(self, args.to, args.id) then return "happened", { id = args.id, folder = args.to } end
  return find(self, args.folder, args.id) and "not" or "unknown"
end

ops.flag = { effect = "idempotent", risk = "reversible" }

--- Flags stand sorted in the name's end, and a mail with some is in cur/.
local function set_flags(self, folder, id, flags)
  local one = find(self, folder, id)
  if not one then return missing(self, id, folder) end
  local letters, words = {}, json.array()
  for word in pairs(flags) do
    letters[#letters + 1], words[#words + 1] = mail_ops.flags[word], word
  end
  table.sort(letters)
  table.sort(words)
  local name = one.id .. ":2," .. table.concat(letters)
  local where = place(self, folder)
  local path = file.join(where, "cur", name)
  local ok, message, code = make(where)
  if not ok then return failure(self, code, message) end
  if path ~= one.path then
    local done, err = rename(self, one.path, path)
    if not done then return nil, err end
  end
  local before = json.array(one.flags)
  return { id = id, folder = folder or "INBOX", flags = words, before = before }
end

local function as_set(list)
  local set = {}
  for _, word in ipairs(list or {}) do set[word] = true end
  return set
end

function ops.flag.perform(self, args)
  mail_ops.check_flags(self, args.add)
  mail_ops.check_flags(self, args.remove)
  local one = find(self, args.folder, args.id)
  local flags = as_set(one and one.flags)
  for _, word in ipairs(args.add or {}) do flags[word] = true end
  for _, word in ipairs(args.remove or {}) do flags[word] = nil end
  return set_flags(self, args.folder, args.id, flags)
end

function ops.flag.undo(self, args, _, result)
  if type(result) ~= "table" or type(result.before) ~= "table" then
    return contract.failure(self, "no_undo", "nobody knows the flags before", { retry = false })
  end
  return set_flags(self, args.folder, args.id, as_set(result.before))
end

ops.fetch_new = { effect = "read", risk = "read" }

--- What came after `cursor` (a cursor that an earlier call gave): names in new/ and cur/ begin with
--- the time of delivery, and what is equally old is told apart by the rest of the name.
function ops.fetch_new.perform(self, args)
  local out, cursor = json.array(), args.cursor or ""
  for _, one in ipairs(mails_in(self, args.folder)) do
    if one.id > (args.cursor or "") and #out < (args.limit or 50) then
      local bytes, err = read_whole(self, one)
      if not bytes and err.code ~= "too_large" then return nil, err end
      local mail = bytes and mail_ops.whole(bytes, one)
      out[#out + 1] = mail or { id = one.id, folder = one.folder, unreadable = true, trust = "external" }
      cursor = one.id
    end
  end
  return { mails = out, cursor = cursor }
end

for name, op in pairs(ops) do op.args = mail_ops.args[name] end

function maildir.open(e, name, entry)
  entry = type(entry) == "table" and entry or {}
  local path = entry.path or name
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  return setmetatable({ name = name, path = path, from = entry.from or "keel@localhost", sent = entry.sent or "Sent", clock = e.clock,
    ops = ops }, maildir)
end

maildir.op = contract.op

return maildir
