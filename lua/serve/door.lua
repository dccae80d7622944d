--- What every request must be before a route hears of it, and what every answer carries.
--
-- The Host is exactly ours. An Origin, where there is one, is that Host: "null" and other
-- sites are not. What a browser says of itself (Sec-Fetch-Site) must be our own page, or
-- nobody's; a person may follow a link from elsewhere to a page, which shows and does not act.
local core = require "core.http"
local errors = require "errors"

local door = {}

door.headers = {
  ["Content-Security-Policy"] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    .. "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  ["X-Content-Type-Options"] = "nosniff",
  -- not no-referrer: browsers send the Origin "null" then with forms of our own pages
  ["Referrer-Policy"] = "same-origin",
  ["Cross-Origin-Opener-Policy"] = "same-origin",
  ["Cross-Origin-Resource-Policy"] = "same-origin",
}

local methods = { GET = true, HEAD = true, POST = true }

--- Answers smaller than this are sent as they are.
local gzip_from = 1024

--- Assets, packed.
local packed_of = setmetatable({}, { __mode = "k" })

--- Whether a request may change something.
function door.acts(request) return request.method ~= "GET" and request.method ~= "HEAD" end

local function bad(status, name, detail)
  return { status = status, err = errors.new("K1004", { name = name, detail = detail, next = "keel help serve" }) }
end

local function from_elsewhere(request)
  local origin, host = request.headers.origin, request.headers.host:lower()
  if origin and origin:lower() ~= "http://" .. host and origin:lower() ~= "https://" .. host then
    return bad(403, "the Origin header", "it is not this engine's own page")
  end
  local site = request.headers["sec-fetch-site"]
  if not site or site == "same-origin" or site == "none" then return nil end
  local page = not request.path:find "^/api/" and request.path ~= "/live" and request.path ~= "/metrics"
  if page and not door.acts(request) and request.headers["sec-fetch-mode"] == "navigate"
    and request.headers["sec-fetch-dest"] == "document" then return nil end
  return bad(403, "the Sec-Fetch-Site header", "it says that another site asks")
end

local function kind_of(request)
  return (request.headers["content-type"] or ""):lower():match "^%s*([^;%s]*)"
end

local function bad_body(request)
  if request.body == "" then return nil end
  local kind = kind_of(request)
  -- programs may say nothing of it; a browser with a session that says nothing is no form of ours
  if kind == "" and not request.headers.cookie then return nil end
  if kind == "application/json" or kind == "application/x-www-form-urlencoded" then return nil end
  return bad(415, "the Content-Type header", "expected application/json or application/x-www-form-urlencoded")
end

--- The refusal { status, err, headers? } of a request by its form, or nil. `allowed` are the
--- Host headers that are ours.
function door.refusal(request, allowed)
  if not allowed[(request.headers.host or ""):lower()] then return bad(403, "the Host header", "it does not name this engine") end
  if request.path:find "^/events/" then return nil end	-- signed, or with the token: no browser's
  if not methods[request.method] then
    local refusal = bad(405, request.method, "this server knows GET, HEAD and POST")
    refusal.headers = { Allow = "GET, HEAD, POST" }
    return refusal
  end
  return from_elsewhere(request) or door.acts(request) and bad_body(request) or nil
end

--- A session acts only with what its own pages know.
function door.without_csrf(request, session, fields)
  local given = request.headers["x-keel-csrf"] or fields and fields.csrf
  if type(given) == "string" and core.same(given, session.csrf) then return nil end
  return bad(403, "the CSRF token", "expected the field csrf or the header X-Keel-CSRF of this session")
end

--- Whether the body is a form.
function door.is_form(request)
  return kind_of(request) == "application/x-www-form-urlencoded" and not request.body:find "^%s*[%[{]"
end

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The fields of a form; of those that repeat, a list.
function door.form(text)
  local fields = {}
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name, value = decoded(name), decoded(value)
    local there = fields[name]
    if there == nil then
      fields[name] = value
    elseif type(there) == "table" then
      table.insert(there, value)
    else
      fields[name] = { there, value }
    end
  end
  return fields
end

--- A path of our own to go to, else `default`: no other site, nothing that ends a header.
function door.own_path(text, default)
  local good = type(text) == "string" and #text <= 2000 and text:find "^/" and not text:find "^/[/\\]"
    and not text:find "[%c\\\128-\255 ]"
  return good and text or default or "/"
end

--- Send an answer: the headers of all, packed where it is text and the client reads that;
--- once for what stays as it is, which is `kept`.
function door.send(answer, request, status, headers, body, kept)
  for name, value in pairs(door.headers) do headers[name] = headers[name] or value end
  headers["Cache-Control"] = headers["Cache-Control"] or "no-store"
  local kind = headers["Content-Type"] or ""
  local text = kind:find "^text/" or kind:find "json" or kind:find "javascript" or kind:find "svg"
  if text and #body >= gzip_from then
    headers.Vary = "Accept-Encoding"
    local takes = (request.headers["accept-encoding"] or ""):lower()
    if takes:find "%f[%w]gzip%f[%W]" and not takes:find "gzip *; *q=0%f[^%d.]" then
      headers["Content-Encoding"] = "gzip"
      local packed = kept and packed_of[kept] or core.gzip(body)
      if kept then packed_of[kept] = packed end
      body = packed
    end
  end
  answer(status, headers, body)
end

return door
