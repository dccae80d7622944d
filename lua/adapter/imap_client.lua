--- Speak IMAP4rev1 with a server, over a connection that is logged in.
---
---   local box, err = imap.open(options)                     -- options: those of stream.open
---   local folder, err = box:enter("INBOX", "EXAMINE")       -- { validity, next, exists, permanent }
---   local uids, err = box:search { "HEADER Message-ID ", imap.string("<1@x>") }
---   local mails, err = box:fetch({ 4, 5 }, "FLAGS RFC822.SIZE")   -- { { UID = 4, FLAGS = { ... }, ... } }
---   local reply, err = box:command { "UID STORE 4 +FLAGS.SILENT (\\Seen)" }
---   box:close()
---
--- A literal is read by its length, so nothing in a mail can be taken for an answer of the server. BODY.PEEK
--- alone is asked for: reading marks no mail as seen.
local mail_message = require "mail_message"
local mime = require "mime"
local stream = require "stream"

local imap = {}
local client = {}
client.__index = client

local line_most, answers_most, literal_most = 4 << 20, 200000, mime.limits.bytes + 65536

-- ---- writing ---------------------------------------------------------------------------------

--- A text as a command carries it: quoted, or { literal = text }.
function imap.string(text)
  if #text < 500 and not text:find("[^\32-\126]") then return '"' .. text:gsub('["\\]', "\\%0") .. '"' end
  return { literal = text }
end

