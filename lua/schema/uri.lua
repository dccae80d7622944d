--- References of RFC 3986: split, join, resolve. Pure text.

local uri = {}

--- "a:b?c#d" -> { scheme, authority, path, query, fragment }; absent parts are
-- nil, the path may be "".
function uri.split(text)
  local parts = {}
  local rest, fragment = text:match("^([^#]*)#(.*)$")
  parts.fragment, text = fragment, rest or text
  local head, query = text:match("^([^?]*)%?(.*)$")
  parts.query, text = query, head or text
  local scheme, after = text:match("^(%a[%w+.-]*):(.*)$")
  parts.scheme, text = scheme and scheme:lower(), after or text
  local authority, path = text:match("^//([^/]*)(.*)$")
  parts.authority, parts.path = authority, path or text
  return parts
end

function uri.join(parts)
  return (parts.scheme and parts.scheme .. ":" or "")
    .. (parts.authority and "//" .. parts.authority or "")
    .. parts.path
    .. (parts.query and "?" .. parts.query or "")
    .. (parts.fragment and "#" .. parts.fragment or "")
end

--- "/a/b/../c/./d" -> "/a/c/d"
local function without_dots(path)
  local out = {}
  local absolute = path:sub(1, 1) == "/"
  local folder = path:match("/%.?%.?$") ~= nil or path == "." or path == ".."
  for segment in path:gmatch("[^/]+") do
    if segment == ".." then
      out[#out] = nil
    elseif segment ~= "." then
      out[#out + 1] = segment
    end
  end
  local joined = table.concat(out, "/")
  if folder and #out > 0 then joined = joined .. "/" end
  return (absolute and "/" or "") .. joined
end

local function merge(base, path)
  if base.authority and base.path == "" then return "/" .. path end
  return (base.path:match("^(.*/)") or "") .. path
end

--- The absolute form of `reference` seen from `base`.
function uri.resolve(base, reference)
  local b, r = uri.split(base), uri.split(reference)
  if r.scheme then return uri.join(r) end
  r.scheme = b.scheme
  if r.authority then return uri.join(r) end
  r.authority = b.authority
  if r.path == "" then
    r.path, r.query = b.path, r.query or b.query
  elseif r.path:sub(1, 1) == "/" then
    r.path = without_dots(r.path)
  else
    r.path = without_dots(merge(b, r.path))
  end
  return uri.join(r)
end

--- "a#b" -> "a", "b"; "a" -> "a", "".
function uri.cut_fragment(text)
  local head, fragment = text:match("^([^#]*)#(.*)$")
  return head or text, fragment or ""
end

--- "%41" -> "A"
function uri.unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

return uri
