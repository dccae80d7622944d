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
local archive = require "core.archive"
local clock = require "core.clock"
local core = require "core.memory"
local duration = require "duration"
local embedding = require "memory.embedding"
local json = require "json"
local rfc3339 = require "rfc3339"
local store = require "store"
local suggest = require "suggest"
local time = require "memory.time"
local vec = require "core.vec"
local words = require "core.words"

local memory = {}
local Memory = {}
Memory.__index = Memory

--- Milliseconds of a time as people and programs write it: lua/memory/time.lua.
memory.time = time.read

-- ---- arguments ------------------------------------------------------------------

local function names(list)
  local set = {}
  for name in list:gmatch "%S+" do set[name] = true end
  return set
end

local ITEM = names "ns layer kind key id text value importance tags ttl trust source run seq time session speaker vector model now"
local QUERY = names [[ns query k kind kinds layer where as_of allow weights min_score vector model now run distinct]]
local WHERE = names "tags trust session speaker since until value"
local WHICH = names "ns kind key id layer run session all as_of now reason limit"

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

local function check_time(what, name, value)
  if value == nil or math.type(value) == "integer" then return value end
  local ms, message = time.read(value)
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
  local ttl = check_ttl(what, item.ttl or defaults.kinds and defaults.kinds[out.kind] and defaults.kinds[out.kind].ttl)
  if ttl then out.expires = now + ttl end
  local embed = defaults.embed
  if embed and not embed.remote and out.text and not out.vector then
    local vector = embed.vector and embed.vector(out.text) or embed.batch { out.text }[1]
    out.vector, out.model = quantised(what, vector), embed.model
  elseif embed and out.text and not out.vector then
    out.model = embed.model -- m:reembed fetches it
  end
  -- What a run keeps for itself is its own session.
  if out.layer == "working" and out.run then out.session = "run:" .. out.run end
  return out
end

