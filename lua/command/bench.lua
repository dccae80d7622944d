local errors = require "errors"

local benches = { steps = "bench.steps", bus = "bench.bus", retention = "bench.retention" }

local function one(text)
  return math.tointeger(text) and ("%d"):format(text) or ("%.1f"):format(text)
end

local function print_plain(context, figures)
  local rows = {}
  for i, name in ipairs(require("json").sorted_keys(figures)) do rows[i] = { name, one(figures[name]) } end
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
  arguments = { { "what", "steps|bus|retention" } },
  flags = {
    { "runs", "R", "so many runs at once (1)", kind = "count" },
    { "steps", "S", "so many steps in each (1000)", kind = "count" },
    { "events", "E", "bus: so many events (100000)", kind = "count" },
    { "keys", "K", "bus: over so many keys, each in order (1000)", kind = "count" },
    { "dir", "DIR", "measure the disk of this folder (.)" },
  },
  notes = "steps: R runs of S steps of about 100 bytes, each durable before the next begins."
    .. " raw_steps_per_s is bare SQLite on the same disk: the same rows in commits of the same"
    .. " size as the engine's own were on average (raw_group); raw_full_steps_per_s the same with"
    .. " R rows a commit, the best that grouping can do. bus: E events fanned out to one agent that"
    .. " takes those of a key one at a time, and a thousand of them admitted; look_us is the look at"
    .. " what may go, with a thousand queued (few) and with all, wait_us the look for the one wait of 10000"
    .. " for a type that an event fits."
    .. " retention: R runs of S steps of 2 KB, 4 at once, alone and beside retention that keeps the store"
    .. " under max_bytes: the size, and what it does to the steps.",
  examples = { "keel bench steps --runs 1000 --steps 100 --json", "keel bench retention --runs 700 --steps 10 --json" },
  run = function(args, context)
    local name = benches[args.what]
    if not name then
      return nil, errors.new("K1004", { name = args.what, detail = "there is no such bench", command = "bench",
        suggestion = require("suggest").nearest(args.what, benches) })
    end
    local figures, err = with_scratch(args.dir or ".", function(folder)
      return require(name).measure { runs = args.runs or 1, steps = args.steps or 1000,
        events = args.events, keys = args.keys, folder = folder }
    end)
    if not figures then return nil, err end
    if context.json then context.print_json(figures) else print_plain(context, figures) end
    return 0
  end,
}
