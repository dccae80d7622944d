--- One look at a watched mailbox over IMAP: each mail that is new there becomes one event.
---
---   local new, err = mailbox.look(watched)     -- err = { code, message, retry }: the adapter's
---   watched = { engine, id, name, adapter (opened), folder, event, since ("now" | "all" | "7d"), since_ms, seen,
---     note(text), closed; begun: what comes from now on is new }
---
--- Along UIDs, oldest first: a mail is published, and the mailbox read that far, in one transaction. Where UIDs
--- do not say what is new (the first look, a server that numbers all mails anew, another `since`), every mail
--- that lies there is held against those that are remembered. Nothing is changed in the mailbox but by `seen`.
local charset = require "charset"
local crash = require "core.crash"
local digest = require "core.digest"
local mime = require "mime"
local mime_header = require "mime_header"
local rfc3339 = require "rfc3339"

local mailbox = {}

--- Mails whose heads are asked for at once, and bytes of a mail that is not read whole.
local batch, cut_bytes = 200, 1 << 20

--- A mail that the server does not give is asked for so often, then so often for its beginning; then what is
--- known of it is published, for others wait behind it.
local whole_tries, cut_tries = 3, 6

--- All of one look may take so long: thousands of mails may wait.
local patience = { total_ms = 3600000 }

--- The `since` of a mailbox whose first look is not over.
local unfinished = ""

local day_ms = 86400000
local month_names = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

--- What stops a look whose watch was closed.
local closed = { code = "closed", message = "the engine ends", retry = true }

-- ---- what lies there --------------------------------------------------------------------------

