--- A JSON value a line: bytes in, lines out.
--
--   local parser = ndjson.new(function(line) ... end)
--   parser:feed(bytes)
--
-- Empty lines are skipped. A line has a ceiling: feed then returns nil, message,
-- "too_large". What follows the last line end is told by `parser:finish()`.
local ndjson = {}
ndjson.__index = ndjson

function ndjson.new(on_line, options)
  return setmetatable({ on_line = on_line, limit = (options or {}).limit or 1 << 20, pending = "" }, ndjson)
end

function ndjson:feed(bytes)
  if self.failed then return nil, self.failed, "too_large" end
  local text, from = self.pending .. bytes, 1
  for line, after in text:gmatch("([^\n]*)\n()") do
    line = line:gsub("\r$", "")
    if line:find("%S") then self.on_line(line) end
    from = after
  end
  self.pending = text:sub(from)
  if #self.pending > self.limit then
    self.failed = ("a line of the stream is longer than %d bytes"):format(self.limit)
    return nil, self.failed, "too_large"
  end
  return true
end

function ndjson:finish()
  local line = self.pending
  self.pending = ""
  if line:find("%S") then self.on_line(line) end
end

return ndjson
