--- Routes about runs: lists, one, what begins, holds and ends them.
local errors = require "errors"
local json = require "json"
local outcome = require "outcome"
local tools = require "serve.api.tools"

local function run_list(e, _, ask)
  local list, err = e:list(ask)
  if not list then return nil, err end
  for i, run in ipairs(list) do list[i] = outcome.json(run) end
  return list
end

local function one_run(e, id)
  local run, err = e:describe(id)
  if not run then return nil, err end
  run = outcome.json(run)
  run.log, err = e:log(run.run)
  if not run.log then return nil, err end
  return run
end

local function start(e, _, body, who)
  return tools.acted(e, function(face) return face:start(body.agent, body.input == nil and {} or body.input, { key = body.key }) end,
    function(run) return outcome.json(e:describe(run.run)) end, who)
end

--- Who acts names the run whole: the beginning of an id is for people who see what it names.
local function whole(act)
  return function(e, id, body, who)
    local run, err = nil, nil
    if id then run, err = e:describe(id) end
    if id and (not run or run.run ~= id) then return nil, err or errors.new("K1007", { kind = "run", name = id }) end
    return act(e, id, body, who)
  end
end

local function cancel(e, id, body, who)
  return tools.acted(e, function(face) return face:cancel(id, who:options(body)) end,
    function(run) return outcome.json(e:describe(run.run)) end)
end

local function fork(e, id, body, who)
  local options = who:options(body)
  options.value = body.value
  return tools.acted(e, function(face) return face:fork(id, body.seq, options) end,
    function(run) return outcome.json(e:describe(run.run)) end)
end

local function replay(e, id) return e:replay(id) end

local function target_of(id, body)
  if id then return { run = id } end
  if (body.all and 1 or 0) + (body.agent and 1 or 0) ~= 1 then
    return nil, errors.new("K1004", { name = "the target", detail = "expected either all or agent" })
  end
  return { all = body.all, agent = body.agent }
end

local function pause(e, id, body, who)
  local target, err = target_of(id, body)
  if not target then return nil, err end
  return tools.acted(e, function(face) return face:pause(target, who:options(body)) end,
    function(scope) return { scope = scope, paused = true } end)
end

local function resume(e, id, body, who)
  local target, err = target_of(id, body)
  if not target then return nil, err end
  return tools.acted(e, function(face) return face:resume(target, who:options(body)) end)
end

local hold = { all = "truth", agent = "text", note = "text" }

return {
  { "GET", "/api/runs", "Runs, newest first", run_list, query = { agent = "text", state = "text", text = "text", since = "time", limit = "count" }, answer = "array" },
  { "POST", "/api/runs", "Start an agent", start, body = { agent = "text!", input = "json", key = "text" } },
  { "GET", "/api/runs/{id}", "One run, with its steps", one_run },
  { "POST", "/api/runs/{id}/cancel", "Give a run up: what it did is undone", whole(cancel), body = { note = "text" } },
  { "POST", "/api/runs/{id}/pause", "Hold a run", whole(pause), body = { note = "text" } },
  { "POST", "/api/runs/{id}/resume", "Let a run go on", whole(resume), body = { note = "text" } },
  { "POST", "/api/runs/{id}/fork", "Begin a new run behind a step of this one", whole(fork), body = { seq = "seq!", value = "json", note = "text" } },
  { "POST", "/api/runs/{id}/replay", "Play a run again from its journal, and compare", whole(replay), body = {} },
  { "POST", "/api/pause", "Hold everything, or an agent", whole(pause), body = hold },
  { "POST", "/api/resume", "Let everything go on, or an agent", whole(resume), body = hold },
}
