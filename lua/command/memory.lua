--- keel memory import|search|get|history|forget|stats|export|gc
--
-- Works on the store's file: reading does not disturb an engine that runs, writing
-- is refused while one does (K9001).
local errors = require "errors"
local json = require "json"
local memory = require "memory"
local rfc3339 = require "rfc3339"
local suggest = require "suggest"
local terminal = require "terminal"

local function usage(number, fields)
  fields.command = "memory"
  error(errors.new(number, fields), 0)
end

local function try(value, message, code)
  if value == nil then error(errors.from(message, code), 0) end
  return value
end

local function need(what, value)
  if value == nil or value == "" then usage("K1003", { name = what }) end
  return value
end

-- ---- output -------------------------------------------------------------------------

local function all(rows)
  local out = json.array {}
  for i, row in ipairs(rows) do out[i] = memory.shown(row) end
  return out
end

local function one_line(text)
  text = text:gsub("%s+", " ")
  if #text <= 100 then return text end
  return text:sub(1, (utf8.offset(text, 0, 98) or 98) - 1) .. "..."
end

local function said(row)
  if row.forgotten then return "(forgotten" .. (row.reason and ": " .. row.reason or "") .. ")" end
  return terminal.escape(one_line(row.text or json.encode(row.value) or ""))
end

local function put(io_, row)
  if io_.json then io_.write(json.encode(memory.shown(row)) .. "\n") return end
  io_.write(("%s  %s  %s\n  %s\n"):format(terminal.escape(row.id), terminal.escape(row.kind .. "/" .. (row.key or "-")),
    rfc3339.format(row.time), said(row)))
end

-- ---- commands --------------------------------------------------------------------------

local commands, writes = {}, { import = true, forget = true, gc = true }

local function lines_of(path)
  if path == "-" then return io.lines() end
  local f, message = io.open(path, "r")
  if not f then error(errors.new("K1009", { name = path, detail = message }), 0) end
  return f:lines()
end

function commands.import(m, o, words, io_)
  local done = try(m:import(lines_of(need("a file", words[1])), need("--ns", o.ns)))
  io_.write(io_.json and json.encode(done) .. "\n" or ("%d lines into %s: %d new, %d superseded, %d known\n"):format(
    done.lines, terminal.escape(o.ns), done.new, done.superseded, done.same))
  return 0
end

local function batch(m, o, io_)
  local number = 0
  for text in lines_of(o.batch) do
    number = number + 1
    if text:find "%S" then
      local line, message = json.decode(text)
      if type(line) ~= "table" or not line.text or not line.id then
        error(errors.new("K1004", { name = "--batch", file = o.batch, line = number,
          detail = ("line %d: %s"):format(number, message or "'id' and 'text' are needed") }), 0)
      end
      local hits = try(m:search { ns = line.ns or need("--ns, or 'ns' in each line", o.ns), query = line.text, k = o.k or 10 })
      for _, hit in ipairs(hits) do io_.write(("%s\t%s\t%.6f\n"):format(terminal.escape(line.id), terminal.escape(hit.id), hit.score)) end
    end
  end
  return 0
end

