--- Money is an integer of pico-USD (1 USD = 10^12 pico-USD).
--
-- A price in USD per million tokens with up to six decimals is exactly an
-- integer number of pico-USD per token, so a ledger never rounds. All
-- arithmetic here is on decimal digits; no float takes part. An int64 holds
-- 9,223,372 USD, which is more than an engine of one person may spend.

local money = {}

local scale = 12
money.per_usd = 1000000000000

--- "123", "0450" -> 123 as an integer, or nil when it does not fit an int64.
local function digits_to_integer(digits)
  digits = digits:gsub("^0+", "")
  if digits == "" then return 0 end
  if #digits > 19 then return nil end
  if #digits == 19 and digits > "9223372036854775807" then return nil end
  return math.tointeger(tonumber(digits))
end

--- A plain decimal ("1.25") as an integer of 10^-decimals units.
-- Returns nil, message when it is no decimal, too fine or too large.
local function decimal_to_integer(text, decimals)
  local whole, fraction = text:match("^(%d+)%.(%d+)$")
  if not whole then whole, fraction = text:match("^%d+$"), "" end
  if not whole then return nil, "not a decimal number" end
  fraction = fraction:gsub("0+$", "")
  if #fraction > decimals then
    return nil, ("more than %d decimals"):format(decimals)
  end
  local units = digits_to_integer(
    whole .. fraction .. ("0"):rep(decimals - #fraction))
  if not units then return nil, "too large" end
  return units
end

--- "$1.25" -> 1250000000000. The dollar sign is required: a bare number does
-- not say its unit. Up to twelve decimals; "," may group thousands.
-- Returns nil, message for anything else.
function money.parse(text)
  if type(text) ~= "string" then
    return nil, 'expected a string like "$1.25", got ' .. type(text)
  end
  local amount = text:match("^%s*%$%s*([%d.,]+)%s*$")
  if not amount then
    return nil, ('expected money like "$1.25", got %q'):format(text)
  end
  if amount:find(",", 1, true) then
    local head, rest, tail = amount:match("^(%d%d?%d?)([,%d]*)(%.?%d*)$")
    if not head or rest:gsub(",%d%d%d", "") ~= "" then
      return nil, ('%q groups thousands oddly'):format(text)
    end
    amount = head .. rest:gsub(",", "") .. tail
  end
  local pico, problem = decimal_to_integer(amount, scale)
  if not pico then return nil, ('%q is %s'):format(text, problem) end
  return pico
end

--- The decimal text of a Lua number as a person wrote it: 0.2 -> "0.2".
local function shortest(number)
  if math.type(number) == "integer" then return tostring(number) end
  for precision = 1, 17 do
    local text = ("%." .. precision .. "g"):format(number)
    if tonumber(text) == number then return text end
  end
end

--- "2.5e-06" -> "0.0000025"; other texts come back as they are.
local function without_exponent(text)
  local whole, fraction, exponent = text:match("^(%d+)%.?(%d*)e([+-]%d+)$")
  if not whole then return text end
  local digits, point = whole .. fraction, #whole + tonumber(exponent)
  if point <= 0 then return "0." .. ("0"):rep(-point) .. digits end
  if point >= #digits then return digits .. ("0"):rep(point - #digits) end
  return digits:sub(1, point) .. "." .. digits:sub(point + 1)
end

--- A price in USD per million tokens -> integer pico-USD per token.
-- Takes a number (0.20) or a decimal string ("0.20"), at most six decimals.
-- Returns nil, message otherwise.
function money.per_token(price)
  local text = price
  if type(price) == "number" then
    if price ~= price or price < 0 or price >= 1e9 then
      return nil, "expected a price between 0 and 1e9 USD per million tokens"
    end
    text = without_exponent(shortest(price))
  end
  if type(text) ~= "string" then
    return nil, "expected a price in USD per million tokens, got " .. type(price)
  end
  local pico, problem = decimal_to_integer(text, 6)
  if not pico then
    return nil, ("%s as a price in USD per million tokens is %s")
      :format(tostring(price), problem)
  end
  return pico
end

--- Pico-USD -> "$1.25" for people: at least two decimals, no trailing zeros
-- beyond them, nothing rounded away.
function money.format(pico)
  local sign = pico < 0 and "-" or ""
  local digits = ("%d"):format(pico):gsub("^-", "")
  digits = ("0"):rep(scale + 1 - #digits) .. digits
  local whole = digits:sub(1, -scale - 1)
  local fraction = digits:sub(-scale):gsub("0+$", "")
  fraction = fraction .. ("0"):rep(2 - #fraction)
  return sign .. "$" .. whole .. "." .. fraction
end

--- Pico-USD -> the decimal string that JSON carries ("6202000000"), since
-- doubles are exact only to 2^53; and back (nil, message on anything else).
function money.to_json(pico) return ("%d"):format(pico) end

function money.from_json(text)
  local sign, digits = tostring(text):match("^(%-?)(%d+)$")
  local pico = digits and digits_to_integer(digits)
  if not pico then return nil, "expected a decimal string of pico-USD" end
  return sign == "-" and -pico or pico
end

return money
