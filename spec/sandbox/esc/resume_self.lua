-- expect: ok
-- result: "cannot resume non-suspended coroutine"
local ok, why = coroutine.resume(coroutine.running())
return why
