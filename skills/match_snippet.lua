-- How well the best of some snippets answers a question, from 0 to 1: the cosine of their
-- vectors. Those of words alone lie lower than people would say (a question and its answer share
-- few words, and are at 0.5 to 0.9; what has nothing to do with it is under 0.35), so they are
-- moved to where 0.75 means "this is about it".

return skill {
  version = 1,
  about = "Says which snippet fits a question, and how well",
  effect = "pure",
  input = {
    type = "object", required = { "text", "snippets" },
    properties = { text = { type = "string" }, snippets = { type = "array", items = { type = "string" } } },
  },
  output = { type = "object", required = { "score" }, properties = { text = { type = "string" }, score = { type = "number" } } },

  ["local"] = function(input, lib)
    local best, top = nil, 0
    for _, snippet in ipairs(input.snippets) do
      local score = lib.given and lib.given(input.text, snippet)
      score = score or (1 + math.max(-1, lib.similarity(input.text, snippet))) / 2
      if score > top then
        best, top = snippet, score
      end
    end
    return { text = best, score = math.floor(top * 1000 + 0.5) / 1000 }
  end,

  examples = {
    { name = "other words for the same", input = { text = "Where do I click to get my own copy of the CRM kit? Sam",
        snippets = { "To duplicate the kit open the share link while signed in and press Duplicate." } },
      output = { score = 0.775 } },
    { name = "the better of two", input = { text = "How do I reset my password?", snippets = { "Orders leave on Fridays.", "To reset your password open Settings and press Reset." } },
      output = { text = "To reset your password open Settings and press Reset." } },
    { name = "about something else", input = { text = "How long does an audit take?", snippets = { "To duplicate the kit open the share link while signed in and press Duplicate." } },
      output = { score = 0.524 } },
    { name = "none", input = { text = "How?", snippets = {} }, output = { score = 0 } },
    { name = "the very words", input = { text = "Press Duplicate.", snippets = { "Press Duplicate." } }, output = { text = "Press Duplicate.", score = 1 } },
  },
}
