--- Pages from the web: { use = "fetch", hosts = { "example.com" } }. Only hosts that are listed, also
-- behind a redirect; no more than `most_bytes`; what comes is text from outside, and marked so.
local contract = require "adapter.contract"
local html_text = require "html_text"
local http = require "http"

local fetch = { ops = {} }
fetch.__index = fetch

local most_redirects, default_bytes, timeout_ms = 5, 1 << 20, 20000

function fetch.open(_, name, entry)
  local hosts = {}
  for _, host in ipairs(type(entry) == "table" and entry.hosts or {}) do hosts[host:lower()] = true end
  return setmetatable({ name = name, hosts = hosts, most_bytes = type(entry) == "table" and math.tointeger(entry.most_bytes) or default_bytes }, fetch)
end

--- Scheme, host and port of a URL with nothing odd in it; nil for any other.
local function parts_of(url)
  if #url > 4096 or url:find "[%s%c\\]" then return nil end
  local scheme, authority = url:match "^([%a]+)://([^/?#]+)"
  if not scheme then return nil end
  scheme, authority = scheme:lower(), authority:lower()
  -- a name before an @ is there to mislead
  if scheme ~= "http" and scheme ~= "https" or authority:find "@" then return nil end
  local host, port = authority:match "^%[([%x:]+)%]:?(%d*)$"
  if not host then host, port = authority:match "^([%w%.%-]+):?(%d*)$" end
  if not host then return nil end
  return scheme, host, port ~= "" and host .. ":" .. port or host
end

--- Whether a URL may be asked for: its host, or host:port, is listed; a port that is not the
--- scheme's must be listed with it.
local function allowed(self, url)
  local scheme, host, with_port = parts_of(url)
  if not scheme then return nil, "it is no web address" end
  local usual = with_port == host or with_port == host .. (scheme == "https" and ":443" or ":80")
  if self.hosts[with_port] or usual and self.hosts[host] then return true end
  return nil, ("'%s' is not among the hosts of this adapter"):format(with_port)
end

--- Where a redirect leads, from where.
local function resolved(base, location)
  if location:find "^%a+://" then return location end
  local root = base:match "^(%a+://[^/?#]+)"
  if location:sub(1, 2) == "//" then return base:match "^(%a+:)" .. location end
  if location:sub(1, 1) == "/" then return root .. location end
  return root .. (base:sub(#root + 1):match "^([^?#]*/)" or "/") .. location
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local codes = { timeout = "timeout", too_large = "too_large" }

local function get(self, args)
  local url, hops = args.url, 0
  while true do
    local ok, why = allowed(self, url)
    if not ok then return contract.failure(self, "not_allowed", why) end
    local reply, message, code = http.request { url = url, method = "GET", headers = { accept = "text/html, text/plain, application/json;q=0.9, */*;q=0.1" },
      limits = { total_ms = timeout_ms, body_bytes = self.most_bytes } }
    if not reply then return contract.failure(self, codes[code] or "connection_lost", tostring(message), { retry = code ~= "too_large" }) end
    local to = redirects[reply.status] and reply.headers.location
    if to then
      hops = hops + 1
      if hops > most_redirects then return contract.failure(self, "bad_response", "it redirects without end") end
      url = resolved(url, to)
    elseif reply.status ~= 200 then
      return contract.failure(self, reply.status >= 500 and "server_error" or "not_found", ("the server said %d"):format(reply.status),
        { status = reply.status, retry = reply.status == 429 or reply.status >= 500 or nil })
    else
      local kind = (reply.headers["content-type"] or "text/plain"):lower()
      local text = reply.body
      if kind:find("html", 1, true) then text = html_text(text) end
      if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
      return { url = url, status = reply.status, content_type = kind:match "^[^;]*", text = text, trust = "external" }
    end
  end
end

fetch.ops.get = { args = { url = "name!" }, effect = "read", perform = get }

function fetch:op(name) return contract.op(self, name) end

return fetch
