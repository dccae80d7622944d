-- expect: ok
-- result: ["2026","11","24","key","value"]
local y, m, d = ("on 2026-11-24"):match("(%d+)-(%d+)-(%d+)")
local k, v = ("key = value"):match("^(%w+)%s*=%s*(%w+)$")
return { y, m, d, k, v }
