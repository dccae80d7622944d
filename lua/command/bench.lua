local errors = require "errors"

-- What is measured, and how much of it unless said otherwise.
local benches = {
  steps = { module = "bench.steps", runs = 1, steps = 1000 },
  recover = { module = "bench.recover", runs = 1000, steps = 100 },
  park = { module = "bench.park", runs = 10000, steps = 1 },
  bus = { module = "bench.bus", runs = 1, steps = 1 },
  retention = { module = "bench.retention", runs = 1, steps = 1000 },
  sandbox = { module = "bench.sandbox", runs = 10000, steps = 1 },
  heartbeat = { module = "bench.heartbeat", runs = 64, steps = 10 },
  restart = { module = "bench.restart", runs = 2000, steps = 1 },
  replay = { module = "bench.replay", runs = 1, steps = 100000 },
  memory = { module = "bench.memory", runs = 1, steps = 1 },
  model = { module = "bench.model", runs = 1, steps = 1 },
  pages = { module = "bench.pages", runs = 100000, steps = 1 },
}

local function one(text)
  if type(text) == "string" then return text end
  return math.tointeger(text) and ("%d"):format(text) or ("%.1f"):format(text)
end

local function print_plain(context, figures)
  local rows = {}
  local json = require "json"
  for i, name in ipairs(json.sorted_keys(figures)) do rows[i] = { name, type(figures[name]) == "number" and one(figures[name]) or json.encode(figures[name]) } end
  context.out(context.terminal:table({ { "figure", style = "name" }, { "value", right = true } }, rows))
end

--- A folder on the disk that is to be measured, gone afterwards.
local function with_scratch(folder, fn)
  local file = require "file"
  local digest, clock = require "core.digest", require "core.clock"
  local path = file.join(folder, digest.make_id("bench", clock.now_ms(), clock.random()))
  local ok, message, code = file.mkdir(path)
  if not ok then return nil, errors.from(message, code) end
  local ran, figures, err = xpcall(fn, debug.traceback, path)
  os.execute("rm -rf '" .. path:gsub("'", "'\\''") .. "'")
  if not ran then error(figures, 0) end
  return figures, err
end

return {
  about = "measure this machine, beside the raw baseline of the same run",
  arguments = { { "what", "steps|replay|park|recover|restart|bus|retention|sandbox|heartbeat|memory|model|pages" } },
  flags = {
    { "runs", "R", "so many runs (steps 1, park 10000, recover 1000, restart 2000, sandbox 10000, pages 100000)", kind = "count" },
    { "steps", "S", "so many steps in each (steps 1000, replay 100000, recover 100)", kind = "count" },
    { "events", "E", "bus: so many events (100000)", kind = "count" },
    { "keys", "K", "bus: over so many keys, each in order (1000)", kind = "count" },
    { "n", "N", "memory: so many memories (100000); pages: so many calls and records (1000000)", kind = "count" },
    { "dim", "D", "memory: vectors of so many numbers (256)", kind = "count" },
    { "corpus", "DIR", "heartbeat: the scripts of this folder (spec/sandbox)" },
    { "concurrency", "C", "model: so many calls at once (64)", kind = "count" },
    { "dir", "DIR", "measure the disk of this folder (.)" },
  },
  notes = "steps: R runs of S steps of about 100 bytes, each durable before the next begins."
    .. " replay: a run of S steps waits; after a restart its event arrives."
    .. " park: R runs sleep; what they take meanwhile, and how soon all have gone on after a restart."
    .. " recover: R runs of S steps are killed with -9 when 45 % is done, and started again."
    .. " restart: a served engine with R open runs, a tenth at work, is killed with -9 and stopped with"
    .. " SIGSTOP; how soon a request that was sent right after is answered."
    .. " Each works in a folder of its own below DIR, which is gone afterwards, and gives the raw"
    .. " figures of the same disk and moment beside its own: raw_steps_per_s is bare SQLite, for steps"
    .. " with the same rows in commits of the same size as the engine's own were on average (raw_group);"
    .. " fsync_p50_us is one append of 4 KiB. docs/bench.md says what each figure means."
    .. " bus: E events fanned out to one agent that"
    .. " takes those of a key one at a time, and a thousand of them admitted; look_us is the look at"
    .. " what may go, with a thousand queued (few) and with all, wait_us the look for the one wait of 10000"
    .. " for a type that an event fits."
    .. " retention: R runs of S steps of 2 KB, 4 at once, alone and beside retention that keeps the store"
    .. " under max_bytes: the size, and what it does to the steps."
    .. " sandbox: what scripts cost in a sandbox beside a plain state, what starting a run costs, and what R"
    .. " resident states hold; `make bench-sandbox` says the same with stock Lua as the plain state."
    .. " memory: N memories with vectors of D numbers are written, searched and let go; scan_ms is the bare"
    .. " scan of as many vectors in the same run, recall_at_10 is against floats."
    .. " model: C calls at once against a server in another process, beside a bare libcurl client; added_p50_us is"
    .. " what a call takes beyond that client's when the server holds the reply for 25 to 75 ms."
    .. " pages: how long each page of the dashboard takes when there are R runs, N calls of models and N"
    .. " records of the audit trail, beside the same of an empty home."
    .. " heartbeat: every script of a folder as an agent, one by one and R at once, beside a timer of 10 ms:"
    .. " how late it was, and how much the loop's thread computed between two beats; the S worst are named.",
  examples = { "keel bench steps --runs 1000 --steps 100 --json", "keel bench recover --json",
    "keel bench retention --runs 700 --steps 10 --json" },
  run = function(args, context)
    local bench = benches[args.what]
    if not bench then
      return nil, errors.new("K1004", { name = args.what, detail = "there is no such bench", command = "bench",
        suggestion = require("suggest").nearest(args.what, benches) })
    end
    local figures, err = with_scratch(args.dir or ".", function(folder)
      return require(bench.module).measure { runs = args.runs or bench.runs, steps = args.steps or bench.steps,
        events = args.events, keys = args.keys, folder = folder, n = args.n, dim = args.dim,
        concurrency = args.concurrency or 64, corpus = args.corpus or "spec/sandbox" }
    end)
    if not figures then return nil, err end
    if context.json then context.print_json(figures) else print_plain(context, figures) end
    return 0
  end,
}
