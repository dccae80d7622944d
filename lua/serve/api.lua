--- What the engine answers over HTTP: JSON, in the shapes of the command line.
--
-- A GET never changes anything; what decides is a POST.
local clock = require "core.clock"
local errors = require "errors"
local guest = require "serve.guest"
local json = require "json"
local loop = require "loop"
local outcome = require "outcome"

local api = {}

--- How long an answer waits to tell what a decision led to.
local patience_ms = 5000

local status_of = { K1007 = 404, K1904 = 410, K1008 = 409, K1014 = 409, K1010 = 400, K1004 = 400 }

local function status(err)
  return status_of[err.number] or errors.exit_code(err) == 2 and 400 or 500
end

-- ---- routes ------------------------------------------------------------------------

local function health()
  return { ok = true }
end

--- What a monitor asks for, as Prometheus reads it.
local function metrics()
  local longest_us, p99_us = loop.held()
  return ([[
# HELP keel_loop_held_seconds How long timers waited for other work on the loop, over the last minute.
# TYPE keel_loop_held_seconds gauge
keel_loop_held_seconds{of="max"} %.6f
keel_loop_held_seconds{of="p99"} %.6f
]]):format(longest_us / 1e6, p99_us / 1e6)
end

local function run_list(e, request)
  local query = request.query
  local limit = query.limit and math.tointeger(tonumber(query.limit))
  if query.limit and (not limit or limit < 1 or limit > 1000) then
    return nil, errors.new("K1004", { name = "limit", detail = "expected 1 to 1000" })
  end
  local list, err = e:list { agent = query.agent, state = query.state, text = query.text, limit = limit }
  if not list then return nil, err end
  for i, run in ipairs(list) do list[i] = outcome.json(run) end
  return list
end

local function one_run(e, _, id)
  local run, err = e:describe(id)
  if not run then return nil, err end
  run = outcome.json(run)
  run.log, err = e:log(run.run)
  if not run.log then return nil, err end
  return run
end

local function inbox(e)
  return e:inbox()
end

local function body_of(request)
  if request.body == "" then return {} end
  local value, message = json.decode(request.body)
  if type(value) ~= "table" or json.is_list(value) then
    return nil, errors.new("K1010", { detail = message or "expected an object" })
  end
  for key in pairs(value) do
    if key ~= "edit" and key ~= "note" then
      return nil, errors.new("K1004", { name = key, detail = "expected 'edit' or 'note'" })
    end
  end
  if not json.absent(value.note) and type(value.note) ~= "string" then
    return nil, errors.new("K1004", { name = "note", detail = "expected a text" })
  end
  return value
end

--- The beginning of an id is for people who see what it names, not for programs.
local function whole_id(e, id)
  local item, err = e:approval(id)
  if item and item.id == id then return item end
  return nil, err or errors.new("K1007", { kind = "approval", name = id })
end

local function decide(e, id, decision)
  local item, err = whole_id(e, id)
  if not item then return nil, err end
  local face <close> = guest.new(e)
  item, err = face:decide(id, decision)
  if not item then return nil, err end
  local till = clock.now_ms() + patience_ms
  face:drain(function() return clock.now_ms() > till end)
  local run
  run, err = e:describe(item.run)
  if not run then return nil, err end
  run = outcome.json(run)
  item.run_id = nil
  run.approval = item
  return run
end

local function approve(e, request, id)
  local body, err = body_of(request)
  if not body then return nil, err end
  local edited = body.edit ~= nil
  return decide(e, id, { state = edited and "edited" or "approved", value = body.edit,
    note = not json.absent(body.note) and body.note or nil })
end

local function reject(e, request, id)
  local body, err = body_of(request)
  if not body then return nil, err end
  if body.edit ~= nil then
    return nil, errors.new("K1004", { name = "edit", detail = "a rejection changes nothing" })
  end
  return decide(e, id, { state = "rejected", note = not json.absent(body.note) and body.note or nil })
end

local routes = {
  { "GET", "^/health$", health, open = true },
  { "GET", "^/metrics$", metrics, open = "metrics", text = "text/plain; version=0.0.4" },
  { "GET", "^/api/runs$", run_list },
  { "GET", "^/api/runs/([%w_]+)$", one_run },
  { "GET", "^/api/inbox$", inbox },
  { "POST", "^/api/approvals/([%w_]+)/approve$", approve },
  { "POST", "^/api/approvals/([%w_]+)/reject$", reject },
}

-- ---- answering ---------------------------------------------------------------------

--- The route of a request; else nil and the methods that its path knows.
local function route_of(request)
  local method = request.method == "HEAD" and "GET" or request.method
  local others = {}
  for _, route in ipairs(routes) do
    local id = request.path:match(route[2])
    if id and route[1] == method then return route, id end
    if id then others[#others + 1] = route[1] end
  end
  return nil, others
end

--- Whether a request is answered without a token, by the settings `http`.
function api.is_open(request, settings)
  local route = route_of(request)
  return route ~= nil and (route.open == true or route.open ~= nil and settings[route.open] == "open")
end

local function reply(answer, code, value, headers)
  headers = headers or {}
  local text = headers["Content-Type"] and value or assert(json.encode(value)) .. "\n"
  headers["Content-Type"] = headers["Content-Type"] or "application/json"
  headers["Cache-Control"] = "no-store"
  headers["X-Content-Type-Options"] = "nosniff"
  answer(code, headers, text)
end

--- Answer a request that may come in. In a task.
function api.handle(e, request, answer)
  local route, id = route_of(request)
  if not route and #id > 0 then
    return reply(answer, 405, errors.json(errors.new("K1004", { name = request.method,
      detail = "this path knows " .. table.concat(id, ", ") })), { Allow = table.concat(id, ", ") })
  end
  if not route then
    return reply(answer, 404, errors.json(errors.new("K1007", { kind = "page", name = request.path })))
  end
  local value, err = route[3](e, request, id)
  if value == nil then return reply(answer, status(err), errors.json(err)) end
  reply(answer, 200, value, { ["Content-Type"] = route.text })
end

return api
