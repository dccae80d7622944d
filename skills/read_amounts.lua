-- Amounts of money as people write them: "4 900 EUR", "€4.900,00", "5k euros", 4900. In a
-- text a number is money only when a currency stands beside it, so that tax numbers, phones
-- and dates are none.

local codes = { eur = "eur", euro = "eur", euros = "eur", usd = "usd", dollar = "$", dollars = "$", gbp = "gbp", pound = "gbp",
  pounds = "gbp", chf = "chf", francs = "chf", franken = "chf", sek = "sek", nok = "nok", dkk = "dkk", pln = "pln", jpy = "jpy", yen = "jpy",
  cad = "cad", aud = "aud", nzd = "nzd", brl = "brl", reais = "brl", inr = "inr", czk = "czk", huf = "huf", sgd = "sgd", zar = "zar",
  mxn = "mxn", hkd = "hkd", aed = "aed", ils = "ils", krw = "krw", won = "krw", cny = "cny", yuan = "cny", rmb = "cny" }
-- these are words, too, unless they are in capitals
local capitals = {}
for code in ("ARS BGN BHD CLP COP EGP GHS IDR ISK JOD KES KWD KZT MAD MYR NGN OMR PEN PHP PKR PYG QAR RON RSD RUB SAR THB TND TRY TWD TZS UAH UGX UYU "
  .. "VND XAF XOF"):gmatch("%a+") do
  capitals[code] = code:lower()
end
-- Longer ones first. What several countries write ($, ¥, kr) is the reader's own where they
-- have one of these.
local signs = { { "US$", "usd" }, { "R$", "brl" }, { "NZ$", "nzd" }, { "HK$", "hkd" }, { "NT$", "twd" }, { "CA$", "cad" }, { "AU$", "aud" }, { "A$", "aud" },
  { "C$", "cad" }, { "S$", "sgd" }, { "€", "eur" }, { "£", "gbp" }, { "¥", "¥" }, { "￥", "¥" }, { "円", "jpy" }, { "元", "cny" }, { "원", "krw" }, { "₩", "krw" },
  { "₹", "inr" }, { "₪", "ils" }, { "₺", "try" }, { "zł", "pln" }, { "Kč", "czk" }, { "Fr.", "chf" }, { "kr.", "kr" }, { " kr", "kr" }, { "$", "$" } }
local shared = { ["$"] = { "usd", aud = true, cad = true, nzd = true, sgd = true, hkd = true, mxn = true, clp = true, ars = true, cop = true, twd = true, brl = true },
  ["¥"] = { "jpy", cny = true }, kr = { nil, sek = true, nok = true, dkk = true, isk = true } }

--- What a sign means to somebody whose money is `home`.
local function currency_of(sign, home)
  local several = shared[sign or ""]
  if not several then
    return sign
  end
  return several[home or ""] and home or several[1]
end

