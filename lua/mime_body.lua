--- How a mail part's bytes were packed for the journey, undone: quoted
-- printable, base64, uuencode, and the soft line ends of format=flowed.
-- Bad input never fails; it comes back as far as it can be read.

local body = {}

-- Quoted-printable ---------------------------------------------------------------

local hex = {}
for i = 0, 255 do
  local c = string.char(i)
  for _, f in ipairs { "%02X", "%02x" } do
    local h = f:format(i)
    hex[h] = c
    hex[h:sub(1, 1):lower() .. h:sub(2)] = c
    hex[h:sub(1, 1):upper() .. h:sub(2)] = c
  end
end

--- "=E9" -> the byte; an escape that is none stays as it is.
function body.unescape_quoted(text)
  return (text:gsub("=(%x%x)", hex))
end

function body.from_quoted(text)
  -- "=" at a line's end is a soft break. Each run of blanks after a "=" is
  -- looked at once, so a line of a million blanks costs a million steps.
  text = text:gsub("=[ \t]*\r?\n", ""):gsub("=[ \t]*\r", ""):gsub("=$", "")
  return body.unescape_quoted(text)
end

-- Base64 -------------------------------------------------------------------------

local value = {}
do
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for i = 1, 64 do
    value[letters:byte(i)] = i - 1
  end
end

local function decode_block(text, out)
  local char, byte = string.char, string.byte
  local whole = #text // 4 * 4
  for i = 1, whole, 4 do
    local a, b, c, d = byte(text, i, i + 3)
    local bits = value[a] << 18 | value[b] << 12 | value[c] << 6 | value[d]
    out[#out + 1] = char(bits >> 16, bits >> 8 & 255, bits & 255)
  end
  local a, b, c = byte(text, whole + 1, #text)
  if c then
    local bits = value[a] << 12 | value[b] << 6 | value[c]
    out[#out + 1] = char(bits >> 10 & 255, bits >> 2 & 255)
  elseif b then
    out[#out + 1] = char((value[a] << 6 | value[b]) >> 4 & 255)
  end
end

--- The bytes. Anything that is not a letter of base64 is skipped; "=" ends a block, and
-- another may follow, as when a program packs line by line.
function body.from_base64(text)
  local out = {}
  for block in text:gsub("[^%w+/=]+", ""):gmatch("[^=]+") do
    decode_block(block, out)
  end
  return table.concat(out)
end

--- How many bytes `from_base64` would give, without making them, and whether
-- the text looks cut.
function body.base64_size(text)
  local size = 0
  text = text:gsub("[^%w+/=]+", "")
  for block in text:gmatch("[^=]+") do
    size = size + #block * 3 // 4
  end
  return size, #text % 4 ~= 0
end

-- Uuencode -----------------------------------------------------------------------

function body.from_uu(text)
  local out, name = {}, nil
  local inside = false
  for line in text:gmatch("[^\r\n]+") do
    if not inside then
      name = line:match("^begin %d+ (.+)$")
      inside = name ~= nil
    elseif line:sub(1, 3) == "end" then
      break
    else
      local n, bytes = (line:byte(1) - 32) & 63, {}
      for i = 2, #line, 4 do
        local a, b, c, d = line:byte(i, i + 3)
        local bits = ((a - 32) & 63) << 18 | (((b or 32) - 32) & 63) << 12
          | (((c or 32) - 32) & 63) << 6 | (((d or 32) - 32) & 63)
        bytes[#bytes + 1] = string.char(bits >> 16, bits >> 8 & 255, bits & 255)
      end
      out[#out + 1] = table.concat(bytes):sub(1, n)
    end
  end
  return table.concat(out), name
end

-- Lines --------------------------------------------------------------------------

--- CRLF, CR and LF all become LF; control characters that no text needs go.
function body.lines(text)
  if text:find("\r", 1, true) then
    text = text:gsub("\r\n", "\n"):gsub("\r", "\n")
  end
  return (text:gsub("[\0-\8\11\12\14-\31\127]", ""))
end

--- Join the soft line ends of format=flowed (RFC 3676). LF in, LF out.
function body.unflow(text, delete_space)
  local out, held, held_depth = {}, nil, ""
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    local depth, rest = line:match("^(>*)(.*)$")
    rest = rest:gsub("^ ", "") -- space-stuffed
    local soft = rest:sub(-1) == " " and rest ~= "-- "
    if held and (depth ~= held_depth or rest == "-- ") then
      out[#out + 1] = held_depth .. (held_depth ~= "" and " " or "") .. table.concat(held)
      held = nil
    end
    held, held_depth = held or {}, depth
    held[#held + 1] = soft and delete_space and rest:sub(1, -2) or rest
    if not soft then
      out[#out + 1] = depth .. (depth ~= "" and " " or "") .. table.concat(held)
      held = nil
    end
  end
  if held then
    out[#out + 1] = table.concat(held)
  end
  return table.concat(out, "\n")
end

return body
