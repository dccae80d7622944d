--- A memory for specs: in memory unless `path` is told, in the namespace "acme", with a
--- clock that stands at `now.ms` until a spec moves it. Returns the memory, and now.
local memory = require "memory"

return function(options)
  options = options or {}
  local now = { ms = 1700000000000 }
  options.clock, options.ns = function() return now.ms end, options.ns or "acme"
  return assert(memory.open(options.path or ":memory:", options)), now
end
