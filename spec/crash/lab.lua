--- Homes that are killed, and whether the promise held: what is there in the end must
--- equal what is there when nobody kills.
local engine = require "engine"
local file = require "file"
local json = require "json"
local program = require "spec.support.program"

local lab = {}

local function quoted(word) return "'" .. word:gsub("'", "'\\''") .. "'" end
lab.quoted = quoted

--- Run a shell command; returns its exit code (137: killed).
local function shell(text)
  local _, how, code = os.execute(text)
  return how == "signal" and 128 + code or code
end
lab.shell = shell

-- ---- homes -------------------------------------------------------------------------

function lab.scratch()
  local path = os.tmpname()
  os.remove(path)
  return path
end

function lab.remove(home) os.execute("rm -rf " .. quoted(home)) end

--- The shim that makes the disk fail (spec/crash/fault.c), or nil, why when this
--- machine cannot have it.
function lab.shim()
  if lab.shim_path == nil then
    local where = (program:match("^(.*)/[^/]*$") or ".") .. "/crash-fault.so"
    local source = "spec/crash/fault.c"
    local built = shell(("test %s -nt %s || cc -std=c11 -D_GNU_SOURCE -O1 -shared -fPIC -o %s %s -ldl 2>/dev/null")
      :format(quoted(where), source, quoted(where), source))
    lab.shim_path = built == 0 and where or false
  end
  if lab.shim_path then return lab.shim_path end
  return nil, "no C compiler for spec/crash/fault.c"
end

--- Words before a command that put `fault` ("kill:17") on its disk.
local function faulty(fault, count)
  if not fault and not count then return "" end
  return ("LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0 KEEL_FAULT=%s KEEL_FAULT_COUNT=%s")
    :format(quoted(assert(lab.shim())), fault or "", quoted(count or ""))
end

--- keel WORDS on a home: { out, err, code }. Options: fault, count, kill (seconds
--- after which it is killed), before (words of the shell before it).
function lab.keel(home, words, options)
  options = options or {}
  local out, err = os.tmpname(), os.tmpname()
  local call = ("%s env -u KEEL_HOME -u COLUMNS %s %s --home %s %s </dev/null >%s 2>%s"):format(options.before or "",
    faulty(options.fault, options.count), quoted(program), quoted(home), words, out, err)
  local code
  if options.kill then
    -- exec: the process that is killed is keel itself
    code = shell(("exec 2>/dev/null; exec_keel() { exec %s; }; exec_keel & p=$!; sleep %.4f; kill -9 $p; wait $p")
      :format(call, options.kill))
  else
    code = shell(call)
  end
  local result = { out = file.read(out), err = file.read(err), code = code }
  os.remove(out)
  os.remove(err)
  return result
end

--- Serve a home for some seconds, then kill -9 the engine (and, after 50 ms, the
--- supervisor that started it again), or both at once.
function lab.serve_for(home, seconds, whom)
  -- the supervisor takes its engine along; a killed engine is started again
  shell(([[
    exec 2>/dev/null; k=%s; h=%s
    $k serve --home $h --listen off </dev/null >/dev/null & p=$!
    sleep %.4f
    if [ %s = engine ]; then
      e=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' $h/var/engine.json)
      [ -n "$e" ] && kill -9 $e; sleep 0.05
    fi
    kill -9 $p; wait $p
  ]]):format(quoted(program), quoted(home), seconds, whom))
end

-- ---- what is there -----------------------------------------------------------------

local function value_of(value)
  return value == nil and json.null or value
end

