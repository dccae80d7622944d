-- One question to a model, inside a budget: `build/keel lua docs/examples/model.lua`
-- KEEL_BASE_URL names an OpenAI-compatible server (and OPENAI_API_KEY its key).
local json = require "json"
local model = require "model"
local money = require "money"

local url = os.getenv "KEEL_BASE_URL"
if not url then
  print "set KEEL_BASE_URL to the address of an OpenAI-compatible server, such as http://127.0.0.1:8080/v1"
  return
end

local m = assert(model.open {
  settings = {
    tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = url, key = os.getenv "OPENAI_API_KEY" or "",
                          price = { input = 0.20, output = 0.80, cached = 0.05 } } } },   -- USD per million tokens
    budget = { day = "$0.01" },
  },
  -- store = assert(require("store").open "books.db")   -- keeps the books; without it they end here
})

-- A text.
local answer, message, code = m:ask { tier = "small", prompt = "Say hello.", max_tokens = 20 }
if not answer then
  print("no answer:", code, message)
  return
end
print(answer.text, money.format(answer.cost_picousd), answer.attempts)

-- A value that fits a schema; a wrong one is sent back with what is wrong, twice at most.
answer = assert(m:ask { tier = "small", prompt = "Is 'it crashes' a bug or a refund?", max_tokens = 20,
  schema = { type = "object", required = { "label" }, properties = { label = { enum = { "bug", "refund" } } } } })
print(answer.value.label, answer.attempts)

-- What would not fit the budget is not sent.
print(m:ask { tier = "small", prompt = "Write a novel.", max_tokens = 100000 })

-- The books.
for _, row in ipairs(assert(require("budget").list(m.store, {}))) do
  print(row.scope, row.window, money.format(row.spent_picousd), row.tokens, row.calls)
end
print(json.encode(m.store:read("ledger.list", { since = 0, limit = 1 })[1].state))
