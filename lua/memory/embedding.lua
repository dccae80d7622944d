--- Vectors of texts: the built-in word vectors, or an endpoint that gives better ones
--- (OpenAI-compatible servers, Ollama). Methods of a memory, and embedding.endpoint.
--
-- An embedder is { model = NAME, batch = function(texts) return list of vectors end }:
-- vectors are lists of numbers, or int8 bytes. A write never waits for an endpoint: the
-- row is found by its words at once, and m:reembed gives it its vector afterwards.
local core = require "core.memory"
local json = require "json"
local vec = require "core.vec"
local words = require "core.words"

local embedding = {}

local batch_size, longest = 64, 8000 -- texts; bytes of each that are sent
local remembered_most = 256

local function clip(text)
  if #text <= longest then return text end
  return text:sub(1, (utf8.offset(text, 0, longest) or longest) - 1)
end

-- ---- endpoints ----------------------------------------------------------------------

-- What a request came to (src/fetch.h), in the words of contracts.
local failures = { lost = "connection_lost", connect = "connection_lost", tls = "connection_lost", cut = "connection_lost",
  protocol = "bad_response", bad_url = "invalid_request" }

local dialects = {
  openai = {
    base_url = "https://api.openai.com/v1", path = "/embeddings",
    body = function(o, texts) return { model = o.model, input = json.array(texts), dimensions = o.dim, encoding_format = "float" } end,
    tokens = function(answer) return type(answer.usage) == "table" and answer.usage.prompt_tokens end,
    vectors = function(answer)
      if type(answer.data) ~= "table" then return nil end
      local list = {}
      for i, one in ipairs(answer.data) do list[(math.tointeger(one.index) or i - 1) + 1] = one.embedding end
      return list
    end,
  },
  ollama = {
    base_url = "http://127.0.0.1:11434", path = "/api/embed",
    body = function(o, texts) return { model = o.model, input = json.array(texts), dimensions = o.dim } end,
    tokens = function(answer) return answer.prompt_eval_count end,
    vectors = function(answer) return answer.embeddings end,
  },
}

