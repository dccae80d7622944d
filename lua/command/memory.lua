--- keel memory import|search|pack|get|history|forget|stats|export|gc|reembed
--
-- Works on the store's file: reading does not disturb an engine that runs, writing
-- is refused while one does (K9001).
local errors = require "errors"
local file = require "file"
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

local commands, writes = {}, { import = true, forget = true, gc = true, reembed = true }

local function lines_of(path)
  if path == "-" then return io.lines() end
  local f, message = io.open(path, "r")
  if not f then error(errors.new("K1009", { name = path, detail = message }), 0) end
  return f:lines()
end

local function imported(done)
  local text = ("%d new, %d superseded, %d known"):format(done.new, done.superseded, done.same)
  if done.disputed > 0 then text = text .. (", %d disputed"):format(done.disputed) end
  if (done.gone or 0) > 0 then text = text .. (", %d gone"):format(done.gone) end
  return text
end

function commands.import(m, o, words, io_)
  local path, ns = need("a file, or a folder of notes", words[1]), need("--ns", o.ns)
  local done
  if file.kind(path) == "folder" then
    done = try(m:import_notes(path, ns))
    done.files = done.files or 0
  else
    done = try(m:import(lines_of(path), ns))
  end
  io_.write(io_.json and json.encode(done) .. "\n" or ("%s into %s: %s\n"):format(done.files and ("%d sections of %d file%s")
    :format(done.lines, done.files, done.files == 1 and "" or "s") or ("%d lines"):format(done.lines), terminal.escape(ns), imported(done)))
  return 0
end

--- Ask memory; what it refuses as a wrong question is the command line's fault.
local function ask(m, what, q)
  local ok, found, message, code = pcall(m[what], m, q)
  if ok then return try(found, message, code) end
  if type(found) ~= "string" then error(found, 0) end
  usage("K1004", { name = "the question", detail = (found:gsub("^[%w_/.]+:%d+: ", "")) })
end

local function batch(m, o, io_)
  local number = 0
  for text in lines_of(o.batch) do
    number = number + 1
    if text:find "%S" then
      local line, message = json.decode(text)
      if type(line) ~= "table" or type(line.text) ~= "string" or not line.id then
        error(errors.new("K1004", { name = "--batch", file = o.batch, line = number,
          detail = ("line %d: %s"):format(number, message or "'id' and 'text' (text) are needed") }), 0)
      end
      local hits = ask(m, "search", { ns = line.ns or need("--ns, or 'ns' in each line", o.ns), query = line.text, k = o.k or 10 })
      for _, hit in ipairs(hits) do io_.write(("%s\t%s\t%.6f\n"):format(terminal.escape(tostring(line.id)), terminal.escape(hit.id), hit.score)) end
    end
  end
  return 0
end

local function question(o, words)
  return { ns = need("--ns", o.ns), query = need("a question", table.concat(words, " ")), k = o.k, kind = o.kind,
    layer = o.layer, as_of = o.as_of,
    where = { tags = o.tags, trust = o.trust, session = o.session, speaker = o.speaker, value = o.fields,
      since = o.since, ["until"] = o.before } }
end

