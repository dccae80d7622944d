-- Dates in a text: "13 March", "by Tue", "in two weeks", "2026-03-13 15:00".
--
-- The text is cut into words; at each word every rule of `rules` may say "a
-- date begins here, and it ends there". Relative words count from `base`.

local month_of, weekday_of, number_of = {}, {}, {}
for i, name in ipairs { "january", "february", "march", "april", "may", "june",
  "july", "august", "september", "october", "november", "december" } do
  month_of[name], month_of[name:sub(1, 3)] = i, i
end
month_of.sept = 9
for i, name in ipairs { "monday", "tuesday", "wednesday", "thursday", "friday",
  "saturday", "sunday" } do
  weekday_of[name], weekday_of[name:sub(1, 3)] = i, i
end
weekday_of.tues, weekday_of.thur, weekday_of.thurs, weekday_of.weds = 2, 4, 4, 3
for i, name in ipairs { "one", "two", "three", "four", "five", "six", "seven",
  "eight", "nine", "ten" } do
  number_of[name] = i
end
number_of.a, number_of.an, number_of.couple = 1, 1, 2

-- Words that make the word after them a weekday even in small letters.
local leads = { by = true, on = true, next = true, this = true, last = true,
  ["until"] = true, till = true, before = true, due = true, coming = true,
  every = true, since = true, from = true, ["not"] = true }

-- Days ---------------------------------------------------------------------------
-- A day is an integer: days since 1970-01-01, counted from March so that the
-- leap day is the last of its year.

local function day_of(y, m, d)
  if m <= 2 then
    y, m = y - 1, m + 12
  end
  local era = y // 400
  local yoe = y - era * 400
  return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100
    + (153 * (m - 3) + 2) // 5 + d - 1 - 719468
end

local function date_of(day)
  local z = day + 719468
  local era = z // 146097
  local doe = z - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local m = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (m <= 2 and 1 or 0), m, doy - (153 * mp + 2) // 5 + 1
end

local function weekday(day)
  return (day + 3) % 7 + 1 -- Monday is 1
end

local function month_end(y, m)
  return m == 12 and day_of(y + 1, 1, 1) - 1 or day_of(y, m + 1, 1) - 1
end

local function valid(y, m, d)
  return y and m and d and m >= 1 and m <= 12 and d >= 1
    and d <= month_end(y, m) - day_of(y, m, 1) + 1
end

local function iso(day)
  return ("%04d-%02d-%02d"):format(date_of(day))
end

--- The year of "3 March" that is meant: this one, unless that was long ago.
local function day_without_year(m, d, base)
  local y = date_of(base)
  if not valid(y, m, d) then
    return nil
  end
  local day = day_of(y, m, d)
  return day < base - 120 and valid(y + 1, m, d) and day_of(y + 1, m, d) or day
end

local function add_months(day, n)
  local y, m, d = date_of(day)
  m = m + n
  y, m = y + (m - 1) // 12, (m - 1) % 12 + 1
  local last = month_end(y, m)
  return math.min(day_of(y, m, 1) + d - 1, last)
end

-- Words --------------------------------------------------------------------------

