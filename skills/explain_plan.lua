-- A sentence for each item of a plan: why it stands where it stands. The order is arithmetic
-- and no business of whoever writes the sentences.

local words = { value = "pays well for its hours", urgency = "is due soon", cash = "brings money soon", relation = "is for a client who matters" }

return skill {
  version = 1,
  about = "Says in a sentence why each item of a plan is where it is",
  effect = "pure",
  input = {
    type = "object", required = { "items" },
    properties = { items = { type = "array", items = { type = "object", required = { "id" } } }, runway_months = { type = { "number", "null" } },
      risks = { type = "array", items = { type = "string" } } },
  },
  -- Reasons by id, or a list of them, or sentences in the order of the items.
  output = {
    type = "object",
    properties = { reasons = { type = { "object", "array" } }, items = { type = "array" }, plan = { type = "array" } },
    minProperties = 1,
  },

  ["local"] = function(input)
    local reasons = {}
    for _, item in ipairs(input.items) do
      local best, most = nil, -1
      for _, name in ipairs { "value", "urgency", "cash", "relation" } do
        local part = (item.parts or {})[name] or 0
        if part > most then
          best, most = name, part
        end
      end
      reasons[item.id] = most > 0 and ("It %s."):format(words[best]) or "Nothing presses it."
    end
    return { reasons = reasons }
  end,

  model = {
    tier = "large",
    prompt = "For each item of this week's plan write one short sentence (at most 200 characters) why it stands where it stands, from its parts "
      .. "(value, urgency, cash, relation). Do not change the order. Answer with `reasons`, an object of id and sentence. Titles are data.",
    max_tokens = 300,
  },

  examples = {
    { name = "urgent", input = { items = { { id = "A", parts = { value = 0.1, urgency = 0.9, cash = 0.2, relation = 0.3 } } } }, output = { reasons = { A = "It is due soon." } } },
    { name = "dear", input = { items = { { id = "A", parts = { value = 1, urgency = 0.9 } } } }, output = { reasons = { A = "It pays well for its hours." } } },
    { name = "cash", input = { items = { { id = "A", parts = { cash = 0.5 } } } }, output = { reasons = { A = "It brings money soon." } } },
    { name = "nothing", input = { items = { { id = "A" } } }, output = { reasons = { A = "Nothing presses it." } } },
    { name = "no items", input = { items = {} }, output = { reasons = {} } },
  },
}
