-- expect: ok
-- result: {"a":1,"b":[1,2]}
local function ran() error("ran") end
local mt = { __index = ran, __newindex = ran, __len = ran, __pairs = ran, __eq = ran, __call = ran, __tostring = ran, __name = ran, __metatable = ran, __close = ran, __lt = ran }
return setmetatable({ a = 1, b = setmetatable({ 1, 2 }, mt) }, mt)
