--- Pages from the web: { use = "fetch", hosts = { "example.com" } }. Only hosts that are listed, also
-- behind a redirect; no more than `most_bytes`, no longer than `timeout` in all; what comes is text
-- from outside, and marked so.
--
-- A listed name whose address is not of the open internet is refused when it is connected to (what a
-- name comes to may change between a look and a step), unless it is listed in `private` as well, or is
-- itself such an address ("127.0.0.1:8080", "localhost").
local charset = require "charset"
local contract = require "adapter.contract"
local html_text = require "html_text"
local http = require "http"
local shape = require "shape"

local fetch = { ops = {} }
fetch.__index = fetch

local most_redirects, default_bytes, default_timeout_ms = 5, 1 << 20, 20000

--- "Example.com:443" -> "example.com:443"; "[::1]:80" stays.
local function host_name(value, path)
  shape.text()(value, path)
  local name = value:lower()
  local bare = name:gsub(":%d+$", "")
  if not (bare:find "^[%w][%w%.%-]*$" or name:find "^%[[%x:.]+%]$" or name:find "^%[[%x:.]+%]:%d+$") then
    shape.bad_value(path, 'it is a host, like "example.com" or "127.0.0.1:8080"')
  end
  return name
end
shape.says(host_name, "a host, or host:port")

--- The shape of an entry of `adapters` in config.lua.
function fetch.shape()
  local record = shape.record("a fetch adapter", { use = shape.text(), hosts = { shape.list(host_name, 1), required = true }, private = shape.list(host_name),
    most_bytes = { shape.integer(1, 64 << 20), default = default_bytes }, timeout = { shape.duration, as = "timeout_ms", default = default_timeout_ms } })
  return function(value, path)
    local entry = record(value, path)
    for i, host in ipairs(entry.private or {}) do
      local listed = false
      for _, one in ipairs(entry.hosts) do listed = listed or one == host end
      if not listed then shape.bad_value(shape.at(path, "private", i), ("%s is not among `hosts`"):format(host)) end
    end
    return entry
  end
end

local function set(list)
  local out = {}
  for _, one in ipairs(list or {}) do out[one] = true end
  return out
end

--- `entry` as fetch.shape made it; "fetch" alone lists no host, and so may ask for nothing.
function fetch.open(_, name, entry)
  entry = type(entry) == "table" and entry or {}
  return setmetatable({ name = name, hosts = set(entry.hosts), private = set(entry.private), most_bytes = entry.most_bytes or default_bytes,
    timeout_ms = entry.timeout_ms or default_timeout_ms }, fetch)
end

--- Scheme, host (brackets and all) and port or nil of a URL with nothing odd in it; nil for any other.
local function parts_of(url)
  if #url > 4096 or url:find "[%s%c\\]" then return nil end
  local scheme, authority = url:match "^([%a]+)://([^/?#]+)"
  if not scheme then return nil end
  scheme, authority = scheme:lower(), authority:lower()
  -- a name before an @ is there to mislead
  if scheme ~= "http" and scheme ~= "https" or authority:find "@" then return nil end
  local host, port = authority:match "^(%[[%x:.]+%]):?(%d*)$"
  if not host then host, port = authority:match "^([%w%.%-]+):?(%d*)$" end
  if not host then return nil end
  return scheme, host, port ~= "" and port or nil
end

--- Is an address, or this machine's own name: whoever lists it means it.
local function is_plain_address(host) return host == "localhost" or host:find "^%[" ~= nil or host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil end

--- Whether a URL may be asked for: its host, or host:port, is listed; a port that is not the
--- scheme's must be listed with it. Second value: only at an address of the open internet.
local function allowed(self, url)
  local scheme, host, port = parts_of(url)
  if not scheme then return nil, "it is no web address" end
  local with_port = port and host .. ":" .. port or host
  local usual = not port or port == (scheme == "https" and "443" or "80")
  local listed = self.hosts[with_port] and with_port or usual and self.hosts[host] and host
  if not listed then return nil, ("'%s' is not among the hosts of this adapter"):format(with_port) end
  return true, not (self.private[listed] or is_plain_address(host)), scheme
end

--- Where a redirect leads, from where.
local function resolved(base, location)
  if location:find "^%a[%w+.-]*:" then return location end
  local root = base:match "^(%a+://[^/?#]+)"
  if location:sub(1, 2) == "//" then return base:match "^(%a+:)" .. location end
  if location:sub(1, 1) == "/" then return root .. location end
  local path = base:sub(#root + 1):match "^[^?#]*"
  if location:sub(1, 1) == "?" then return root .. (path == "" and "/" or path) .. location end
  return root .. (path:match "^(.*/)" or "/") .. location
end

local redirects = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

local codes = { timeout = "timeout", too_large = "too_large", private = "not_allowed", bad_url = "not_allowed", tls = "tls" }

--- What may be read as text, by its type.
local function is_text(kind)
  return kind:find "^text/" or kind:find "json" or kind:find "xml" or kind:find "^application/javascript" or kind:find "^application/x%-ndjson"
end

local function page(self, url, reply)
  local given = (reply.headers["content-type"] or "text/plain"):lower()
  local kind = given:match "^%s*([^;%s]*)"
  if not is_text(kind) then return contract.failure(self, "bad_response", ("it is no text but %s"):format(kind:sub(1, 60)), { retry = false }) end
  local text = charset.decode(reply.body, given:match 'charset%s*=%s*"?([%w_%-]+)' or "utf-8")
  if kind:find("html", 1, true) then text = html_text(text) end
  return { url = url, status = reply.status, content_type = kind, text = text, trust = "external" }
end

local function failed(self, message, code)
  local known = codes[code]
  return contract.failure(self, known or "connection_lost", tostring(message), { retry = not known or known == "timeout" })
end

local function refused(self, reply)
  local later = reply.status == 429 or reply.status >= 500
  return contract.failure(self, later and (reply.status == 429 and "rate_limited" or "server_error") or reply.status == 404 and "not_found" or "refused",
    ("the server said %d"):format(reply.status), { status = reply.status, retry = later })
end

local function get(self, args)
  local url, left_ms, before = args.url, self.timeout_ms, nil
  for _ = 0, most_redirects do
    local ok, public_only, scheme = allowed(self, url)
    if not ok then return contract.failure(self, "not_allowed", public_only, { retry = false }) end
    if before == "https" and scheme == "http" then return contract.failure(self, "not_allowed", "it redirects from https to http", { retry = false }) end
    local reply, message, code = http.request { url = url, method = "GET", public_only = public_only,
      headers = { accept = "text/html, text/plain, application/json;q=0.9, text/*;q=0.5" }, limits = { total_ms = left_ms, body_bytes = self.most_bytes } }
    if not reply then return failed(self, message, code) end
    local to = redirects[reply.status] and reply.headers.location
    if not to then
      if reply.status ~= 200 then return refused(self, reply) end
      return page(self, url, reply)
    end
    url, before, left_ms = resolved(url, to), scheme, left_ms - math.ceil(reply.ms)
    if left_ms < 1 then return contract.failure(self, "timeout", "it redirects for too long", { retry = true }) end
  end
  return contract.failure(self, "bad_response", "it redirects without end", { retry = false })
end

fetch.ops.get = { args = { url = "name!" }, effect = "read", perform = get }

function fetch:op(name) return contract.op(self, name) end

return fetch
