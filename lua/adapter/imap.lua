--- A mailbox on a server: read by IMAP, sent by SMTP.
---
---   mail = { use = "imap", imap = "imaps://mail.example", smtp = "smtps://mail.example", user = "mira@studio.example",
---     secret = env "MAIL_PASSWORD", from = "Mira <mira@studio.example>", folders = { inbox = "INBOX", sent = "Sent" } }
---
--- imaps and smtps are TLS from the first byte; imap and smtp become TLS (STARTTLS) before anything is said,
--- but to this machine itself (localhost, 127.x, [::1]), where they stay plain.
---
--- `send` happens at most once, and leaves a trace that says how far it came: the mail is laid into `sent` as a
--- draft, then handed to the SMTP server, then it is a draft no more. So after a crash or a lost answer: not in
--- `sent`, it surely was not sent; there and no draft, it was; there as a draft, nobody knows, and the owner is
--- asked. The mail is found by its Message-ID, which is made of the key.
---
--- An id is UIDVALIDITY.UID: where a server numbers a folder anew, no old id leads to another mail.
local contract = require "adapter.contract"
local crash = require "core.crash"
local imap_client = require "adapter.imap_client"
local json = require "json"
local mail_message = require "mail_message"
local mail_ops = require "adapter.mail_ops"
local mime = require "mime"
local secret = require "secret"
local shape = require "shape"
local smtp_client = require "adapter.smtp_client"

local adapter = {}
adapter.__index = adapter
adapter.own_words = true

local default_timeout_ms, heads_most, uids_most = 30000, 50, 1000

-- ---- what config.lua says ------------------------------------------------------------------

--- scheme, host of a URL that is scheme://host[:port].
local function url_parts(url)
  local scheme, host, rest = url:match "^(%a+)://(%b[])(.*)$"
  if not scheme then scheme, host, rest = url:match "^(%a+)://([%w%.%-]+)(.*)$" end
  if scheme and (rest == "" or rest:find "^:%d%d?%d?%d?%d?/?$" or rest == "/") then return scheme:lower(), host:lower() end
end

local function server_url(plain)
  local function check(value, at)
    shape.text()(value, at)
    local scheme = url_parts(value)
    if scheme ~= plain and scheme ~= plain .. "s" then
      shape.bad_value(at, ("it is like %ss://mail.example or %s://mail.example:143, without a user"):format(plain, plain))
    end
    return value
  end
  shape.says(check, ("a URL like %ss://mail.example"):format(plain))
  return check
end

local function folder_name(value, at)
  shape.text()(value, at)
  if value == "" or #value > 500 or value:find "%c" or not utf8.len(value) then shape.bad_value(at, "a folder's name is one line of UTF-8") end
  return value
end
shape.says(folder_name, "a folder's name")

local folders = shape.record("the folders of an imap adapter", {
  inbox = { folder_name, default = "INBOX" }, sent = { folder_name, default = "Sent" },
})

--- The shape of an entry of `adapters` in config.lua. @param of  shapes of settings.lua: { secret = }
function adapter.shape(of)
  local record = shape.record("an imap adapter", {
    use = shape.text(), imap = { server_url "imap", required = true }, smtp = server_url "smtp", user = { shape.text(), required = true },
    secret = { of.secret, required = true }, from = shape.text(), folders = folders, ca_file = shape.text(),
    timeout = { shape.duration, as = "timeout_ms", default = default_timeout_ms },
  })
  return function(value, at)
    local entry = record(value, at)
    entry.folders = entry.folders or { inbox = "INBOX", sent = "Sent" }
    if entry.smtp and not entry.from then
      if not entry.user:find "^[^%s@]+@[^%s@]+$" then shape.bad_value(shape.at(at, "from"), "it is the address that mails are sent from") end
      entry.from = entry.user
    end
    return entry
  end
end

--- `entry` as adapter.shape made it.
function adapter.open(e, name, entry)
  local ca_file = entry.ca_file
  if ca_file and ca_file:sub(1, 1) ~= "/" then ca_file = require("file").join(e.home, ca_file) end
  return setmetatable({ name = name, entry = entry, from = entry.from, sent = entry.folders.sent, inbox = entry.folders.inbox,
    ca_file = ca_file, clock = e.clock, ops = adapter.ops }, adapter)
end

-- ---- connections ---------------------------------------------------------------------------

local function is_here(host) return host == "localhost" or host == "[::1]" or host:find "^127%.%d+%.%d+%.%d+$" ~= nil end