-- The vectors of an answer, or nil, message: as many as texts, all of one length, finite.
local function checked(list, n, dim)
  if type(list) ~= "table" or #list ~= n then
    return nil, ("%d vectors were expected, %d came"):format(n, type(list) == "table" and #list or 0)
  end
  for i = 1, n do
    local v = list[i]
    if type(v) ~= "table" or #v == 0 then return nil, "a vector is missing" end
    if dim and #v ~= dim then return nil, ("a vector has %d numbers, %d were expected"):format(#v, dim) end
    dim = #v
    for _, x in ipairs(v) do
      if math.type(x) == nil then return nil, "a vector holds what is no number" end
    end
    local bytes, message = vec.quantise(v)
    if not bytes then return nil, message end
    list[i] = bytes
  end
  return list
end

--- Whether a server is this machine: what has no price there is free.
local function is_here(o)
  local host = (o.base_url or dialects[o.provider].base_url):match "^%w+://%[?([^/:%]]+)"
  return host == "localhost" or host ~= nil and host:find "^127%." ~= nil
end

--- Call `send` (which gives a value and the tokens that were billed, or nil, message, code,
-- maybe_charged) with the most it can cost held in the ledger.
local function paid(o, bytes, send)
  local price = o.price
  if price.free then
    local value, message, code = send()
    if value then return value end
    return nil, message, code
  end
  local books = o.books and o.books()
  if not books then return nil, "the price of embeddings has no ledger to be held in", "budget" end
  local held, message, code = books:reserve { money = bytes * price.bound_input, tokens = bytes, tier = "embed",
    provider = o.provider, model = o.model, price = o.price_text, deadline = books.now() + (o.timeout_ms or 30000) }
  if not held then return nil, message, code end
  local value, tokens, why, maybe_charged = send()
  local ok
  if value and math.type(tokens) == "integer" and tokens >= 0 and tokens < 1 << 40 then
    ok, message, code = books:settle(held, { cost = tokens * price.input, input = tokens, output = 0 })
  elseif value or maybe_charged then
    ok, message, code = books:estimate(held, why or "no usage was told")
  else
    ok, message, code = books:release(held, why)
  end
  if not ok then return nil, message, code end
  if value then return value end
  return nil, tokens, why
end

--- An embedder over HTTP. Options: provider ("openai", "ollama"), model, base_url, key,
-- dim (asked for, and held to), timeout_ms (30000), price (as config.lua has it; a server
-- of this machine that has none is free, another one is not asked). What was asked lately is
-- not asked again. `attach(fn)` tells where to hold what it costs: fn() gives the books
-- (budget.lua). Failures give nil, message, code: "auth", "rate_limited", "server_error",
-- "timeout", "connection_lost", "bad_response", "budget", "invalid_request".
function embedding.endpoint(o)
  local dialect = dialects[o.provider]
  if not dialect then error("embedding.endpoint: no provider '" .. tostring(o.provider) .. "'", 2) end
  if type(o.model) ~= "string" or o.model == "" then error("embedding.endpoint: 'model' is needed", 2) end
  local url = (o.base_url or dialect.base_url):gsub("/+$", "") .. dialect.path
  local model = o.dim and ("%s@%d"):format(o.model, o.dim) or o.model
  local kept, order = {}, {}
  local prices = require "model.price"
  local price, no_price = prices.read(o.price or (o.provider == "ollama" or is_here(o)) and "free" or nil)
  o.price, o.price_text = price, price and prices.text(price)
  local function ask_server(texts)
    local http = require "http"
    local headers = { ["content-type"] = "application/json" }
    if o.key and o.key ~= "" then headers.authorization = "Bearer " .. o.key end
    local body = assert(json.encode(dialect.body(o, texts)))
    local function failed(text, code, charged) return nil, ("the embeddings of %s: %s"):format(model, text), code, charged end
    return paid(o, #body, function()
      local reply, message, code, detail = http.request { url = url, method = "POST", headers = headers, body = body,
        limits = { total_ms = o.timeout_ms or 30000, body_bytes = 64 << 20 } }
      if not reply then return failed(tostring(message), failures[code] or code, detail and detail.sent) end
      if reply.status ~= 200 then
        local codes = { [401] = "auth", [403] = "auth", [429] = "rate_limited" }
        return failed(("the server said %d"):format(reply.status), codes[reply.status] or reply.status >= 500 and "server_error"
          or "invalid_request", reply.status == 504)
      end
      local answer = json.decode(reply.body)
      local list, why
      if type(answer) == "table" then list, why = checked(dialect.vectors(answer), #texts, o.dim) end
      if not list then return failed(why or "no JSON came", "bad_response", true) end
      return list, dialect.tokens(answer)
    end)
  end
  local function ask(texts)
    if not price then return nil, ("the embeddings of %s: %s"):format(model, no_price), "invalid_request" end
    return ask_server(texts)
  end
  local function batch(texts)
    local out, missing, places = {}, {}, {}
    for i, text in ipairs(texts) do
      text = clip(text)
      out[i] = kept[text] or false
      if not out[i] then missing[#missing + 1], places[#places + 1] = text, i end
    end
    for from = 1, #missing, batch_size do
      local part = table.move(missing, from, math.min(from + batch_size - 1, #missing), 1, {})
      local list, message, code = ask(part)
      if not list then return nil, message, code end
      for i, bytes in ipairs(list) do
        out[places[from + i - 1]] = bytes
        if not kept[part[i]] then order[#order + 1] = part[i] end
        kept[part[i]] = bytes
      end
      while #order > remembered_most do kept[table.remove(order, 1)] = nil end
    end
    return out
  end
  return { model = model, remote = true, batch = batch, attach = function(fn) o.books = fn end }
end

--- The word vectors that are in the binary.
embedding.builtin = { model = words.model, batch = function(texts)
  local out = {}
  for i, text in ipairs(texts) do
    local v = words.embed(text)
    out[i] = v and assert(vec.quantise(v)) or string.rep("\0", words.dim)
  end
  return out
end }

-- ---- methods ------------------------------------------------------------------------

local function bytes_of(v)
  if type(v) == "string" then return v end
  return vec.quantise(v)
end

--- The vectors of texts by this memory's embedder: a list of int8 bytes, and the model's
--- name; or nil, message, code.
function embedding:vectors(texts)
  local embed = self.defaults.embed or embedding.builtin
  local list, message, code
  if embed.batch then
    list, message, code = embed.batch(texts)
    if not list then return nil, message, code end
  else
    list = {}
    for i, text in ipairs(texts) do list[i] = embed.vector(text) end
  end
  local out = {}
  for i = 1, #texts do
    out[i], message = bytes_of(list[i])
    if not out[i] then return nil, message, "bad_response" end
  end
  return out, embed.model
end

--- The name of the model whose vectors this memory has.
function embedding:model() return (self.defaults.embed or embedding.builtin).model end

--- Give every text the vector of this memory's embedder that has none of its model: after
--- a write while the endpoint was away, or when the model has changed. Fields: ns (all
--- unless told), force (also those that have one), limit (texts, all unless told), batch
--- (64). Searches go on meanwhile, by words, and by the vectors that are there already.
--- Returns how many texts were embedded, or nil, message, code: what was done stays.
function embedding:reembed(t)
  t = t or {}
  local model = (self.defaults.embed or embedding.builtin).model
  local after, done, limit = 0, 0, t.limit or math.maxinteger
  while done < limit do
    local rows, message, code = self.store:read("memory.unembedded", { ns = t.ns, model = model, force = t.force or false,
      after = after, limit = math.min(t.batch or batch_size, limit - done) })
    if not rows then return nil, message, code end
    if #rows == 0 then break end
    local texts = {}
    for i, row in ipairs(rows) do texts[i] = row.text end
    local list
    list, message, code = self:vectors(texts)
    if not list then return nil, message, code end
    local tx = self.store:tx()
    for i, row in ipairs(rows) do
      local ok
      ok, message, code = core.embed(tx, row.ns, row.row, model, list[i])
      if not ok then return nil, message, code end
    end
    local ok
    ok, message, code = self.store:commit(tx)
    if not ok then return nil, message, code end
    done, after = done + #rows, rows[#rows].row
  end
  return done
end

return embedding
