-- Amounts of money as people write them: "4 900 EUR", "€4.900,00", "5k euros", 4900. In a
-- text a number is money only when a currency stands beside it, so that tax numbers, phones
-- and dates are none.

local codes = { eur = "eur", euro = "eur", euros = "eur", usd = "usd", dollar = "usd", dollars = "usd", gbp = "gbp", pound = "gbp",
  pounds = "gbp", chf = "chf", francs = "chf", sek = "sek", nok = "nok", dkk = "dkk", pln = "pln", jpy = "jpy", yen = "jpy",
  cad = "cad", aud = "aud", nzd = "nzd", brl = "brl", inr = "inr", czk = "czk", huf = "huf", ron = "ron", sgd = "sgd", zar = "zar",
  mxn = "mxn", hkd = "hkd", aed = "aed", ils = "ils" }
local signs = { { "€", "eur" }, { "£", "gbp" }, { "¥", "jpy" }, { "$", "usd" } }

--- "4.900,50" -> 4900.5; "4,900" -> 4900; "4.9" -> 4.9; "5k" -> 5000
local function number_of(text)
  local thousand = text:find("[kK]%s*$") ~= nil
  local plain = text:gsub("[kK]%s*$", ""):gsub("[%s'\194\160]", "")
  if not plain:find("^%d[%d.,]*$") then
    return nil
  end
  plain = plain:gsub("[.,]$", "")
  local whole, cents = plain:match("^(.-)[.,](%d%d?)$")
  if whole and whole ~= "" then
    plain = whole:gsub("[.,]", "") .. "." .. cents
  else
    plain = plain:gsub("[.,]", "")
  end
  local value = tonumber(plain)
  if value and thousand then
    value = value * 1000
  end
  return value and (value == math.floor(value) and math.tointeger(value) or value)
end

local function named(word)
  return codes[(word or ""):lower()]
end

--- The last number of a text: what stands before a currency.
local function number_before(text)
  local digits = text:sub(-24):match("(%d[%d.,' ]*%s?[kK]?)%s*$")
  -- "in 2026 4 900": groups of three belong together, what is before them does not
  local grouped = digits and digits:match("(%d%d?%d?[ .,']%d%d%d[%d .,']*[kK]?)%s*$")
  if grouped then
    local tail = grouped
    for candidate in digits:gmatch("()%d") do
      local one = digits:sub(candidate):gsub("%s+$", "")
      local before = candidate == 1 or not digits:sub(candidate - 1, candidate - 1):find("%d")
      if before and (one:find("^%d%d?%d?[ .,']%d%d%d$") or one:find("^%d%d?%d?[ .,']%d%d%d[ .,']%d%d%d?$")
          or one:find("^%d%d?%d?[ .,']%d%d%d[ .,']%d%d%d[.,]%d%d$")) then
        tail = one
        break
      end
    end
    return number_of(tail)
  end
  return digits and number_of(digits:match("(%S+)%s*$"))
end

local function number_after(text)
  local digits = text:match("^%s*(%d[%d.,' ]*[kK]?)") or ""
  return number_of(digits:match("^(%d%d?%d?[ ]%d%d%d)%f[^%d]") or digits:match("^(%S+)") or "")
end

--- Every amount in a text, in its order.
local function in_text(text, found)
  text = text:sub(1, 100000):gsub("\194\160", " ")
  local at = 1
  while true do
    local from, to, currency
    for _, sign in ipairs(signs) do
      local a, b = text:find(sign[1], at, true)
      if a and (not from or a < from) then
        from, to, currency = a, b, sign[2]
      end
    end
    local word_at, word, word_end = text:match("()%f[%a](%a%a%a+)()", at)
    while word_at and (not from or word_at < from) do
      if named(word) then
        from, to, currency = word_at, word_end - 1, named(word)
        break
      end
      word_at, word, word_end = text:match("()%f[%a](%a%a%a+)()", word_end)
    end
    if not from then
      return found
    end
    local amount = number_before(text:sub(at, from - 1))
    if not amount then
      local after = text:sub(to + 1, to + 25)
      amount = number_after(after)
      to = amount and to + #(after:match("^%s*%d[%d.,' ]*[kK]?") or "") or to
    end
    if amount then
      found[#found + 1] = { amount = amount, currency = currency }
    end
    at = to + 1
  end
end

--- One value that somebody else read: a number, a text, { amount, currency } or { price_eur }.
local function of_value(value, found)
  if type(value) == "number" then
    found[#found + 1] = { amount = value }
  elseif type(value) == "string" then
    local before = #found
    in_text(value, found)
    local alone = #found == before and number_of((value:gsub("^%s+", "")))
    if alone then
      found[#found + 1] = { amount = alone }
    end
  elseif type(value) == "table" then
    local amount = value.amount or value.value or value.price
    local currency = type(value.currency) == "string" and (named(value.currency) or value.currency:lower()) or nil
    for name, one in pairs(value) do
      local code = type(name) == "string" and named(name:match("([%a]+)$"))
      if not amount and code and type(one) == "number" then
        amount, currency = one, code
      end
    end
    amount = type(amount) == "string" and number_of(amount) or amount
    if type(amount) == "number" then
      found[#found + 1] = { amount = amount, currency = currency }
    end
  end
end

return skill {
  version = 1,
  about = "Reads amounts of money out of a text, or out of what somebody read from one",
  effect = "pure",
  input = {
    type = "object",
    properties = { text = { type = "string" }, values = { type = "array", description = "numbers, texts, or { amount, currency }" } },
  },
  output = {
    type = "object", required = { "amounts" },
    properties = { amounts = { type = "array", items = { type = "object", required = { "amount" },
      properties = { amount = { type = "number" }, currency = { type = "string" } } } } },
  },

  ["local"] = function(input)
    local found = {}
    if input.text then
      in_text(input.text, found)
    end
    for _, value in ipairs(input.values or {}) do
      of_value(value, found)
    end
    return { amounts = found }
  end,

  examples = {
    { name = "as letters have it", input = { text = "We can do 4 900 EUR, or €5.200,50 with the handover." },
      output = { amounts = { { amount = 4900, currency = "eur" }, { amount = 5200.5, currency = "eur" } } } },
    { name = "thousands in short", input = { text = "around 7k euros" }, output = { amounts = { { amount = 7000, currency = "eur" } } } },
    { name = "numbers that are no money", input = { text = "NIF 509 123 456, +351 210 000 118, P-118, 12 March 2026" }, output = { amounts = {} } },
    { name = "the sign before", input = { text = "for $12,500 in total" }, output = { amounts = { { amount = 12500, currency = "usd" } } } },
    { name = "a year before a price", input = { text = "In 2026 4,900 GBP is what we have" }, output = { amounts = { { amount = 4900, currency = "gbp" } } } },
    { name = "what a model read", input = { values = { 4900, "4 900 EUR", { amount = "4,900.00", currency = "EUR" }, { price_eur = 4900 } } },
      output = { amounts = { { amount = 4900 }, { amount = 4900, currency = "eur" }, { amount = 4900, currency = "eur" }, { amount = 4900, currency = "eur" } } } },
    { name = "nothing", input = {}, output = { amounts = {} } },
  },
}
