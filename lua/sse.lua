--- Server-sent events: bytes in, events out.
--
--   local parser = sse.new(function(event) print(event.event, event.data) end)
--   parser:feed(bytes)     -- any cut, also inside a character or a line end
--
-- Lines end with LF, CRLF or CR, mixed; a byte order mark at the start is dropped; an
-- event that the end of the stream cuts off is never told. One line and one event
-- have a ceiling: feed then returns nil, message, "too_large", and goes on to do so.
local sse = {}
sse.__index = sse

--- on_event gets { event (nil for the default), data, id }.
function sse.new(on_event, options)
  return setmetatable({ on_event = on_event, limit = (options or {}).limit or 1 << 20,
    pending = "", start = true, data = {}, size = 0 }, sse)
end

function sse:dispatch()
  local data, name = self.data, self.event
  self.data, self.size, self.event = {}, 0, nil
  if #data > 0 then self.on_event { event = name, data = table.concat(data, "\n"), id = self.id } end
end

function sse:line(line)
  if line == "" then return self:dispatch() end
  local field, value = line:match("^([^:]*):? ?(.*)$")
  if field == "data" then
    self.data[#self.data + 1] = value
    self.size = self.size + #value + 1
  elseif field == "event" then
    self.event = value ~= "" and value or nil
  elseif field == "id" and not value:find("\0", 1, true) then
    self.id = value
  end
end

function sse:feed(bytes)
  if self.failed then return nil, self.failed, "too_large" end
  local text = self.pending .. bytes
  if self.start then
    if #text < 3 and ("\xef\xbb\xbf"):sub(1, #text) == text then
      self.pending = text
      return true
    end
    if text:sub(1, 3) == "\xef\xbb\xbf" then text = text:sub(4) end
    self.start = false
  end
  local from = 1
  while true do
    local at = text:find("[\r\n]", from)
    if not at then break end
    local next_at = at + 1
    if text:byte(at) == 13 then
      -- a CR at the very end may be half of a CRLF
      if at == #text then break end
      if text:byte(at + 1) == 10 then next_at = at + 2 end
    end
    self:line(text:sub(from, at - 1))
    from = next_at
  end
  self.pending = text:sub(from)
  if #self.pending > self.limit or self.size > self.limit then
    self.failed = ("an event of the stream is longer than %d bytes"):format(self.limit)
    return nil, self.failed, "too_large"
  end
  return true
end

return sse
