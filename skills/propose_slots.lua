-- Free slots in a calendar: the earliest that fit, on different days where there are enough.
-- Whoever calls it gives the days with the instants between which a slot may lie (wall
-- clocks are the caller's business), and what is busy.

local function overlaps(from, to, busy)
  for _, one in ipairs(busy) do
    if from < one.to_ms and to > one.from_ms then
      return one.to_ms
    end
  end
end

--- The first free slot of a day at or after an instant, or nil.
local function first_free(day, from, length, step, busy)
  local at = from
  while at + length <= day.to_ms do
    local behind = overlaps(at, at + length, busy)
    if not behind then
      return at
    end
    -- on the grid of the day's beginning
    at = day.from_ms + math.ceil((behind - day.from_ms) / step) * step
  end
end

return skill {
  version = 1,
  about = "Finds free slots in the windows of some days, around what is busy",
  effect = "pure",
  input = {
    type = "object", required = { "days", "minutes" },
    properties = {
      days = { type = "array", items = { type = "object", required = { "from_ms", "to_ms" }, properties = {
        date = { type = "string" }, weekday = { type = "string" }, from_ms = { type = "integer" }, to_ms = { type = "integer" } } } },
      busy = { type = "array", items = { type = "object", required = { "from_ms", "to_ms" } } },
      minutes = { type = "integer", minimum = 5 }, count = { type = "integer", minimum = 1 }, step_minutes = { type = "integer", minimum = 5 },
      weekdays = { type = "array", items = { type = "string" }, description = "Mon to Sun that are wanted" },
      not_on = { type = "array", items = { type = "string" }, description = "weekdays or dates that are not possible" },
      not_before_ms = { type = "integer" },
    },
  },
  output = { type = "object", required = { "slots" }, properties = { slots = { type = "array", items = { type = "object",
    required = { "from_ms", "to_ms" } } } } },

  ["local"] = function(input)
    local length, step = input.minutes * 60000, (input.step_minutes or 30) * 60000
    local wanted, excluded, busy = nil, {}, input.busy or {}
    for _, name in ipairs(input.weekdays or {}) do
      wanted = wanted or {}
      wanted[name:sub(1, 3):lower()] = true
    end
    for _, name in ipairs(input.not_on or {}) do
      excluded[name] = true
      if not name:find("%d") then
        excluded[name:sub(1, 3):lower()] = true
      end
    end
    local days, slots, count = {}, {}, input.count or 3
    for _, day in ipairs(input.days) do
      local name = (day.weekday or ""):sub(1, 3):lower()
      if (not wanted or wanted[name]) and not excluded[name] and not excluded[day.date or ""] then
        days[#days + 1] = { day = day, next = math.max(day.from_ms, input.not_before_ms or 0) }
      end
    end
    -- one on each day, then a second on each, until there are enough
    local found = true
    while found and #slots < count do
      found = false
      for _, one in ipairs(days) do
        if #slots < count then
          local from = one.day.from_ms + math.ceil((one.next - one.day.from_ms) / step) * step
          local at = first_free(one.day, from, length, step, busy)
          if at then
            slots[#slots + 1] = { from_ms = at, to_ms = at + length, date = one.day.date, weekday = one.day.weekday }
            one.next, found = at + length, true
          else
            one.next = one.day.to_ms
          end
        end
      end
    end
    table.sort(slots, function(a, b) return a.from_ms < b.from_ms end)
    return { slots = slots }
  end,

  examples = {
    { name = "one on each of three days", input = { minutes = 60, days = { { date = "a", from_ms = 0, to_ms = 7200000 }, { date = "b", from_ms = 86400000, to_ms = 93600000 },
        { date = "c", from_ms = 172800000, to_ms = 180000000 } } },
      output = { slots = { { from_ms = 0 }, { from_ms = 86400000 }, { from_ms = 172800000 } } } },
    { name = "around what is busy", input = { minutes = 60, count = 1, days = { { from_ms = 0, to_ms = 21600000 } }, busy = { { from_ms = 0, to_ms = 3600000 } } },
      output = { slots = { { from_ms = 3600000, to_ms = 7200000 } } } },
    { name = "a block that ends off the grid", input = { minutes = 30, count = 1, days = { { from_ms = 0, to_ms = 21600000 } }, busy = { { from_ms = 0, to_ms = 600000 } } },
      output = { slots = { { from_ms = 1800000 } } } },
    { name = "not on Wednesdays", input = { minutes = 30, count = 2, not_on = { "Wed" }, days = { { weekday = "Tue", from_ms = 0, to_ms = 1800000 },
        { weekday = "Wed", from_ms = 86400000, to_ms = 88200000 } } }, output = { slots = { { from_ms = 0 } } } },
    { name = "two on a day where there is one day only", input = { minutes = 60, count = 2, days = { { from_ms = 0, to_ms = 7200000 } } },
      output = { slots = { { from_ms = 0 }, { from_ms = 3600000 } } } },
    { name = "nothing fits", input = { minutes = 60, days = { { from_ms = 0, to_ms = 1800000 } } }, output = { slots = {} } },
  },
}
