--- A JSON value a line: bytes in, lines out.
--
--   local parser = ndjson.new(function(line) ... end)
--   parser:feed(bytes)
--
-- Empty lines are skipped. A line has a ceiling, whatever the pieces: what is longer is
-- not told, and feed returns nil, message, "too_large", and goes on to do so. What
-- follows the last line end is told by `parser:finish()` when it is whole: half of a
-- line is what the end of the stream cut off.
local json = require "json"
local pieces = require "pieces"

local ndjson = {}
ndjson.__index = ndjson

function ndjson.new(on_line, options)
  local limit = (options or {}).limit or 1 << 20
  return setmetatable({ on_line = on_line, limit = limit, held = pieces.new(limit) }, ndjson)
end

function ndjson:fail()
  self.failed = ("a line of the stream is longer than %d bytes"):format(self.limit)
  self.held = nil
  return nil, self.failed, "too_large"
end

function ndjson:feed(bytes)
  if self.failed then return nil, self.failed, "too_large" end
  local from = 1
  while true do
    local at = bytes:find("\n", from, true)
    if not at then break end
    local line = self.held:take(bytes, from, at - 1)
    if not line then return self:fail() end
    line = line:gsub("\r$", "")
    if line:find("%S") then self.on_line(line) end
    from = at + 1
  end
  if not self.held:add(bytes:sub(from)) then return self:fail() end
  return true
end

function ndjson:finish()
  if self.failed then return end
  local line = self.held:take("", 1, 0)
  if json.decode(line) ~= nil then self.on_line(line) end
end

return ndjson
