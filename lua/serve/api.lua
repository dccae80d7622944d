--- What the engine answers over HTTP: JSON, in the shapes of the command line.
--
-- One list of routes (serve/api/SUBJECT.lua): { method, pattern, summary, run, query, body,
-- answer }. It finds the route, checks what comes with a request, and describes itself at
-- /api/openapi.json. A GET never changes anything; what acts is a POST.
local door = require "serve.door"
local errors = require "errors"
local fields = require "serve.api.fields"
local json = require "json"

local api = {}

local status_of = { K1005 = 404, K1007 = 404, K1904 = 410, K1008 = 409, K1014 = 409, K1015 = 409, K1042 = 409,
  K1043 = 409, K1045 = 409, K1046 = 409, K1010 = 400, K1004 = 400 }

--- The status of an error.
function api.status(err)
  return err.status or status_of[err.number] or errors.exit_code(err) == 2 and 400 or errors.exit_code(err) == 9 and 503 or 500
end

local routes = {}
for _, subject in ipairs { require "serve.api.run", require "serve.api.approval", require "serve.api.home", require "serve.api.look" } do
  for _, route in ipairs(subject) do
    local class = route[2]:find "{name}" and "(.+)" or "([%%w_.%%-]+)"
    route.method, route.path, route.about, route.run = table.unpack(route, 1, 4)
    route.pattern = "^" .. route.path:gsub("[%-.]", "%%%0"):gsub("{%l+}", class) .. "$"
    routes[#routes + 1] = route
  end
end

--- All routes, for who describes or tries them.
api.routes = routes

--- The route of a request and its id; else nil and the methods that its path knows.
function api.route(request)
  local method = request.method == "HEAD" and "GET" or request.method
  local others = {}
  for _, route in ipairs(routes) do
    local id = request.path:match(route.pattern)
    if id and route.method == method then return route, route.path:find "{" and id or nil end
    if id then others[#others + 1] = route.method end
  end
  return nil, others
end

local function json_body(request)
  if request.body == "" then return {} end
  local value, message = json.decode(request.body)
  if type(value) ~= "table" or json.is_list(value) then
    return nil, errors.new("K1010", { detail = message or "expected an object" })
  end
  return value
end

--- What a POST brings: fields, whether they are of a form; or nil, err.
function api.body(request)
  if door.is_form(request) then return door.form(request.body), true end
  local value, err = json_body(request)
  if not value then return nil, err end
  return value, false
end

--- Answer a route: a value, or nil, err. `who` acts: { by, channel, options(body) }.
function api.perform(e, route, id, request, body, is_form, who)
  local given, err
  if route.method == "GET" then
    given, err = fields.check(request.query, route.query or {}, true)
  else
    given, err = fields.check(body, route.body, is_form)
  end
  if not given then return nil, err end
  return route.run(e, id, given, who)
end

-- ---- the description -----------------------------------------------------------------

local function properties(known)
  local out, required = {}, json.array {}
  for name, kind in pairs(known) do
    out[name] = fields.schema(kind)
    if kind:find "!$" then required[#required + 1] = name end
  end
  table.sort(required)
  return { type = "object", properties = out, required = #required > 0 and required or nil, additionalProperties = false }
end

local function parameters(route)
  local list = json.array {}
  for name in route.path:gmatch "{(%l+)}" do
    list[#list + 1] = { name = name, ["in"] = "path", required = true, schema = { type = "string" } }
  end
  for _, name in ipairs(json.sorted_keys(route.query or {})) do
    list[#list + 1] = { name = name, ["in"] = "query", required = route.query[name]:find "!$" ~= nil,
      schema = fields.schema(route.query[name]) }
  end
  return list
end

local function operation(route)
  local error_answer = { description = "what is wrong", content = { ["application/json"] = { schema = { ["$ref"] = "#/components/schemas/Error" } } } }
  local body
  if route.body then
    local schema = { schema = properties(route.body) }
    body = { content = { ["application/json"] = schema, ["application/x-www-form-urlencoded"] = schema } }
  end
  return { summary = route.about, parameters = parameters(route), requestBody = body, responses = {
    ["200"] = { description = "done", content = { ["application/json"] = { schema = { type = route.answer or "object" } } } },
    default = error_answer } }
end

--- The description of the routes, OpenAPI 3.1.
function api.describe(version)
  local paths = {}
  for _, route in ipairs(routes) do
    paths[route.path] = paths[route.path] or {}
    paths[route.path][route.method:lower()] = operation(route)
  end
  return { openapi = "3.1.0", info = { title = "Keel", version = version }, paths = paths,
    security = json.array { { token = json.array {} }, { session = json.array {}, csrf = json.array {} } },
    components = { securitySchemes = { token = { type = "http", scheme = "bearer" },
      session = { type = "apiKey", ["in"] = "cookie", name = "keel" },
      csrf = { type = "apiKey", ["in"] = "header", name = "X-Keel-CSRF" } },
      schemas = { Error = { type = "object", properties = { error = { type = "object", required = json.array { "number", "code", "message" },
        properties = { number = { type = "string" }, code = { type = "string" }, message = { type = "string" } } } } } } } }
end

return api
