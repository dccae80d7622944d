--- Build a mail: RFC 5322 with MIME, any text as UTF-8, every line short, CRLF at line ends.
---
---   local bytes, envelope = mail_message.build { from = "Mira <mira@x.example>", to = "a@b", subject = "Olá",
---     body = "text", message_id = "<1@x>", date_ms = 0 }
---   envelope = { from = "mira@x.example", to = { "a@b", ... } }      -- bcc is there, and not in the bytes
---
--- also: cc, bcc, reply_to (text or lists), html, in_reply_to, references, attachments = { { filename, type,
--- text | base64 } }. What would not be one header line, or no address, is refused: nil, message.
local digest = require "core.digest"
local header = require "mime_header"
local mime_body = require "mime_body"
local rfc3339 = require "rfc3339"

local message = {}

-- ---- packing ------------------------------------------------------------------------------

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local letter_of = {}
for i = 0, 4095 do -- two letters at once
  local a, b = (i >> 6) + 1, (i & 63) + 1
  letter_of[i] = letters:sub(a, a) .. letters:sub(b, b)
end

--- One line of base64.
function message.base64(bytes)
  local out, n = {}, 0
  for at = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local v = a << 16 | b << 8 | c
    n = n + 1
    out[n] = letter_of[v >> 12] .. letter_of[v & 4095]
  end
  local rest = #bytes % 3
  if rest == 1 then
    out[n + 1] = letter_of[bytes:byte(#bytes) << 4] .. "=="
  elseif rest == 2 then
    local a, b = bytes:byte(#bytes - 1, #bytes)
    local v = (a << 8 | b) << 2
    out[n + 1] = letter_of[v >> 6] .. letters:sub((v & 63) + 1, (v & 63) + 1) .. "="
  end
  return table.concat(out)
end

--- Lines of 76 letters; 57 bytes make one.
local function base64_lines(bytes)
  local out = {}
  for at = 1, #bytes, 57 do out[#out + 1] = message.base64(bytes:sub(at, at + 56)) end
  return table.concat(out, "\r\n") .. "\r\n"
end

--- One line of text, quoted-printable, as lines of at most 76 characters.
local function quoted_line(line, out)
  local row, width = {}, 0
  local function put(piece)
    if width + #piece > 75 then
      out[#out + 1] = table.concat(row) .. "="
      row, width = {}, 0
    end
    row[#row + 1], width = piece, width + #piece
  end
  for at = 1, #line do
    local byte = line:byte(at)
    local blank_at_end = (byte == 32 or byte == 9) and at == #line
    if byte == 61 or byte > 126 or (byte < 32 and byte ~= 9) or blank_at_end then
      put(("=%02X"):format(byte))
    elseif byte == 46 and width == 0 then
      put "=2E" -- a dot alone would end the mail for some servers
    else
      put(string.char(byte))
    end
  end
  out[#out + 1] = table.concat(row)
end

local function lf(text) return (text:gsub("\r\n", "\n"):gsub("\r", "\n")) end

--- A text part: its packing and its packed lines. Plain ASCII in short lines goes as it is.
local function packed_text(text)
  text = lf(text)
  local plain = not text:find("[^\t\n\32-\126]") and not text:find("[ \t]\n") and not text:find("\nFrom ") and not text:find("^From ")
    and not ("\n" .. text):find("\n%.")
  if plain then
    for line in text:gmatch("[^\n]+") do plain = plain and #line <= 76 end
  end
  if text:sub(-1) ~= "\n" then text = text .. "\n" end
  if plain then return "7bit", (text:gsub("\n", "\r\n")) end
  local out = {}
  for line in text:gmatch("([^\n]*)\n") do quoted_line(line, out) end
  return "quoted-printable", table.concat(out, "\r\n") .. "\r\n"
end

-- ---- header fields -------------------------------------------------------------------------

--- RFC 2047 words of at most 75 characters, none of which cuts a character.
local function encoded_words(text)
  local words, part = {}, ""
  for _, code in utf8.codes(text) do
    local c = utf8.char(code)
    if #part + #c > 42 then
      words[#words + 1], part = "=?UTF-8?B?" .. message.base64(part) .. "?=", ""
    end
    part = part .. c
  end
  words[#words + 1] = "=?UTF-8?B?" .. message.base64(part) .. "?="
  return table.concat(words, "\r\n ")
end

--- Fold at blanks, so that lines stay below 78 where they can.
local function folded(name, value)
  local lines, line = {}, name .. ":"
  for word in value:gmatch("[^ ]+") do
    if #line + 1 + #word > 76 and #line > #name + 1 then
      lines[#lines + 1], line = line, ""
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\r\n") .. "\r\n"
end

local function needs_words(text)
  if text:find("[^\32-\126]") or text:find("=?", 1, true) then return true end
  for word in text:gmatch("%S+") do
    if #word > 200 then return true end
  end
  return text:find("^ ") or text:find(" $") or text:find("  ", 1, true)
end

local function text_field(name, text)
  if needs_words(text) then return name .. ": " .. encoded_words(text) .. "\r\n" end
  return folded(name, text)
end

local function refuse(text) error({ refused = text }, 0) end

--- One line of UTF-8, or a refusal: a line end in a header would begin a field of somebody else's.
local function one_line(what, text)
  if type(text) ~= "string" then refuse(("%s must be text"):format(what)) end
  if text:find("[%z\1-\8\10-\31\127]") then refuse(("%s has line ends or control characters"):format(what)) end
  if not utf8.len(text) then refuse(("%s is not UTF-8"):format(what)) end
  if #text > 8000 then refuse(("%s is too long (%d bytes)"):format(what, #text)) end
  return text
end

local function check_address(what, address)
  local at = address:match("^[^%s<>()%[%],;:\\\"@]+@()[%w%-%.]+$") or address:match("^[^%s<>()%[%],;:\\\"@]+@()%[[%x:%.IPv]+%]$")
  if not at or #address > 254 or address:find("..", 1, true) or address:find("[^\33-\126]") then
    refuse(("%s: '%s' is no mail address"):format(what, address:sub(1, 80)))
  end
  return address
end

--- "a b@c" is a slip, not a name without brackets: nobody should get a mail by a guess.
local function stands_plainly(text, address)
  if text:find("<" .. address .. ">", 1, true) then return true end
  for part in text:gmatch("[^,]+") do
    if part:match("^%s*(.-)%s*$") == address then return true end
  end
  return false
end

--- "Ana <a@x>", or a list of such -> { { name, address } }.
local function people(what, given)
  local list = {}
  for _, text in ipairs(type(given) == "table" and given or { given }) do
    one_line(what, text)
    local found = header.addresses(text)
    if #found == 0 then refuse(("%s: '%s' is no mail address"):format(what, text:sub(1, 80))) end
    for _, who in ipairs(found) do
      check_address(what, who.address)
      if not stands_plainly(text, who.address) then refuse(("%s: '%s' is no mail address"):format(what, text:sub(1, 80))) end
      list[#list + 1] = who
    end
  end
  return list
end

local function person_text(who)
  if who.name == "" then return who.address end
  if who.name:find("[^\32-\126]") or who.name:find("=?", 1, true) then return encoded_words(who.name) .. " <" .. who.address .. ">" end
  return header.address_text(who)
end

local function people_field(name, list)
  local texts = {}
  for i, who in ipairs(list) do texts[i] = person_text(who) end
  return name .. ": " .. table.concat(texts, ",\r\n ") .. "\r\n"
end

local function ids_field(name, what, given)
  local ids = {}
  for _, text in ipairs(type(given) == "table" and given or { given }) do
    one_line(what, text)
    for _, id in ipairs(header.message_ids(text)) do ids[#ids + 1] = id:find("^<") and id or "<" .. id .. ">" end
  end
  if #ids == 0 then return "" end
  return name .. ": " .. table.concat(ids, "\r\n ") .. "\r\n"
end

local day_names = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" } -- 1970-01-01 was a Thursday
local month_names = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

local function date_text(ms)
  local seconds = ms // 1000
  local days = seconds // 86400
  local year, month, day = rfc3339.date(days)
  local rest = seconds % 86400
  return ("%s, %d %s %04d %02d:%02d:%02d +0000"):format(day_names[days % 7 + 1], day, month_names[month], year,
    rest // 3600, rest // 60 % 60, rest % 60)
end

-- ---- parts ---------------------------------------------------------------------------------

local function text_part(kind, text)
  if not utf8.len(text) then refuse "the body is not UTF-8" end
  local packing, lines = packed_text(text)
  return ("Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s"):format(kind, packing, lines)
end

--- filename="x" for plain names, RFC 2231 for others.
local function name_parameter(name)
  if not name:find('[^\32-\126]') and not name:find('["\\]') then return ('filename="%s"'):format(name) end
  return "filename*=UTF-8''" .. name:gsub("[^%w%.%-_]", function(c) return ("%%%02X"):format(c:byte()) end)
end

local function attachment_part(given)
  local name = one_line("an attachment's filename", given.filename or "attachment"):match("[^/\\]*$")
  local kind = one_line("an attachment's type", given.type or "application/octet-stream")
  if not kind:find("^[%w!#$&.+^_-]+/[%w!#$&.+^_-]+$") or kind:find("^multipart/") then
    refuse(("an attachment's type is like text/csv, not '%s'"):format(kind))
  end
  if type(given.text) ~= "string" and type(given.base64) ~= "string" then refuse "an attachment needs `text` or `base64`" end
  local content = given.text or mime_body.from_base64(given.base64)
  return ("Content-Type: %s\r\nContent-Disposition: attachment;\r\n %s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s"):format(kind,
    name_parameter(name), base64_lines(content))
end

--- A boundary that no packed part can hold: "=_" is in neither base64 nor quoted-printable.
local function joined(kind, parts, seed)
  local mark = "=_" .. digest.sha256(seed .. kind):sub(1, 32)
  local out = { ('Content-Type: multipart/%s;\r\n boundary="%s"\r\n'):format(kind, mark) }
  for _, part in ipairs(parts) do out[#out + 1] = "--" .. mark .. "\r\n" .. part end
  return table.concat(out, "\r\n") .. "\r\n--" .. mark .. "--\r\n"
end

local function content(mail)
  local whole = text_part("plain", mail.body or "")
  if mail.html then
    whole = joined("alternative", { whole, text_part("html", mail.html) }, mail.message_id)
  end
  if not mail.attachments or #mail.attachments == 0 then return whole end
  local parts = { whole }
  for _, one in ipairs(mail.attachments) do parts[#parts + 1] = attachment_part(one) end
  return joined("mixed", parts, mail.message_id)
end

-- ---- faces ----------------------------------------------------------------------------------

--- The id that a mail with this key has for ever: whoever looks for it finds it.
function message.id_of(place, key, from)
  local domain = from and from:match("@([%w%-%.]+)>?%s*$") or "keel.invalid"
  return ("<%s@%s>"):format(digest.sha256(place .. "\0" .. key):sub(1, 40), domain)
end

local function build(mail)
  local from, envelope = people("from", mail.from), { to = {} }
  if #from ~= 1 then refuse "from is one address" end
  envelope.from = from[1].address
  local fields = { people_field("From", from) }
  for _, field in ipairs { "to", "cc", "bcc" } do
    local list = mail[field] and people(field, mail[field])
    for _, who in ipairs(list or {}) do envelope.to[#envelope.to + 1] = who.address end
    if list and field ~= "bcc" then fields[#fields + 1] = people_field(field == "to" and "To" or "Cc", list) end
  end
  if #envelope.to == 0 then refuse "it has no recipient" end
  if mail.reply_to then fields[#fields + 1] = people_field("Reply-To", people("reply_to", mail.reply_to)) end
  fields[#fields + 1] = text_field("Subject", one_line("subject", mail.subject or ""))
  fields[#fields + 1] = "Date: " .. date_text(mail.date_ms) .. "\r\n"
  fields[#fields + 1] = "Message-ID: " .. mail.message_id .. "\r\n"
  if mail.in_reply_to then fields[#fields + 1] = ids_field("In-Reply-To", "in_reply_to", mail.in_reply_to) end
  local references = mail.references or mail.in_reply_to
  if references then fields[#fields + 1] = ids_field("References", "references", references) end
  fields[#fields + 1] = "MIME-Version: 1.0\r\n"
  fields[#fields + 1] = content(mail)
  return table.concat(fields), envelope
end

--- See the top of the file.
function message.build(mail)
  local ok, bytes, envelope = pcall(build, mail)
  if ok then return bytes, envelope end
  if type(bytes) == "table" and bytes.refused then return nil, bytes.refused end
  error(bytes, 0)
end

return message