local function utf16(code)
  if code < 0x10000 then return string.pack(">I2", code) end
  code = code - 0x10000
  return string.pack(">I2I2", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
end

--- A folder's name as servers know it (modified UTF-7), quoted. The name is UTF-8 without control characters.
function imap.folder(name)
  local out, wide = {}, {}
  local function flush()
    if #wide == 0 then return end
    out[#out + 1] = "&" .. mail_message.base64(table.concat(wide)):gsub("=+$", ""):gsub("/", ",") .. "-"
    wide = {}
  end
  for _, code in utf8.codes(name) do
    if code >= 32 and code < 127 then
      flush()
      out[#out + 1] = code == 38 and "&-" or utf8.char(code)
    else
      wide[#wide + 1] = utf16(code)
    end
  end
  flush()
  return '"' .. table.concat(out):gsub('["\\]', "\\%0") .. '"'
end

-- ---- reading ---------------------------------------------------------------------------------

local function protocol(what) return { code = "protocol", message = "the server's answer is no IMAP: " .. what, retry = false } end

--- A whole response: its text, in which "\0N\0" stands for the Nth literal, and the literals.
local function response(self)
  local text, literals = {}, {}
  while true do
    local line, err = self.conn:line(line_most)
    if not line then return nil, err end
    line = line:gsub("%z", "")
    local digits = line:match("{(%d+)}$")
    if not digits then
      text[#text + 1] = line
      return table.concat(text), literals
    end
    local size = #digits < 12 and tonumber(digits) or literal_most + 1
    if size > literal_most or #literals > 100 then return nil, { code = "too_large", message = "the server sends more than a mail may have", retry = false } end
    literals[#literals + 1], err = self.conn:take(size)
    if err then return nil, err end
    text[#text + 1] = line:sub(1, -#digits - 3) .. ("\0%d\0"):format(#literals)
  end
end

--- Where an atom ends; blanks and parentheses inside of [] are its own.
local function atom_end(text, at)
  local stop = text:find('[ ()"%z]', at) or #text + 1
  local bracket = text:find("[", at, true)
  if bracket and bracket < stop then
    local close = text:find("]", bracket, true) or #text
    stop = text:find('[ ()"%z]', close + 1) or #text + 1
  end
  return stop
end

local function quoted_end(text, at)
  local stop = at + 1
  while true do
    stop = text:find('["\\]', stop)
    if not stop then error(protocol "a text does not end", 0) end
    if text:byte(stop) == 34 then return stop end
    stop = stop + 2
  end
end

--- "(1 (a b) "c d")" -> { { "1", { "a", "b" }, "c d" } }; NIL is false.
local function values(text, at, literals, depth)
  local list = {}
  if depth > 20 then error(protocol "too many parentheses", 0) end
  while true do
    at = text:find("[^ ]", at)
    if not at then return list, #text + 1 end
    local c = text:sub(at, at)
    if c == ")" then return list, at + 1 end
    if c == "(" then
      list[#list + 1], at = values(text, at + 1, literals, depth + 1)
    elseif c == '"' then
      local stop = quoted_end(text, at)
      list[#list + 1] = text:sub(at + 1, stop - 1):gsub("\\(.)", "%1")
      at = stop + 1
    elseif c == "\0" then
      local n, stop = text:match("^%z(%d+)%z()", at)
      list[#list + 1], at = literals[tonumber(n)], stop
    else
      local stop = atom_end(text, at)
      local atom = text:sub(at, stop - 1)
      list[#list + 1], at = atom:upper() ~= "NIL" and atom, stop
    end
  end
end

local later = { UNAVAILABLE = true, INUSE = true, LIMIT = true, SERVERBUG = true }

local function refused(status, text)
  local word = (text:match "^%[(%u[%w-]*)" or ""):upper()
  local err = { message = "the server said " .. status .. " " .. text:gsub("[^\32-\126]", " "):sub(1, 200), word = word, retry = false }
  if status == "BAD" then err.code = "protocol"
  elseif later[word] then err.code, err.retry = "overloaded", true
  elseif word == "NONEXISTENT" or word == "TRYCREATE" then err.code = "not_found"
  else err.code = "refused" end
  return nil, err
end

--- Read until the answer to `tag`, or until the server wants a literal. `into` gets what came beside it.
local function answer(self, tag, into)
  for _ = 1, answers_most do
    local text, literals = response(self)
    if not text then return nil, literals end
    local rest = text:match "^%* (.*)$"
    if rest then
      into[#into + 1] = { text = rest, literals = literals }
    elseif text:sub(1, 1) == "+" then
      return "+"
    else
      local said, status, more = text:match "^(%S+) (%a+) ?(.*)$"
      if said ~= tag then return nil, protocol "it answers what was not asked" end
      status = status:upper()
      if status ~= "OK" then return refused(status, more) end
      return "OK", more
    end
  end
  return nil, { code = "too_large", message = "the server says more than was asked", retry = false }
end

-- ---- commands --------------------------------------------------------------------------------

--- Say a command, made of texts and { literal = text }. { text, code, answers = { { text, literals } } }; code is what
--- stands in [].
function client:command(parts)
  self.count = self.count + 1
  local tag, line, answers = "k" .. self.count, {}, {}
  line[1] = tag .. " "
  for _, part in ipairs(parts) do
    if type(part) == "string" then
      line[#line + 1] = part
    else
      line[#line + 1] = ("{%d}\r\n"):format(#part.literal)
      local ok, err = self.conn:write(table.concat(line))
      if not ok then return nil, err end
      local status, why = answer(self, tag, answers)
      if status == nil then return nil, why end
      if status ~= "+" then return nil, protocol "it does not take a literal" end
      line = { part.literal }
    end
  end
  local ok, err = self.conn:write(table.concat(line) .. "\r\n")
  if not ok then return nil, err end
  local status, text = answer(self, tag, answers)
  if not status then return nil, text end
  if status == "+" then return nil, protocol "it wants more" end
  return { text = text, code = text:match "^%[([^%]]*)%]", answers = answers }
end

--- Whether the server can do `word` (asked once).
function client:can(word)
  if not self.abilities then
    local reply = self:command { "CAPABILITY" }
    self.abilities = {}
    for _, one in ipairs(reply and reply.answers or {}) do
      for ability in (one.text:match "^CAPABILITY (.*)$" or ""):gmatch "%S+" do self.abilities[ability:upper()] = true end
    end
  end
  return self.abilities[word] or false
end

--- Enter a folder; how is "SELECT", or "EXAMINE", which changes nothing.
function client:enter(name, how)
  local reply, err = self:command { how, " ", imap.folder(name) }
  if not reply then
    if err.code == "refused" then err.code = "not_found" end
    return nil, err
  end
  local folder = { name = name, exists = 0 }
  for _, one in ipairs(reply.answers) do
    folder.exists = tonumber(one.text:match "^(%d+) EXISTS") or folder.exists
    folder.validity = tonumber(one.text:match "^OK %[UIDVALIDITY (%d+)") or folder.validity
    folder.next = tonumber(one.text:match "^OK %[UIDNEXT (%d+)") or folder.next
    folder.permanent = one.text:match "^OK %[PERMANENTFLAGS %(([^)]*)%)" or folder.permanent
  end
  if not folder.validity then return nil, protocol "a folder without UIDVALIDITY" end
  return folder
end

--- The UIDs of a search, ascending.
function client:search(parts)
  local reply, err = self:command { "UID SEARCH ", table.unpack(parts) }
  if not reply then return nil, err end
  local uids = {}
  for _, one in ipairs(reply.answers) do
    for uid in (one.text:match "^SEARCH(.*)$" or ""):gmatch "%d+" do uids[#uids + 1] = math.tointeger(tonumber(uid)) end
  end
  table.sort(uids)
  return uids
end

local function fetched(answers)
  local mails = {}
  for _, one in ipairs(answers) do
    local at = one.text:match "^%d+ FETCH %(()"
    local list = at and values(one.text, at, one.literals, 0)
    local mail = {}
    for i = 1, #(list or {}), 2 do
      local name = tostring(list[i]):upper():gsub("%[.*$", "")
      mail[name] = list[i + 1]
    end
    mail.UID = math.tointeger(tonumber(mail.UID))
    if mail.UID then mails[#mails + 1] = mail end
  end
  table.sort(mails, function(a, b) return a.UID < b.UID end)
  return mails
end

--- What is asked of the mails with these UIDs, by UID; those that are gone are not there.
function client:fetch(uids, what)
  local mails = {}
  for from = 1, #uids, 200 do
    local set = table.concat(uids, ",", from, math.min(from + 199, #uids))
    local reply, err = self:command { ("UID FETCH %s (UID %s)"):format(set, what) }
    if not reply then return nil, err end
    local ok, some = pcall(fetched, reply.answers)
    if not ok then
      if type(some) == "table" then return nil, some end
      error(some, 0)
    end
    table.move(some, 1, #some, #mails + 1, mails)
  end
  return mails
end

function client:close()
  if not self.conn.failed then self.conn:write "kx LOGOUT\r\n" end
  self.conn:close()
end

--- See the top of the file.
function imap.open(options)
  local conn, err = stream.open(options)
  if not conn then return nil, err end
  return setmetatable({ conn = conn, count = 0 }, client)
end

return imap