--- Whether a connection to this URL has to become TLS before anything is said.
function adapter.must_become_tls(url)
  local scheme, host = url_parts(url)
  return scheme:sub(-1) ~= "s" and not is_here(host)
end

local function options(self, url, patience)
  return { url = url, user = self.entry.user, password = secret.reveal(self.entry.secret), ca_file = self.ca_file,
    starttls = adapter.must_become_tls(url),
    quiet_ms = math.min(self.entry.timeout_ms, patience and patience.quiet_ms or math.huge), total_ms = patience and patience.total_ms }
end

--- What a client said went wrong, as this adapter's.
local function failure(self, err) return contract.failure(self, err.code, err.message, err) end

--- fn(box) with a connection, which is closed whatever happens; what fails is this adapter's failure.
local function with_box(self, fn, patience)
  local box, err = imap_client.open(options(self, self.entry.imap, patience))
  if not box then return failure(self, err) end
  local done = table.pack(pcall(fn, box))
  box:close()
  if not done[1] then error(done[2], 0) end
  if done[2] == nil and type(done[3]) == "table" then return failure(self, done[3]) end
  return table.unpack(done, 2, done.n)
end

local function folder_of(self, name)
  name = name or self.inbox
  if #name > 500 or name:find "%c" or not utf8.len(name) then
    contract.wrong(("%s: %q is no folder's name"):format(self.name, name:sub(1, 60)))
  end
  return name
end

--- Whose mailbox it is, by which it is known again when its server has another name: an address, else with the host.
function adapter.account(entry)
  if entry.user:find("@", 1, true) then return entry.user end
  local _, host = url_parts(entry.imap)
  return entry.user .. "@" .. host
end

