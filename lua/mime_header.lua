--- The grammar inside a mail's header fields: encoded words (RFC 2047),
-- parameters (RFC 2231), addresses and dates (RFC 5322), read the way mail
-- really looks rather than the way it should. Fields come in unfolded, as
-- bytes; everything that goes out is valid UTF-8 on one line.

local charset = require "charset"
local body = require "mime_body"
local rfc3339 = require "rfc3339"

local header = {}

local most_addresses, most_comments, most_segments = 1000, 16, 100

--- One line without control characters or white space at its ends.
local function tidy(text)
  text = text:gsub("%c+", " ")
  return text:match("^ *(.*)$"):reverse():match("^ *(.*)$"):reverse()
end

-- Encoded words ------------------------------------------------------------------

local function word_bytes(kind, text)
  if kind == "Q" or kind == "q" then
    return body.unescape_quoted((text:gsub("_", " ")))
  end
  return body.from_base64(text)
end

--- Decode =?charset?Q?...?= words; what is not one stays as it is.
-- Neighbours of one charset are joined as bytes first, since some programs cut
-- a character in two.
function header.decode_words(raw, problem)
  if not raw:find("=?", 1, true) then
    return tidy(charset.guess(raw))
  end
  local out, pos = {}, 1
  local bytes, name -- the word that is still growing
  local function flush()
    if bytes then
      local text, trouble = charset.decode(bytes, name)
      if trouble and problem then
        problem("an encoded word " .. trouble)
      end
      out[#out + 1] = text
      bytes, name = nil, nil
    end
  end
  while true do
    local at = raw:find("=?", pos, true)
    if not at then
      break
    end
    local set, kind, text, after =
      raw:match("^=%?([^?%s]+)%?([BbQq])%?([^?]*)%?=()", at)
    if set then
      local between = raw:sub(pos, at - 1)
      if not (bytes and not between:find("%S")) then
        flush()
        out[#out + 1] = charset.guess(between)
      end
      set = set:lower():gsub("%*.*$", "")
      if name ~= set then
        flush()
      end
      bytes, name = (bytes or "") .. word_bytes(kind, text), set
      pos = after
    else
      flush()
      out[#out + 1] = charset.guess(raw:sub(pos, at + 1))
      pos = at + 2
    end
  end
  flush()
  out[#out + 1] = charset.guess(raw:sub(pos))
  return tidy(table.concat(out))
end

-- Parameters ---------------------------------------------------------------------

--- A quoted string that opens at `pos`: its text and the place after it. One
-- that never closes ends at the next ";", as its writer meant.
local function quoted(raw, pos)
  local out, at = {}, pos + 1
  while true do
    local mark = raw:find('["\\]', at)
    if not mark then
      local stop = raw:find(";", pos, true) or #raw + 1
      return raw:sub(pos + 1, stop - 1), stop
    end
    out[#out + 1] = raw:sub(at, mark - 1)
    if raw:byte(mark) == 34 then
      return table.concat(out), mark + 1
    end
    -- A backslash before a letter is a Windows path, not an escape.
    local nxt = raw:sub(mark + 1, mark + 1)
    out[#out + 1] = nxt:find('["\\]') and nxt or "\\" .. nxt
    at = mark + 2
  end
end

local function unpercent(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- name*0*, name*1 ... put together and decoded.
local function join_segments(segments, problem)
  local out, set = {}, nil
  for i = 0, segments.last do
    local segment = segments[i]
    if not segment then
      problem("a continued parameter has a hole")
      break
    end
    local text = segment.text
    if segment.extended then
      if i == 0 then
        local named, rest = text:match("^([^']*)'[^']*'(.*)$")
        if named then
          set, text = named, rest
        end
      end
      text = unpercent(text)
    end
    out[#out + 1] = text
  end
  local bytes = table.concat(out)
  if not set and bytes:find("=?", 1, true) then
    return header.decode_words(bytes, problem)
  end
  local text, trouble = charset.decode(bytes, set or "")
  if trouble then
    problem("a parameter " .. trouble)
  end
  return tidy(text)
end

--- "text/plain; charset=x" -> "text/plain", { charset = "x" }.
function header.params(raw, problem)
  local head, pos = raw:match("^([^;]*)()")
  local plain, split = {}, {}
  while true do
    pos = raw:find("[^;%s]", pos)
    if not pos then
      break
    end
    local key, after = raw:match("^([^=;%s]+)%s*=[ \t]*()", pos)
    if not key then
      pos = raw:find(";", pos, true) or #raw + 1
    else
      local value
      if raw:byte(after) == 34 then
        value, pos = quoted(raw, after)
      else
        value, pos = raw:match("^([^;]*)()", after)
        value = tidy(value)
      end
      pos = raw:find(";", pos, true) or #raw + 1
      key = key:lower()
      local name, index, star = key:match("^([^*]+)%*(%d*)(%*?)$")
      if name then
        local s = split[name] or { last = 0 }
        local i = tonumber(index) or 0
        if i <= most_segments then
          split[name] = s
          s[i] = s[i] or { text = value, extended = star == "*" or index == "" }
          s.last = math.max(s.last, i)
        end
      elseif plain[key] == nil then
        plain[key] = value
      end
    end
  end
  for key, value in pairs(plain) do
    plain[key] = header.decode_words(value, problem)
  end
  for name, segments in pairs(split) do
    plain[name] = join_segments(segments, problem)
  end
  return tidy(charset.guess(head)), plain
end

-- Addresses ----------------------------------------------------------------------

--- Cut an address field into tokens: { kind, text } with kind "word", "text"
-- (was quoted), "comment", or the special sign itself.
local function tokens(raw)
  local list, pos, n = {}, 1, #raw
  local no_close = false
  while pos <= n do
    local c = raw:sub(pos, pos)
    local kind, text = c, c
    if c:find("%s") then
      pos = raw:find("%S", pos) or n + 1
      kind = " "
    elseif c == '"' then
      kind = "text"
      text, pos = quoted(raw, pos)
    elseif c == "(" and not no_close then
      local depth, at = 1, pos + 1
      while depth > 0 do
        local mark = raw:find("[()\\]", at)
        if not mark or depth > most_comments then
          break
        end
        local m = raw:sub(mark, mark)
        depth = depth + (m == "(" and 1 or m == ")" and -1 or 0)
        at = mark + (m == "\\" and 2 or 1)
      end
      if depth == 0 then
        kind, text, pos = "comment", raw:sub(pos + 1, at - 2), at
      else
        no_close, kind, pos = true, "word", pos + 1
      end
    elseif c:find("[<>,;:]") then
      pos = pos + 1
    else
      local stop = raw:sub(pos, pos + 200):match("^=%?[^?%s]+%?[BbQq]%?[^?]*%?=()")
      stop = stop and pos + stop - 1 or raw:find('[%s"(<>,;:]', pos + 1) or n + 1
      kind, text, pos = "word", raw:sub(pos, stop - 1), stop
    end
    list[#list + 1] = { kind = kind, text = text }
  end
  return list
end

local function joined(parts, problem)
  return header.decode_words(table.concat(parts), problem)
end

--- One mailbox out of its tokens, or nil when there is nothing in it.
local function mailbox(list, first, last, problem)
  local before, inside, comments = {}, nil, {}
  local open = false
  for i = first, last do
    local t = list[i]
    if t.kind == "comment" then
      comments[#comments + 1] = t.text
    elseif t.kind == "<" and not inside then
      open, inside = true, {}
    elseif t.kind == ">" and open then
      open = false
    elseif open then
      if t.kind ~= " " then
        inside[#inside + 1] = t.text
      end
    elseif not inside then
      before[#before + 1] = t.text
    end
  end
  local name = joined(before, problem)
  local address
  if inside then
    address = joined(inside, problem):gsub("^@[^:]*:", "") -- an old source route
  else
    -- No brackets: the word with the "@" is the address, the rest the name.
    name = name:gsub("%s+", " ")
    local at = name:find("@", 1, true)
    if at then
      local left = name:sub(1, at - 1):reverse():gsub("^ ", "")
      local start = #left - #left:match("^[^ ]*") + 1
      address = name:sub(start, at) .. name:sub(at + 1):gsub(" ?%. ?", "."):match("^ ?([^ ]*)")
      name = tidy(name:sub(1, start - 1))
    elseif name == "" then
      return nil
    else
      address = ""
    end
  end
  address = address:match("^[^,<>]*")
  if name == "" and comments[1] then
    name = header.decode_words(comments[1], problem)
  end
  name = name:gsub("^'(.*)'$", "%1")
  if name == "" and address == "" then
    return nil
  end
  return { name = name, address = address }
end

--- "Ana <a@x>, Team: b@x, c@x;" -> { {name, address}, ... }.
function header.addresses(raw, problem)
  raw = raw:sub(1, 200000)
  local list, out = tokens(raw), {}
  local first, depth = 1, 0
  local function close(last)
    if first <= last and #out < most_addresses then
      out[#out + 1] = mailbox(list, first, last, problem)
    end
    first = last + 2
  end
  for i, t in ipairs(list) do
    if t.kind == "<" then
      depth = 1
    elseif t.kind == ">" then
      depth = 0
    elseif depth == 0 and t.kind == ":" then
      first = i + 1 -- what came before is a group's name
    elseif t.kind == ";" or (t.kind == "," and depth == 0) then
      close(i - 1)
      depth = 0
    end
  end
  close(#list)
  return out
end

--- { name, address } as it is written in a mail.
function header.address_text(who)
  if not who then
    return ""
  elseif who.name == "" then
    return who.address
  elseif who.address == "" then
    return who.name
  end
  local name = who.name
  if name:find('[()<>%[%]:;@\\,."]') then
    name = '"' .. name:gsub('["\\]', "\\%0") .. '"'
  end
  return name .. " <" .. who.address .. ">"
end

--- "<a@b> <c@d>" -> { "<a@b>", "<c@d>" }; also without brackets.
function header.message_ids(raw)
  raw = tidy(charset.guess(raw:sub(1, 100000)))
  local out = {}
  for id in raw:gmatch("<([^<>]*)>") do
    id = #id < 1000 and id:gsub("%(.*%)", ""):gsub("%s+", "") or ""
    if id ~= "" and #out < 200 then
      out[#out + 1] = "<" .. id .. ">"
    end
  end
  if #out == 0 and raw:find("^%S+$") then
    out[1] = raw
  end
  return out
end

-- Dates --------------------------------------------------------------------------

local month_of = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6,
  jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12 }
local zone_of = { ut = 0, utc = 0, gmt = 0, z = 0, est = -5, edt = -4, cst = -6,
  cdt = -5, mst = -7, mdt = -6, pst = -8, pdt = -7, bst = 1, cet = 1,
  cest = 2, eet = 2, eest = 3, msk = 3, ist = 5.5, jst = 9, aest = 10 }

--- Minutes east of Greenwich; what nobody knows counts as UTC.
local function zone_minutes(text)
  local sign, hh, mm = text:match("^%s*([+-])(%d%d):?(%d%d)")
  if sign then
    local minutes = tonumber(hh) * 60 + tonumber(mm)
    return sign == "-" and -minutes or minutes
  end
  return (zone_of[(text:match("^%s*(%a+)") or ""):lower()] or 0) * 60 // 1 | 0
end

--- A Date field as RFC 3339 in UTC, or nil.
function header.date(raw)
  raw = raw:sub(1, 300):gsub("%b()", "")
  local text = raw:lower():gsub("%s*:%s*", ":")
  local d, mon, y, at = text:match("(%d%d?)[%s-]+(%a%a%a)%a*[%s,-]+(%d%d%d?%d?)()")
  if not d then -- asctime: "Fri Nov 21 09:55:06 1997"
    mon, d, at, y = text:match("(%a%a%a)%a*%s+(%d%d?)()%s+[%d:]+%s.-(%d%d%d%d)")
  end
  local m, hh, mi, ss, zone
  if d then
    m = month_of[mon]
    hh, mi, ss, zone = text:match("^%s+(%d%d?)[:.](%d%d)[:.]?(%d*)(.*)", at)
  else -- ISO 8601, which programs write when they think nobody reads it
    y, m, d, hh, mi, ss, zone =
      text:match("(%d%d%d%d)-(%d%d)-(%d%d)[t%s]+(%d%d):(%d%d):?(%d*)%.?%d*(.*)")
  end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if not (y and m and d) then
    return nil
  end
  hh, mi, ss = tonumber(hh) or 0, tonumber(mi) or 0, tonumber(ss) or 0
  if y < 100 then
    y = y + (y < 50 and 2000 or 1900)
  elseif y < 1000 then
    y = y + 1900
  end
  if not rfc3339.valid_date(y, m, d) or hh > 23 or mi > 59 or ss > 60 then
    return nil
  end
  local minutes = (rfc3339.days(y, m, d) * 24 + hh) * 60 + mi - zone_minutes(zone or "")
  return rfc3339.format(minutes * 60000 + ss * 1000)
end

header.tidy = tidy

return header