function commands.search(m, o, words, io_)
  if o.batch then return batch(m, o, io_) end
  local hits = try(m:search {
    ns = need("--ns", o.ns), query = need("a question", table.concat(words, " ")), k = o.k, kind = o.kind,
    layer = o.layer, as_of = o.as_of,
    where = { tags = o.tags, trust = o.trust, session = o.session, speaker = o.speaker },
  })
  if io_.json then io_.write(json.encode(all(hits)) .. "\n") return 0 end
  for _, hit in ipairs(hits) do
    local why = {}
    for _, part in ipairs { "text", "vector", "context", "importance", "recency" } do
      if hit.parts[part] > 0 then why[#why + 1] = ("%s %.2f"):format(part, hit.parts[part]) end
    end
    io_.write(("%.3f  %s\n       %s  %s  (%s)\n"):format(hit.score, said(hit),
      terminal.escape(hit.kind .. "/" .. (hit.key or hit.id)), rfc3339.format(hit.time), table.concat(why, ", ")))
  end
  if #hits == 0 then io_.write(("nothing in %s answers that\n"):format(terminal.escape(o.ns))) end
  return 0
end

local function target(o, words)
  local key = o.key or words[1]
  if not o.id then need("a key, or --id", key) end
  return { ns = need("--ns", o.ns), kind = o.kind, key = key, id = o.id, as_of = o.as_of }
end

local function missing(t)
  error(errors.new("K1007", { kind = "memory", name = t.id or t.key, next = "keel memory search --ns " .. t.ns .. " WORDS" }), 0)
end

function commands.get(m, o, words, io_)
  local t = target(o, words)
  local row, message, code = m:get(t)
  if not row and not message then missing(t) end
  put(io_, try(row, message, code))
  return 0
end

function commands.history(m, o, words, io_)
  local t = target(o, words)
  t.as_of = nil
  local rows = try(m:history(t))
  if #rows == 0 then missing(t) end
  if io_.json then io_.write(json.encode(all(rows)) .. "\n") return 0 end
  for _, row in ipairs(rows) do put(io_, row) end
  return 0
end

function commands.forget(m, o, words, io_)
  local t = (o.all or o.layer) and { ns = need("--ns", o.ns), all = o.all, layer = o.layer, kind = o.kind } or target(o, words)
  t.as_of, t.reason = nil, o.reason
  local n = try(m:forget(t))
  if n == 0 and (t.id or t.key) then missing(t) end
  try(m:settle())
  io_.write(io_.json and json.encode { forgotten = n } .. "\n" or ("%d forgotten\n"):format(n))
  return 0
end

function commands.stats(m, o, _, io_)
  local rows = try(m:stats(o.ns))
  if io_.json then
    for _, row in ipairs(rows) do row.newest = rfc3339.format(row.newest) end
    io_.write(json.encode(json.array(rows)) .. "\n")
    return 0
  end
  io_.write(("%-24s %-16s %-8s %8s %8s %8s %9s %10s\n"):format("namespace", "kind", "layer", "current", "older",
    "expired", "forgotten", "bytes"))
  for _, r in ipairs(rows) do
    io_.write(("%-24s %-16s %-8s %8d %8d %8d %9d %10d\n"):format(terminal.escape(r.ns), terminal.escape(r.kind), r.layer, r.current, r.superseded,
      r.expired, r.forgotten, r.bytes))
  end
  return 0
end

function commands.export(m, o, _, io_)
  for line in m:export(need("--ns", o.ns)) do io_.write(line .. "\n") end
  return 0
end

function commands.gc(m, o, _, io_)
  local n = 0
  if o.dry_run then
    for _, row in ipairs(try(m:stats())) do n = n + row.expired end
  else
    repeat
      local some = try(m:expire())
      n = n + some
    until some == 0
    if n > 0 then try(m:settle()) end
  end
  io_.write(io_.json and json.encode { expired = n, dry_run = o.dry_run or false } .. "\n"
    or ("%d expired %s\n"):format(n, o.dry_run and "would go" or "gone"))
  return 0
end

-- ---- running ---------------------------------------------------------------------------

local function open(home, command)
  local file = require "file"
  local path = home .. "/var/keel.db"
  if not file.exists(path) then
    if not writes[command] then
      error(errors.new("K1007", { kind = "store", name = path, next = "keel memory import --ns NS FILE.jsonl" }), 0)
    end
    try(file.mkdir(home .. "/var"))
  end
  return try(memory.open(path, { read_only = not writes[command] }))
end

local function check(o)
  if o.k and (o.k < 1 or o.k > 1000) then usage("K1004", { name = "--k", detail = "a number from 1 to 1000 is expected" }) end
  if o.as_of then
    local ms, message = memory.time(math.tointeger(tonumber(o.as_of)) or o.as_of)
    if not ms then usage("K1004", { name = "--as-of", detail = message }) end
    o.as_of = ms
  end
  if o.layer and not ({ working = 1, session = 1, long = 1 })[o.layer] then
    usage("K1004", { name = "--layer", detail = "working, session or long is expected" })
  end
  if o.tag then
    o.tags = {}
    for tag in o.tag:gmatch "[^,]+" do table.insert(o.tags, tag) end
  end
end

local function run(o, context)
  local name = o.verb
  if not commands[name] then
    usage("K1001", { name = "memory " .. name, suggestion = suggest.nearest(name, commands) })
  end
  check(o)
  local m <close> = open(context.home, name)
  return commands[name](m, o, o.words or {}, { write = context.out, json = context.json })
end

return {
  about = "what was learned: import, search, get, history, forget, stats, export, gc",
  arguments = { { "verb", "import|search|get|history|forget|stats|export|gc" },
    { "words", "FILE|QUERY|KEY", optional = true, many = true } },
  flags = {
    { "ns", "NS", "the namespace" },
    { "k", "N", "at most so many hits (10)", kind = "count" },
    { "kind", "KIND", "only this kind" },
    { "layer", "LAYER", "only this layer: working, session, long" },
    { "tag", "TAG,...", "only with all of these tags" },
    { "trust", "WORD", "only what is trusted so: internal, external" },
    { "session", "NAME", "only from this session" },
    { "speaker", "NAME", "only of this speaker" },
    { "as-of", "TIME", "what held then: 2026-03-09T08:00:00Z, 2026-03-09" },
    { "batch", "FILE", "search for each line {id, ns, text}; prints QUERY-ID TAB ID TAB SCORE" },
    { "id", "ID", "the item of this id, instead of a key" },
    { "key", "KEY", "the key" },
    { "all", nil, "forget: the whole namespace" },
    { "reason", "TEXT", "forget: what the tombstone says" },
    { "dry-run", nil, "gc: only count" },
  },
  examples = { "keel memory import --ns acme notes.jsonl", "keel memory search --ns acme --k 5 when does the refund arrive",
    "keel memory history --ns acme --kind client lindgren", "keel memory forget --ns acme --id D1:3 --reason 'asked to'" },
  notes = "Import takes lines of JSON: {\"id\", \"text\", \"key\", \"kind\", \"session\", \"speaker\", \"time\", \"tags\","
    .. " \"value\", \"importance\", \"ttl\"}, all but the text optional; `-` is the standard input. Importing the same"
    .. " lines again changes nothing. Export writes the same form.",
  remote = true,
  run = function(args, context)
    local ok, status = xpcall(run, function(why)
      return errors.is(why) and why or { trace = debug.traceback(tostring(why), 2), message = tostring(why) }
    end, args, context)
    if ok then return status end
    if errors.is(status) then return nil, status end
    error(status, 0)
  end,
}
