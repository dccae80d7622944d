--- A provider of language models that is not kind, and keeps exact books.
--
--   build/keel lua spec/budget/provider.lua
--
-- A process of its own; prints "listening PORT". It speaks OpenAI's chat completions and
-- Anthropic's messages, whole and streamed. What happens to a request is chance, but the
-- same chance for the same seed, call (the prompt says "call N") and arrival of that call.
--   POST /_begin {seed, price, faults, honest}   begin new books; faults: percent of the
--        requests that go wrong; price: pico-USD per token {input, output, cached, written,
--        reasoning}; honest = false: now and then it takes, charges and tells up to three
--        times max_tokens
--   GET  /_books    { open, total, list = [{call, id, what, charge, told, status}] }: how
--        many connections made since then are open; the charges of all; every request, what
--        it was charged, and whether a reply that says so was sent whole
--   POST /_quit
local socket = require "socket"
local json = require "json"
local chance = require "spec.budget.chance"
local reply = require "spec.budget.reply"

local settings, books, arrivals, total, served, begun = {}, {}, {}, 0, 0, 0

-- ---- connections ----------------------------------------------------------------

local clients, list, later, listener = {}, {}, {}, nil

local function after(ms, fn)
  if ms <= 0 then return fn() end
  later[#later + 1] = { at = socket.gettime() + ms / 1000, fn = fn }
end

local function relist()
  list = { listener }
  for sock in pairs(clients) do list[#list + 1] = sock end
end

local function hang_up(c, hard)
  if not clients[c.sock] then return end
  if hard then c.sock:setoption("linger", { on = true, timeout = 0 }) end
  clients[c.sock] = nil
  c.sock:close()
  relist()
end

-- Replies are smaller than what a socket takes at once.
local function send(c, bytes)
  if not clients[c.sock] then return false end
  if c.sock:send(bytes) then return true end
  hang_up(c)
  return false
end

local function head(status, kind, length, more)
  return ("HTTP/1.1 %d So\r\nContent-Type: %s\r\n%s%s\r\n"):format(status, kind,
    length and ("Content-Length: %d\r\n"):format(length) or "", more or "")
end

-- ---- money ------------------------------------------------------------------------

--- What the work took: within the bytes of the request and its max_tokens; `wild`: a
--- provider that is not honest may take more.
local function usage_of(draw, bytes, most, wild)
  local input = draw(1, math.max(1, bytes // (draw(4) == 1 and 1 or 4)))
  local u = { cached = draw(3) == 1 and draw(0, input // 2) or 0, written = draw(4) == 1 and draw(0, input // 3) or 0 }
  u.fresh = input - u.cached - u.written
  u.output = draw(5) == 1 and most or draw(1, most)
  u.reasoning = draw(3) == 1 and draw(0, u.output) or 0
  if wild and draw(8) == 1 then
    u.output = draw(most * 2, most * 3)
    u.reasoning = 0
  end
  return u
end

local function charge_of(u)
  local p = settings.price
  return u.fresh * p.input + u.cached * p.cached + u.written * p.written + (u.output - u.reasoning) * p.output
    + u.reasoning * p.reasoning
end

local function charge(entry)
  entry.charge = charge_of(entry.usage)
  total = total + entry.charge
end

-- ---- replies that go well -----------------------------------------------------------

local words = { "fine ", "then ", "so ", "be ", "it ", "all ", "is ", "well " }

local function text_of(draw)
  local parts = {}
  for i = 1, draw(3, 24) do parts[i] = words[draw(#words)] end
  return table.concat(parts)
end

--- The bytes of a reply: head, body; entry.told is whether its usage is in it.
local function compose(c, entry, draw, told)
  local how = { text = text_of(draw), stop = draw(6) == 1 and "length" or "end", running = draw(2) == 1 }
  local id = "x-request-id: " .. entry.id .. "\r\n"
  if entry.dialect == "anthropic" then id = "request-id: " .. entry.id .. "\r\n" end
  if not entry.stream then
    if draw(25) == 1 then how.stop = draw(2) == 1 and "filtered" or "silent" end
    local body = reply.whole[entry.dialect](entry.id, entry.usage, told, how)
    return head(200, "application/json", #body, id), body
  end
  local pieces = reply.streams[entry.dialect](entry.id, entry.usage, told, how)
  local body = table.concat(pieces)
  local way = draw(3)
  if way == 1 then return head(200, "text/event-stream", #body, id), body, pieces end
  if way == 2 then
    c.close = true
    return head(200, "text/event-stream", nil, id .. "Connection: close\r\n"), body, pieces
  end
  local chunks = {}
  for i, piece in ipairs(pieces) do chunks[i] = ("%x\r\n%s\r\n"):format(#piece, piece) end
  return head(200, "text/event-stream; charset=utf-8", nil, id .. "Transfer-Encoding: chunked\r\n"),
    table.concat(chunks) .. "0\r\n\r\n", pieces
end

--- Send head and body whole, perhaps in two goes.
local function deliver(c, entry, draw, first, body)
  local quiet = draw(15) == 1 and draw(0, 2)
  local function rest(bytes)
    entry.sent = send(c, bytes)
    if c.close then hang_up(c) end
    -- now and then without a word, while the next request may be on its way
    if quiet then after(quiet, function() hang_up(c) end) end
  end
  if draw(3) > 1 then return rest(first .. body) end
  local at = draw(0, #body)
  if send(c, first .. body:sub(1, at)) then after(draw(3), function() rest(body:sub(at + 1)) end) end
end

-- ---- and those that do not ------------------------------------------------------------

local faults = {}

function faults.limited(c, entry, draw)
  entry.status = 429
  local body = reply.failure(entry.dialect, entry.dialect == "openai" and "rate_limit_exceeded" or "rate_limit_error")
  local wait = draw(4) == 1 and "Retry-After: 0.01\r\n" or ("retry-after-ms: %d\r\n"):format(draw(0, 20))
  deliver(c, entry, draw, head(429, "application/json", #body, wait), body)
end

--- The server's own failures; it charges nothing for them, except perhaps when it calls
--- itself late.
function faults.broken(c, entry, draw)
  entry.status = ({ 500, 502, 503, 529, 504 })[draw(5)]
  if entry.status == 504 and draw(2) == 1 then charge(entry) end
  local body = draw(3) == 1 and "<html>sorry</html>" or draw(2) == 1 and "" or reply.failure(entry.dialect, "api_error")
  deliver(c, entry, draw, head(entry.status, draw(2) == 1 and "text/html" or "application/json", #body), body)
end

--- No byte of a reply; nobody but us knows whether the work was done.
function faults.silent(c, entry, draw)
  if draw(2) == 1 then charge(entry) end
  hang_up(c, draw(2) == 1)
end

--- A part of the reply, then nothing more.
function faults.cut(c, entry, draw)
  charge(entry)
  local first, body = compose(c, entry, draw, "yes")
  local where = draw(3)
  local bytes = where == 1 and first:sub(1, draw(1, #first - 1)) or first .. body:sub(1, draw(0, #body - 8))
  local hard = draw(2) == 1
  if send(c, bytes) then after(draw(0, 3), function() hang_up(c, hard) end) end
end

--- HTTP ends well, the answer does not: a stream without its end, JSON that stops, a page.
function faults.torn(c, entry, draw)
  charge(entry)
  local _, body, pieces = compose(c, entry, draw, "yes")
  local kind, id = "application/json", "x-request-id: " .. entry.id .. "\r\n"
  if pieces then
    -- without the end of the answer or, there, the counts that come behind it
    local keep = {}
    for i = 1, draw(6) == 1 and #pieces - 2 or draw(0, #pieces - 3) do keep[i] = pieces[i] end
    if draw(3) == 1 then keep[#keep + 1] = reply.stream_failure(entry.dialect) end
    body, c.close, kind = table.concat(keep), nil, "text/event-stream"
  elseif draw(3) == 1 then
    body, kind = "<html>please log in</html>", "text/html"
  elseif draw(3) == 1 then
    body = reply.failure(entry.dialect, "server_error")
  else
    body = body:sub(1, draw(0, #body - 1))
  end
  deliver(c, entry, draw, head(200, kind, #body, id), body)
end

--- A good answer that does not say what it cost.
function faults.untold(c, entry, draw)
  charge(entry)
  deliver(c, entry, draw, compose(c, entry, draw, ({ "no", "null", "wrong" })[draw(3)]))
end

local kinds = { "limited", "broken", "silent", "cut", "torn", "untold" }

local function good(c, entry, draw)
  charge(entry)
  entry.told = true
  deliver(c, entry, draw, compose(c, entry, draw, "yes"))
end

local function play(c, path, body)
  served = served + 1
  local call = math.tointeger(tonumber(body:match("call (%d+)") or 0))
  arrivals[call] = (arrivals[call] or 0) + 1
  local draw = chance.of(settings.seed, call, arrivals[call])
  local most = math.tointeger(tonumber(body:match('"max_%a*_?tokens":(%d+)')))
  local entry = { call = call, id = ("req_%d_%d"):format(settings.seed, #books + 1), charge = 0, status = 200, told = false,
    dialect = path:find("/chat/completions", 1, true) and "openai" or "anthropic",
    stream = body:find('"stream":true', 1, true) ~= nil }
  books[#books + 1] = entry
  entry.what = draw(100) <= settings.faults and kinds[draw(#kinds)] or "good"
  -- a bound is passed only where that is told: nobody could know of the rest
  entry.usage = usage_of(draw, #body, most, not settings.honest and entry.what == "good")
  local slow = draw(10)
  after(slow == 1 and draw(6, 20) or slow < 4 and draw(5) or 0, function()
    if clients[c.sock] then (faults[entry.what] or good)(c, entry, draw) end
  end)
end

-- ---- control ------------------------------------------------------------------------------

local quit = false
local control = {}

control["/_begin"] = function(body)
  settings, books, arrivals, total, begun = body, {}, {}, 0, begun + 1
  return {}
end

control["/_books"] = function()
  local open = -1               -- the one who asks
  for _, c in pairs(clients) do open = open + (c.begun == begun and 1 or 0) end
  local copy = json.array {}
  for i, entry in ipairs(books) do
    copy[i] = { call = entry.call, id = entry.id, what = entry.what, charge = entry.charge,
      told = entry.told and entry.sent or false, status = entry.status, dialect = entry.dialect, stream = entry.stream,
      usage = entry.usage }
  end
  return { open = open, total = total, list = copy }
end

control["/_quit"] = function()
  quit = true
  return {}
end

-- ---- HTTP, as much as is needed --------------------------------------------------------------

local function answer(c, path, body)
  local order = control[path]
  if not order then return play(c, path, body) end
  local text = json.encode(order(body ~= "" and json.decode(body) or nil))
  c.sock:settimeout(10)
  send(c, head(200, "application/json", #text, "Connection: close\r\n") .. text)
  hang_up(c)
end

local function receive(c)
  local piece, why, part = c.sock:receive(65536)
  c.text = c.text .. (piece or part or "")
  local stop = c.text:find("\r\n\r\n", 1, true)
  if stop then
    local length = math.tointeger(tonumber(c.text:match("\r\n[Cc]ontent%-[Ll]ength: *(%d+)") or 0))
    if #c.text >= stop + 3 + length then
      local path, body = c.text:match("^%u+ (%S+)"), c.text:sub(stop + 4, stop + 3 + length)
      c.text = c.text:sub(stop + 4 + length)
      answer(c, path, body)
    end
  end
  if why == "closed" then hang_up(c) end
end

local function turn()
  local now, soonest = socket.gettime(), 1
  for _, one in ipairs(later) do soonest = math.min(soonest, math.max(0, one.at - now)) end
  for _, sock in ipairs((socket.select(list, nil, soonest))) do
    if sock == listener then
      local new = listener:accept()
      while new do
        new:settimeout(0)
        new:setoption("tcp-nodelay", true)
        clients[new] = { sock = new, text = "", begun = begun }
        new = listener:accept()
      end
      relist()
    elseif clients[sock] then
      receive(clients[sock])
    end
  end
  if #later == 0 then return end
  now = socket.gettime()
  local due, rest = {}, {}
  for _, one in ipairs(later) do table.insert(one.at <= now and due or rest, one) end
  later = rest
  for _, one in ipairs(due) do one.fn() end
end

listener = assert(socket.bind("127.0.0.1", 0, 1024))
listener:settimeout(0)
relist()
print("listening " .. select(2, listener:getsockname()))
io.stdout:flush()

-- An orphan ends by itself.
local busy, seen = socket.gettime(), 0
while not quit do
  turn()
  if served ~= seen or #list > 1 then busy, seen = socket.gettime(), served end
  if socket.gettime() - busy > 120 then break end
end
