--- Names of time zones, as the system's tz database has them.
--
-- Only names are looked up here; what a zone's offset is at some instant is the
-- scheduler's business, which reads the same folder.

local suggest = require "suggest"

local zones = {}

local function folder(getenv)
  return getenv("TZDIR") or "/usr/share/zoneinfo"
end

local function is_zone_file(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local magic = file:read(4)
  file:close()
  return magic == "TZif"
end

--- Is there a zone of this name? UTC always is, with or without a database.
function zones.exists(name, getenv)
  if name == "UTC" then return true end
  if not name:match("^%a[%w_+-]*$") and not name:match("^%a[%w_+/-]*[%w_+-]$") then
    return false
  end
  return is_zone_file(folder(getenv or os.getenv) .. "/" .. name)
end

--- All names that the database lists, for suggestions.
function zones.names(getenv)
  local names = { UTC = true }
  local base = folder(getenv or os.getenv)
  for _, list in ipairs { "tzdata.zi", "zone1970.tab", "zone.tab" } do
    local file = io.open(base .. "/" .. list)
    if file then
      for line in file:lines() do
        local name = line:match("^L %S+ (%S+)") or line:match("^Z (%S+)")
          or line:match("^[A-Z,]+\t[^\t]+\t([^\t]+)")
        if name then names[name] = true end
      end
      file:close()
    end
  end
  return names
end

--- The name that was meant: the nearest one, or the one whose city it is
-- ("Lisbon" -> "Europe/Lisbon").
function zones.nearest(name, getenv)
  local known = zones.names(getenv)
  local near = suggest.nearest(name, known)
  if near then return near end
  local by_city = {}
  for full in next, known do by_city[full:match("[^/]*$")] = full end
  local city = suggest.nearest(name:match("[^/]*$"), by_city)
  return city and by_city[city]
end

--- The machine's own zone: TZ when it names one, else UTC.
function zones.default(getenv)
  local name = (getenv or os.getenv)("TZ")
  name = name and name:gsub("^:", "")
  return name and name ~= "" and zones.exists(name, getenv) and name or "UTC"
end

return zones
