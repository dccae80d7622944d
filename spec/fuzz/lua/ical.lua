--- A calendar, right or nearly: it is read into events or refused, its occurrences end, lie in
-- order and touch the span; an event that is put in is found, and taken out leaves what was.
local ical = require "ical"

local from_ms, to_ms = 1772323200000, 1780272000000 -- March to May 2026

return function(bytes)
  local events = ical.parse(bytes)
  if events then
    local last = math.mininteger
    for _, one in ipairs(ical.occurrences(events, from_ms, to_ms, "Europe/Lisbon")) do
      assert(one.from_ms >= last and one.to_ms >= one.from_ms, "not in order")
      assert(one.from_ms < to_ms and one.to_ms >= from_ms, "outside of the span")
      last = one.from_ms
    end
  end
  local more = ical.insert(bytes, { uid = "fuzz@keel", from_ms = from_ms, to_ms = from_ms + 3600000, title = bytes:sub(1, 80), now_ms = 0 })
  if more and events then
    assert(ical.parse(more), "what was put in broke it")
  end
end
