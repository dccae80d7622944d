--- A calendar, right or nearly: it is read into events or refused, its occurrences end, lie in
-- order and touch the span, each once; an event that is put in is found, and taken out leaves
-- every byte that was.
local ical = require "ical"

local from_ms, to_ms = 1772323200000, 1780272000000 -- March to May 2026

return function(bytes)
  local events = ical.parse(bytes)
  if events then
    local last, found, unclear = math.mininteger, ical.occurrences(events, from_ms, to_ms, "Europe/Lisbon")
    for _, one in ipairs(found or {}) do
      assert(one.from_ms >= last and one.to_ms >= one.from_ms, "not in order")
      assert(one.from_ms < to_ms and one.to_ms >= from_ms, "outside of the span")
      last = one.from_ms
    end
    for _, one in ipairs(found and unclear or {}) do assert(utf8.len(one.title) and utf8.len(one.uid) and one.why, "no reason") end
  end
  local more = ical.insert(bytes, { uid = "fuzz@keel", from_ms = from_ms, to_ms = from_ms + 3600000, title = bytes:sub(1, 80), now_ms = 0 })
  if more and events then
    assert(ical.parse(more), "what was put in broke it")
    local back, gone = ical.remove(more, "fuzz@keel")
    if not bytes:find("fuzz@keel", 1, true) then assert(gone == 1 and back == bytes, "what was there is not as it was") end
  end
end
