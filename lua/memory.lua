--- What was learned, found again, with its reasons.
--
--   local memory = require "memory"
--   local m = assert(memory.open("var/keel.db"))
--   m:remember { ns = "acme", kind = "fact", key = "payment_terms", text = "Pays within 30 days" }
--   for _, hit in ipairs(assert(m:search { ns = "acme", query = "when does the money come" })) do
--     print(hit.score, hit.text)
--   end
--
-- An **item** has these fields; those with a star must be there:
--
--   ns*         the namespace, as far as memory.open did not name one; items of one
--               namespace are never found in another
--   text, value at least one: what full text and vectors find; any JSON-like value
--   kind        "note" unless told; key: what it is about. One kind and key has
--               versions: a new one ends the old one, both are kept, an equal one
--               changes nothing
--   id          a name of the caller's own; it is also the key when there is no other
--   layer       "working", "session" or "long" (the default)
--   importance  0..1, 0.5 unless told
--   tags        list of words; trust "internal" (the default), "external", ...
--   ttl         "30d" or milliseconds: hidden from that moment on
--   time        since when it holds, milliseconds or RFC 3339; now unless told
--   session     which conversation or document, in order; speaker: whose words
--   source      where it comes from (any value); run, seq: which step wrote it
--
-- Times are integer milliseconds since 1970 UTC. A wrong argument raises; a failing
-- world gives nil, message, code.
local clock = require "core.clock"
local core = require "core.memory"
local duration = require "duration"
local json = require "json"
local rfc3339 = require "rfc3339"
local store = require "store"
local suggest = require "suggest"
local vec = require "core.vec"
local words = require "core.words"

local memory = {}
local Memory = {}
Memory.__index = Memory

-- ---- arguments ------------------------------------------------------------------

local function names(list)
  local set = {}
  for name in list:gmatch "%S+" do set[name] = true end
  return set
end

local ITEM = names "ns layer kind key id text value importance tags ttl trust source run seq time session speaker vector model now"
local QUERY = names [[ns query k kind kinds layer where as_of allow weights min_score vector model now]]
local WHERE = names "tags trust session speaker since until"
local WHICH = names "ns kind key id layer run all as_of now reason limit"

local function check_fields(what, t, known)
  if type(t) ~= "table" then error(what .. ": expected a table, got " .. type(t), 4) end
  for name in pairs(t) do
    if not known[name] then
      local near = suggest.nearest(tostring(name), known)
      error(("%s: no field '%s'%s"):format(what, tostring(name), near and (", did you mean '" .. near .. "'?") or ""), 4)
    end
  end
end

local function check_type(what, name, value, kind)
  if value ~= nil and type(value) ~= kind then
    error(("%s: '%s' is a %s, not a %s"):format(what, name, kind, type(value)), 4)
  end
  return value
end

local function check_texts(what, name, value)
  if value == nil then return nil end
  if type(value) == "string" then value = { value } end
  check_type(what, name, value, "table")
  for _, text in ipairs(value) do
    if type(text) ~= "string" then error(("%s: '%s' is a list of texts"):format(what, name), 4) end
  end
  return value
end

