--- What every mailbox has in common: the arguments of its ops, the mail that `send` makes, the
--- shape of what is read. adapter/maildir.lua and adapter/imap.lua say how it is done.
local contract = require "adapter.contract"
local json = require "json"
local mail_message = require "mail_message"
local mime = require "mime"

local mail_ops = {}

--- The fields of each op, for both.
mail_ops.args = {
  send = { to = "texts!", cc = "texts", bcc = "texts", from = "name", reply_to = "texts", subject = "text", body = "text", html = "text",
    in_reply_to = "texts", references = "texts", attachments = "tables" },
  list = { folder = "name", limit = "whole", unseen = "flag" },
  read = { id = "name!", folder = "name" },
  search = { folder = "name", text = "name", from = "name", subject = "name", message_id = "name", limit = "whole" },
  move = { id = "name!", to = "name!", folder = "name" },
  flag = { id = "name!", folder = "name", add = "list", remove = "list" },
  fetch_new = { folder = "name", cursor = "text", limit = "whole" },
}

mail_ops.flags = { seen = "S", answered = "R", flagged = "F", draft = "D", trashed = "T" }

--- The mail of `send`: bytes, envelope, message id. What is no mail raises: it is the script's mistake.
function mail_ops.message(self, args, key, now_ms)
  local from = args.from or self.from
  local id = mail_message.id_of(self.name, key, from)
  local bytes, envelope = mail_message.build { from = from, to = args.to, cc = args.cc, bcc = args.bcc, reply_to = args.reply_to,
    subject = args.subject, body = args.body, html = args.html, in_reply_to = args.in_reply_to, references = args.references,
    attachments = args.attachments, message_id = id, date_ms = now_ms }
  if not bytes then contract.wrong(("%s.send: %s"):format(self.name, envelope)) end
  return bytes, envelope, id
end

function mail_ops.check_flags(self, names)
  for _, name in ipairs(names or {}) do
    if not mail_ops.flags[name] then
      local near = require("suggest").nearest(name, mail_ops.flags)
      contract.wrong(("%s.flag knows no flag '%s'%s"):format(self.name, name, near and (", did you mean '" .. near .. "'?") or ""))
    end
  end
end

--- A whole mail as `read` gives it: what mail.received holds, with where it is.
function mail_ops.whole(bytes, at)
  local mail, err = mime.parse(bytes)
  if not mail then return nil, err.message end
  local out = mime.event(mail, at.id)
  out.id, out.folder, out.flags = at.id, at.folder, json.array(at.flags or {})
  return out
end

--- A line of a list.
function mail_ops.line(bytes, at)
  local mail = mime.parse(bytes)
  return { id = at.id, folder = at.folder, flags = json.array(at.flags or {}), bytes = at.bytes or #bytes,
    from = mail and mail.from.address or "", subject = mail and mail.subject or "", date = mail and mail.date,
    message_id = mail and mail.message_id, trust = "external" }
end

return mail_ops
