--- Read an e-mail as it lies in a file.
--
--   local mail, err = mime.parse(bytes, options)
--
-- mail = { from = { name, address }, from_text = "Ana <ana@x>",
--          to, cc, reply_to = { { name, address }, ... },
--          subject, date (RFC 3339 in UTC or nil), message_id, in_reply_to,
--          references = { id, ... },
--          body (text), html (true when the body was HTML),
--          attachments = { { filename, type, size, sha256?, content? }, ... },
--          bulk (a newsletter or list says so), automatic (no person wrote it),
--          problems = { sentence, ... } }
--
-- err  = { code = "empty|too_large|no_header|truncated", message, line }
--
-- Promises, whatever the bytes are: it never raises; every string is valid
-- UTF-8; the time is linear in #bytes, which is at most `limits.bytes`; what
-- could not be read is told in `problems` and the rest is still there. A mail
-- that ends inside its header is an error: nobody should act on half of it.
--
-- Options: `contents = true` keeps each attachment's bytes as `content`;
-- `sha256 = function(bytes) -> hex` adds `sha256`. Without them attachments are
-- measured, not unpacked.
--
-- The file is read once, from top to bottom. `reader.open` maps each boundary
-- that is open to the depth of its multipart, so that a delimiter line of an
-- outer part also ends every part inside it that forgot to close.

local charset = require "charset"
local header = require "mime_header"
local packing = require "mime_body"
local html_text = require "html_text"
local json = require "json"

local mime = {}

local limits = {
  bytes = 25 * 1024 * 1024, -- the whole mail
  text = 2 * 1024 * 1024,   -- one text part, packed
  field = 64 * 1024,        -- one header field, unfolded
  fields = 1000,            -- header fields of one part
  parts = 500,
  depth = 20,
  boundary = 250,           -- RFC 2046 says 70
  problems = 40,
}
mime.limits = limits

-- Lines ----------------------------------------------------------------------------

--- Where the line at `pos` ends, and where the next one begins.
local function line_end(bytes, pos)
  local stop = bytes:find("[\r\n]", pos)
  if not stop then
    return #bytes, #bytes + 1
  end
  local crlf = bytes:byte(stop) == 13 and bytes:byte(stop + 1) == 10
  return stop - 1, stop + (crlf and 2 or 1)
end

local function line_number(bytes, pos)
  local lines = 1
  local at = 1
  while true do
    local _, nxt = line_end(bytes, at)
    if nxt > pos or nxt > #bytes then
      return lines
    end
    lines, at = lines + 1, nxt
  end
end

--- Does the line at `pos` delimit an open multipart? { depth, closing, next }
local function delimiter(reader, pos)
  local bytes = reader.bytes
  if bytes:byte(pos) ~= 45 or bytes:byte(pos + 1) ~= 45 then
    return nil
  end
  local stop, nxt = line_end(bytes, pos)
  if stop - pos > limits.boundary + 50 then
    return nil
  end
  local mark = bytes:sub(pos + 2, stop)
  if mark:find("[%s]$") then
    mark = header.tidy(mark)
  end
  local depth, closing = reader.open[mark], false
  if not depth then
    if mark:byte(-1) ~= 45 then
      return nil
    end
    -- "--x--" closes; "--x-" was meant to.
    depth = reader.open[mark:match("^(.*)%-%-$") or ""]
      or reader.open[mark:match("^(.*)%-$") or ""]
    closing = true
  end
  return depth and { depth = depth, closing = closing, next = nxt, start = pos } or nil
end

--- The last byte before the next delimiter line at or after `pos`, and that
-- line; or the end of the file and nil.
local function up_to_delimiter(reader, pos)
  local bytes = reader.bytes
  if next(reader.open) == nil then
    return #bytes, nil
  end
  local first = pos
  while true do
    local hit = delimiter(reader, pos)
    if hit then
      local last = hit.start - 1
      if last >= first and bytes:byte(last) == 10 then
        last = last - 1
      end
      if last >= first and bytes:byte(last) == 13 then
        last = last - 1
      end
      return last, hit
    end
    local nxt = bytes:find("[\r\n]%-%-", pos)
    if not nxt then
      return #bytes, nil
    end
    pos = nxt + 1
  end
