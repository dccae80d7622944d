-- expect: ok
-- result: [true,"nil","nil"]
-- an empty _ENV has nothing, and what is behind it cannot be got back by name
local type, error, pcall = type, error, pcall
local ok, a, b
do
  local _ENV = {}
  ok, a, b = true, type(string), type(_G)
end
return { ok, a, b }
