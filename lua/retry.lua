--- When to try again: policies of steps, skills and adapters.
--
--   retry = { attempts = 5, initial = "1s", factor = 2, max = "1m", jitter = 0.2,
--             never = { "not_found" }, within = "10m" }
--
-- attempts   tries in all, the first one too (5)
-- initial    the pause after the first failure (1s); each next one is `factor` (2) times
--            as long, `max` (1m) at most
-- jitter     the part of a pause that is spread by chance, 0 to 1 (0.2); the chance is
--            the digest of the command's key and attempt, so a replay would pause alike
-- never      codes of errors that a second try cannot mend
-- within     no try begins later than this after the first one
--
-- Whoever fails may know better than a policy: err.retry says whether a second try makes
-- sense at all, err.after_ms how long the other side wants to be left alone.
local digest = require "core.digest"
local duration = require "duration"

local retry = {}

--- Failures that pass by themselves.
retry.transient = { timeout = true, connection_lost = true, network = true, rate_limited = true, overloaded = true,
  server_error = true, stream_cut = true, locked = true }

--- Failures that are somebody's word, not the world's: no policy tries them again.
local final = { wrong_use = true, budget = true, rejected = true, cancelled = true, undone = true, abandoned = true,
  digest = true, skill_mismatch = true, memory_not_allowed = true, quota = true, auth = true }

local fields = { attempts = true, initial = true, factor = true, max = true, jitter = true, never = true, within = true }

--- What an adapter does where nobody declared anything, and a compensation.
retry.default = { attempts = 4, initial_ms = 1000, factor = 4, max_ms = 60000, jitter = 0.2, never = {}, transient_only = true }

local function number(given, name, least, most, default)
  local value = given[name]
  if value == nil then return default end
  if type(value) ~= "number" or value ~= value or value < least or value > most then
    error(("retry.%s is a number from %s to %s"):format(name, least, most), 0)
  end
  return value
end

local function time(given, name, default)
  if given[name] == nil then return default end
  local ms, message = duration.parse(given[name])
  if not ms then error(("retry.%s: %s"):format(name, message), 0) end
  return ms
end

local function read(given)
  if type(given) == "number" then given = { attempts = given } end
  if type(given) ~= "table" then error("retry is a table such as { attempts = 3, initial = \"1s\" }", 0) end
  for name in pairs(given) do
    if not fields[name] then
      local near = require("suggest").nearest(tostring(name), fields)
      error(("retry has no '%s'%s"):format(tostring(name), near and (", did you mean '" .. near .. "'?") or ""), 0)
    end
  end
  local attempts = number(given, "attempts", 1, 1000, 5)
  if math.type(attempts) ~= "integer" then error("retry.attempts is a whole number", 0) end
  local never = {}
  if given.never ~= nil and type(given.never) ~= "table" then error("retry.never is a list of codes", 0) end
  for _, code in ipairs(given.never or {}) do never[tostring(code)] = true end
  return { attempts = attempts, initial_ms = time(given, "initial", 1000), factor = number(given, "factor", 1, 100, 2),
    max_ms = time(given, "max", 60000), jitter = number(given, "jitter", 0, 1, 0.2), never = never,
    within_ms = time(given, "within") }
end

--- The policy that somebody wrote, in what the engine counts in; nil, message when it
--- cannot be read.
function retry.policy(given)
  local ok, policy = pcall(read, given)
  if ok then return policy end
  return nil, policy
end

--- 0 to 1, from the command's own key.
local function chance(key, attempt)
  return tonumber(digest.sha256(("%s#%d"):format(key, attempt)):sub(1, 8), 16) / 0xffffffff
end

--- How long to wait before the next try, in ms; nil when there is none, and why.
-- @param policy  as retry.policy gave it
-- @param last    { attempt, code, retry, after_ms, since, now, key }: the attempt that
--   failed (from 1), how, when the first began and what time it is (ms)
function retry.pause(policy, last)
  if last.retry == false or final[last.code] then return nil, "it cannot be mended by trying" end
  if policy.never[last.code] then return nil, "the policy says never" end
  if policy.transient_only and last.retry ~= true and not retry.transient[last.code] then return nil, "it does not pass by itself" end
  if last.attempt >= policy.attempts then return nil, "all attempts are used up" end
  local ms = math.min(policy.initial_ms * policy.factor ^ (last.attempt - 1), policy.max_ms)
  ms = ms * (1 - policy.jitter * chance(last.key, last.attempt))
  ms = math.max(math.floor(ms), last.after_ms or 0)
  if policy.within_ms and last.now + ms > last.since + policy.within_ms then return nil, "its time is over" end
  return ms
end

return retry
