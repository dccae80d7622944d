-- Errors of errors.
local function again(e) local _ = e.x.y end
print(pcall(xpcall, error, again, {}))
print(xpcall(error, function(e) error(e, 0) end, "loop"))
local function deep() return deep() + 1 end
local caught = 0
print(xpcall(function() local function f(n) if n > 0 then return (f(n - 1)) end error "x" end f(100) end,
  function(m) caught = caught + 1 return #m > 0 end))
local mt = setmetatable({}, { __index = function(_, k) error(k) end, __tostring = function() error "ts" end,
  __concat = function() error "cc" end, __call = function() error "call" end, __lt = function() error "lt" end,
  __eq = function() error "eq" end, __len = function() error "len" end, __name = "My" })
print(pcall(function() return mt.k end))
print(pcall(tostring, mt))
print(pcall(function() return mt .. "x" end))
print(pcall(mt))
print(pcall(function() return mt < mt end))
print(pcall(function() return #mt end))
print(pcall(function() return mt + 1 end))
print(pcall(function() return ("x")() end))
print(pcall(error))
print(pcall(error, nil))
print(pcall(string.rep))
print(pcall(string.rep, "x", -1))
print(pcall(setmetatable, 1))
print(select("#", pcall(pcall)))
print(caught)