function commands.search(m, o, words, io_)
  if o.batch then return batch(m, o, io_) end
  local hits = ask(m, "search", question(o, words))
  if io_.json then io_.write(json.encode(all(hits)) .. "\n") return 0 end
  for _, hit in ipairs(hits) do
    local why = {}
    for _, part in ipairs { "text", "vector", "context", "time", "importance", "recency" } do
      if hit.parts[part] > 0 then why[#why + 1] = ("%s %.2f"):format(part, hit.parts[part]) end
    end
    io_.write(("%.3f  %s\n       %s  %s  (%s)\n"):format(hit.score, said(hit),
      terminal.escape(hit.kind .. "/" .. (hit.key or hit.id)), rfc3339.format(hit.time), table.concat(why, ", ")))
  end
  if #hits == 0 then io_.write(("nothing in %s answers that\n"):format(terminal.escape(o.ns))) end
  return 0
end

function commands.pack(m, o, words, io_)
  local q = question(o, words)
  q.tokens = o.tokens
  local packed = ask(m, "pack", q)
  if not io_.json then
    io_.write((packed.text:gsub("[^\n]+", terminal.escape)) .. "\n")
    io_.write(("-- %d of %d tokens, %d items, %d shortened, %d left out\n"):format(packed.tokens, packed.budget, #packed.items,
      #packed.shortened, #packed.left_out))
    return 0
  end
  for _, one in ipairs(packed.items) do one.time = rfc3339.format(one.time) end
  for _, name in ipairs { "items", "left_out", "shortened" } do packed[name] = json.array(packed[name]) end
  io_.write(json.encode(packed) .. "\n")
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

local gone = { { "expired", "expired" }, { "working", "of runs that are over" }, { "aged", "too old" },
  { "superseded", "old versions" }, { "faded", "faded" }, { "over", "too many or too large" } }

function commands.gc(m, o, _, io_)
  local done = try(m:gc { rules = m.rules, dry_run = o.dry_run, compact = true })
  if done.gone > 0 and not o.dry_run then try(m:settle()) end
  done.dry_run = o.dry_run or false
  if io_.json then io_.write(json.encode(done) .. "\n") return 0 end
  local why = {}
  for _, part in ipairs(gone) do
    if done[part[1]] > 0 then why[#why + 1] = ("%d %s"):format(done[part[1]], part[2]) end
  end
  io_.write(("%d %s%s, %s of text%s\n"):format(done.gone, o.dry_run and "would go" or "gone",
    #why > 0 and " (" .. table.concat(why, ", ") .. ")" or "", require("bytesize").format(done.bytes),
    done.summarised > 0 and (", %d sessions summarised"):format(done.summarised) or ""))
  return 0
end

function commands.reembed(m, o, _, io_)
  local n = try(m:reembed { ns = o.ns, force = o.all })
  io_.write(io_.json and json.encode { embedded = n, model = m:model() } .. "\n" or ("%d texts embedded with %s\n"):format(n, m:model()))
  return 0
end

-- ---- running ---------------------------------------------------------------------------

--- The settings of the home, if it has any: a folder without config.lua has a memory too.
local function options_of(home, command)
  local path = home .. "/config.lua"
  if not file.exists(path) then return { read_only = not writes[command] } end
  local config, err = require("settings").load(path)
  if not config then error(err, 0) end
  local options = memory.options(config)
  options.read_only = not writes[command]
  return options
end

local function open(home, command)
  local path = home .. "/var/keel.db"
  if not file.exists(path) then
    if not writes[command] then
      error(errors.new("K1007", { kind = "store", name = path, next = "keel memory import --ns NS FILE.jsonl" }), 0)
    end
    try(file.mkdir(home .. "/var"))
  end
  return try(memory.open(path, options_of(home, command)))
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
  for flag, name in pairs { since = "since", ["until"] = "before" } do
    if o[flag] then
      local ms, message = memory.time(math.tointeger(tonumber(o[flag])) or o[flag])
      if not ms then usage("K1004", { name = "--" .. flag, detail = message }) end
      o[name] = ms
    end
  end
  if o.where then
    o.fields = json.decode(o.where)
    if type(o.fields) ~= "table" or o.fields[1] then
      usage("K1004", { name = "--where", detail = 'one JSON object is expected, like {"status": "open", "amount": {"min": 10}}' })
    end
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
  about = "what was learned: import, search, pack, get, history, forget, stats, export, gc, reembed",
  arguments = { { "verb", "import|search|pack|get|history|forget|stats|export|gc|reembed" },
    { "words", "FILE|FOLDER|QUERY|KEY", optional = true, many = true } },
  flags = {
    { "ns", "NS", "the namespace" },
    { "k", "N", "at most so many hits (10)", kind = "count" },
    { "kind", "KIND", "only this kind" },
    { "layer", "LAYER", "only this layer: working, session, long" },
    { "tag", "TAG,...", "only with all of these tags" },
    { "trust", "WORD", "only what is trusted so: internal, external" },
    { "session", "NAME", "only from this session" },
    { "speaker", "NAME", "only of this speaker" },
    { "since", "TIME", "only what holds since then, or later" },
    { "until", "TIME", "only what held before then" },
    { "where", "JSON", "only values whose fields fit: {\"status\": \"open\", \"amount\": {\"min\": 10}}" },
    { "tokens", "N", "pack: into so many tokens (1000)", kind = "count" },
    { "as-of", "TIME", "what held then: 2026-03-09T08:00:00Z, 2026-03-09" },
    { "batch", "FILE", "search for each line {id, ns, text}; prints QUERY-ID TAB ID TAB SCORE" },
    { "id", "ID", "the item of this id, instead of a key" },
    { "key", "KEY", "the key" },
    { "all", nil, "forget: the whole namespace; reembed: also what has a vector" },
    { "reason", "TEXT", "forget: what the tombstone says" },
    { "dry-run", nil, "gc: only count what would go" },
  },
  examples = { "keel memory import --ns acme notes.jsonl", "keel memory search --ns acme --k 5 when does the refund arrive",
    "keel memory history --ns acme --kind client lindgren", "keel memory forget --ns acme --id D1:3 --reason 'asked to'" },
  notes = "Import takes lines of JSON: {\"id\", \"text\", \"key\", \"kind\", \"session\", \"speaker\", \"time\", \"tags\","
    .. " \"value\", \"importance\", \"ttl\"}, all but the text optional; `-` is the standard input. Importing the same"
    .. " lines again changes nothing. Export writes the same form. A folder is imported as Markdown notes, a heading an"
    .. " item each; importing it again follows what has changed. gc lets go what `memory.retention` of config.lua says.",
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