--- Enter a folder and call fn(box, folder) there, for who reads by themselves (lua/serve/mailbox.lua). how: "EXAMINE"
--- changes nothing, "SELECT" may. patience: { total_ms, quiet_ms (no more than the adapter's) }, both optional.
function adapter:visit(name, how, fn, patience)
  return with_box(self, function(box)
    local folder, err = box:enter(folder_of(self, name), how)
    if not folder then return nil, err end
    return fn(box, folder)
  end, patience)
end

-- ---- mails ---------------------------------------------------------------------------------

local words = { ["\\seen"] = "seen", ["\\answered"] = "answered", ["\\flagged"] = "flagged", ["\\draft"] = "draft", ["\\deleted"] = "trashed" }
local marks = { seen = "\\Seen", answered = "\\Answered", flagged = "\\Flagged", draft = "\\Draft", trashed = "\\Deleted" }

local function flags_of(mail)
  local flags = {}
  for _, flag in ipairs(type(mail.FLAGS) == "table" and mail.FLAGS or {}) do
    local word = type(flag) == "string" and words[flag:lower()]
    if word then flags[#flags + 1] = word end
  end
  table.sort(flags)
  return flags
end

local function id_of(folder, uid) return ("%d.%d"):format(folder.validity, uid) end

local function missing(id, name) return nil, { code = "not_found", message = ("there is no mail '%s' in %s"):format(id, name), retry = false } end

--- Enter the folder and find the UID of an id there: folder, uid.
local function enter_for(box, name, id, how)
  local folder, err = box:enter(name, how)
  if not folder then return nil, err end
  local validity, uid = id:match "^(%d+)%.(%d+)$"
  if tonumber(validity) ~= folder.validity or #uid > 10 then return missing(id, name) end
  return folder, math.tointeger(tonumber(uid))
end

local function place_of(folder, mail)
  return { id = id_of(folder, mail.UID), folder = folder.name, flags = flags_of(mail), bytes = math.tointeger(tonumber(mail["RFC822.SIZE"])) }
end

--- Lines of a list, newest first.
local function lines(box, folder, uids)
  local mails, err = box:fetch(uids, "FLAGS RFC822.SIZE BODY.PEEK[HEADER]")
  if not mails then return nil, err end
  local out = json.array()
  for i = #mails, 1, -1 do
    out[#out + 1] = mail_ops.line((mails[i].BODY or "") .. "\r\n", place_of(folder, mails[i]))
  end
  return out
end

local function newest(uids, limit)
  return table.move(uids, math.max(1, #uids - math.min(limit, uids_most) + 1), #uids, 1, {})
end

--- The whole mail; what is too large is not asked for.
local function whole(box, folder, uid)
  local id = id_of(folder, uid)
  local found, err = box:fetch({ uid }, "FLAGS RFC822.SIZE")
  if not found then return nil, err end
  if not found[1] then return missing(id, folder.name) end
  local at = place_of(folder, found[1])
  if (at.bytes or 0) > mime.limits.bytes then
    return nil, { code = "too_large", message = ("the mail %s has %d bytes; at most %d are read"):format(id, at.bytes, mime.limits.bytes), retry = false, mail = true }
  end
  local mails, why = box:fetch({ uid }, "BODY.PEEK[]")
  if not mails then return nil, why end
  if not mails[1] or not mails[1].BODY then return missing(id, folder.name) end
  local mail, bad = mail_ops.whole(mails[1].BODY, at)
  if not mail then return nil, { code = "bad_mail", message = ("%s: %s"):format(id, bad), retry = false, mail = true } end
  return mail
end

-- ---- send ----------------------------------------------------------------------------------

local ops = {}
adapter.ops = ops

local function sent_result(self, key, id) return { key = key, sent = true, message_id = id, folder = self.sent } end

--- How far the mail with this Message-ID came: folder, "sent" | "draft" | nil, its UID. `make`: the folder is made
--- where it is not there.
local function trace(self, box, id, make)
  local folder, err = box:enter(self.sent, "SELECT") -- EXAMINE would not tell what flags it keeps
  if not folder and err.code == "not_found" and make then
    local made, why = box:command { "CREATE ", imap_client.folder(self.sent) }
    if not made then return nil, why end
    folder, err = box:enter(self.sent, "SELECT")
  end
  if not folder then return nil, err end
  local uids, why = box:search { "UNDELETED HEADER Message-ID ", imap_client.string(id) }
  if not uids then return nil, why end
  local mails, wrong = box:fetch(uids, "FLAGS")
  if not mails then return nil, wrong end
  local draft
  for _, mail in ipairs(mails) do
    local flags = table.concat(flags_of(mail), " ")
    if not flags:find("draft", 1, true) then return folder, "sent", mail.UID end
    draft = mail.UID
  end
  return folder, draft and "draft" or nil, draft
end

--- Whether the folder keeps the mark of a draft; one that says nothing keeps all.
local function keeps_drafts(folder) return not folder.permanent or folder.permanent:lower():find("\\draft", 1, true) ~= nil end

--- Lay the mail into `sent`: its UID.
local function append(self, box, bytes, flags, id)
  local reply, err = box:command { "APPEND ", imap_client.folder(self.sent), " (" .. flags .. ") ", { literal = bytes } }
  if not reply then return nil, err end
  local uid = (reply.code or ""):match "^APPENDUID %d+ (%d+)$"
  if uid then return math.tointeger(tonumber(uid)) end
  local _, _, found = trace(self, box, id, true)
  if math.type(found) == "integer" then return found end
  return nil, { code = "connection_lost", message = "the mail is not in " .. self.sent .. " after it was laid there", retry = true }
end

--- The mail was surely not sent: its trace goes. Where that fails a draft stays, and a later try takes it up.
local function take_back(box, uid)
  if box:command { ("UID STORE %d +FLAGS.SILENT (\\Deleted)"):format(uid) } and box:can "UIDPLUS" then
    box:command { ("UID EXPUNGE %d"):format(uid) }
  end
end

ops.send = { effect = "at_most_once", risk = "outward" }

local function send(self, box, bytes, envelope, id, key)
  local folder, state, uid = trace(self, box, id, true)
  if not folder then return nil, state end
  if state == "sent" then return sent_result(self, key, id) end
  local marked, err = keeps_drafts(folder), nil
  if marked and not uid then
    uid, err = append(self, box, bytes, "\\Seen \\Draft", id)
    if not uid then return nil, err end
  end
  crash.point "mail_filed"
  local ok, why = smtp_client.send(options(self, self.entry.smtp), envelope, bytes)
  if not ok then
    if uid and not why.unknown then take_back(box, uid) end
    return nil, why
  end
  crash.point "mail_sent"
  local result, filed = sent_result(self, key, id), nil
  if marked then filed = box:command { ("UID STORE %d -FLAGS.SILENT (\\Draft)"):format(uid) }
  else filed = append(self, box, bytes, "\\Seen", id) end
  if not filed then result.filed = false end
  return result
end

function ops.send.perform(self, args, key)
  if not self.entry.smtp then contract.wrong(("%s.send: config.lua names no `smtp` server for it"):format(self.name)) end
  local bytes, envelope, id = mail_ops.message(self, args, key, self.clock())
  return with_box(self, function(box) return send(self, box, bytes, envelope, id, key) end)
end

function ops.send.probe(self, args, key)
  local id = mail_message.id_of(self.name, key, args.from or self.from)
  local answer = with_box(self, function(box)
    local folder, state = trace(self, box, id)
    if not folder then return nil, state end
    if state == "sent" then return "happened" end
    return not state and keeps_drafts(folder) and "not" or "unknown"
  end)
  if answer == "happened" then return "happened", sent_result(self, key, id) end
  return answer or "unknown"
end

-- ---- reading -------------------------------------------------------------------------------

ops.list = { effect = "read", risk = "read" }
ops.search = { effect = "read", risk = "read" }

--- The newest that a search finds, in batches, as far as `keep` wants them.
local function found(self, args, criteria, keep)
  local name = folder_of(self, args.folder)
  return with_box(self, function(box)
    local folder, err = box:enter(name, "EXAMINE")
    if not folder then return nil, err end
    local uids, why = box:search(criteria)
    if not uids then return nil, why end
    local limit, out = math.min(args.limit or heads_most, uids_most), json.array()
    uids = newest(uids, limit)
    for last = #uids, 1, -heads_most do
      local some, wrong = lines(box, folder, table.move(uids, math.max(1, last - heads_most + 1), last, 1, {}))
      if not some then return nil, wrong end
      for _, one in ipairs(some) do
        if not keep or keep(one) then out[#out + 1] = one end
      end
    end
    return { mails = out }
  end)
end

function ops.list.perform(self, args) return found(self, args, { args.unseen and "UNSEEN" or "ALL" }) end

function ops.search.perform(self, args)
  local criteria, odd = {}, false
  for _, one in ipairs { { "text", "TEXT " }, { "from", "FROM " }, { "subject", "SUBJECT " }, { "message_id", "HEADER Message-ID " } } do
    local wanted = args[one[1]]
    if wanted then
      if wanted:find "%z" then contract.wrong(("%s.search: '%s' has a zero byte"):format(self.name, one[1])) end
      odd = odd or wanted:find "[\128-\255]" ~= nil
      criteria[#criteria + 1] = (#criteria > 0 and " " or "") .. one[2]
      criteria[#criteria + 1] = imap_client.string(wanted)
    end
  end
  if #criteria == 0 then criteria = { "ALL" } end
  if odd then table.insert(criteria, 1, "CHARSET UTF-8 ") end
  return found(self, args, criteria, args.message_id and function(one) return one.message_id == args.message_id end)
end

ops.read = { effect = "read", risk = "read" }

function ops.read.perform(self, args)
  local name = folder_of(self, args.folder)
  return with_box(self, function(box)
    local folder, uid = enter_for(box, name, args.id, "EXAMINE")
    if not folder then return nil, uid end
    return whole(box, folder, uid)
  end)
end

ops.fetch_new = { effect = "read", risk = "read" }

--- Where a cursor of before stands: the last UID; 0 and true when the server numbered the folder anew.
local function after(folder, cursor)
  local validity, uid = (cursor or ""):match "^(%d+)%.(%d+)$"
  if not validity then return 0, false end
  if tonumber(validity) ~= folder.validity then return 0, true end
  return math.tointeger(tonumber(uid)) or 0, false
end

local function fetch_new(box, folder, args)
  local last, reset = after(folder, args.cursor)
  local uids, err = box:search { ("UID %d:*"):format(last + 1) }
  if not uids then return nil, err end
  local out = { mails = json.array(), cursor = id_of(folder, last), reset = reset or nil }
  local limit = math.min(args.limit or heads_most, uids_most)
  for _, uid in ipairs(uids) do
    if uid > last and #out.mails < limit then -- n:* is the newest one even where that is below n
      local mail, why = whole(box, folder, uid)
      if not mail and why.code ~= "not_found" and not why.mail then
        if #out.mails > 0 then return out end -- what came is whole, and the cursor says how far
        return nil, why
      end
      if mail or why.mail then
        out.mails[#out.mails + 1] = mail or { id = id_of(folder, uid), folder = folder.name, unreadable = true, trust = "external" }
      end
      out.cursor = id_of(folder, uid)
    end
  end
  return out
end

--- What came after `cursor` (one that an earlier call gave). `reset` says that the server numbered the folder
--- anew: all its mails come again.
function ops.fetch_new.perform(self, args)
  local name = folder_of(self, args.folder)
  if args.cursor and args.cursor ~= "" and not args.cursor:find "^%d+%.%d+$" then
    contract.wrong(("%s.fetch_new: '%s' is no cursor that it gave"):format(self.name, args.cursor:sub(1, 60)))
  end
  return with_box(self, function(box)
    local folder, err = box:enter(name, "EXAMINE")
    if not folder then return nil, err end
    return fetch_new(box, folder, args)
  end)
end

-- ---- flag, move ----------------------------------------------------------------------------

ops.flag = { effect = "idempotent", risk = "reversible" }

local function store(box, uid, sign, names)
  local list = {}
  for i, name in ipairs(names or {}) do list[i] = marks[name] end
  if #list == 0 then return true end
  return box:command { ("UID STORE %d %sFLAGS.SILENT (%s)"):format(uid, sign, table.concat(list, " ")) }
end

local function set_flags(self, args, add, remove)
  local name = folder_of(self, args.folder)
  return with_box(self, function(box)
    local folder, uid = enter_for(box, name, args.id, "SELECT")
    if not folder then return nil, uid end
    local before, err = box:fetch({ uid }, "FLAGS")
    if not before then return nil, err end
    if not before[1] then return missing(args.id, name) end
    local ok, why = store(box, uid, "+", add)
    if ok then ok, why = store(box, uid, "-", remove) end
    if not ok then return nil, why end
    local mails, wrong = box:fetch({ uid }, "FLAGS")
    if not mails then return nil, wrong end
    return { id = args.id, folder = name, flags = json.array(flags_of(mails[1] or before[1])), before = json.array(flags_of(before[1])) }
  end)
end

function ops.flag.perform(self, args)
  mail_ops.check_flags(self, args.add)
  mail_ops.check_flags(self, args.remove)
  return set_flags(self, args, args.add, args.remove)
end

function ops.flag.undo(self, args, _, result)
  if type(result) ~= "table" or type(result.before) ~= "table" then
    return contract.failure(self, "no_undo", "nobody knows the flags before", { retry = false })
  end
  local had, remove = {}, {}
  for _, name in ipairs(result.before) do had[name] = true end
  for name in pairs(marks) do
    if not had[name] then remove[#remove + 1] = name end
  end
  table.sort(remove)
  return set_flags(self, args, result.before, remove)
end

--- A moved mail has another id, and whether it is the same one cannot be asked: so, at most once.
ops.move = { effect = "at_most_once", risk = "reversible" }

local function move(self, id, from, to)
  from, to = folder_of(self, from), folder_of(self, to)
  return with_box(self, function(box)
    local folder, uid = enter_for(box, from, id, "SELECT")
    if not folder then return nil, uid end
    local there, err = box:fetch({ uid }, "FLAGS")
    if not there then return nil, err end
    if not there[1] then return missing(id, from) end
    if not box:can "MOVE" then return nil, { code = "refused", message = "the server cannot move mails (no MOVE)", retry = false } end
    local parts = { ("UID MOVE %d "):format(uid), imap_client.folder(to) }
    local reply, why = box:command(parts)
    if not reply and why.word == "TRYCREATE" then
      local made, wrong = box:command { "CREATE ", imap_client.folder(to) }
      if not made then return nil, wrong end
      reply, why = box:command(parts)
    end
    if not reply then
      why.unknown = why.code == "connection_lost" or why.code == "timeout" or nil
      return nil, why
    end
    local copied = reply.code
    for _, one in ipairs(reply.answers) do copied = one.text:match "^OK %[(COPYUID [^%]]*)%]" or copied end
    local validity, new = (copied or ""):match "^COPYUID (%d+) %d+ (%d+)$"
    return { id = validity and validity .. "." .. new or nil, folder = to, from = from }
  end)
end

function ops.move.perform(self, args) return move(self, args.id, args.folder, args.to) end

function ops.move.undo(self, args, _, result)
  if type(result) ~= "table" or not result.id then return contract.failure(self, "no_undo", "nobody knows the mail's id now", { retry = false }) end
  return move(self, result.id, args.to, args.folder)
end

function ops.move.probe(self, args)
  local there = with_box(self, function(box)
    local folder, uid = enter_for(box, folder_of(self, args.folder), args.id, "EXAMINE")
    if not folder then return nil, uid end
    local mails = box:fetch({ uid }, "FLAGS")
    return mails and mails[1] and true or false
  end)
  return there and "not" or "unknown"
end

for name, op in pairs(ops) do op.args = mail_ops.args[name] end

adapter.op = contract.op

return adapter
