--- Sizes: "32MiB" <-> integer bytes.

local bytesize = {}

local unit_bytes = {
  b = 1, kib = 1 << 10, mib = 1 << 20, gib = 1 << 30, tib = 1 << 40,
  kb = 1000, mb = 1000000, gb = 1000000000, tb = 1000000000000,
}

--- "32MiB" -> 33554432; "1.5KiB" -> 1536; "4096" and 4096 are bytes.
-- KiB MiB GiB TiB are powers of 1024, kB MB GB TB of 1000; case is ignored.
-- Returns nil, message for anything else.
function bytesize.parse(value)
  local bytes = math.tointeger(value)
  if type(value) == "number" and bytes and bytes >= 0 then return bytes end
  local number, unit = tostring(value):match("^%s*(%d+%.?%d*)%s*(%a*)%s*$")
  local scale = number and unit_bytes[unit == "" and "b" or unit:lower()]
  bytes = scale and #number <= 12 and math.tointeger(tonumber(number) * scale)
  if not bytes then
    return nil, ('expected a size like "32MiB" or "512KiB", got %s')
      :format(type(value) == "string" and ("%q"):format(value) or tostring(value))
  end
  return bytes
end

--- 33554432 -> "32MiB"; the largest unit that divides it, else one decimal.
function bytesize.format(bytes)
  local names = { "TiB", "GiB", "MiB", "KiB" }
  for _, name in ipairs(names) do
    local scale = unit_bytes[name:lower()]
    if bytes >= scale then
      if bytes % scale == 0 then return ("%d%s"):format(bytes // scale, name) end
      return ("%.1f%s"):format(bytes / scale, name)
    end
  end
  return ("%dB"):format(bytes)
end

return bytesize