--- "120万" -> "1200000"
local function in_full(text)
  local parts, at = {}, 1
  for stop, behind in text:gmatch("()万()") do
    local part = text:sub(at, stop - 1)
    local digits = part:sub(-16):match("(%d[%d.]*)%s?$")
    local count = digits and tonumber(digits)
    parts[#parts + 1] = count and part:gsub("%s$", ""):sub(1, -#digits - 1) .. ("%d"):format(math.floor(count * 10000 + 0.5)) or part .. "万"
    at = behind
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

--- Spaces, apostrophes and dashes as a keyboard has them.
local function plain_text(text)
  text = text:sub(1, 100000):gsub("\194\160", " "):gsub("\226\128[\137\175]", " "):gsub("\226\128\153", "'"):gsub("([.,])\226\128[\147\148]", "%1")
  return in_full(text)
end

--- "4.900,50" -> 4900.5; "4,900" -> 4900; "4.9" -> 4.9; "5k" -> 5000
local function number_of(text)
  local thousand = text:find("[kK]%s*$") ~= nil
  local plain = text:gsub("[kK]%s*$", ""):gsub("[%s']", "")
  if not plain:find("^%d[%d.,]*%-*$") then
    return nil
  end
  plain = plain:gsub("[.,]%-*$", "")
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
  return capitals[word or ""] or codes[(word or ""):lower()]
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
local function in_text(text, found, home)
  local at, next_at = 1, {} -- where each sign is next; false when it is nowhere
  text = plain_text(text)
  while true do
    local from, to, currency
    for i, sign in ipairs(signs) do
      if next_at[i] ~= false and (next_at[i] or 0) < at then
        next_at[i] = text:find(sign[1], at, true) or false
      end
      local a = next_at[i]
      if a and (not from or a < from) then
        from, to, currency = a, a + #sign[1] - 1, sign[2]
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
      found[#found + 1] = { amount = amount, currency = currency_of(currency, home) }
    end
    at = to + 1
  end
end

--- One value that somebody else read: a number, a text, { amount, currency } or { price_eur }.
local function of_value(value, found, home)
  if type(value) == "number" then
    found[#found + 1] = { amount = value }
  elseif type(value) == "string" then
    local before = #found
    in_text(value, found, home)
    local alone = #found == before and number_of((plain_text(value):gsub("^%s+", "")))
    if alone then
      found[#found + 1] = { amount = alone }
    end
  elseif type(value) == "table" then
    local amount, currency = value.amount or value.value or value.price, nil
    for name, one in pairs(value) do
      local code = type(name) == "string" and named(name:match("([%a]+)$"))
      if not amount and code and (type(one) == "number" or type(one) == "string") then
        amount, currency = one, code
      end
    end
    local part = {}
    of_value(type(amount) ~= "table" and amount or value.text, part, home)
    if type(value.currency) == "string" then
      local sign = value.currency
      for _, one in ipairs(signs) do
        sign = one[1] == value.currency and one[2] or sign
      end
      currency = named(sign) or sign:lower()
    end
    for _, one in ipairs(part) do
      found[#found + 1] = { amount = one.amount, currency = currency_of(currency, home) or one.currency }
    end
  end
end

return skill {
  version = 1,
  about = "Reads amounts of money out of a text, or out of what somebody read from one",
  effect = "pure",
  input = {
    type = "object",
    properties = { text = { type = "string" }, values = { type = "array", description = "numbers, texts, or { amount, currency }" },
      currency = { type = "string", description = "the reader's own: what $, ¥ and kr mean" } },
  },
  output = {
    type = "object", required = { "amounts" },
    properties = { amounts = { type = "array", items = { type = "object", required = { "amount" },
      properties = { amount = { type = "number" }, currency = { type = "string" } } } } },
  },

  ["local"] = function(input)
    local found, home = {}, input.currency and input.currency:lower()
    if input.text then
      in_text(input.text, found, home)
    end
    for _, value in ipairs(input.values or {}) do
      of_value(value, found, home)
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
    { name = "signs with a letter", input = { text = "R$ 18.500,55 ou US$ 3,400" }, output = { amounts = { { amount = 18500.55, currency = "brl" }, { amount = 3400, currency = "usd" } } } },
    { name = "the reader's own dollars", input = { currency = "aud", values = { "$5,200" } }, output = { amounts = { { amount = 5200, currency = "aud" } } } },
    { name = "as the Swiss write", input = { values = { "CHF 5’200.–", "Fr. 2'080.-", { value = "CHF 4’900.–" } } },
      output = { amounts = { { amount = 5200, currency = "chf" }, { amount = 2080, currency = "chf" }, { amount = 4900, currency = "chf" } } } },
    { name = "as the Japanese write", input = { text = "総額¥1,234,567、または120万円" }, output = { amounts = { { amount = 1234567, currency = "jpy" }, { amount = 1200000, currency = "jpy" } } } },
    { name = "try is a word, TRY is money", input = { text = "We try 3 times. TRY 900 it is." }, output = { amounts = { { amount = 900, currency = "try" } } } },
    { name = "nothing", input = {}, output = { amounts = {} } },
  },
}
