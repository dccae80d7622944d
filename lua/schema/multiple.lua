--- Is one number a multiple of another, as the decimals that people wrote?
--
-- 0.0075 is 75 times 0.0001, though the doubles say 75.00000000000001. So both
-- are taken as their shortest decimal texts and divided by hand, exactly.

local multiple = {}

--- A finite positive number as digits and a power of ten: 0.0075 -> "75", -4.
local function decimal(number)
  if math.type(number) == "integer" then return tostring(number), 0 end
  for precision = 15, 17 do
    local text = ("%." .. precision - 1 .. "e"):format(number)
    if tonumber(text) == number then
      local head, tail, exponent = text:match("^(%d)%.?(%d*)e([+-]%d+)$")
      tail = tail:gsub("0+$", "")
      return head .. tail, math.tointeger(tonumber(exponent)) - #tail
    end
  end
end

--- (digits followed by `zeros` zeros) modulo m, for m below 2^59.
local function remainder(digits, zeros, m)
  local rest = 0
  for i = 1, #digits do rest = (rest * 10 + digits:byte(i) - 48) % m end
  for _ = 1, zeros do
    if rest == 0 then break end
    rest = rest * 10 % m
  end
  return rest
end

--- True when `value` is a whole multiple of `factor` (factor > 0).
function multiple.divides(factor, value)
  if math.type(factor) == "integer" and math.type(value) == "integer" then
    return value % factor == 0
  end
  if value - value ~= 0 then return false end
  if value == 0 then return true end
  if value == math.mininteger then value = value + 0.0 end
  local value_digits, value_power = decimal(math.abs(value))
  local factor_digits, factor_power = decimal(factor)
  local shift = value_power - factor_power
  if shift < 0 then
    factor_digits = factor_digits .. ("0"):rep(math.min(-shift, 20))
    shift = 0
  end
  if #factor_digits > 17 then return math.fmod(value, factor) == 0 end
  local m = math.tointeger(tonumber(factor_digits))
  return remainder(value_digits, shift, m) == 0
end

return multiple
