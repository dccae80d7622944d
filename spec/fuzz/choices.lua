--- Choices out of bytes, for the targets of spec/fuzz/lua/: each takes a byte; where the
-- bytes end, every choice is the first.
local choices = {}
choices.__index = choices

function choices.of(bytes) return setmetatable({ bytes = bytes, at = 1 }, choices) end

function choices:byte()
  local b = self.bytes:byte(self.at) or 0
  self.at = self.at + 1
  return b
end

--- Whether there are bytes left.
function choices:more() return self.at <= #self.bytes end

--- 0 to n - 1.
function choices:below(n) return self:byte() % n end

function choices:pick(list) return list[self:below(#list) + 1] end

function choices:text(most)
  local n = self:below((most or 16) + 1)
  local text = self.bytes:sub(self.at, self.at + n - 1)
  self.at = self.at + n
  return text
end

function choices:rest()
  local text = self.bytes:sub(self.at)
  self.at = #self.bytes + 1
  return text
end

local numbers = { 0, 1, -1, 2, 7, 10, 100, 1000, 65536, 1 << 31, 1 << 53, math.maxinteger, math.mininteger, 0.5, 1e9, 1e300,
  -0.0, 1 / 0, 0 / 0, 1.0, 3.7, 250, 5e-324 }

--- A plain value. Keys of objects come from `words`, and so do most texts.
function choices:value(words, depth)
  depth = depth or 0
  local kind = self:below(depth > 3 and 6 or 10)
  if kind == 0 then return self:pick(numbers) end
  if kind == 1 then return self:byte() - 100 end
  if kind == 2 then return self:below(2) == 0 end
  if kind == 3 then return self:text() end
  if kind <= 5 then return self:pick(words) end
  local out = {}
  for i = 1, self:below(kind == 9 and 8 or 4) do
    out[kind <= 7 and i or self:pick(words)] = self:value(words, depth + 1)
  end
  return out
end

local function literal(value)
  if value ~= value then return "0/0" end
  if math.type(value) == "float" then return ("%a"):format(value):gsub("^%-?inf$", "1/0") end
  return ("%q"):format(value)
end

--- A plain value as Lua source.
function choices.source(value)
  if type(value) ~= "table" then return (literal(value)) end
  local out = {}
  for key, part in next, value do
    out[#out + 1] = ("[%s] = %s"):format(literal(key), choices.source(part))
  end
  table.sort(out)
  return "{ " .. table.concat(out, ",\n  ") .. " }"
end

return choices
