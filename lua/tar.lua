--- Archives as `tar` reads and writes them (POSIX ustar): plain files only, a piece at a
--- time, so that no file need be in memory.
--
-- Format: IEEE Std 1003.1, pax: blocks of 512 bytes; a header (name 100, mode 8, uid 8, gid
-- 8, size 12, mtime 12, checksum 8, type 1, linkname 100, "ustar\0" "00", uname 32, gname 32,
-- devmajor 8, devminor 8, prefix 155), the file's bytes filled up to a block; two empty
-- blocks at the end. Numbers are octal text.
local tar = {}

local block = 512
local piece_bytes = 1 << 20
local zeros = ("\0"):rep(block)

-- ---- writing -------------------------------------------------------------------------

--- A name as header fields: name, prefix; nil when it is too long.
local function split_name(name)
  if #name <= 100 then return name, "" end
  for at = #name - 100, math.min(#name - 1, 156) do
    if name:sub(at, at) == "/" then return name:sub(at + 1), name:sub(1, at - 1) end
  end
end

local function checksum(header)
  local sum = 0
  for i = 1, block do sum = sum + header:byte(i) end
  return sum
end

local function header_of(name, bytes, mtime_s)
  local short, prefix = split_name(name)
  if not short then return nil, "the name is too long: " .. name end
  local function make(sum)
    return string.pack("c100c8c8c8c12c12c8c1c100c6c2c32c32c8c8c155c12", short, "0000600\0", "0000000\0", "0000000\0",
      ("%011o\0"):format(bytes), ("%011o\0"):format(mtime_s), sum, "0", "", "ustar\0", "00", "", "", "0000000\0", "0000000\0", prefix, "")
  end
  return make(("%06o\0 "):format(checksum(make "        ")))
end

--- Write one file: `read(n)` gives at most n of its bytes a call, `bytes` in all. `put(text)`
--- takes what is written and returns true, or nil, message. Returns true, or nil, message.
function tar.add(put, name, bytes, mtime_s, read)
  local header, why = header_of(name, bytes, mtime_s)
  if not header then return nil, why end
  local ok, left = nil, bytes
  ok, why = put(header)
  while ok and left > 0 do
    local text = read(math.min(left, piece_bytes))
    if not text or #text == 0 then return nil, name .. " became shorter while it was read" end
    left = left - #text
    ok, why = put(text)
  end
  if ok and bytes % block > 0 then ok, why = put(zeros:sub(1, block - bytes % block)) end
  return ok, why
end

--- Write the end of the archive.
function tar.finish(put) return put(zeros .. zeros) end

-- ---- reading -------------------------------------------------------------------------

local function text_of(field) return field:match "^[^\0]*" end

local function number_of(field)
  local digits = field:match "^ *([0-7]+)[ \0]*$"
  return digits and tonumber(digits, 8)
end

--- A name that leads out of the folder that is unpacked is none.
local function is_inside(name)
  if name == "" or name:sub(1, 1) == "/" or name:find("[\0-\31\127]") then return false end
  for part in (name .. "/"):gmatch "([^/]*)/" do
    if part == "" or part == "." or part == ".." then return false end
  end
  return true
end

local function read_header(header)
  local short, _, _, _, size, mtime, sum, kind, _, magic, _, _, _, _, _, prefix = string.unpack(
    "c100c8c8c8c12c12c8c1c100c6c2c32c32c8c8c155", header)
  if magic:sub(1, 5) ~= "ustar" then return nil, "it is no archive of this kind" end
  local plain = header:sub(1, 148) .. "        " .. header:sub(157)
  if number_of(sum) ~= checksum(plain) then return nil, "a header is damaged" end
  local name = text_of(short)
  if text_of(prefix) ~= "" then name = text_of(prefix) .. "/" .. name end
  if kind ~= "0" and kind ~= "\0" then return nil, "it holds something that is no plain file: " .. name end
  if not is_inside(name) then return nil, "a name in it leads elsewhere: " .. name end
  local bytes = number_of(size)
  if not bytes then return nil, "a size in it is no number: " .. name end
  return { name = name, bytes = bytes, mtime_s = number_of(mtime) or 0 }
end

--- Read an archive: `read(n)` gives exactly n bytes, or fewer at its end. `each(entry, pieces)`
--- is called for each file { name, bytes, mtime_s }; pieces() gives its bytes, a piece a call,
--- nil at the end, and nil, message where the archive is cut off; what is not taken is passed
--- over. each returns true, or nil, err, which ends it. Returns true, or nil, message or err.
function tar.each(read, each)
  while true do
    local header = read(block)
    if not header or #header < block then return nil, "it is cut off" end
    if header == zeros then return true end
    local entry, why = read_header(header)
    if not entry then return nil, why end
    local left, cut = entry.bytes, false
    local function pieces()
      if left == 0 or cut then return nil end
      local wanted = math.min(left, piece_bytes)
      local text = read(wanted)
      if not text or #text < wanted then
        cut = true
        return nil, "it is cut off"
      end
      left = left - #text
      return text
    end
    local ok, err = each(entry, pieces)
    if not ok then return nil, err end
    while left > 0 and not cut do pieces() end
    if cut then return nil, "it is cut off" end
    local fill = -entry.bytes % block
    if fill > 0 and #(read(fill) or "") < fill then return nil, "it is cut off" end
  end
end

return tar