--- The digest by which a mail is known again, also under another UID: of the fields that say which one it is.
local function mark_of(head, bytes)
  local lines = {}
  for line in head:gsub("\r?\n[ \t]+", " "):gmatch "[^\r\n]+" do
    local name, value = line:match "^([^:%s]+)%s*:%s*(.-)%s*$"
    if name then lines[#lines + 1] = name:lower() .. ":" .. value:gsub("%s+", " ") end
  end
  table.sort(lines)
  local text = table.concat(lines, "\n")
  if not text:find "message%-id:%S" then text = text .. "\n" .. bytes end
  return digest.sha256(text):sub(1, 32)
end

local function item_of(mail)
  local head, bytes = mail.BODY or "", math.tointeger(tonumber(mail["RFC822.SIZE"])) or 0
  local date = type(mail.INTERNALDATE) == "string" and mime_header.date(mail.INTERNALDATE)
  return { uid = mail.UID, bytes = bytes, head = head, mark = mark_of(head, bytes), time = date and rfc3339.parse(date) or 0 }
end

--- fn(item) for each of the mails with these UIDs that are there, in order; it gives true, or nil, err, which ends it.
local function each(self, box, uids, fn)
  local step = self.step or batch
  for from = 1, #uids, step do
    local part = table.move(uids, from, math.min(from + step - 1, #uids), 1, {})
    local mails, err = box:fetch(part, "RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]")
    if not mails then
      if err.code == "too_large" then self.step = 1 end -- heads without end, together
      return nil, err
    end
    for _, mail in ipairs(mails) do
      if self.closed then return nil, closed end
      local ok, why = fn(item_of(mail))
      if not ok then return nil, why end
    end
  end
  return true
end

-- ---- a mail as an event -------------------------------------------------------------------------

--- What no mail can be made of: its bytes, as text.
local function no_mail(bytes)
  local nobody = { address = "", name = "" }
  return { from = nobody, to = {}, reply_to = {}, subject = "", body = charset.mend(bytes:sub(1, cut_bytes)), attachments = {},
    bulk = false, automatic = false }
end

--- What mail.received holds; of bytes that are no mail, or that the server does not give (nil), what there is. Of a
--- mail that is `cut` nobody knows how long the attachments are.
local function payload_of(self, folder, item, bytes, cut)
  local mail, err = mime.parse(bytes or item.head .. "\r\n")
  local payload = mime.event(mail or no_mail(bytes or ""), "sha256:" .. digest.sha256(bytes or item.mark .. item.bytes))
  payload.id, payload.folder = ("%d.%d"):format(folder.validity, item.uid), self.folder
  payload.unreadable = not bytes and "the server does not give it" or not mail and err.message or nil
  if cut then
    payload.cut, payload.bytes = true, item.bytes
    for _, one in ipairs(payload.attachments) do one.size, one.sha256 = nil, nil end
  end
  return payload
end

--- How often the server did not give this mail.
local function tries_of(self, item) return self.stuck and self.stuck.uid == item.uid and self.stuck.tries or 0 end

--- A mail's bytes, and whether they are its beginning alone; false where it is gone, nil, err.
local function bytes_of(self, box, item)
  local tries = tries_of(self, item)
  local cut = item.bytes > mime.limits.bytes or tries >= whole_tries
  local mails, err = box:fetch({ item.uid }, cut and ("BODY.PEEK[]<0.%d>"):format(cut_bytes) or "BODY.PEEK[]")
  if mails and not mails[1] then return false end
  local body = mails and mails[1].BODY or ""
  if body ~= "" or mails and item.bytes == 0 then return body, cut end
  err = err or { code = "refused", message = ("the server gives nothing of mail %d"):format(item.uid), retry = true } -- it may be going
  self.stuck = { uid = item.uid, tries = err.code == "too_large" and math.max(tries + 1, whole_tries) or tries + 1 }
  return nil, err
end

--- The mark of a mail that was read comes before its event: a kill between the two leaves one that is published yet.
local function mark_seen(self, box, item)
  if not self.seen then return true end
  local ok, err = box:command { ("UID STORE %d +FLAGS.SILENT (\\Seen)"):format(item.uid) }
  if ok or err.code ~= "refused" then return ok, err end
  if not self.refused then self.note(("%s: mails cannot be marked as seen: %s"):format(self.name, err.message)) end
  self.refused = true
  return true
end

--- Publish a mail; row: how far the mailbox is read with it. Returns true, or nil, err.
local function take(self, box, folder, item, row)
  local bytes, cut
  if tries_of(self, item) < cut_tries then
    bytes, cut = bytes_of(self, box, item)
    if bytes == nil then return nil, cut end
    if bytes == false then return true end -- it is gone
  end
  local ok, err = mark_seen(self, box, item)
  if not ok then return nil, err end
  if self.closed then return nil, closed end
  local mail = { payload = payload_of(self, folder, item, bytes, cut), mark = item.mark, bytes = item.bytes, time = item.time }
  crash.point "mail_read"
  local new, why = self.engine:take_mail(self.id, self.event, mail, row)
  if new == nil then return nil, { code = "store", message = why.message, retry = true } end
  crash.point "mail_taken"
  self.new, self.stuck = self.new + (new and 1 or 0), nil
  return true
end

-- ---- what is new --------------------------------------------------------------------------------

local function keep(self, row, old)
  local ok, err = self.engine:keep_mailbox(self.id, row, old)
  if not ok then return nil, { code = "store", message = err.message, retry = true } end
  return true
end

--- Whether it lay there before the first look: a mail that was moved away and back is not new.
local function is_old(self, item)
  for _, row in ipairs(self.engine:mails_marked(self.id, item.mark)) do
    if not row.content and row.bytes == item.bytes then return true end
  end
  return false
end

--- What came behind the last UID.
local function go_on(self, box, folder, row)
  local uids, err = box:search { ("UID %d:*"):format(row.uid + 1) }
  if not uids then return nil, err end
  local fresh, till = {}, { validity = folder.validity, uid = row.uid, since = row.since, floor = row.floor }
  for _, uid in ipairs(uids) do
    if uid > row.uid then fresh[#fresh + 1] = uid end -- n:* is the newest one even where that is below n
  end
  if #fresh == 0 then return true end
  local ok, why = each(self, box, fresh, function(item)
    till.uid = item.uid
    if is_old(self, item) then return true end
    return take(self, box, folder, item, till)
  end)
  if not ok then return nil, why end
  till.uid = fresh[#fresh]
  return keep(self, till)
end

--- The UIDs of all mails, or of those from a time on: servers go by the date, in whatever zone.
local function lying(box, from)
  if not from or from <= day_ms then return box:search { "ALL" } end
  local year, month, day = rfc3339.date(from // day_ms - 1)
  return box:search { ("SINCE %d-%s-%d"):format(day, month_names[month], year) }
end

--- From when on mails are new by what config.lua says; nil: none that lies there.
local function reach(self)
  if self.since == "all" then return 0 end
  return self.since_ms and math.max(0, self.engine.clock() - self.since_ms)
end

local function was_published(self, item)
  for _, row in ipairs(self.engine:mails_marked(self.id, item.mark)) do
    if row.content then return true end
  end
  return false
end

--- The first look draws the line: what comes from then on has a higher UID. What lies below it is seen to by survey.
local function begin(self, box, folder)
  local uids, err = lying(box)
  if not uids then return nil, err end
  return keep(self, { validity = folder.validity, uid = math.max(uids[#uids] or 0, (folder.next or 1) - 1), since = unfinished })
end

--- Below the line: what `since` reaches is new, all else is old for good.
local function survey(self, box, folder, row)
  local uids, err = {}, nil
  if row.uid > 0 then uids, err = box:search { ("UID 1:%d"):format(row.uid) } end
  if not uids then return nil, err end
  local most, from, old, floor = self.engine.mails_remembered, reach(self), {}, nil
  if from ~= 0 and #uids > most then uids, floor = table.move(uids, #uids - most + 1, #uids, 1, {}), math.maxinteger end
  local ok, why = each(self, box, uids, function(item)
    if from and item.time >= from then
      if was_published(self, item) then return true end
      return take(self, box, folder, item)
    end
    floor = floor and math.min(floor, item.time)
    old[#old + 1] = { mark = item.mark, bytes = item.bytes, time = item.time }
    if #old < batch then return true end
    local some = old
    old = {}
    return keep(self, row, some)
  end)
  if not ok then return nil, why end
  return keep(self, { validity = row.validity, uid = row.uid, since = self.since, floor = floor ~= math.maxinteger and floor or nil }, old)
end

--- Another `since` than at the first look: what it reaches is new, unless it was published.
local function look_back(self, box, folder, row)
  local from = reach(self)
  local uids, err = {}, nil
  if from then uids, err = lying(box, from) end
  if not uids then return nil, err end
  local ok, why = each(self, box, uids, function(item)
    if item.time < from or was_published(self, item) then return true end
    return take(self, box, folder, item)
  end)
  if not ok then return nil, why end
  return keep(self, { validity = row.validity, uid = row.uid, since = self.since, floor = row.floor })
end

--- The server numbers all mails anew: what is not remembered is new.
local function begin_anew(self, box, folder, row)
  local uids, err = lying(box, row.floor)
  if not uids then return nil, err end
  local last, fresh = math.max(uids[#uids] or 0, (folder.next or 1) - 1), 0
  local ok, why = each(self, box, uids, function(item)
    if row.floor and item.time > 0 and item.time <= row.floor or #self.engine:mails_marked(self.id, item.mark) > 0 then return true end
    fresh = fresh + 1
    return take(self, box, folder, item)
  end)
  if not ok then return nil, why end
  self.note(("%s: the server numbers its mails anew; of the %d that are there %d are new"):format(self.name, #uids, fresh))
  return keep(self, { validity = folder.validity, uid = last, since = row.since, floor = row.floor })
end

local function look(self, box, folder)
  local function row() return self.engine:mailbox(self.id) end
  local before, ok, err = row(), true, nil
  local anew = before and before.validity and (before.validity ~= folder.validity or folder.next and folder.next > 0 and folder.next <= before.uid)
  if not before or not before.validity or anew and before.since == unfinished then ok, err = begin(self, box, folder)
  elseif anew then ok, err = begin_anew(self, box, folder, before) end
  self.begun = ok
  if ok and row().since == unfinished then ok, err = survey(self, box, folder, row()) end
  if ok and row().since ~= self.since then ok, err = look_back(self, box, folder, row()) end
  if ok then ok, err = go_on(self, box, folder, row()) end
  return ok, err
end

--- See the top of the file. Returns how many events are new; or nil, err, and how many are.
function mailbox.look(self)
  self.new = 0
  local ok, err = self.adapter:visit(self.folder, self.seen and "SELECT" or "EXAMINE", function(box, folder)
    self.box = box
    return look(self, box, folder)
  end, patience)
  self.box = nil
  if ok then return self.new end
  return nil, err, self.new
end

return mailbox
