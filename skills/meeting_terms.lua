-- When somebody likes to meet, from a preference as memory has it: { min, days, from, to }, or
-- only in words, "Kickoffs 60 min, Tue-Thu, 10:00-16:00 local". Reads weekdays out of any text.

local week = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }
local number_of = {}
for i, name in ipairs(week) do
  number_of[name:lower()] = i
end
number_of.tues, number_of.weds, number_of.thur, number_of.thurs = 2, 3, 4, 4

--- "Wednesdays and Fri" -> Wed, Fri; "Mon-Wed" -> Mon, Tue, Wed
local function weekdays_in(text)
  local days, seen, last, stop = {}, {}, nil, 1
  for from, word, behind in text:lower():gmatch("()(%a+)()") do
    local i = number_of[word] or word:find("days?$") and number_of[word:sub(1, 3)]
    if i then
      local between = text:sub(stop, from - 1)
      local range = last and (between:find("^%s*%-%s*$") or between:find("^%s*–%s*$") or between:find("^%s+to%s+$"))
      for n = range and last + 1 or i, range and i < last and i + 7 or i do
        local name = week[(n - 1) % 7 + 1]
        days[#days + 1], seen[name] = not seen[name] and name or nil, true
      end
      last, stop = i, behind
    end
  end
  return days
end

--- "9:30" -> "09:30"
local function clock(text)
  local hour, minute = tostring(text or ""):match("^(%d%d?):(%d%d)$")
  return hour and ("%02d:%s"):format(tonumber(hour), minute) or nil
end

return skill {
  version = 1,
  about = "Reads minutes, weekdays and hours of meetings from a preference",
  effect = "pure",
  input = {
    type = "object",
    properties = { text = { type = "string" }, value = { description = "as data: { min, days, from, to }" } },
  },
  output = {
    type = "object", required = { "days" },
    properties = { min = { type = "integer" }, days = { type = "array", items = { enum = week } }, from = { type = "string" }, to = { type = "string" } },
  },

  ["local"] = function(input)
    local value, text = type(input.value) == "table" and input.value or {}, input.text or ""
    local from, to = text:match("(%d%d?:%d%d)%s*%-%s*(%d%d?:%d%d)")
    if not from then
      from, to = text:match("(%d%d?:%d%d)%s*–%s*(%d%d?:%d%d)")
    end
    local days = value.days or value.weekdays
    days = weekdays_in(type(days) == "table" and table.concat(days, ", ") or type(days) == "string" and days or text)
    return { min = math.tointeger(tonumber(value.min or value.minutes or text:match("(%d+)%s*min"))), days = days,
      from = clock(value.from) or clock(from), to = clock(value.to) or clock(to) }
  end,

  examples = {
    { name = "as data", input = { text = "Kickoffs", value = { min = 60, days = { "Tue", "Wed", "Thu" }, from = "10:00", to = "16:00" } },
      output = { min = 60, days = { "Tue", "Wed", "Thu" }, from = "10:00", to = "16:00" } },
    { name = "in words", input = { text = "Kickoffs 90 min, Mon and Thursdays, 9:30-17:00 local, never before 9:30." },
      output = { min = 90, days = { "Mon", "Thu" }, from = "09:30", to = "17:00" } },
    { name = "from a day to another", input = { value = { days = "Fri-Mon" } }, output = { days = { "Fri", "Sat", "Sun", "Mon" } } },
    { name = "words that begin like days", input = { text = "This month we are satisfied, the sun is out on Wed" }, output = { days = { "Sun", "Wed" } } },
    { name = "the data where both are there", input = { text = "60 min, Mon", value = { days = { "Tuesday" }, min = 45 } }, output = { min = 45, days = { "Tue" } } },
    { name = "nothing", input = {}, output = { days = {} } },
  },
}
