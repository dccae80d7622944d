--- The files that pages refer to: one style, one script, one picture. All are ours.
local digest = require "core.digest"

local assets = {}

local icon = [[<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2c6e8f" stroke-width="2" stroke-linejoin="round"><path d="M3 6h18l-3 9a4 4 0 0 1-3.8 2.7H9.8A4 4 0 0 1 6 15z"/><path d="M12 17v4"/></svg>]]

local kinds = {
  ["style.css"] = { "text/css; charset=utf-8", function() return require "dashboard.style" end },
  ["page.js"] = { "text/javascript; charset=utf-8", function() return require "dashboard.script" end },
  ["icon.svg"] = { "image/svg+xml", function() return icon end },
}

--- { type, body, etag } of a name, or nil.
function assets.get(name)
  local kind = kinds[name]
  if not kind then return nil end
  local body = kind[2]()
  return { type = kind[1], body = body, etag = '"' .. digest.sha256(body):sub(1, 16) .. '"' }
end

return assets
