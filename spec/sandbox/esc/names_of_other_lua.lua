-- expect: ok
-- result: ""
local found = {}
for _, name in ipairs { "unpack", "loadstring", "newproxy", "gcinfo", "getfenv", "setfenv", "jit", "ffi", "bit32", "arg", "require", "package", "io", "os",
  "debug", "load", "loadfile", "dofile", "collectgarbage", "warn", "ctx", "core", "agent", "skill", "config", "env", "json", "store", "keel" } do
  if _G[name] ~= nil or _ENV[name] ~= nil or rawget(_G, name) ~= nil then found[#found + 1] = name end
end
return table.concat(found, " ")
