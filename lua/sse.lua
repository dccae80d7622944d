--- Server-sent events: bytes in, events out.
--
--   local parser = sse.new(function(event) print(event.event, event.data) end)
--   parser:feed(bytes)     -- any cut, also inside a character or a line end
--
-- Lines end with LF, CRLF or CR, mixed; a byte order mark at the start is dropped; an
-- event that the end of the stream cuts off is never told. One line and one event
-- have a ceiling, whatever the pieces: what is longer is not told, and feed returns nil,
-- message, "too_large", and goes on to do so.
local pieces = require "pieces"

local sse = {}
sse.__index = sse

local mark = "\xef\xbb\xbf"

--- on_event gets { event (nil for the default), data, id }.
function sse.new(on_event, options)
  local limit = (options or {}).limit or 1 << 20
  return setmetatable({ on_event = on_event, limit = limit, begun = "", held = pieces.new(limit), data = {}, size = 0 }, sse)
end

function sse:fail()
  self.failed = ("an event of the stream is longer than %d bytes"):format(self.limit)
  self.held, self.data = nil, nil
  return nil, self.failed, "too_large"
end

function sse:dispatch()
  local data, name = self.data, self.event
  self.data, self.size, self.event = {}, 0, nil
  if #data > 0 then self.on_event { event = name, data = table.concat(data, "\n"), id = self.id } end
end

--- Returns false when the event is too long with this line.
function sse:line(line)
  if line == "" then
    self:dispatch()
    return true
  elseif line:byte() == 58 then
    return true -- a comment
  end
  local field, value = line:match("^([^:]*):? ?(.*)$")
  if field == "data" then
    self.data[#self.data + 1] = value
    self.size = self.size + #value + 1
  elseif field == "event" then
    self.event = value ~= "" and value or nil
  elseif field == "id" and not value:find("\0", 1, true) then
    self.id = value
  end
  return self.size <= self.limit
end

--- Without the byte order mark that may stand at the start; nil until that is known.
function sse:opened(bytes)
  bytes = self.begun .. bytes
  if #bytes < #mark and mark:sub(1, #bytes) == bytes then
    self.begun = bytes
    return nil
  end
  self.begun = nil
  return bytes:sub(1, #mark) == mark and bytes:sub(#mark + 1) or bytes
end

function sse:feed(bytes)
  if self.failed then return nil, self.failed, "too_large" end
  if self.begun then
    bytes = self:opened(bytes)
    if not bytes then return true end
  end
  local from = 1
  if self.after_cr and bytes ~= "" then
    -- a CR at the end of a piece may have been half of a CRLF
    if bytes:byte() == 10 then from = 2 end
    self.after_cr = false
  end
  while true do
    local at = bytes:find("[\r\n]", from)
    if not at then break end
    local line = self.held:take(bytes, from, at - 1)
    if not line or not self:line(line) then return self:fail() end
    from = at + 1
    if bytes:byte(at) == 13 then
      if at == #bytes then
        self.after_cr = true
      elseif bytes:byte(from) == 10 then
        from = from + 1
      end
    end
  end
  if not self.held:add(bytes:sub(from)) then return self:fail() end
  return true
end

return sse