local function which(what, t, defaults)
  check_fields(what, t, WHICH)
  local out = {
    ns = namespace(what, t.ns, defaults.ns), run = t.run, layer = t.layer, limit = t.limit,
    kind = check_type(what, "kind", t.kind, "string"),
    session = check_type(what, "session", t.session, "string"),
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
  if not (w.kind or w.key or w.id or w.layer or w.run or w.session or t.all) then
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
-- return list of numbers end }`; `books`, a function that gives the ledger in which an
-- embedder that costs money holds it (one of this store's own, with `limits` and `zone`,
-- unless told).
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
  local embed = options.embed
  if embed and embed.attach and not options.read_only then
    local books = options.books
    embed.attach(books or function()
      local made, why = require("budget").open { store = db, limits = options.limits, zone = options.zone }
      if not made then error(why, 0) end
      embed.attach(function() return made end)
      return made
    end)
  end
  return setmetatable({
    store = db, half = half, owns = db ~= where, path = type(where) == "string" and where or options.path or "", clock = options.clock or clock.now_ms,
    owner = options.owner or "owner", defaults = { ns = options.ns, embed = options.embed, kinds = options.kinds or {} }, weights = options.weights,
    kinds = options.kinds or {}, rules = options.rules or {},
  }, Memory)
end

--- The options of m:open that a home's settings (config.lua) mean: kinds, rules, embed.
function memory.options(settings)
  local kinds = {}
  for name, kind in pairs(settings.memory and settings.memory.kinds or {}) do
    local own = {}
    for field, value in pairs(kind) do own[field] = value end
    own.half_life, own.half_life_ms, own.ttl, own.ttl_ms = kind.half_life_ms, nil, kind.ttl_ms, nil
    kinds[name] = own
  end
  local embed = settings.embed
  if embed and embed.provider ~= "builtin" then
    local key, err = require("settings").key_of(settings, embed)
    if not key then error(err, 0) end
    embed = embedding.endpoint { provider = embed.provider, model = embed.model, base_url = embed.base_url, dim = embed.dim,
      key = key, price = embed.price }
  else
    embed = nil
  end
  return { kinds = kinds, embed = embed, rules = settings.memory and settings.memory.retention or {},
    limits = settings.budget, zone = settings.zone, owner = settings.owner }
end

--- Raise what is wrong with an item, as m:remember would; `what` begins the message.
function Memory:check(what, item) prepare(what, item, 0, self.defaults) end

--- The namespace that a call means, or an error that names the call.
function Memory:namespace(what, ns) return namespace(what, ns, self.defaults.ns) end

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

local function add_counts(total, done)
  for _, one in ipairs(done) do total[one.outcome] = total[one.outcome] + 1 end
  return total
end

local function prepare_all(self, what, items)
  local ready, now = {}, self.clock()
  for i, item in ipairs(items) do ready[i] = prepare(what, item, now, self.defaults) end
  return ready
end

--- Remember a list of items in one transaction. Returns the number of each outcome:
-- { new = n, superseded = n, same = n, disputed = n }.
function Memory:remember_all(items)
  local done, message, code = self.half:remember(prepare_all(self, "remember_all", items))
  if not done then return nil, message, code end
  return add_counts({ new = 0, superseded = 0, same = 0, disputed = 0 }, done)
end

--- Remember many lists, each in a transaction of its own: returns add, finish. add(items)
-- begins a transaction and waits for the one before, so that the next list is made ready
-- while this one goes to disk: true, or nil, message, code (of the list before).
-- finish() waits for the last and returns the counts, as m:remember_all gives them.
function Memory:writer()
  local total = { new = 0, superseded = 0, same = 0, disputed = 0 }
  local function add(items)
    local done, message, code = self.half:remember(prepare_all(self, "remember_all", items), true)
    if not done then return nil, message, code end
    add_counts(total, done)
    return true
  end
  return add, function()
    local ok, message, code = add {}
    if not ok then return nil, message, code end
    return total
  end
end

--- Add an item to a transaction of the store, so that it becomes true with all else
-- in it. `item.now` (milliseconds) must be told. Returns tx, or nil, message, code.
function memory.put(tx, item)
  if type(item) == "table" and math.type(item.now) ~= "integer" then
    error("memory.put: 'now' is needed: a transaction has no clock", 2)
  end
  return core.put(tx, prepare("memory.put", item, nil, {}))
end

--- The same, as this memory would remember it: with its embedder and its kinds' settings.
function Memory:put(tx, item)
  if math.type(item.now) ~= "integer" then error("memory.put: 'now' is needed: a transaction has no clock", 2) end
  return core.put(tx, prepare("memory.put", item, nil, self.defaults))
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
  local now = t.now or self.clock()
  local done, message, code = self.half:forget(w, now, t.reason)
  if not done then return nil, message, code end
  if done.rows > 0 then
    local tx = self.store:tx()
    tx:add("audit.put", { now = now, who = t.who or self.owner, what = "memory.forget", subject = ("%s/%s"):format(t.kind or t.id or t.layer or t.run or "all", t.key or "*"),
      detail_codec = { rows = done.rows } })
    local ok
    ok, message, code = self.store:commit(tx)
    if not ok then return nil, message, code end
  end
  return done.rows
end

--- Empty the store's log, so that what was forgotten is not in it either: its row was
--- overwritten in the file, but the log may still hold how the page was. Returns true,
--- or nil, message, code: "conflict" while another process is reading.
function Memory:settle()
  return self.store:commit(archive.tidy(self.store:tx(), false))
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

local PARTS = { "text", "vector", "recency", "importance", "context", "time" }

--- What counts how much for a kind (nil: for every other).
function Memory:tuning(kind, weights)
  local own = kind and self.kinds[kind] or {}
  local out = { kind = kind, k1 = own.k1, b = own.b, half_life = check_ttl("search", own.half_life) }
  for _, from in ipairs { self.weights or {}, own, weights or {} } do
    for _, part in ipairs(PARTS) do out[part] = from[part] or out[part] end
  end
  return out
end

-- { status = "open", amount = { min = 10, max = 20 } } and tags as core.memory wants them.
local function conditions(tags, value)
  local list = {}
  for _, tag in ipairs(tags or {}) do list[#list + 1] = { name = "#", is = tag } end
  for name, is in pairs(check_type("search.where", "value", value, "table") or {}) do
    if type(name) ~= "string" then error("search.where: 'value' has fields by name", 3) end
    local one = { name = name }
    if type(is) == "table" then
      check_fields("search.where.value." .. name, is, { min = true, max = true })
      one.least, one.most = is.min, is.max
      if one.least == nil and one.most == nil then error(("search.where: '%s' has neither min nor max"):format(name), 3) end
    else
      one.is = is
    end
    list[#list + 1] = one
  end
  return list
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
  local q = {
    ns = namespace("search", t.ns, self.defaults.ns), query = check_type("search", "query", t.query, "string"),
    k = check_type("search", "k", t.k, "number"), kinds = kinds, layer = t.layer, run = t.run,
    now = t.now or self.clock(), as_of = check_time("search", "as_of", t.as_of),
    trust = check_type("search", "trust", where.trust, "string"),
    session = check_type("search", "session", where.session, "string"),
    speaker = check_type("search", "speaker", where.speaker, "string"),
    since = check_time("search", "since", where.since), ["until"] = check_time("search", "until", where["until"]),
    allow = check_texts("search", "allow", t.allow), usual = self:tuning(nil, t.weights),
    fields = conditions(check_texts("search", "tags", where.tags), where.value),
    vector = quantised("search", t.vector), model = check_type("search", "model", t.model, "string"),
  }
  local about = q.query and #q.query < 1000 and time.about(q.query, q.as_of or q.now)
  if about then
    q.about_from, q.about_until, q.about_month, q.about_day = about.from, about["until"], about.month, about.day
  end
  q.tuned = {}
  for kind in pairs(self.kinds) do q.tuned[#q.tuned + 1] = self:tuning(kind, t.weights) end
  if self.defaults.embed and q.query and not q.vector then
    local list, model, code = self:vectors { q.query }
    if list then
      q.vector, q.model = list[1], model
    elseif not self.defaults.embed.remote then
      return nil, model, code
    end -- an endpoint that is away: words alone are better than nothing
  end
  -- An empty list of what is allowed allows nothing.
  if q.allow and #q.allow == 0 or kinds and #kinds == 0 then return {} end
  q.distinct = t.distinct ~= false
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

for name, fn in pairs(require "memory.lines") do Memory[name] = fn end
for name, fn in pairs(require "memory.retention") do Memory[name] = fn end
for _, name in ipairs { "vectors", "reembed", "model" } do Memory[name] = embedding[name] end
for name, fn in pairs(require "memory.pack") do Memory[name] = fn end

return memory
