--- Any bytes as a file of the time zone database: refused, or offsets that hold as long as
-- they say.
local choices = require "choices"
local zone = require "zone"

local bytes_of_file
--- The only file that is opened from here on is the zone's.
function io.open() -- luacheck: ignore
  return { read = function() return bytes_of_file end, close = function() end }
end

local function with_rule(rule)
  return "TZif2" .. ("\0"):rep(15) .. (">I4I4I4I4I4I4"):pack(0, 0, 0, 0, 1, 4):sub(1, 24)
    .. (">i4"):pack(0) .. "\0\0" .. "UTC\0"
    .. "TZif2" .. ("\0"):rep(15) .. (">I4I4I4I4I4I4"):pack(0, 0, 0, 1, 1, 4)
    .. (">i8"):pack(0) .. "\0" .. (">i4"):pack(3600) .. "\0\0" .. "UTC\0" .. "\n" .. rule .. "\n"
end

local times = { 0, -1, 1767225600000, 1790000000000, -5000000000000, 4102444800000, 253402300799000 }

return function(bytes)
  local c = choices.of(bytes)
  local raw, time = c:below(2) == 0, c:pick(times) + c:byte() * 3600000
  bytes_of_file = raw and c:rest() or with_rule(c:rest())
  local z, message = zone.open "Europe/Test"
  if not z then
    assert(type(message) == "string" and message ~= "")
    return
  end
  local offset = z:offset(time)
  assert(math.type(offset) == "integer", "an offset that is no whole number")
  local span = z:span(time)
  assert(span.offset == offset, "an offset that is another's")
  assert(span.start <= time and span.stop > time, "an offset that does not hold")
  assert(math.type(z:instant(time)) == "integer")
  assert(math.type(z:start("day", time)) == "integer")
end
