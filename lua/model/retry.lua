--- The one retry layer: what may be sent again, and when.
local rfc3339 = require "rfc3339"

local retry = {}

retry.attempts = 3            -- of one candidate, the first included
retry.base_ms = 500
retry.most_ms = 8000
retry.patience_ms = 60000     -- a longer wait that a server asks for is not held

local again_status = { [408] = true, [409] = true, [429] = true, [500] = true, [502] = true, [503] = true,
  [504] = true, [529] = true }

-- Of which errors another candidate may be free.
local elsewhere = { rate_limited = true, overloaded = true, server_error = true, timeout = true,
  connection_lost = true, bad_response = true, too_large = true, auth = true, quota = true,
  context_length = true, budget = true, stream_cut = false }

--- May the same request go to the same server again? `failure` has code, status,
-- headers, began (bytes of a reply came), sent.
function retry.again(failure)
  if failure.said_text then return false end
  local told = failure.headers and failure.headers["x-should-retry"]
  if told == "true" then return true end
  if told == "false" then return false end
  if failure.code == "quota" then return false end
  if failure.status and failure.status >= 300 then return again_status[failure.status] or false end
  return failure.code == "connection_lost" and not failure.began and not failure.tls
    or failure.code == "timeout" and failure.sent == false
end

--- May another candidate be asked instead?
function retry.elsewhere(failure)
  return not failure.said_text and elsewhere[failure.code] or false
end

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- "Wed, 21 Oct 2026 07:28:00 GMT" -> milliseconds since 1970, or nil.
function retry.http_date(text)
  local day, month, year, h, m, s = text:match("^%a+, (%d+)[ -](%a+)[ -](%d+) (%d+):(%d+):(%d+) GMT$")
  if not day or not months[month] then return nil end
  local days = rfc3339.days(math.tointeger(tonumber(year)), months[month], math.tointeger(tonumber(day)))
  return (days * 86400 + math.tointeger(h * 3600 + m * 60 + s)) * 1000
end

--- The wait that a server asked for, in milliseconds, or nil.
function retry.asked_ms(headers, now)
  local ms = tonumber(headers["retry-after-ms"] or "")
  if ms and ms >= 0 and ms < 1e12 then return math.ceil(ms) end
  local text = headers["retry-after"]
  if not text then return nil end
  local seconds = text:match "^%d+%.?%d*$" and tonumber(text)
  if seconds then
    if seconds >= 0 and seconds < 1e9 then return math.ceil(seconds * 1000) end
    return nil
  end
  local at = retry.http_date(text)
  return at and math.max(0, at - now)
end

--- How long to wait before the next attempt after `tries` of them: what the server asked
-- for, else a doubling wait less up to a quarter by chance (0 to 1). Second value: true
-- when the server asked for it.
function retry.wait_ms(policy, headers, tries, now, chance)
  local asked = retry.asked_ms(headers or {}, now)
  if asked then return asked, true end
  local ms = math.min(policy.base_ms * 2 ^ (tries - 1), policy.most_ms)
  return math.ceil(ms * (1 - 0.25 * chance)), false
end

return retry
