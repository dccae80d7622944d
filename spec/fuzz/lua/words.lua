--- The small ones: durations, rates, sizes, money, times, patterns of names. Any text:
-- refused with a sentence, or a value that comes back from its own text.
local bytesize = require "bytesize"
local choices = require "choices"
local duration = require "duration"
local glob = require "glob"
local money = require "money"
local rfc3339 = require "rfc3339"

local function refused(message) assert(type(message) == "string" and message ~= "", "refused without a word") end

local function whole(n) assert(math.type(n) == "integer" and n >= 0, "no whole number: " .. tostring(n)) end

local each = {
  function(text)
    local ms, message = duration.parse(text)
    if not ms then return refused(message) end
    whole(ms)
    assert(duration.parse(duration.format(ms)) == ms, "another duration")
  end,
  function(text)
    local count, per_ms = duration.parse_rate(text)
    if not count then return refused(per_ms) end
    whole(count)
    assert(per_ms == nil or math.type(per_ms) == "integer" and per_ms > 0)
  end,
  function(text)
    local n, message = bytesize.parse(text)
    if not n then return refused(message) end
    whole(n)
    assert(type(bytesize.format(n)) == "string")
  end,
  function(text)
    local pico, message = money.parse(text)
    if not pico then return refused(message) end
    whole(pico)
    assert(money.from_json(money.to_json(pico)) == pico, "other money")
    assert(type(money.format(pico)) == "string")
  end,
  function(text) local _ = money.from_json(text) end,
  function(text)
    local ms, message = rfc3339.parse(text)
    if not ms then return refused(message) end
    assert(math.type(ms) == "integer")
    -- an offset may reach out of the years that have a text
    if ms >= rfc3339.parse "0000-01-01T00:00:00Z" and ms <= rfc3339.parse "9999-12-31T23:59:59.999Z" then
      assert(rfc3339.parse(rfc3339.format(ms)) == ms, "another time")
    end
  end,
  function(text, c)
    local name = c:text()
    assert(type(glob.match(text, name)) == "boolean", "glob says neither")
    assert(glob.match("*", name) == true, "a star that takes not all")
  end,
}

return function(bytes)
  local c = choices.of(bytes)
  local check = c:pick(each)
  check(c:text(40), c)
end
