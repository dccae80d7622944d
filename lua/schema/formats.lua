--- The formats that can be asserted: name -> test(text) -> boolean.
--
-- Every test is linear in the text. Names not in this table are never wrong.
-- Host names are checked for their shape; what an internationalized label means
-- (Punycode, bidi and context rules of RFC 5892) is not.

local regex = require "regex"
local rfc3339 = require "rfc3339"

local formats = {}

local function int(digits) return math.tointeger(tonumber(digits)) end

-- Time ------------------------------------------------------------------

function formats.date(text)
  local y, m, d = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  return y ~= nil and rfc3339.valid_date(int(y), int(m), int(d))
end

--- Minutes east of UTC; nil when it is no offset.
local function offset(text)
  if text == "Z" or text == "z" then return 0 end
  local sign, h, m = text:match("^([+-])(%d%d):(%d%d)$")
  if not sign or int(h) > 23 or int(m) > 59 then return nil end
  return (sign == "-" and -1 or 1) * (int(h) * 60 + int(m))
end

function formats.time(text)
  local h, m, s, fraction, zone = text:match("^(%d%d):(%d%d):(%d%d)(%.?%d*)(.+)$")
  local east = h and offset(zone)
  if not east or fraction == "." or int(h) > 23 or int(m) > 59 then return false end
  if int(s) < 60 then return true end
  -- A leap second is the last of a day in UTC.
  return int(s) == 60 and (int(h) * 60 + int(m) - east) % 1440 == 1439
end

formats["date-time"] = function(text)
  local date, time = text:match("^(.-)[Tt](.*)$")
  return date ~= nil and formats.date(date) and formats.time(time)
end

--- The units in order, each at most once, at least one: "1Y2D", "YMD".
local function units_in_order(text, order)
  local last = 0
  if text == "" then return false end
  for digits, unit in text:gmatch("(%d*)(%D)") do
    local place = order:find(unit, 1, true)
    if digits == "" or not place or place ~= last + 1 and last ~= 0 then
      return false
    end
    last = place
  end
  return text:find("%d$") == nil
end

function formats.duration(text)
  if text:match("^P%d+W$") then return true end
  local date, time = text:match("^P([^T]*)T(.*)$")
  if not date then
    date = text:match("^P(.+)$")
    return date ~= nil and units_in_order(date, "YMD")
  end
  return (date == "" or units_in_order(date, "YMD"))
    and units_in_order(time, "HMS")
end

-- Hosts -----------------------------------------------------------------

function formats.ipv4(text)
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #parts ~= 4 then return false end
  for _, part in ipairs(parts) do
    if #part > 3 or int(part) > 255 or part:match("^0.") then return false end
  end
  return true
end

--- How many 16-bit groups a colon-separated text has; nil when it is wrong.
local function ipv6_groups(text, may_end_in_ipv4)
  if text == "" then return 0 end
  local count = 0
  for group, separator in (text .. ":"):gmatch("([^:]*)(:)") do
    local last = count + 1
    if group:find(".", 1, true) then
      local tail = text:match("([^:]*)$")
      if not may_end_in_ipv4 or group ~= tail or not formats.ipv4(group) then
        return nil
      end
      last = count + 2
    elseif not group:match("^%x%x?%x?%x?$") or separator ~= ":" then
      return nil
    end
    count = last
  end
  return count
end

function formats.ipv6(text)
  if #text > 45 then return false end
  local front, back = text:match("^(.-)::(.*)$")
  if not front then return ipv6_groups(text, true) == 8 end
  local a, b = ipv6_groups(front, false), ipv6_groups(back, true)
  return a ~= nil and b ~= nil and a + b <= 7
end

local function labels_hold(text, pattern)
  local length = utf8.len(text)
  if text == "" or not length or length > 253 then return false end
  for label in (text .. "."):gmatch("([^.]*)%.") do
    if #label == 0 or utf8.len(label) > 63 or not label:match(pattern)
        or label:sub(1, 1) == "-" or label:sub(-1) == "-" then
      return false
    end
    if label:sub(3, 4) == "--" and not label:lower():match("^xn%-%-.") then
      return false
    end
  end
  return true
end

function formats.hostname(text) return labels_hold(text, "^[%w-]+$") end

formats["idn-hostname"] = function(text)
  local dotted = text:gsub("\u{3002}", "."):gsub("\u{FF0E}", ".")
    :gsub("\u{FF61}", ".")
  return labels_hold(dotted, "^[%w\x80-\xFF-]+$")
end

-- Mail ------------------------------------------------------------------

local atom = "[%w!#$%%&'*+/=?^_`{|}~-]"

local function local_part(text, atext)
  if text:match('^"') then
    local inner = text:match('^"(.*)"$')
    if not inner then return false end
    inner = inner:gsub("\\[\x20-\x7E]", "")
    return inner:find('["\\\r\n]') == nil
  end
  for part in (text .. "."):gmatch("([^.]*)%.") do
    if part == "" or part:gsub(atext, "") ~= "" then return false end
  end
  return true