end

-- Header fields --------------------------------------------------------------------

local function field_name(line)
  return line:match("^([!-9;-~]+)[ \t]*:")
end

--- Is the next line that starts in the first column a field again?
local function field_follows(bytes, pos)
  for _ = 1, 3 do
    if pos > #bytes then
      return false
    end
    local stop, nxt = line_end(bytes, pos)
    if stop < pos then
      return false
    end
    local line = bytes:sub(pos, math.min(stop, pos + 1000))
    if not line:find("^[ \t]") then
      return field_name(line) ~= nil
    end
    pos = nxt
  end
  return false
end

--- Read fields from `pos`. Returns the fields (lower name -> first value, raw),
-- where the body begins, a delimiter when one came first, and how the header
-- ended: "blank", "delimiter", "text" (no blank line) or "eof".
local function read_fields(reader, pos)
  local bytes, fields, count = reader.bytes, {}, 0
  local name, value, size
  local seen_twice, junk = {}, 0

  local function keep()
    if not name then
      return
    end
    local text = table.concat(value)
    if fields[name] == nil then
      fields[name] = text
    elseif (name == "from" or name == "subject" or name == "date" or name == "to"
        or name == "message-id" or name == "content-type") and not seen_twice[name] then
      seen_twice[name] = true
      if fields[name]:find("%S") == nil then
        fields[name] = text
      end
      reader.problem(("the field %s is there more than once"):format(name))
    end
    name = nil
  end

  while pos <= #bytes do
    local hit = delimiter(reader, pos)
    if hit then
      keep()
      return fields, pos, hit, "delimiter"
    end
    local stop, nxt = line_end(bytes, pos)
    if stop < pos then
      keep()
      return fields, nxt, nil, "blank"
    end
    local line = bytes:sub(pos, math.min(stop, pos + limits.field))
    if line:find("^[ \t]") then
      if name and size < limits.field then
        size = size + #line
        value[#value + 1] = line
      elseif name and size < math.huge then
        size = math.huge
        reader.problem(("the field %s is too long and was cut"):format(name))
      end
    else
      local label = field_name(line)
      if label then
        keep()
        count = count + 1
        if count <= limits.fields then
          name = label:lower()
          value, size = { (line:sub(#label + 1):gsub("^[ \t]*:", "")) }, #line
        elseif count == limits.fields + 1 then
          reader.problem("there are too many header fields; the rest were left out")
        end
      elseif count == 0 and not line:find("^>?From ") and reader.parts > 1 then
        return fields, pos, nil, "text" -- a part without a header
      elseif count > 0 and stop == #bytes and line:find("^[!-9;-~]+$") then
        keep() -- half of a field's name
        return fields, nxt, nil, "eof"
      elseif count > 0 and (junk > 20 or not field_follows(bytes, nxt)) then
        keep()
        reader.problem("no empty line between the header and the body")
        return fields, pos, nil, "text"
      elseif not line:find("^>?From ") then
        if count == 0 then
          return fields, pos, nil, "text"
        end
        junk = junk + 1
        reader.problem("a header line is no field: " .. charset.guess(line:sub(1, 40)))
      end
    end
    pos = nxt
  end
  keep()
  return fields, pos, nil, "eof"
end

-- Parts ----------------------------------------------------------------------------

local transfer_names = { ["7bit"] = "none", ["8bit"] = "none", binary = "none",
  [""] = "none", none = "none", ["7bits"] = "none", ["8bits"] = "none",
  quotedprintable = "quoted", qp = "quoted", quoted = "quoted",
  base64 = "base64", b64 = "base64", uuencode = "uu", xuuencode = "uu",
  xuue = "uu", uue = "uu" }

--- Type, parameters, disposition, packing and name out of a part's fields.
local function describe(reader, fields, default)
  local problem = reader.problem
  local head, params = "", {}
  if fields["content-type"] then
    head, params = header.params(fields["content-type"], problem)
  end
  local kind, sub = head:lower():match("^([%w!#$&.+^_-]+)%s*/%s*([%w!#$&.+^_-]+)")
  local part = { params = params, type = kind and kind .. "/" .. sub }
  if not kind then
    part.type = default
    if head ~= "" then
      part.type = "text/plain"
      problem("the content type is not one: " .. head:sub(1, 40))
    end
  end
  local words, shape = "", {}
  if fields["content-disposition"] then
    words, shape = header.params(fields["content-disposition"], problem)
  end
  part.disposition = words:lower()
  part.name = shape.filename or params.name or shape.name or params.filename
  local place = fields["content-location"]
  if not part.name and place and not part.type:find("^text/") then
    part.name = header.decode_words(place:sub(1, 500), problem):match("^[^?#]*")
  end
  part.name = part.name and part.name:match("[^/\\]*$"):sub(1, 255)
  if part.name == "" then
    part.name = nil
  elseif part.name then
    part.name = charset.mend(part.name)
  end
  local packed = (fields["content-transfer-encoding"] or ""):sub(1, 100):lower()
    :gsub("%b()", ""):gsub(";.*$", ""):gsub("[%s_-]", "")
  part.packing = transfer_names[packed]
  if not part.packing then
    part.packing = "none"
    problem("an unknown transfer encoding: " .. charset.guess(packed:sub(1, 30)))
  end
  return part
end

--- The boundary of a multipart whose header does not say it rightly: its first
-- line that begins with two dashes and a word.
local function guess_boundary(reader, pos, last)
  local bytes = reader.bytes
  local at = pos
  for _ = 1, 200 do
    local stop, nxt = line_end(bytes, at)
    local mark = bytes:sub(at, math.min(stop, at + limits.boundary)):match("^%-%-([^%s-].*)$")
    mark = mark and header.tidy(mark)
    if mark and #mark > 4 and not mark:find(" ", 1, true) then
      return mark
    end
    if nxt > last then
      return nil
    end
    at = nxt
  end
end

local read_part

--- The children of a multipart that begins at `pos`, and the delimiter of an
-- outer part that ended it.
local function read_children(reader, part, pos, depth, boundary)
  local hidden = reader.open[boundary]
  reader.open[boundary] = depth
  local last, hit = up_to_delimiter(reader, pos)
  part.first, part.last = pos, last -- the preamble, in case nothing follows
  while hit and hit.depth == depth and not hit.closing do
    if reader.parts >= limits.parts then
      reader.problem("there are too many parts; the rest were left out")
      hit = nil
      break
    end
    local child
    child, hit = read_part(reader, hit.next, depth + 1,
      part.type == "multipart/digest" and "message/rfc822" or "text/plain")
    part.children = part.children or {}
    table.insert(part.children, child)
  end
  reader.open[boundary] = hidden
  if hit and hit.depth == depth then -- closed; the epilogue is nobody's
    if hidden == nil and next(reader.open) == nil then
      return nil
    end
    last, hit = up_to_delimiter(reader, hit.next)
  elseif part.children then
    reader.problem("a multipart is not closed: the mail may be cut")
  end
  return hit
end

function read_part(reader, pos, depth, default)
  reader.parts = reader.parts + 1
  local fields, body_at, hit, ended = read_fields(reader, pos)
  local part = describe(reader, fields, default)
  part.fields, part.ended = fields, ended
  part.first, part.last = body_at, body_at - 1
  if hit then
    return part, hit
  end
  if part.type:find("^multipart/") and depth <= limits.depth then
    local declared = part.params.boundary or ""
    if declared ~= "" and #declared <= limits.boundary then
      hit = read_children(reader, part, body_at, depth, declared)
    else
      part.last, hit = up_to_delimiter(reader, body_at)
    end
    if not part.children then
      local guessed = guess_boundary(reader, body_at, part.last)
      if guessed and guessed ~= declared and not reader.open[guessed:gsub("%-+$", "")] then
        reader.problem("the boundary of a multipart was guessed")
        hit = read_children(reader, part, body_at, depth, guessed)
      end
    end
    if not part.children then
      reader.problem("a multipart has no parts: the mail may be cut")
      part.type = "text/plain"
    end
    return part, hit
  end
  if part.type:find("^multipart/") then
    reader.problem("parts are nested too deeply")
    part.type = "application/octet-stream"
  end
  part.last, hit = up_to_delimiter(reader, body_at)
  return part, hit
end

-- Text -----------------------------------------------------------------------------

local function unpack_part(part, raw)
  if part.packing == "quoted" then
    return packing.from_quoted(raw)
  elseif part.packing == "base64" then
    return packing.from_base64(raw)
  elseif part.packing == "uu" then
    return (packing.from_uu(raw))
  end
  return raw
end

local function trim_lines(text)
  text = text:gsub("^\n+", "")
  local last = #text
  while last > 0 and text:find("^%s", last) do
    last = last - 1
  end
  return text:sub(1, last)
end

--- A text part as UTF-8 with LF; HTML becomes text.
local function text_of(reader, part)
  if part.text then
    return part.text
  end
  local last = part.last
  if last - part.first >= limits.text then
    last = part.first + limits.text - 1
    reader.problem("a text is too long and was cut")
  end
  local raw = unpack_part(part, reader.bytes:sub(part.first, last))
  local set = part.params.charset and part.params.charset:match("^%S+")
  if not set and part.type == "text/html" then
    set = raw:sub(1, 2048):lower():match("charset%s?=%s?[\"']?([%w_%-]+)")
  end
  local text, trouble = charset.decode(raw, set)
  if trouble then
    reader.problem("a text " .. trouble)
  end
  text = packing.lines(text):gsub("^\u{FEFF}", "")
  if part.type == "text/html" then
    text = html_text(text)
  elseif (part.params.format or ""):lower() == "flowed" then
    text = packing.unflow(text, (part.params.delsp or ""):lower() == "yes")
  end
  part.text = trim_lines(text)
  return part.text
end

local function is_text(part)
  return not part.children and part.disposition ~= "attachment"
    and (part.type == "text/plain" or part.type == "text/html"
      or part.type == "text/markdown")
end

--- The first part inside `part` that is text of that type and says something.
local function find_text(reader, part, kind)
  for _, child in ipairs(part.children or { part }) do
    local found
    if child.children then
      found = find_text(reader, child, kind)
    elseif is_text(child) and child.type == kind and text_of(reader, child):find("%S") then
      found = child
    end
    if found then
      return found
    end
  end
end

-- Attachments ------------------------------------------------------------------------

local function attach(reader, out, part)
  local raw_size = part.last - part.first + 1
  if #out.attachments >= limits.parts or (raw_size == 0 and not part.name) then
    return
  end
  local item = { filename = part.name, type = part.type, size = raw_size }
  local id = part.fields["content-id"]
  item.content_id = id and header.message_ids(id)[1] or nil
  local raw = reader.bytes:sub(part.first, part.last)
  if part.packing == "base64" then
    local cut
    item.size, cut = packing.base64_size(raw)
    if cut then
      reader.problem(("the attachment '%s' is not complete"):format(part.name or part.type))
    end
  elseif part.packing ~= "none" then
    local content = unpack_part(part, raw)
    item.size = #content
  end
  if part.type == "message/rfc822" and not part.name and raw:find("%S") then
    local subject = ("\n" .. raw:sub(1, 20000)):match("\n[Ss]ubject:[ \t]*([^\r\n]+)")
    item.filename = (subject and header.decode_words(subject) or "message") .. ".eml"
  end
  if reader.options.contents or reader.options.sha256 then
    local content = unpack_part(part, raw)
    item.content = reader.options.contents and content or nil
    item.sha256 = reader.options.sha256 and reader.options.sha256(content) or nil
  end
  out.attachments[#out.attachments + 1] = item
end

--- Everything in `part` that is not the text of the mail.
local function attach_rest(reader, out, part, taken)
  if part == taken then
    return
  elseif part.children then
    for _, child in ipairs(part.children) do
      attach_rest(reader, out, child, taken)
    end
  elseif not is_text(part) or part.name then
    attach(reader, out, part)
  end
end

-- The body -----------------------------------------------------------------------------

local function squeeze(text)
  return (text:gsub("%s+", " "))
end

local function add_text(reader, out, part)
  local text = text_of(reader, part)
  local same = squeeze(text)
  if not text:find("%S") or out.seen[same] then
    return
  end
  out.seen[same] = true
  out.texts[#out.texts + 1] = text
  out.html = out.html or part.type == "text/html"
end

--- Put the text of `part` into out.texts and the rest into out.attachments.
local function collect(reader, out, part)
  if not part.children then
    if is_text(part) and not (part.name and #out.texts > 0) then
      add_text(reader, out, part)
    else
      attach(reader, out, part)
    end
  elseif part.type == "multipart/alternative" then
    local chosen = find_text(reader, part, "text/plain")
      or find_text(reader, part, "text/html") or find_text(reader, part, "text/markdown")
    if chosen then
      add_text(reader, out, chosen)
    end
    attach_rest(reader, out, part, chosen)
  else
    for i, child in ipairs(part.children) do
      if part.type == "multipart/related" and i > 1 then
        attach_rest(reader, out, child)
      else
        collect(reader, out, child)
      end
    end
  end
end

--- A mail that only carries other mails says what the first of them says.
local function text_of_inner(reader, part, depth)
  if part.type == "message/rfc822" and not part.children then
    local raw = unpack_part(part, reader.bytes:sub(part.first, part.last))
    local inner = mime.parse(raw, { depth = depth + 1 })
    return inner and inner.body or nil, inner and inner.html
  end
  for _, child in ipairs(part.children or {}) do
    local text, html = text_of_inner(reader, child, depth)
    if text then
      return text, html
    end
  end
end

-- The mail -----------------------------------------------------------------------------

local function no_person(fields, from)
  local auto = (fields["auto-submitted"] or "no"):lower()
  local local_part = from.address:lower():match("^[^@]*") or ""
  return not auto:find("^%s*no") or fields["x-autoreply"] ~= nil
    or local_part:find("^no[-_.]?reply") ~= nil or local_part:find("^do[-_.]?not[-_.]?reply") ~= nil
    or local_part == "mailer-daemon" or local_part == "postmaster"
end

local function to_many(fields)
  local precedence = (fields["precedence"] or ""):lower()
  return fields["list-unsubscribe"] ~= nil or fields["list-id"] ~= nil
    or precedence:find("bulk") ~= nil or precedence:find("list") ~= nil
    or precedence:find("junk") ~= nil
end

local known_fields = { from = true, to = true, subject = true, date = true,
  sender = true, cc = true, received = true, ["message-id"] = true,
  ["mime-version"] = true, ["content-type"] = true, ["return-path"] = true,
  ["delivered-to"] = true, ["reply-to"] = true }

local function fail(code, message, line)
  return nil, { code = code, message = message, line = line }
end

--- A clear no for what is not a mail, or half of a header.
local function check_header(bytes, part)
  local known = false
  for name in pairs(part.fields) do
    known = known or known_fields[name] == true
  end
  if part.ended == "eof" then
    local whole = bytes:find("[\r\n]$") and known and part.fields.from
    if known and not whole then
      return fail("truncated", "the mail ends inside its header", line_number(bytes, #bytes))
    end
  end
  if not known then
    return fail("no_header", "this is no mail: it does not begin with header fields", 1)
  end
  return true
end

local function read_mail(bytes, reader, start)
  local part = read_part(reader, start, 1, "text/plain")
  local ok, err = check_header(bytes, part)
  if not ok then
    return nil, err
  end
  local fields, problem = part.fields, reader.problem
  if part.ended == "eof" then
    problem("the mail ends with its header: there is no body")
  end

  local function people(name)
    return fields[name] and header.addresses(fields[name], problem) or {}
  end
  local from = people("from")[1] or people("sender")[1]
  if not from or from.address == "" then
    problem(fields.from and "the From field has no address" or "there is no From field")
  end
  from = from or people("return-path")[1] or { name = "", address = "" }

  local mail = {
    from = from, from_text = header.address_text(from),
    to = people("to"), cc = people("cc"), reply_to = people("reply-to"),
    subject = fields.subject and header.decode_words(fields.subject, problem) or "",
    date = fields.date and header.date(fields.date) or nil,
    message_id = header.message_ids(fields["message-id"] or "")[1],
    in_reply_to = header.message_ids(fields["in-reply-to"] or "")[1],
    references = header.message_ids(fields.references or ""),
    bulk = to_many(fields), automatic = no_person(fields, from),
  }
  if not mail.date then
    problem(fields.date and "the date is not one" or "there is no date")
  end

  local out = { texts = {}, attachments = {}, seen = {}, html = false }
  collect(reader, out, part)
  mail.body, mail.html = table.concat(out.texts, "\n\n"), out.html
  mail.attachments = out.attachments
  local depth = reader.options.depth or 1
  if mail.body == "" and depth < 4 then
    local text, html = text_of_inner(reader, part, depth)
    mail.body, mail.html = text or "", html or false
  end
  mail.problems = reader.problems
  return mail
end

--- See the top of the file.
function mime.parse(bytes, options)
  if type(bytes) ~= "string" then
    error("mime.parse needs the bytes of a mail as a string", 2)
  elseif #bytes > limits.bytes then
    return fail("too_large", ("the mail has %d bytes; at most %d are read"):format(#bytes, limits.bytes))
  end
  local start = bytes:match("^\xEF\xBB\xBF()") or 1
  start = bytes:find("[^\r\n]", start)
  if not start or not bytes:find("%S") then
    return fail("empty", "the mail is empty")
  end
  local problems, said = {}, {}
  local reader = {
    bytes = bytes, options = options or {}, open = {}, parts = 0,
    problems = problems,
    problem = function(text)
      text = charset.mend(text)
      if not said[text] and #problems < limits.problems then
        said[text] = true
        problems[#problems + 1] = text
      end
    end,
  }
  return read_mail(bytes, reader, start)
end

--- What an agent gets for `mail.received`. `key` names the mail when it has no
-- message id of its own: the caller's hash of the file, "sha256:...".
function mime.event(mail, key)
  local to = json.array()
  for i, who in ipairs(mail.to) do
    to[i] = header.address_text(who)
  end
  local attachments = json.array()
  for i, item in ipairs(mail.attachments) do
    attachments[i] = { filename = item.filename, type = item.type, size = item.size,
      sha256 = item.sha256 }
  end
  return {
    message_id = mail.message_id or key,
    from = mail.from.address, from_name = mail.from.name,
    reply_to = mail.reply_to[1] and mail.reply_to[1].address or nil,
    to = to, subject = mail.subject, date = mail.date, body = mail.body,
    attachments = attachments, in_reply_to = mail.in_reply_to,
    bulk = mail.bulk, automatic = mail.automatic,
    trust = "external",
  }
end

return mime
