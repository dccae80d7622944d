--- Hand a mail to a server (SMTP), and know of every failure whether the server can have taken it.
---
---   local ok, err = smtp.send(options, envelope, bytes)       -- options: those of stream.open
---
--- err.unknown is true when the end of the mail was sent and no answer came: only then may the server have
--- it. Before that, and whenever it answers, it is known: 4xx is worth a second try, 5xx is not. Where one of
--- several recipients is refused nobody gets the mail.
local stream = require "stream"

local smtp = {}

local line_most, lines_most = 4096, 100

local function shown(text) return (text:gsub("[^\32-\126]", " "):sub(1, 200)) end

--- A whole reply: its code and its text.
local function reply(conn)
  local text = {}
  for _ = 1, lines_most do
    local line, err = conn:line(line_most)
    if not line then return nil, err end
    local code, more, rest = line:match "^([2-5]%d%d)([ -]?)(.*)$"
    if not code then return nil, { code = "protocol", message = "the server's answer is no SMTP", retry = false } end
    text[#text + 1] = rest
    if more ~= "-" then return tonumber(code), table.concat(text, " ") end
  end
  return nil, { code = "protocol", message = "the server's answer does not end", retry = false }
end

local function refused(what, code, text)
  local err = { message = ("%s: the server said %d %s"):format(what, code, shown(text)), status = code }
  if code // 100 == 4 then err.code, err.retry = "overloaded", true
  elseif code == 530 or code == 535 then err.code, err.retry = "auth", false
  else err.code, err.retry = "refused", false end
  return nil, err
end

--- Say it; the answer has to begin with `want`.
local function step(conn, command, what, want)
  local ok, err = conn:write(command .. "\r\n")
  if not ok then return nil, err end
  local code, text = reply(conn)
  if not code then return nil, text end
  if code // 100 ~= want then return refused(what, code, text) end
  return true
end

--- What is sent after DATA: a line that begins with a dot gets another one.
local function stuffed(bytes)
  bytes = bytes:gsub("\r\n%.", "\r\n.."):gsub("^%.", "..")
  if bytes:sub(-2) ~= "\r\n" then bytes = bytes .. "\r\n" end
  return bytes .. ".\r\n"
end

local function hand_over(conn, bytes)
  local ok, err = conn:write(stuffed(bytes))
  if not ok then return nil, err end
  local code, text = reply(conn)
  if not code then
    if conn:unsent() == 0 then text = { code = text.code, message = text.message .. ", after the whole mail was sent", retry = false, unknown = true } end
    return nil, text
  end
  if code // 100 == 2 then return true end
  if code // 100 == 3 then return nil, { code = "protocol", message = "the server's answer to a mail is no answer", retry = false, unknown = true } end
  return refused("the mail", code, text)
end

local function talk(conn, envelope, bytes)
  local ok, err = step(conn, ("MAIL FROM:<%s>"):format(envelope.from), "the sender " .. envelope.from, 2)
  for _, to in ipairs(envelope.to) do
    if ok then ok, err = step(conn, ("RCPT TO:<%s>"):format(to), "the recipient " .. to, 2) end
  end
  if ok then ok, err = step(conn, "DATA", "the mail", 3) end
  if ok then ok, err = hand_over(conn, bytes) end
  return ok, err
end

--- See the top of the file.
function smtp.send(options, envelope, bytes)
  local conn, err = stream.open(options)
  if not conn then return nil, err end
  local ok, why = talk(conn, envelope, bytes)
  if not conn.failed then conn:write "QUIT\r\n" end
  conn:close()
  return ok, why
end

return smtp
