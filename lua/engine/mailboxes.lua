--- Watched mailboxes as the store knows them: how far each was read, which mails were had, and
--- since when one cannot be looked at. lua/serve/mailbox.lua does the looking.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"

local mailboxes = {}

--- So many mails of a mailbox are remembered by their digests.
mailboxes.mails_remembered = 20000

--- The row of a mailbox: { id, validity, uid, since, floor, failures, failing, code, reason }, or nil;
--- without a validity where it was never looked at with success.
function mailboxes:mailbox(id) return self:rows("mailbox.get", { id = id })[1] end

--- What is remembered of mails with this mark: { bytes, content (nil: it was there before the first look) }.
function mailboxes:mails_marked(id, mark) return self:rows("mailbox.mails", { id = id, mark = mark }) end

--- The digest of what an event tells of a mail, wherever it lay.
local function content_of(payload)
  local told = {}
  for i, field in ipairs { "from", "to", "subject", "date", "body", "attachments" } do told[i] = json.encode(payload[field] or "") end
  return digest.sha256(table.concat(told, "\n"))
end

--- Whether the event that has the mail's Message-ID for its key is of this very mail. Where its text is
--- dropped by now, what is remembered of mails with this mark says it.
local function is_same(event, content, marked)
  if type(event.payload) == "table" then return content_of(event.payload) == content end
  local others = false
  for _, row in ipairs(marked) do
    if row.content == content then return true end
    others = others or row.content ~= nil
  end
  return not others
end

--- Publish a mail, { payload, mark, bytes, time }, and remember it; row, where it is given, is how far the mailbox
--- is read with it: all or nothing. The key is the Message-ID, as that of a file in the inbox; a mail that says
--- something else under the same Message-ID has a key of its own. Returns whether it is new, or nil, err.
function mailboxes:take_mail(id, kind, mail, row)
  local key, content = mail.payload.message_id, content_of(mail.payload)
  local known = self:rows("event.by_key", { type = kind, key = key })[1]
  if known and not is_same(known, content, self:mails_marked(id, mail.mark)) then key = key .. "#sha256:" .. content end
  local event, err = self:emit(kind, mail.payload, { key = key, trust = "external", also = function(tx)
    tx:add("mailbox.mail", { id = id, mark = mail.mark, bytes = mail.bytes, time = mail.time, content = content })
    if row then
      row.id, row.now = id, self.clock()
      tx:add("mailbox.put", row)
    end
  end })
  if not event then return nil, err end
  return event.new
end

--- Keep how far a mailbox is read, and old: mails { mark, bytes, time } that were there before. Returns true, or
--- nil, err.
function mailboxes:keep_mailbox(id, row, old)
  local tx = self.store:tx()
  row.id, row.now = id, self.clock()
  tx:add("mailbox.put", row)
  for _, mail in ipairs(old or {}) do
    tx:add("mailbox.mail", { id = id, mark = mail.mark, bytes = mail.bytes, time = mail.time })
  end
  tx:add("mailbox.floor", { id = id, keep = self.mails_remembered }):add("mailbox.forget", { id = id, keep = self.mails_remembered })
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  return true
end

--- A look that failed, { code, message }; nil: one that went well. Returns how many failed in a row, and since when.
function mailboxes:mailbox_failed(id, err)
  local tx, now = self.store:tx(), self.clock()
  if err then tx:add("mailbox.fail", { id = id, code = err.code, reason = err.message, now = now })
  else tx:add("mailbox.well", { id = id, now = now }) end
  if not self:commit(tx) then return nil end
  local row = self:mailbox(id)
  return row and row.failures or 0, row and row.failing
end

return mailboxes
