-- A long text in parts that a model's prompt has room for. Cut where a reader would: between
-- paragraphs, else lines, else sentences, else words, and never inside of a character. A part
-- has a name (FILE#chunk-3-of-12) and a hash, so that what comes of it can be led back to it,
-- and so that one that did not change can be told.

--- How many tokens a text may be, rather too many: a letter is a third of one, a figure or a
-- sign three quarters, what is not ASCII one and a half.
local function tokens_of(text)
  local characters = utf8.len(text) or #text
  -- every character that is not ASCII has one byte more at least
  local high = math.min(characters, #text - characters)
  local others = #text:gsub("[%a ]+", "")
  local signs = math.max(0, others - (#text - characters) - high)
  return math.ceil((#text - others) / 3 + signs * 0.75 + high * 1.5)
end

--- The most bytes from `from` on that are at most so many tokens: the last one, and how many
-- bytes a token has here, to begin with at the next.
local function reach(text, from, most, ratio)
  local size = math.min(#text - from + 1, math.max(1, math.floor(most * ratio)))
  local tokens
  while true do
    tokens = tokens_of(text:sub(from, from + size - 1))
    if tokens <= most or size <= 1 then break end
    size = math.max(1, math.min(size - 1, math.floor(size * most / tokens * 0.97)))
  end
  return from + size - 1, math.min(3, math.max(0.3, size / math.max(tokens, 1)))
end

--- Where a part of text[from..stop] is best ended.
local function cut(text, from, stop)
  local piece = text:sub(from, stop)
  local enough = #piece // 3
  for _, pattern in ipairs { "^.*\n[ \t\r]*\n()", "^.*\n()", "^.*[.!?…][\"')]*%s()", "^.*%s()" } do
    local at = piece:match(pattern)
    if at and at > enough and at > 1 then
      return from + at - 2
    end
  end
  while stop > from and (text:byte(stop + 1) or 0) & 0xC0 == 0x80 do
    stop = stop - 1
  end
  return stop
end

--- FNV-1a over words of eight bytes: soon done, and another for another text.
local function hash_of(text)
  local h, unpack = 0xcbf29ce484222325, string.unpack
  text = text .. ("\0"):rep(-#text % 8)
  for i = 1, #text, 8 do
    h = (h ~ unpack("<i8", text, i)) * 0x100000001b3
    h = h ~ (h >> 29)
  end
  return ("%016x"):format(h)
end

return skill {
  version = 1,
  about = "Cuts a long text into named parts that a prompt has room for",
  effect = "pure",
  input = {
    type = "object", required = { "text" }, additionalProperties = false,
    properties = {
      text = { type = "string" },
      source = { type = "string", description = "what the parts are named after; 'text' without it" },
      max_tokens = { type = "integer", minimum = 20, description = "the most that a part may have, estimated; 4000 without it" },
    },
  },
  output = {
    type = "object", required = { "tokens", "chunks" },
    properties = {
      tokens = { type = "integer", description = "of all the text, estimated" },
      chunks = { type = "array", items = { type = "object", required = { "name", "hash", "text", "tokens", "start", "finish" },
        properties = { name = { type = "string" }, hash = { type = "string" }, text = { type = "string" }, tokens = { type = "integer" },
          start = { type = "integer" }, finish = { type = "integer" } } } },
    },
  },

  ["local"] = function(input)
    local text, most, from, ratio = input.text, input.max_tokens or 4000, 1, 2.5
    local chunks, tokens = {}, 0
    while from <= #text do
      local stop
      stop, ratio = reach(text, from, most, ratio)
      stop = stop < #text and cut(text, from, stop) or stop
      local piece = text:sub(from, stop)
      if piece:find("%S") then
        local n = tokens_of(piece)
        tokens = tokens + n
        chunks[#chunks + 1] = { hash = hash_of(piece), text = piece, tokens = n, start = from, finish = stop }
      end
      from = stop + 1
    end
    for i, one in ipairs(chunks) do
      one.name = ("%s#chunk-%d-of-%d"):format(input.source or "text", i, #chunks)
    end
    return { tokens = tokens, chunks = chunks }
  end,

  examples = {
    { name = "a short text is one part", input = { text = "One line.", source = "notes/a.md" },
      output = { chunks = { { name = "notes/a.md#chunk-1-of-1", text = "One line.", start = 1, finish = 9 } } } },
    { name = "nothing is none", input = { text = " \n\n" }, output = { tokens = 0, chunks = {} } },
    { name = "between paragraphs", input = { max_tokens = 20, text = "The first paragraph says this.\n\nThe second one says that.\n\nThe third." },
      output = { chunks = { { text = "The first paragraph says this.\n\n" }, { text = "The second one says that.\n\nThe third." } } } },
    { name = "between sentences where there are no lines", input = { max_tokens = 20, text = "The audit begins on Monday morning. It takes six hours in all." },
      output = { chunks = { { text = "The audit begins on Monday morning. " }, { text = "It takes six hours in all." } } } },
    { name = "never inside of a character", input = { max_tokens = 20, text = ("é"):rep(20) },
      output = { tokens = 30, chunks = { { text = ("é"):rep(12), finish = 24 }, { text = ("é"):rep(8), start = 25 } } } },
    { name = "the same part has the same hash", input = { max_tokens = 20, text = "Pay the invoice by Friday please.\n\nPay the invoice by Friday please.\n\n" },
      output = { chunks = { { hash = "10c4f970c3246eb7" }, { hash = "10c4f970c3246eb7" } } } },
  },
}
