--- The zone that a calendar means by TZID: a name of the tz database, one with something before
--- it ("/citadel.org/20211207_1/Europe/Lisbon"), or a name that Windows has for it.
--
--   local z = ical_zone.open("W. Europe Standard Time")       -- nil when nobody knows it
local zone = require "zone"

local ical_zone = {}

--- The names of Windows, as Unicode's CLDR maps them, each to the zone of its own place.
local windows = {
  ["UTC"] = "UTC", ["Coordinated Universal Time"] = "UTC", ["Greenwich Standard Time"] = "Atlantic/Reykjavik",
  ["GMT Standard Time"] = "Europe/London", ["W. Europe Standard Time"] = "Europe/Berlin", ["Romance Standard Time"] = "Europe/Paris",
  ["Central Europe Standard Time"] = "Europe/Budapest", ["Central European Standard Time"] = "Europe/Warsaw",
  ["E. Europe Standard Time"] = "Europe/Chisinau", ["FLE Standard Time"] = "Europe/Kyiv", ["GTB Standard Time"] = "Europe/Bucharest",
  ["Russian Standard Time"] = "Europe/Moscow", ["Turkey Standard Time"] = "Europe/Istanbul", ["Israel Standard Time"] = "Asia/Jerusalem",
  ["Azores Standard Time"] = "Atlantic/Azores", ["Cape Verde Standard Time"] = "Atlantic/Cape_Verde", ["Morocco Standard Time"] = "Africa/Casablanca",
  ["South Africa Standard Time"] = "Africa/Johannesburg", ["Egypt Standard Time"] = "Africa/Cairo",
  ["W. Central Africa Standard Time"] = "Africa/Lagos", ["E. Africa Standard Time"] = "Africa/Nairobi",
  ["Eastern Standard Time"] = "America/New_York", ["Central Standard Time"] = "America/Chicago", ["Mountain Standard Time"] = "America/Denver",
  ["US Mountain Standard Time"] = "America/Phoenix", ["Pacific Standard Time"] = "America/Los_Angeles", ["Alaskan Standard Time"] = "America/Anchorage",
  ["Hawaiian Standard Time"] = "Pacific/Honolulu", ["Atlantic Standard Time"] = "America/Halifax", ["Newfoundland Standard Time"] = "America/St_Johns",
  ["E. South America Standard Time"] = "America/Sao_Paulo", ["Argentina Standard Time"] = "America/Argentina/Buenos_Aires",
  ["SA Pacific Standard Time"] = "America/Bogota", ["Pacific SA Standard Time"] = "America/Santiago",
  ["India Standard Time"] = "Asia/Kolkata", ["China Standard Time"] = "Asia/Shanghai", ["Tokyo Standard Time"] = "Asia/Tokyo",
  ["Korea Standard Time"] = "Asia/Seoul", ["Singapore Standard Time"] = "Asia/Singapore", ["SE Asia Standard Time"] = "Asia/Bangkok",
  ["Arabian Standard Time"] = "Asia/Dubai", ["Arab Standard Time"] = "Asia/Riyadh",
  ["AUS Eastern Standard Time"] = "Australia/Sydney", ["E. Australia Standard Time"] = "Australia/Brisbane", ["AUS Central Standard Time"] = "Australia/Darwin",
  ["Cen. Australia Standard Time"] = "Australia/Adelaide", ["W. Australia Standard Time"] = "Australia/Perth", ["New Zealand Standard Time"] = "Pacific/Auckland",
}

--- See the top of the file.
function ical_zone.open(name)
  if #name > 200 then return nil end
  local found = zone.open(windows[name] or name)
  while not found do
    name = name:match "^/?[^/]*/(.+)$"
    if not name then return nil end
    found = zone.open(name)
  end
  return found
end

return ical_zone