local months = {}
for i, name in ipairs { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" } do
  months[name] = i
end

local function at(year, month, day, hour, minute, second)
  local function int(x) return math.tointeger(tonumber(x or 0)) end
  year, month, day, hour, minute = int(year), int(month), int(day), int(hour), int(minute)
  if not rfc3339.valid_date(year, month, day) or hour > 23 or minute > 59 then return nil end
  return ((rfc3339.days(year, month, day) * 24 + hour) * 60 + minute) * 60000 + int(second) * 1000
end

--- Milliseconds of a time as people and programs write it, or nil, message.
-- Integers are milliseconds from 1e11 on, seconds below. Texts: RFC 3339; a date;
-- a date and a time (UTC); "1:56 pm on 8 May, 2023"; "8 May 2023"; "May 8, 2023".
function memory.time(value)
  if math.type(value) == "integer" then return math.abs(value) >= 100000000000 and value or value * 1000 end
  if math.type(value) == "float" then return memory.time(math.floor(value)) end
  if type(value) ~= "string" then return nil, "expected a time, got " .. type(value) end
  local ms = rfc3339.parse(value)
  if ms then return ms end
  local y, mo, d, h, mi, s = value:match "^(%d%d%d%d)-(%d%d)-(%d%d)[T ]?(%d?%d?):?(%d?%d?):?(%d?%d?)$"
  if y then
    ms = at(y, mo, d, tonumber(h), tonumber(mi), tonumber(s))
  else
    local clock_text, rest = value:match "^(.-)%s+on%s+(.+)$"
    rest = rest or value
    local day, name, year = rest:match "^(%d%d?)%a*%s+(%a+),?%s+(%d%d%d%d)$"
    if not day then name, day, year = rest:match "^(%a+)%s+(%d%d?)%a*,?%s+(%d%d%d%d)$" end
    local month = name and months[name:sub(1, 3):lower()]
    local hour, minute, half = (clock_text or "0:00"):lower():match "^(%d%d?):(%d%d)%s*([ap]?)%.?m?%.?$"
    if month and hour then
      hour = tonumber(hour)
      if half == "p" then hour = hour % 12 + 12 elseif half == "a" then hour = hour % 12 end
      ms = at(year, month, day, hour, minute)
    end
  end
  if ms then return ms end
  return nil, ('expected a time like "2026-03-09T10:00:00Z" or "2026-03-09", got %q'):format(value:sub(1, 40))
end

local function check_time(what, name, value)
  if value == nil or math.type(value) == "integer" then return value end
  local ms, message = memory.time(value)
  if not ms then error(("%s: '%s': %s"):format(what, name, message), 4) end
  return ms
end

local function check_ttl(what, value)
  if value == nil then return nil end
  local ms, message = value, nil
  if type(value) == "string" then ms, message = duration.parse(value) end
  if math.type(ms) ~= "integer" or ms <= 0 or ms > duration.max_ms then
    error(("%s: 'ttl': %s"):format(what, message or "expected a duration like \"30d\", or milliseconds above 0"), 4)
  end
  return ms
end

local function namespace(what, ns, default)
  ns = ns or default
  if type(ns) ~= "string" or ns == "" then error(what .. ": a namespace ('ns') is needed", 4) end
  return ns
end

local function quantised(what, value)
  if value == nil or type(value) == "string" then return value end
  local bytes, message = vec.quantise(value)
  if not bytes then error(("%s: 'vector': %s"):format(what, message), 4) end
  return bytes
end

-- The item as core.memory wants it.
local function prepare(what, item, now, defaults)
  check_fields(what, item, ITEM)
  now = item.now or now
  local out = {
    ns = namespace(what, item.ns, defaults.ns), now = now,
    kind = check_type(what, "kind", item.kind, "string") or "note",
    id = check_type(what, "id", item.id, "string"),
    key = check_type(what, "key", item.key, "string") or item.id,
    text = check_type(what, "text", item.text, "string"), value = item.value,
    layer = check_type(what, "layer", item.layer, "string"),
    importance = check_type(what, "importance", item.importance, "number"),
    trust = check_type(what, "trust", item.trust, "string"),
    session = check_type(what, "session", item.session, "string"),
    speaker = check_type(what, "speaker", item.speaker, "string"),
    source = item.source, run = item.run, seq = item.seq,
    time = check_time(what, "time", item.time),
    vector = quantised(what, item.vector), model = check_type(what, "model", item.model, "string"),
  }
  if out.kind == "" then error(what .. ": 'kind' is empty", 4) end
  if out.importance and not (out.importance >= 0 and out.importance <= 1) then
    error(what .. ": 'importance' is 0 to 1", 4)
  end
  if out.text == nil and out.value == nil then error(what .. ": a 'text' or a 'value' is needed", 4) end
  local tags = check_texts(what, "tags", item.tags)
  if tags and #tags > 0 then out.tags = tags end
  local ttl = check_ttl(what, item.ttl)
  if ttl then out.expires = now + ttl end
  local embed = defaults.embed
  if embed and out.text and not out.vector then
    out.vector, out.model = quantised(what, embed.vector(out.text)), embed.model
  end
  return out
end

local function which(what, t, defaults)
  check_fields(what, t, WHICH)
  local out = {
    ns = namespace(what, t.ns, defaults.ns), run = t.run, layer = t.layer, limit = t.limit,
    kind = check_type(what, "kind", t.kind, "string"),
    key = check_type(what, "key", t.key, "string"),
    id = check_type(what, "id", t.id, "string"),
  }
  if out.key and not out.kind then out.kind = "note" end
  return out
end

-- "mem_12" names row 12, which has no name of its own.
local function row_of(id)
  return math.tointeger(tonumber(id:match "^mem_(%d+)$"))
end

-- A forgetting that names nothing would take everything; an id may be a row's.
local function must_say(what, w, t)
  if not (w.kind or w.key or w.id or w.layer or w.run or t.all) then
    error(what .. ": say what to forget, or all = true for the whole namespace", 3)
  end
  w.row = w.id and row_of(w.id)
  if w.row then w.id = nil end
end

-- ---- opening --------------------------------------------------------------------

--- Open the memory of a store: a path, or a store that is open already.
-- options: `ns`, the namespace when a call names none; `clock`, a function that
-- gives milliseconds; `read_only`; `weights` of the parts of a score (text 1,
-- vector 0.3, recency 0.05, importance 0.1, context 0.25); `kinds`, for each kind
-- `{ k1 =, b =, vector =, recency =, half_life = "30d", ... }`; `embed`, another
-- embedder than the built-in word vectors: `{ model = NAME, vector = function(text)
-- return list of numbers end }`.
function memory.open(where, options)
  options = options or {}
  local db = where
  if type(where) == "string" then
    local message, code
    db, message, code = store.open(where, options)
    if not db then return nil, message, code end
  end
  local half, message, code = core.open(db)
  if not half then return nil, message, code end
  return setmetatable({
    store = db, half = half, owns = db ~= where, clock = options.clock or clock.now_ms,
    defaults = { ns = options.ns, embed = options.embed }, weights = options.weights, kinds = options.kinds or {},
  }, Memory)
end

function Memory:close()
  self.half:close()
  if self.owns then self.store:close() end
end

Memory.__close = Memory.close

-- ---- writing --------------------------------------------------------------------

--- Remember one item. Returns its id and "new", "superseded" (an older version of
-- the key has ended) or "same" (it was known: nothing was added); on disk by then.
function Memory:remember(item)
  local ready = prepare("remember", item, self.clock(), self.defaults)
  local done, message, code = self.half:remember { ready }
  if not done then return nil, message, code end
  return ready.id or "mem_" .. done[1].row, done[1].outcome
end

--- Remember a list of items in one transaction. Returns the number of each outcome:
-- { new = n, superseded = n, same = n }.
function Memory:remember_all(items)
  local ready, now = {}, self.clock()
  for i, item in ipairs(items) do ready[i] = prepare("remember_all", item, now, self.defaults) end
  local done, message, code = self.half:remember(ready)
  if not done then return nil, message, code end
  local counts = { new = 0, superseded = 0, same = 0 }
  for _, one in ipairs(done) do counts[one.outcome] = counts[one.outcome] + 1 end
  return counts
end

--- Add an item to a transaction of the store, so that it becomes true with all else
-- in it. `item.now` (milliseconds) must be told. Returns tx, or nil, message, code.
function memory.put(tx, item)
  if type(item) == "table" and math.type(item.now) ~= "integer" then
    error("memory.put: 'now' is needed: a transaction has no clock", 2)
  end
  return core.put(tx, prepare("memory.put", item, nil, {}))
end

--- Add a forgetting to a transaction: fields as in m:forget; `now` in milliseconds.
function memory.drop(tx, t, now, reason)
  local w = which("memory.drop", t, {})
  now = now or t.now
  if math.type(now) ~= "integer" then error("memory.drop: 'now' is needed: a transaction has no clock", 2) end
  must_say("memory.drop", w, t)
  return core.drop(tx, w, now, reason or t.reason)
end

--- Forget: every version of a kind and key, an id, a kind, a layer, what a run wrote,
-- or (`all = true`) the whole namespace. Text, value, index entries and vector go;
-- a tombstone with the key stays. Returns how many versions went.
function Memory:forget(t)
  local w = which("forget", t, self.defaults)
  must_say("forget", w, t)
  return self.half:forget(w, t.now or self.clock(), t.reason)
end

--- Turn what has outlived its ttl into tombstones, at most `limit` of a namespace
-- (1000). It was hidden before; this frees its bytes. Returns how many.
function Memory:expire(limit)
  local now, total = self.clock(), 0
  local spaces, message, code = self:namespaces()
  if not spaces then return nil, message, code end
  for _, ns in ipairs(spaces) do
    local n
    n, message, code = self.half:forget({ ns = ns, expired_by = now, limit = limit or 1000 }, now, "expired")
    if not n then return nil, message, code end
    total = total + n
  end
  return total
end

--- Rewrite the full text index, so that what was forgotten has no byte left in it
-- either (forgetting takes it out of every search, at once). Slow for large stores.
function Memory:settle()
  return self.store:commit(self.store:tx():add("memory.settle", {}))
end

-- ---- reading --------------------------------------------------------------------

--- What holds for a kind and key, or an id; at `as_of` when told. Returns the item,
-- or nil alone when there is none.
function Memory:get(t)
  local w = which("get", t, self.defaults)
  local fields = { ns = w.ns, now = t.now or self.clock(), as_of = check_time("get", "as_of", t.as_of) }
  local verb = "memory.get"
  if w.id then
    verb, fields.id, fields.row = "memory.get_id", w.id, row_of(w.id)
  elseif w.key then
    fields.kind, fields.key = w.kind, w.key
  else
    error("get: a 'key' or an 'id' is needed", 2)
  end
  local rows, message, code = self.store:read(verb, fields)
  if not rows then return nil, message, code end
  return rows[1]
end

--- Every version of a kind and key, or an id, newest first; tombstones have `forgotten`.
function Memory:history(t)
  local w = which("history", t, self.defaults)
  if w.id then return self.store:read("memory.history_id", { ns = w.ns, id = w.id, row = row_of(w.id) }) end
  if not w.key then error("history: a 'key' or an 'id' is needed", 2) end
  return self.store:read("memory.history", { ns = w.ns, kind = w.kind, key = w.key })
end

--- Find what answers a question. Fields: `query` (text; none asks for the newest),
-- `ns`, `k` (10), `kind` (one or a list), `layer`, `where = { tags = {all of these},
-- trust =, session =, speaker =, since =, until = }`, `as_of`, `weights`, `allow`
-- (patterns of "kind/key"), `min_score`. Returns a list, best first, of items with
-- `score`, `parts` (text, vector, recency, importance, context: they add up to the
-- score exactly) and `similarity` (cosine of the words' vectors, -1..1).
function Memory:search(t)
  check_fields("search", t, QUERY)
  local where = t.where or {}
  check_fields("search.where", where, WHERE)
  local kinds = check_texts("search", "kind", t.kind or t.kinds)
  local tune = kinds and #kinds == 1 and self.kinds[kinds[1]] or {}
  local weights = {}
  for _, from in ipairs { self.weights or {}, tune, t.weights or {} } do
    for _, part in ipairs { "text", "vector", "recency", "importance", "context" } do
      weights[part] = from[part] or weights[part]
    end
  end
  local q = {
    ns = namespace("search", t.ns, self.defaults.ns), query = check_type("search", "query", t.query, "string"),
    k = check_type("search", "k", t.k, "number"), kinds = kinds, layer = t.layer,
    now = t.now or self.clock(), as_of = check_time("search", "as_of", t.as_of),
    tags = check_texts("search", "tags", where.tags), trust = check_type("search", "trust", where.trust, "string"),
    session = check_type("search", "session", where.session, "string"),
    speaker = check_type("search", "speaker", where.speaker, "string"),
    since = check_time("search", "since", where.since), ["until"] = check_time("search", "until", where["until"]),
    allow = check_texts("search", "allow", t.allow), weights = weights, k1 = tune.k1, b = tune.b,
    half_life = check_ttl("search", tune.half_life),
    vector = quantised("search", t.vector), model = check_type("search", "model", t.model, "string"),
  }
  local embed = self.defaults.embed
  if embed and q.query and not q.vector then
    q.vector, q.model = quantised("search", embed.vector(q.query)), embed.model
  end
  -- An empty list of what is allowed allows nothing.
  if q.allow and #q.allow == 0 or kinds and #kinds == 0 then return {} end
  local hits, message, code = self.half:search(q)
  if not hits then return nil, message, code end
  local least = t.min_score
  while least and #hits > 0 and hits[#hits].score < least do hits[#hits] = nil end
  return hits
end

--- An item as the outside sees it: times are RFC 3339, what is not there is absent.
function memory.shown(row)
  local out = {}
  for _, name in ipairs { "id", "ns", "kind", "layer", "text", "value", "tags", "importance", "trust", "session",
    "speaker", "source", "score", "parts", "similarity", "run", "seq", "reason" } do
    out[name] = row[name]
  end
  out.key = row.key or json.null
  for _, name in ipairs { "time", "valid_to", "expires", "created", "forgotten" } do
    out[name] = row[name] and rfc3339.format(row[name])
  end
  return out
end

--- Names of all namespaces.
function Memory:namespaces()
  local rows, message, code = self.store:read("memory.spaces", {})
  if not rows then return nil, message, code end
  local list = {}
  for i, row in ipairs(rows) do list[i] = row.ns end
  return list
end

--- Rows { ns, kind, layer, current, superseded, expired, forgotten, bytes, newest },
-- of one namespace or of all.
function Memory:stats(ns)
  return self.store:read("memory.stats", { ns = ns, now = self.clock() })
end

--- How near two texts are by the embedded word vectors, -1..1.
function Memory:similarity(a, b)
  return words.similarity(a, b)
end

memory.similarity = words.similarity

-- ---- out and in again ---------------------------------------------------------------

local LINE = names "id text key kind session speaker time tags value importance ttl layer trust source expires"

-- An item from a decoded line, or nil, message.
local function item_of(line, ns, now)
  if type(line) ~= "table" then return nil, "a line is one JSON object" end
  local item = { ns = ns }
  for name, value in pairs(line) do
    if not LINE[name] then
      local near = suggest.nearest(tostring(name), LINE)
      return nil, ("no field '%s'%s"):format(name, near and (", did you mean '" .. near .. "'?") or "")
    end
    if value ~= json.null then item[name] = value end
  end
  for _, name in ipairs { "id", "session", "speaker", "key" } do
    if math.type(item[name]) == "integer" then item[name] = tostring(item[name]) end
  end
  if item.time then
    local ms, message = memory.time(item.time)
    if not ms then return nil, message end
    item.time = ms
  end
  if item.expires then
    local ms, message = memory.time(item.expires)
    if not ms then return nil, message end
    item.expires, item.ttl = nil, ms - now
    if item.ttl <= 0 then return false end
  end
  return item
end

--- Import lines of JSON (an iterator, or a text) into a namespace, in transactions of
-- 1,000. Line: { id, text, key?, kind?, session?, speaker?, time?, tags?, value?,
-- importance?, ttl?, layer?, trust?, source?, expires? }. Importing the same lines
-- again changes nothing. Returns { new, superseded, same, lines }, or nil, message
-- ("line 12: ..."), code: what came before the line's thousand is kept.
function Memory:import(lines, ns)
  ns = namespace("import", ns, self.defaults.ns)
  if type(lines) == "string" then lines = lines:gmatch "[^\n]+" end
  local total, batch, number, first = { new = 0, superseded = 0, same = 0, lines = 0 }, {}, 0, 1
  local function flush()
    local ok, counts, message, code = pcall(self.remember_all, self, batch)
    if not ok then return nil, ("lines %d to %d: %s"):format(first, number, tostring(counts):gsub("^.-: remember_all: ", "")), "input" end
    if not counts then return nil, ("lines %d to %d: %s"):format(first, number, message), code end
    for name, n in pairs(counts) do total[name] = total[name] + n end
    batch, first = {}, number + 1
    return true
  end
  for text in lines do
    number = number + 1
    if text:find "%S" then
      local line, message = json.decode(text)
      local item
      if line ~= nil then item, message = item_of(line, ns, self.clock()) end
      if item then
        local ok, why = pcall(prepare, "line", item, 0, self.defaults)
        if not ok then item, message = nil, (tostring(why):gsub("^.-: line: ", "")) end
      end
      if item == nil then return nil, ("line %d: %s"):format(number, message), "input" end
      if item then
        total.lines = total.lines + 1
        batch[#batch + 1] = item
      end
    end
    if #batch >= 1000 then
      local ok, message, code = flush()
      if not ok then return nil, message, code end
    end
  end
  if #batch > 0 then
    local ok, message, code = flush()
    if not ok then return nil, message, code end
  end
  return total
end

local function line_of(row)
  return assert(json.encode {
    id = row.name, text = row.text, key = row.key, kind = row.kind, layer = row.layer, value = row.value,
    tags = row.tags, importance = row.importance, trust = row.trust, session = row.session, speaker = row.speaker,
    source = row.source, time = rfc3339.format(row.time), expires = row.expires and rfc3339.format(row.expires),
  })
end

--- All versions of a namespace that are live, as lines that import takes: an iterator
-- of texts without a line end. Raises when the store fails on the way.
function Memory:export(ns)
  ns = namespace("export", ns, self.defaults.ns)
  local after, rows, i = 0, {}, 0
  return function()
    i = i + 1
    if not rows[i] then
      rows = assert(self.store:read("memory.list", { ns = ns, after = after, now = self.clock(), limit = 500 }))
      i = 1
    end
    local row = rows[i]
    if not row then return nil end
    after = row.row
    return line_of(row)
  end
end

return memory
