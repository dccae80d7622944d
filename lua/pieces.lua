--- The bytes of a line that has not ended yet: kept as they come and joined once, so that
-- a line a byte at a time is no dearer than one in one piece.
local pieces = {}
pieces.__index = pieces

local most = 1024

function pieces.new(limit) return setmetatable({ list = {}, size = 0, limit = limit }, pieces) end

--- Keep more of the line; false when that makes it too long.
function pieces:add(bytes)
  if bytes == "" then return true end
  self.size = self.size + #bytes
  if self.size > self.limit then return false end
  local list = self.list
  list[#list + 1] = bytes
  if #list == most then self.list = { table.concat(list) } end
  return true
end

--- The whole line, which ends with the bytes of `text` between two places; nil when it
-- is too long.
function pieces:take(text, from, to)
  if self.size == 0 then
    if to - from >= self.limit then return nil end
    return text:sub(from, to)
  end
  if not self:add(text:sub(from, to)) then return nil end
  local line = table.concat(self.list)
  self.list, self.size = {}, 0
  return line
end

return pieces
