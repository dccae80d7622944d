-- The words of a payment reminder. Amounts, dates and numbers are put in by code, in place
-- of {amount}, {due}, {invoice} and {days}: whoever writes the words never writes a figure.

local openings = {
  friendly = "I hope all is well. This is a friendly reminder that invoice {invoice} over {amount}, due on {due}, seems to be open still.",
  firm = "Invoice {invoice} over {amount} was due on {due} and is {days} days late. Please settle it this week.",
  final = "This is the last reminder for invoice {invoice} over {amount}, due on {due} and {days} days late. Please pay within a week, "
    .. "or tell me what stands in the way.",
}
local subjects = { friendly = "Invoice {invoice}: a friendly reminder", firm = "Invoice {invoice} is overdue", final = "Invoice {invoice}: last reminder" }

local words = { type = "string", minLength = 1, pattern = "^([^0-9]|[A-Za-z]+[-/]?[0-9]+([-/][0-9]+)*)*$" }

return skill {
  version = 1,
  about = "Writes a payment reminder in the tone of its stage, with placeholders for all figures",
  effect = "pure",
  input = {
    type = "object", required = { "stage" },
    properties = { stage = { enum = { "friendly", "firm", "final" } }, client = { type = "string" }, partly_paid = { type = "boolean" },
      owner = { type = "string" }, tier = { type = "string" } },
  },
  -- A figure in the words is an error of whoever wrote them; the number of an invoice (I-201) is
  -- looked at where it is known which one it is.
  output = {
    type = "object",
    properties = { subject = words, body = words, text = words, message = words, draft = words },
    propertyNames = { ["not"] = { pattern = "^([Aa]ctions?|[Oo]ps?|[Ee]ffects?|[Cc]alls?|[Tt]ools?|to|cc|bcc|recipients?)$" } },
    anyOf = { { required = { "body" } }, { required = { "text" } }, { required = { "message" } }, { required = { "draft" } } },
  },

  ["local"] = function(input)
    local body = "Hello,\n\n" .. openings[input.stage]
    if input.partly_paid then
      body = body .. " Thank you for what came already; the amount is what is left."
    end
    if input.stage == "friendly" then
      body = body .. "\n\nIf it is on its way, please ignore this."
    end
    return { subject = subjects[input.stage], body = body .. "\n\nBest" .. (input.owner and ",\n" .. input.owner or "") }
  end,

  model = {
    tier = "small",
    prompt = "Write a short payment reminder: `subject` and `body`, in the tone of {stage}. Never write a digit, an amount or a date: write "
      .. "the words amount, due, invoice and days in braces where they belong; they are filled in later.",
    max_tokens = 300, attempts = 2,
  },

  examples = {
    { name = "friendly", input = { stage = "friendly" }, output = { subject = "Invoice {invoice}: a friendly reminder" } },
    { name = "firm", input = { stage = "firm" }, output = { subject = "Invoice {invoice} is overdue" } },
    { name = "final", input = { stage = "final" }, output = { subject = "Invoice {invoice}: last reminder" } },
    { name = "signed", input = { stage = "firm", owner = "Mira" },
      output = { body = "Hello,\n\nInvoice {invoice} over {amount} was due on {due} and is {days} days late. Please settle it this week.\n\nBest,\nMira" } },
    { name = "part was paid", input = { stage = "firm", partly_paid = true },
      output = { body = "Hello,\n\nInvoice {invoice} over {amount} was due on {due} and is {days} days late. Please settle it this week. "
        .. "Thank you for what came already; the amount is what is left.\n\nBest" } },
  },
}
