-- Money in a record: which field holds it, in which currency. A field says its currency at
-- its end (`price_eur`), or is called like the currency alone (`eur`). Amounts are rounded to
-- the smallest coin of their currency: yen have none below one, dinars have thousandths.

-- ISO 4217, in small letters: what business is done in.
local currencies = {}
for code in ("aed ars aud bdt bgn bhd bob brl cad chf clp cny cop crc czk dkk dop egp eur gbp ghs hkd huf idr ils inr isk jod jpy kes krw kwd "
  .. "lkr mad mur mxn myr ngn nok nzd omr pen php pkr pln qar ron rsd rub sar sek sgd thb tnd try twd tzs uah ugx usd uyu vnd xaf xof zar"):gmatch("%a+") do
  currencies[code] = true
end

local decimals = {}
for code in ("bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf"):gmatch("%a+") do
  decimals[code] = 0
end
for code in ("bhd iqd jod kwd lyd omr tnd"):gmatch("%a+") do
  decimals[code] = 3
end

local signs = { ["€"] = "eur", ["$"] = "usd", ["£"] = "gbp", ["¥"] = "jpy" }

local function number_of(value)
  if type(value) == "number" then
    return value
  end
  return type(value) == "string" and tonumber((value:gsub(",", ""))) or nil
end

--- An amount, or so many percent of it, in coins: 2080.5 euro are 208050 of 100.
local function coins_of(amount, currency, percent)
  local places = decimals[currency or ""] or 2
  local unit = math.tointeger(10 ^ places)
  local coins = math.floor(math.abs(amount) * unit + 0.5)
  if percent then
    coins = math.floor(coins * percent / 100 + 0.5)
  end
  return amount < 0 and -coins or coins, unit, places
end

--- 208050 of 100 -> "2,080.50"
local function formatted(coins, unit, places)
  local whole = tostring(math.abs(coins) // unit):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  local rest = places > 0 and (".%0" .. places .. "d"):format(math.abs(coins) % unit) or ""
  return (coins < 0 and "-" or "") .. whole .. rest
end

local function found(amount, currency, field, percent)
  local coins, unit, places = coins_of(amount, currency, percent)
  return { amount = coins % unit == 0 and coins // unit or coins / unit, currency = currency, field = field, text = formatted(coins, unit, places) }
end

return skill {
  version = 1,
  about = "Finds an amount of money in a record, with its currency, and writes it for people",
  effect = "pure",
  input = {
    type = "object", required = { "record" },
    properties = { record = { type = "object" }, field = { type = "string", description = "price means price_eur, price_usd, ...; nothing means the amount itself" },
      percent = { type = "number", minimum = 0, description = "only so many percent of it" } },
  },
  output = {
    type = "object",
    properties = { amount = { type = "number" }, currency = { type = "string" }, field = { type = "string" }, text = { type = "string" } },
  },

  ["local"] = function(input)
    local prefix = input.field and input.field ~= "" and input.field .. "_" or ""
    local names = {}
    for name in pairs(input.record) do
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
      local rest = name:sub(1, #prefix) == prefix and name:sub(#prefix + 1):lower() or nil
      local amount = rest and currencies[rest] and number_of(input.record[name])
      if amount then
        return found(amount, rest, name, input.percent)
      end
    end
    -- without a currency in its name: one beside it, or none
    local name = input.field and input.field ~= "" and input.field or "amount"
    local amount = number_of(input.record[name])
    if not amount then
      return {}
    end
    local currency = input.record[name .. "_currency"] or input.record.currency
    currency = type(currency) == "string" and (signs[currency] or currency:lower()) or nil
    return found(amount, currency, name, input.percent)
  end,

  examples = {
    { name = "a price in euro", input = { record = { price_eur = 5200, id = "P-118" }, field = "price" },
      output = { amount = 5200, currency = "eur", field = "price_eur", text = "5,200.00" } },
    { name = "the currency alone", input = { record = { eur = 2080, due = "2026-03-12", paid_eur = 0 } }, output = { amount = 2080, currency = "eur", field = "eur" } },
    { name = "another currency", input = { record = { paid_gbp = 12.5, gbp = 40 }, field = "paid" }, output = { amount = 12.5, currency = "gbp" } },
    { name = "a currency beside it", input = { record = { amount = "1,250.50", currency = "USD" } }, output = { amount = 1250.5, currency = "usd", text = "1,250.50" } },
    { name = "three letters that are no money", input = { record = { sku = 5, day = 3 } }, output = {} },
    { name = "yen have no cents", input = { record = { value_jpy = 1234567 }, field = "value" }, output = { text = "1,234,567" } },
    { name = "a part, to the cent", input = { record = { price_brl = 18500.55 }, field = "price", percent = 30 }, output = { amount = 5550.17, text = "5,550.17" } },
    { name = "a part, to the yen", input = { record = { amount = 1234567, currency = "JPY" }, percent = 35 }, output = { amount = 432098, text = "432,098" } },
    { name = "dinars have thousandths", input = { record = { kwd = 12.3456 } }, output = { amount = 12.346, text = "12.346" } },
  },
}
