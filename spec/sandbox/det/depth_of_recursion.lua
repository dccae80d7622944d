-- expect: ok
-- options: --runs 3
local function f(n) local ok, r = pcall(f, n + 1) return ok and r or n end
local function g(n) return 1 + g(n + 1) end
local depth = 0
local function h() depth = depth + 1 return 1 + h() end
local _, why = pcall(h)
return { f(1), depth, (why:gsub("^.-:%d+: ", ""):sub(1, 40)) }