end

local function mail_domain(text, host)
  local literal = text:match("^%[(.*)%]$")
  if not literal then return host(text) end
  local ipv6 = literal:match("^IPv6:(.*)$")
  if ipv6 then return formats.ipv6(ipv6) end
  return formats.ipv4(literal)
end

local function email(text, atext, host)
  local name, domain = text:match("^(.*)@([^@]*)$")
  return name ~= nil and #name <= 64 and #text <= 320 and name ~= ""
    and local_part(name, atext) and mail_domain(domain, host)
end

function formats.email(text) return email(text, atom, formats.hostname) end

formats["idn-email"] = function(text)
  return utf8.len(text) ~= nil and email(text, "[\x80-\xFF%w!#$%%&'*+/=?^_`{|}~-]",
    formats["idn-hostname"])
end

-- Resources -------------------------------------------------------------

local pchar = "%w%-._~!$&'()*+,;=:@%%"

--- Only allowed characters, and every % begins two hexadecimal digits.
local function made_of(text, allowed, international)
  local set = "^[" .. allowed .. (international and "\x80-\xFF" or "") .. "]*$"
  return text:match(set) ~= nil and not text:gsub("%%%x%x", ""):find("%", 1, true)
end

local function authority_holds(text, international)
  local user, host = text:match("^([^@]*)@(.*)$")
  if user and not made_of(user, "%w%-._~!$&'()*+,;=:%%", international) then
    return false
  end
  local name, port = (host or text):match("^(.-):?(%d*)$")
  local literal, literal_port = (host or text):match("^%[(.*)%](.*)$")
  if literal then
    if not literal_port:match("^:%d*$") and literal_port ~= "" then
      return false
    end
    return formats.ipv6(literal)
      or literal:match("^[vV]%x+%.[%w%-._~!$&'()*+,;=:]+$") ~= nil
  end
  return port ~= nil and made_of(name, "%w%-._~!$&'()*+,;=%%", international)
end

local function reference(text, international, absolute)
  if international and not utf8.len(text) then return false end
  local rest, fragment = text:match("^([^#]*)#?(.*)$")
  local before, query = rest:match("^([^?]*)%??(.*)$")
  if not made_of(fragment, pchar .. "/?", international)
      or not made_of(query, pchar .. "/?", international) then
    return false
  end
  local scheme, hierarchy = before:match("^(%a[%w+.-]*):(.*)$")
  if absolute and not scheme then return false end
  local authority, path = (hierarchy or before):match("^//([^/]*)(.*)$")
  path = path or hierarchy or before
  if authority and not authority_holds(authority, international) then return false end
  if not scheme and not authority and path:match("^[^/]*:") then return false end
  return made_of(path, pchar .. "/", international)
end

function formats.uri(text) return reference(text, false, true) end
function formats.iri(text) return reference(text, true, true) end
formats["uri-reference"] = function(text) return reference(text, false, false) end
formats["iri-reference"] = function(text) return reference(text, true, false) end

local function template_variable(text)
  local name, modifier = text:match("^([%w_.%%]+)(.*)$")
  if not name or name:gsub("%%%x%x", ""):find("%", 1, true)
      or name:find("..", 1, true) or name:match("^%.") or name:match("%.$") then
    return false
  end
  return modifier == "" or modifier == "*"
    or modifier:match("^:[1-9]%d?%d?%d?$") ~= nil
end

local function template_expression(text)
  local list = text:gsub("^[+#./;?&=,!@|]", "")
  if list == "" then return false end
  for variable in (list .. ","):gmatch("([^,]*),") do
    if not template_variable(variable) then return false end
  end
  return true
end

formats["uri-template"] = function(text)
  local ok = true
  local literal = text:gsub("{([^{}]*)}", function(inner)
    ok = ok and template_expression(inner)
    return ""
  end)
  return ok and utf8.len(text) ~= nil
    and literal:find("[%c \"<>\\^`{|}]") == nil
    and literal:gsub("%%%x%x", ""):find("%", 1, true) == nil
end

-- Others ----------------------------------------------------------------

function formats.uuid(text)
  return #text == 36 and text:match(
    "^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") ~= nil
end

formats["json-pointer"] = function(text)
  return (text == "" or text:sub(1, 1) == "/")
    and text:gsub("~[01]", ""):find("~", 1, true) == nil
end

formats["relative-json-pointer"] = function(text)
  local number, rest = text:match("^(%d+)(.*)$")
  if not number or number:match("^0.") then return false end
  return rest == "#" or formats["json-pointer"](rest)
end

--- Valid ECMA-262 that our own matcher refuses (a backreference) is valid here.
function formats.regex(text)
  local compiled, problem = regex.compile(text)
  return compiled ~= nil or problem.unsupported == true
end

return formats