local function words_of(text)
  local words = {}
  for start, raw, stop in text:gmatch("()([%w\128-\255]+)()") do
    local before = words[#words]
    if before then
      before.gap = text:sub(before.stop + 1, start - 1)
    end
    words[#words + 1] = { raw = raw, low = raw:lower(), start = start,
      stop = stop - 1, gap = "", number = math.tointeger(tonumber(raw:match("^%d+$"))) }
  end
  return words
end

--- "3rd", "13" -> the number, when it can be a day of a month.
local function day_number(word)
  if not word then
    return nil
  end
  local digits = word.low:match("^(%d%d?)$") or word.low:match("^(%d%d?)[snrt][tdh]$")
  local n = math.tointeger(tonumber(digits))
  return n and n >= 1 and n <= 31 and n or nil
end

local function year_number(word)
  return word and word.number and #word.raw == 4 and word.number >= 1900
    and word.number <= 2200 and word.number or nil
end

--- Are words[i] and words[i+1] kept together by no more than a space?
local function near(words, i, gap)
  return words[i + 1] ~= nil and words[i].gap:find(gap or "^[ ,.]*$") ~= nil
    and #words[i].gap <= 3 and not words[i].gap:find("%.%s")
end

-- Rules: (words, i, base) -> day, index of the last word, approximate ----------------

local function numeric(words, i, base)
  local a, b, c = words[i], words[i + 1], words[i + 2]
  if not (a.number and b) then
    return nil
  end
  local sign = a.gap
  local b_number = b.number or math.tointeger(tonumber(b.low:match("^(%d%d)t%d%d$")))
  if year_number(a) and (sign == "-" or sign == "/") and b.number and b.gap == sign and c then
    local d = c.number or math.tointeger(tonumber(c.low:match("^(%d%d)t%d%d$")))
    if valid(a.number, b.number, d) then
      return day_of(a.number, b.number, d), i + 2
    end
  elseif (sign == "/" or sign == "." or sign == "-") and b_number and c and c.number
      and b.gap == sign and (#c.raw == 4 or (#c.raw == 2 and sign ~= "-")) then
    local y = #c.raw == 4 and c.number or 2000 + c.number
    local d, m = a.number, b.number
    if m > 12 then
      d, m = m, d -- written the American way round
    end
    if valid(y, m, d) then
      return day_of(y, m, d), i + 2
    end
  elseif sign == "/" and b.number and #a.raw <= 2 and #b.raw <= 2 then
    local d, m = a.number, b.number
    if m > 12 then
      d, m = m, d
    end
    if not (c and b.gap:find("^[/%d]")) and d > 0 and m > 0 and m <= 12 then
      return day_without_year(m, d, base), i + 1
    end
  end
end

local function finish(words, last, m, d, base)
  local y = year_number(words[last + 1]) and near(words, last) and words[last + 1].number
  if y then
    return valid(y, m, d) and day_of(y, m, d) or nil, last + 1
  end
  return day_without_year(m, d, base), last
end

local function day_month(words, i, base)
  local d = day_number(words[i])
  local at = i + 1
  if not d or not near(words, i, "^ *$") then
    return nil
  end
  if words[at].low == "of" and near(words, at, "^ *$") then
    at = at + 1
  end
  local m = month_of[words[at].low]
  if m then
    return finish(words, at, m, d, base)
  end
end

local function month_day(words, i, base)
  local m = month_of[words[i].low]
  local d = day_number(words[i + 1])
  if not m or not d or not near(words, i, "^[ .]*$") then
    return nil
  end
  if words[i].low == "may" and words[i].raw ~= "May" then
    return nil -- "it may 3 times ..."
  end
  if words[i + 2] and words[i + 1].gap == ":" then
    return nil -- a time
  end
  return finish(words, i + 1, m, d, base)
end

local function weekday_rule(words, i, base)
  local word, before = words[i], words[i - 1]
  local wanted = weekday_of[word.low]
  if not wanted then
    return nil
  end
  local lead = before and near(words, i - 1, "^ *$") and before.low or ""
  local full = #word.low > 4
  if not leads[lead] and not (word.raw:find("^%u") and (full or wanted < 6)) then
    return nil
  end
  -- "Thu 12 March": the number says it; the weekday only agrees.
  if near(words, i) then
    local day, last = day_month(words, i + 1, base)
    if not day then
      day, last = month_day(words, i + 1, base)
    end
    if not day then
      day, last = numeric(words, i + 1, base)
    end
    if day then
      return day, last
    end
    local d = day_number(words[i + 1])
    if d and words[i + 1].low:find("%a") then -- "Monday 9th"
      local y, m = date_of(base)
      for n = 0, 1 do
        local first = add_months(day_of(y, m, 1), n)
        if weekday(first + d - 1) == wanted then
          return first + d - 1, i + 1
        end
      end
    end
  end
  local monday = base - weekday(base) + 1
  if lead == "next" then
    return monday + 7 + wanted - 1, i
  elseif lead == "this" then
    return monday + wanted - 1, i
  elseif lead == "last" then
    return base - (weekday(base) - wanted - 1) % 7 - 1, i
  end
  local day = base + (wanted - weekday(base) - 1) % 7 + 1
  if words[i + 1] and words[i + 1].low == "week" and near(words, i, "^ *$") then
    return day + 7, i + 1
  end
  return day, i
end

local function relative(words, i, base)
  local low = words[i].low
  local function is(offset, ...)
    local word = words[i + offset]
    if not word or not near(words, i + offset - 1, "^[ -]*$") then
      return false
    end
    for _, want in ipairs { ... } do
      if word.low == want then
        return true
      end
    end
    return false
  end
  if low == "today" or low == "tonight" or low == "eod" then
    return base, i
  elseif low == "tomorrow" then
    return base + 1, i
  elseif low == "yesterday" then
    return base - 1, i
  elseif low == "eow" then
    return base - weekday(base) + 5, i
  elseif low == "day" and is(1, "after") and is(2, "tomorrow") then
    return base + 2, i + 2
  elseif low == "next" and is(1, "week") then
    return base + 7, i + 1, true
  elseif low == "next" and is(1, "month") then
    return add_months(base, 1), i + 1, true
  elseif low == "this" and is(1, "week") then
    return math.max(base, base - weekday(base) + 5), i + 1, true
  elseif low == "in" or low == "within" then
    local at = is(1, "the") and is(2, "next") and 3 or 1
    local word = words[i + at]
    local n = word and (word.number or number_of[word.low])
    if n and n <= 1000 and near(words, i + at - 1, "^ *$") then
      if is(at + 1, "of") then
        at = at + 1
      end
      local last = i + at + 1
      if word.low == "a" and is(at + 1, "couple") then
        n, at = 2, at + 1
        at = is(at + 1, "of") and at + 1 or at
        last = i + at + 1
      end
      if is(at + 1, "day", "days") then
        return base + n, last
      elseif is(at + 1, "week", "weeks") then
        return base + 7 * n, last
      elseif is(at + 1, "month", "months") then
        return add_months(base, n), last
      end
    end
  end
end

local function end_of(words, i, base)
  local low = words[i].low
  if low == "mid" and words[i + 1] and month_of[words[i + 1].low] then
    return day_without_year(month_of[words[i + 1].low], 15, base), i + 1, true
  end
  if low ~= "end" or not words[i + 1] or words[i + 1].low ~= "of" then
    return nil
  end
  local at = i + 2
  while words[at] and (words[at].low == "the" or words[at].low == "this") do
    at = at + 1
  end
  local skip = 0
  if words[at] and words[at].low == "next" then
    at, skip = at + 1, 1
  end
  local what = words[at] and words[at].low
  if what == "day" then
    return base, at
  elseif what == "week" then
    return base - weekday(base) + 5 + 7 * skip, at
  elseif what == "month" then
    local y, m = date_of(add_months(base, skip))
    return month_end(y, m), at
  elseif what and month_of[what] then
    local y, m = date_of(day_without_year(month_of[what], 1, base))
    return month_end(y, m), at
  end
end

local rules = { numeric, day_month, month_day, weekday_rule, end_of, relative }

-- Times of a day -------------------------------------------------------------------

--- "15:00", "3pm", "at 3 pm", "15h30" after word `i`: text and its last word.
local function time_after(words, i)
  local at = i + 1
  if not words[at] or not words[i].gap:find("^[ ,(]*$") then
    return nil
  end
  if words[at].low == "at" or words[at].low == "from" then
    at = at + 1
  end
  local word, following = words[at], words[at + 1]
  if not word then
    return nil
  end
  local hour, minute, half = word.low:match("^(%d%d?)h?(%d*)([ap]?m?)$")
  hour = math.tointeger(tonumber(hour))
  if not hour then
    return nil
  end
  local last, marked = at, half ~= "" or word.low:find("h") ~= nil
  if word.gap == ":" and following and following.low:find("^%d%d[ap]?m?$") then
    minute, half = following.low:match("^(%d%d)(.*)$")
    last, marked = at + 1, true
  end
  if half == "" and words[last + 1] and words[last].gap:find("^ ?$")
      and words[last + 1].low:find("^[ap]m$") then
    half, last, marked = words[last + 1].low, last + 1, true
  end
  minute = math.tointeger(tonumber(minute)) or 0
  if half == "pm" and hour < 12 then
    hour = hour + 12
  elseif half == "am" and hour == 12 then
    hour = 0
  end
  if marked and hour < 24 and minute < 60 then
    return ("%02d:%02d"):format(hour, minute), last
  end
end

local weekday_names = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
  "Saturday", "Sunday" }

return skill {
  version = 1,
  about = "Finds dates in a text and resolves relative ones against a base day",
  effect = "pure",
  input = {
    type = "object", required = { "text" }, additionalProperties = false,
    properties = {
      text = { type = "string" },
      base = { type = "string", description = "YYYY-MM-DD or RFC 3339; the run's clock without it" },
      limit = { type = "integer", minimum = 1 },
    },
  },
  output = {
    type = "object", required = { "dates" },
    properties = {
      dates = { type = "array", items = {
        type = "object", required = { "text", "date", "start", "finish" },
        properties = {
          text = { type = "string" }, date = { type = "string", format = "date" },
          time = { type = "string" }, weekday = { type = "string" },
          start = { type = "integer" }, finish = { type = "integer" },
          past = { type = "boolean" }, about = { type = "boolean" },
        },
      } },
    },
  },

  ["local"] = function(input, lib)
    local text = input.text
    local y, m, d = tostring(input.base or lib.now):match("^(%d%d%d%d)-(%d%d)-(%d%d)")
    y, m, d = math.tointeger(tonumber(y)), math.tointeger(tonumber(m)), math.tointeger(tonumber(d))
    if not valid(y, m, d) then
      error("base is no date: " .. tostring(input.base or lib.now))
    end
    local base, words, found = day_of(y, m, d), words_of(text), {}
    local i = 1
    while i <= #words and #found < (input.limit or 200) do
      local day, last, about
      for _, rule in ipairs(rules) do
        day, last, about = rule(words, i, base)
        if day then
          break
        end
      end
      if day then
        local time, time_last = time_after(words, last)
        if not time and words[last].low:find("^%d%dt%d%d$") then -- 2026-03-13T15:00
          time = words[last].low:match("t(%d%d)$") .. ":" .. (words[last + 1] and words[last + 1].raw or "00")
          time_last = words[last + 1] and last + 1 or last
        end
        last = time_last or last
        local start, stop = words[i].start, words[last].stop
        found[#found + 1] = {
          text = text:sub(start, stop), date = iso(day), time = time,
          weekday = weekday_names[weekday(day)], start = start, finish = stop,
          past = day < base, about = about or nil,
        }
        i = last
      end
      i = i + 1
    end
    return { dates = found }
  end,

  model = {
    tier = "small",
    prompt = "List every date in the text as an ISO day, resolving relative "
      .. "words against the base day. Leave out what is no date.",
    max_tokens = 300,
  },

  examples = {
    { input = { text = "Send it by Tue, and call me on 13 March at 3pm.", base = "2026-03-05" },
      output = { dates = { { text = "Tue", date = "2026-03-10" },
        { text = "13 March at 3pm", date = "2026-03-13", time = "15:00" } } } },
    -- The base day is a Thursday; its own name means a week on.
    { input = { text = "Thursday, next Friday, this Friday, tomorrow", base = "2026-03-05" },
      output = { dates = { { date = "2026-03-12" }, { date = "2026-03-13" },
        { date = "2026-03-06" }, { date = "2026-03-06" } } } },
    { input = { text = "next call Thu 12 March 15:00, then in two weeks", base = "2026-03-05" },
      output = { dates = { { text = "Thu 12 March 15:00", date = "2026-03-12", time = "15:00" },
        { date = "2026-03-19" } } } },
    { input = { text = "Paid 2026-02-28; due 01/04/2026 or April 2nd, 2026.", base = "2026-03-05" },
      output = { dates = { { date = "2026-02-28", past = true }, { date = "2026-04-01" },
        { date = "2026-04-02" } } } },
    -- A year is guessed forward only when the day was long ago.
    { input = { text = "by 3 March, and on 10 January", base = "2026-12-05" },
      output = { dates = { { date = "2027-03-03" }, { date = "2027-01-10" } } } },
    { input = { text = "We sat in the sun; it may take 3 people, room 12/45, ratio 3:2.", base = "2026-03-05" },
      output = { dates = {} } },
    { input = { text = "end of month, end of next week, mid-April, end of February", base = "2026-01-29" },
      output = { dates = { { date = "2026-01-31" }, { date = "2026-02-06" },
        { date = "2026-04-15" }, { date = "2026-02-28" } } } },
  },
}
