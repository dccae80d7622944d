--- Whether the models of a config could be called: their prices, keys and servers.
--
-- A server is asked for what costs nothing (its list of models), once for each address and
-- key. Nothing is reserved, no model is asked.
local http = require "http"
local json = require "json"
local send = require "model.send"
local tiers = require "model.tiers"

local doctor = {}

local old_price_ms = 180 * 86400000

--- Where each provider lists its models, and how to find a name in the list.
local lists = {
  openai = function(entry)
    return entry.base_url:gsub("/+$", "") .. "/models", entry.key ~= "" and { authorization = "Bearer " .. entry.key } or {},
      function(value) return value.data, "id" end
  end,
  anthropic = function(entry)
    return entry.base_url:gsub("/+$", "") .. "/v1/models", { ["x-api-key"] = entry.key, ["anthropic-version"] = "2023-06-01" },
      function(value) return value.data, "id" end
  end,
  ollama = function(entry)
    return entry.base_url:gsub("/+$", "") .. "/api/tags", entry.key ~= "" and { authorization = "Bearer " .. entry.key } or {},
      function(value) return value.models, "name" end
  end,
}

local function has(list, field, name)
  for _, one in ipairs(type(list) == "table" and list or {}) do
    local id = type(one) == "table" and one[field]
    if id == name or type(id) == "string" and id:gsub(":latest$", "") == name then return true end
  end
  return false
end

--- Ask the server. Returns a check { what, ok (true, false, nil: not sure), detail }, and one
-- about the model's name when the list tells.
local function ask_server(entry, timeout_ms)
  local url, headers, read = lists[entry.provider](entry)
  local reply, message = http.request { url = url, headers = headers, ca_file = entry.ca_file,
    limits = { total_ms = timeout_ms, connect_ms = math.min(timeout_ms, entry.connect_ms), body_bytes = 4 << 20 } }
  local function server(ok, detail) return { what = "server", ok = ok, detail = detail } end
  if not reply then return { server(false, send.clean(entry, message)) } end
  if reply.status == 401 or reply.status == 403 then
    return { server(true, "answers"), { what = "key", ok = false, detail = ("the key is refused (%d)"):format(reply.status) } }
  end
  if reply.status == 404 or reply.status == 405 then return { server(nil, "answers, but has no list of models") } end
  if reply.status ~= 200 then return { server(false, ("it says %d"):format(reply.status)) } end
  local value = json.decode(reply.body)
  if type(value) ~= "table" then return { server(false, "what it says is no JSON") } end
  local list, field = read(value)
  local out = { server(true, ("answers in %d ms"):format(reply.ms // 1)) }
  if entry.key ~= "" then out[2] = { what = "key", ok = true, detail = "is taken" } end
  if type(list) == "table" and #list > 0 then
    local known = has(list, field, entry.model)
    out[#out + 1] = { what = "model", ok = known, detail = known and "is there" or "is not in the server's list" }
  end
  return out
end

local function check_price(entry, raw, now)
  if not entry.price then return { what = "price", ok = false, detail = entry.problem } end
  if entry.price.free then return { what = "price", ok = true, detail = "free" } end
  local as_of = raw.price.as_of
  local at = as_of and require("rfc3339").parse(as_of .. "T00:00:00Z")
  if not at then return { what = "price", ok = nil, detail = "has no as_of, the date on which it was looked up" } end
  if now - at > old_price_ms then return { what = "price", ok = nil, detail = ("is of %s: look it up again"):format(as_of) } end
  return { what = "price", ok = true, detail = "of " .. as_of }
end

local function check_key(entry, raw)
  if entry.problem and entry.price then return { what = "key", ok = false, detail = entry.problem } end
  if not lists[entry.provider] or entry.provider == "ollama" then return nil end
  if entry.key == "" and not raw.key and not raw.key_file then
    local own = entry.base_url == entry.dialect.default_url
    return { what = "key", ok = not own or nil, detail = own and "none is named" or "none is named: fine for a local server" }
  end
  return nil
end

local function check_entry(where, config, raw, options)
  local entry = tiers.candidate(config, raw)
  local out = { where = where, provider = raw.provider, model = raw.model, base_url = entry.base_url, checks = json.array {} }
  local function add(check) if check then table.insert(out.checks, check) end end
  add(check_price(entry, raw, options.now))
  add(check_key(entry, raw))
  if not entry.problem and lists[entry.provider] and not options.offline then
    for _, check in ipairs(ask_server(entry, options.timeout_ms or 10000)) do add(check) end
  end
  out.ok = true
  for _, check in ipairs(out.checks) do
    if check.ok == false then out.ok = false end
  end
  return out
end

--- Check all tiers and the embedder of a config. options: now (ms), offline (ask no server),
-- timeout_ms (10000, each). Returns a list of { where ("small[1]", "embed"), provider, model,
-- base_url, ok, checks = { { what = "price" | "key" | "server" | "model", ok (true, false,
-- nil: look at it), detail } } }.
function doctor.check(config, options)
  local list = json.array {}
  for _, name in ipairs(json.sorted_keys(config.tiers)) do
    for i, raw in ipairs(config.tiers[name]) do
      list[#list + 1] = check_entry(("%s[%d]"):format(name, i), config, raw, options)
    end
  end
  local embed = config.embed
  if embed and embed.provider ~= "builtin" then
    local raw = setmetatable({ model = embed.model or "?", price = embed.price or "free" }, { __index = embed })
    list[#list + 1] = check_entry("embed", config, raw, options)
  end
  return list
end

return doctor