local function records_of(e)
  local all = json.array {}
  for _, kind in ipairs(e:record_types()) do
    for _, row in ipairs(e:records(kind.type)) do
      all[#all + 1] = { type = kind.type, key = row.key, version = row.version, value = row.value }
    end
  end
  return all
end

local function by_text(list)
  local texts = {}
  for i, item in ipairs(list) do texts[i] = json.encode(item) end
  table.sort(texts)
  return texts
end

local function memory_of(e)
  local all = {}
  for line in e:memory():export() do
    local item = json.decode(line)
    all[#all + 1] = { kind = item.kind, key = item.key, text = item.text, value = value_of(item.value),
      tags = item.tags, source = item.source }
  end
  return all
end

local function outbox_of(home)
  local all = {}
  for line in (file.read(file.join(home, "var", "outbox.jsonl")) or ""):gmatch("([^\n]*)\n?") do
    if line ~= "" then
      local row = assert(json.decode(line))
      row.at = nil
      all[#all + 1] = row
    end
  end
  return all
end

local function runs_of(e)
  local all = {}
  for _, run in ipairs(e:list { limit = 100000 }) do
    all[#all + 1] = { agent = run.agent, key = run.key, state = run.state, steps = run.steps,
      output = value_of(run.output), error = value_of(run.error) }
  end
  return all
end

--- What a home holds: lists of lines of text, sorted.
function lab.state(home)
  local e <close> = assert(engine.look { home = home })
  local integrity = {}
  for i, row in ipairs(e.store:read("check.integrity", {})) do integrity[i] = row.result end
  return { records = by_text(records_of(e)), memory = by_text(memory_of(e)), outbox = by_text(outbox_of(home)),
    runs = by_text(runs_of(e)), waiting = by_text(e:inbox()), integrity = integrity }
end

local all_parts = { "integrity", "runs", "records", "memory", "outbox", "waiting" }

--- What differs in these parts of a state: a list of sentences.
function lab.differences(want, got, parts)
  local list = {}
  for _, part in ipairs(parts or all_parts) do
    local count = {}
    for _, text in ipairs(want[part]) do count[text] = (count[text] or 0) + 1 end
    for _, text in ipairs(got[part]) do count[text] = (count[text] or 0) - 1 end
    for text, n in pairs(count) do
      if n ~= 0 then list[#list + 1] = ("%s: %s %s"):format(part, n > 0 and "lost" or "too much", text) end
    end
  end
  table.sort(list)
  return list
end

--- Every run of a home replays to the same: a list of complaints.
function lab.replays(home)
  local done = lab.keel(home, "replay --all --offline --json")
  local list = {}
  for _, one in ipairs(json.decode(done.out) or {}) do
    if not one.equal and not one.purged then list[#list + 1] = "replay: " .. json.encode(one) end
  end
  if done.code ~= 0 or #done.out == 0 then
    list[#list + 1] = ("replay ended with %d: %s%s"):format(done.code, done.out, done.err)
  end
  return list
end

-- ---- the demo ----------------------------------------------------------------------

lab.demo = "demo --json"

--- An undisturbed demo: its state, the seconds it takes, the disk calls it makes.
function lab.reference()
  local home, count = lab.scratch(), os.tmpname()
  local began = require("core.clock").mono_us()
  local done = lab.keel(home, lab.demo)
  local seconds = (require("core.clock").mono_us() - began) / 1e6
  assert(done.code == 0, done.err .. done.out)
  local state = lab.state(home)
  assert(#lab.replays(home) == 0)
  lab.remove(home)
  local calls
  if lab.shim() then
    done = lab.keel(home, lab.demo, { count = count })
    assert(done.code == 0, done.err .. done.out)
    calls = math.tointeger(tonumber(file.read(count)))
    lab.remove(home)
  end
  os.remove(count)
  return { state = state, seconds = seconds, calls = calls }
end

--- Finish a disturbed demo and compare: a list of complaints, empty when all is well.
function lab.judge(home, reference)
  local done = lab.keel(home, lab.demo)
  if done.code ~= 0 then return { ("finishing ended with %d: %s%s"):format(done.code, done.out, done.err) } end
  local list = lab.differences(reference.state, lab.state(home))
  for _, one in ipairs(lab.replays(home)) do list[#list + 1] = one end
  return list
end

-- ---- an approval -------------------------------------------------------------------

local asks = [[
return agent { version = 1, about = "asks, then sends", on = { event = "order.placed", key = "id" },
  uses = { "mail" },
  run = function(ctx, order)
    local verdict = ctx.approve{ subject = "order:" .. order.id, proposal = { n = 1 } }
    ctx.records.put{ type = "order", key = order.id, value = { outcome = verdict.outcome } }
    ctx.skill.mail{ op = "send", to = "ana@example.org", key = "order:" .. order.id }
    return verdict.outcome
  end }]]

--- One order that waits for its approval; returns the question's id.
local function ordered(home)
  for _, folder in ipairs { "agents", "var" } do assert(file.mkdir(home .. "/" .. folder)) end
  assert(file.write(home .. "/config.lua", 'return { zone = "UTC", adapters = { mail = "outbox" } }'))
  assert(file.write(home .. "/agents/asks.lua", asks))
  local done = lab.keel(home, "emit order.placed '{\"id\":\"7\"}' --json")
  assert(done.code == 0 or done.code == 6, done.out .. done.err)
  return json.decode(lab.keel(home, "inbox --json").out)[1].id
end

--- Put `fault` at every `stride`th place between a decision and the end of its run: the
--- decision, the record, the outbox, the result. Whatever is hit, one decision and one
--- mail must be there in the end. Calls each(home, place, done, complaints).
function lab.approved(fault, stride, first, each)
  local whole, count = lab.scratch(), os.tmpname()
  lab.keel(whole, "approve " .. ordered(whole) .. " --json", { count = count })
  local want = lab.state(whole)
  assert(#want.outbox == 1 and #want.records == 1 and #want.waiting == 0)
  lab.remove(whole)
  local calls = math.tointeger(tonumber(file.read(count)))
  os.remove(count)
  for n = first, calls, stride do
    local home = lab.scratch()
    local done = lab.keel(home, "approve " .. ordered(home) .. " --json", { fault = fault .. ":" .. n })
    -- what a person does next: look, and decide again when it is still asked
    for _, item in ipairs(json.decode(lab.keel(home, "inbox --json").out)) do
      lab.keel(home, "approve " .. item.id .. " --json")
    end
    lab.keel(home, "emit nothing.else 1 --json")   -- any command that opens the engine goes on
    local complaints = lab.differences(want, lab.state(home))
    for _, one in ipairs(lab.replays(home)) do complaints[#complaints + 1] = one end
    each(home, ("%s at disk call %d of %d after the decision"):format(fault, n, calls), done, complaints)
  end
end

return lab
