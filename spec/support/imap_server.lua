--- A mailbox on an IMAP server of this process, which a test holds in its hand.
---
---   local box = imap_server.open()
---   box:put("From: ana@x.example\n\nhello\n", { time = "05-Mar-2026 10:00:00 +0000" })    -- its UID
---   box.validity = 2; box:number_anew(); box:take_out(uid); box:close()
---   box.fault = function(line) return "TAG NO not now\r\n" end     -- instead of an answer; false cuts the connection
---
--- box.lines is what was said to it, box.logins how often somebody logged in. One folder, INBOX.
local line_server = require "spec.support.line_server"

local imap_server = {}
imap_server.__index = imap_server

local function header_fields(bytes, wanted)
  local out, keep = {}, false
  for line in (bytes:match "^(.-\r\n)\r\n" or bytes):gmatch "[^\r\n]+" do
    if not line:find "^[ \t]" then keep = wanted[(line:match "^([^:]+):" or ""):upper()] end
    if keep then out[#out + 1] = line .. "\r\n" end
  end
  return table.concat(out) .. "\r\n"
end

--- What is asked of a mail, as a server answers it.
local function fetched(mail, n, what)
  local parts = { ("* %d FETCH (UID %d"):format(n, mail.uid) }
  if what:find "FLAGS" then parts[#parts + 1] = " FLAGS (" .. (mail.seen and "\\Seen" or "") .. ")" end
  if what:find "RFC822.SIZE" then parts[#parts + 1] = " RFC822.SIZE " .. (mail.said_bytes or #mail.bytes) end
  if what:find "INTERNALDATE" then parts[#parts + 1] = ' INTERNALDATE "' .. mail.time .. '"' end
  local names, most = what:match "HEADER.FIELDS %((.-)%)", what:match "BODY.PEEK%[%]<0%.(%d+)>"
  if names then
    local wanted = {}
    for name in names:gmatch "%S+" do wanted[name] = true end
    local head = header_fields(mail.bytes, wanted)
    parts[#parts + 1] = (" BODY[HEADER.FIELDS (%s)] {%d}\r\n%s"):format(names, #head, head)
  elseif what:find "BODY.PEEK%[%]" then
    local bytes = most and mail.bytes:sub(1, tonumber(most)) or mail.bytes
    parts[#parts + 1] = (" BODY[]%s {%d}\r\n%s"):format(most and "<0>" or "", #bytes, bytes)
  end
  return table.concat(parts) .. ")\r\n"
end

--- Which of the mails a set like "1:3,7,9:*" names.
local function in_set(self, set)
  local out, last = {}, self.mails[#self.mails] and self.mails[#self.mails].uid or 0
  for n, mail in ipairs(self.mails) do
    for from, to in set:gmatch "(%d+):?([%d*]*)" do
      from, to = tonumber(from), to == "*" and last or tonumber(to) or tonumber(from)
      if from > to then from, to = to, from end
      if mail.uid >= from and mail.uid <= to then out[#out + 1] = { n = n, mail = mail } end
    end
  end
  return out
end

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

local function day(text)
  local d, m, y = text:match "(%d+)%-(%a+)%-(%d+)"
  return tonumber(y) * 10000 + months[m] * 100 + tonumber(d)
end

local words = {}

function words.CAPABILITY() return "* CAPABILITY IMAP4rev1\r\n" end

function words.LOGIN(self, rest)
  self.logins = self.logins + 1
  if not rest:find(self.password, 1, true) then return "", "NO [AUTHENTICATIONFAILED] wrong\r\n" end
  return ""
end

local function enter(self, rest)
  if not rest:find "INBOX" then return "", "NO no such folder\r\n" end
  return ("* %d EXISTS\r\n* OK [UIDVALIDITY %d]\r\n* OK [UIDNEXT %d]\r\n"):format(#self.mails, self.validity, self.next)
end
words.EXAMINE, words.SELECT = enter, enter

function words.SEARCH(self, rest)
  local uids, set, since = {}, rest:match "^UID (%S+)", rest:match "^SINCE (%S+)"
  for _, one in ipairs(in_set(self, set or "1:*")) do
    if not since or day(one.mail.time) >= day(since) then uids[#uids + 1] = one.mail.uid end
  end
  return "* SEARCH " .. table.concat(uids, " ") .. "\r\n"
end

function words.FETCH(self, rest)
  local set, what = rest:match "^(%S+) (.*)$"
  local out = {}
  for i, one in ipairs(in_set(self, set)) do out[i] = fetched(one.mail, one.n, what) end
  return table.concat(out)
end

function words.STORE(self, rest)
  for _, one in ipairs(in_set(self, rest:match "^(%S+)")) do one.mail.seen = true end
  return ""
end

function words.LOGOUT() return "* BYE\r\n" end

local function answer(self, line)
  local tag, word, rest = line:match "^(%S+) (%S+) ?(.*)$"
  if word == "UID" then word, rest = rest:match "^(%S+) ?(.*)$" end
  local fault = self.fault and self.fault(line)
  if fault ~= nil then return fault and fault:gsub("TAG", tag) end
  local said, status = words[word](self, rest)
  return said .. tag .. " " .. (status or "OK done\r\n")
end

function imap_server.open()
  local self = setmetatable({ mails = {}, next = 1, validity = 1, logins = 0, password = "pass-word" }, imap_server)
  self.server = line_server.open("* OK ready\r\n", function(line) return answer(self, line) end)
  self.port, self.lines = self.server.port, self.server.lines
  return self
end

--- Lay a mail there. options: time (INTERNALDATE), said_bytes (the size that the server says).
function imap_server:put(text, options)
  options = options or {}
  local uid = self.next
  table.insert(self.mails, { uid = uid, bytes = (text:gsub("\r?\n", "\r\n")), time = options.time or "05-Mar-2026 10:00:00 +0000",
    said_bytes = options.said_bytes })
  self.next = uid + 1
  return uid
end

function imap_server:take_out(uid)
  for i, mail in ipairs(self.mails) do
    if mail.uid == uid then return table.remove(self.mails, i) end
  end
end

--- Another UIDVALIDITY; the mails have other UIDs.
function imap_server:number_anew()
  self.validity, self.next = self.validity + 1, 101
  for i = #self.mails, 1, -1 do
    self.mails[i].uid, self.next = self.next, self.next + 1
  end
  table.sort(self.mails, function(a, b) return a.uid < b.uid end)
end

function imap_server:close() self.server:close() end

return imap_server
