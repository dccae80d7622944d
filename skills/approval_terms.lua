-- What an operator's time box for a question means to ctx.approve: how long it stands, what
-- happens then, and when it is told again. The words are those that settings use.

--- 14400 -> "14400s"
local function duration(seconds)
  return ("%ds"):format(math.floor(seconds))
end

local function words_of(text)
  return (text or "hold"):lower()
end

return skill {
  version = 1,
  about = "Turns a time box and what it does on timeout into the terms of an approval",
  effect = "pure",
  input = {
    type = "object",
    properties = {
      terms = { type = { "object", "null" }, properties = {
        timebox_s = { type = "number", minimum = 1 }, on_timeout = { type = "string" },
        remind_s = { type = "array", items = { type = "number" } }, escalate_to = { type = "string" } } },
      default = { type = "object" },
      reversible = { type = "boolean", description = "what is asked about can be taken back: silence may be a yes" },
    },
  },
  output = {
    type = "object", required = { "otherwise" },
    properties = { within = { type = "string" }, otherwise = { type = "string" }, remind = {}, escalate = {} },
  },

  ["local"] = function(input)
    local terms, default = input.terms, input.default or {}
    if type(terms) ~= "table" then
      terms = {}
    end
    local seconds = terms.timebox_s or default.timebox_s
    local word = words_of(terms.on_timeout or default.on_timeout)
    if not input.reversible then
      word = word:gsub("approve$", "hold")
    end
    local within = seconds and duration(seconds) or nil
    local out = { within = within, otherwise = word }
    if terms.remind_s then
      out.remind = {}
      for i, one in ipairs(terms.remind_s) do
        out.remind[i] = duration(one)
      end
    end
    local behind = word:match("^remind.*_then_(.+)$")
    if behind and behind ~= "hold" and seconds then
      -- one reminder at the end of the box, and as long again to answer it
      out.remind, out.within, out.otherwise = { within }, duration(2 * seconds), behind
    elseif word:find("^remind") then
      -- one reminder at the end of the box, and the question stands: nothing happens by itself
      out.remind, out.within, out.otherwise = within and { within } or nil, nil, "hold"
    elseif word:find("hold", 1, true) then
      out.otherwise = "hold"
    elseif word == "escalate" then
      out.escalate = terms.escalate_to or default.escalate_to
    end
    return out
  end,

  examples = {
    { name = "a box that holds", input = { terms = { timebox_s = 21600, on_timeout = "hold" } }, output = { within = "21600s", otherwise = "hold" } },
    { name = "one reminder, then it stands", input = { terms = { timebox_s = 14400, on_timeout = "remind_once_then_hold" } },
      output = { remind = { "14400s" }, otherwise = "hold" } },
    { name = "a word of the agent's own", input = { terms = { timebox_s = 86400, on_timeout = "skip_issue" } },
      output = { within = "86400s", otherwise = "skip_issue" } },
    { name = "the default", input = { default = { timebox_s = 60, on_timeout = "decline_politely" } }, output = { within = "60s", otherwise = "decline_politely" } },
    { name = "what is set wins", input = { terms = { timebox_s = 30 }, default = { timebox_s = 60, on_timeout = "reject" } },
      output = { within = "30s", otherwise = "reject" } },
    { name = "a reminder, then a word", input = { terms = { timebox_s = 60, on_timeout = "remind_once_then_reject" } },
      output = { remind = { "60s" }, within = "120s", otherwise = "reject" } },
    { name = "silence is no yes", input = { terms = { timebox_s = 60, on_timeout = "approve" } }, output = { within = "60s", otherwise = "hold" } },
    { name = "unless it can be taken back", input = { reversible = true, terms = { timebox_s = 60, on_timeout = "approve" } }, output = { otherwise = "approve" } },
    { name = "no box at all", input = {}, output = { otherwise = "hold" } },
  },
}
