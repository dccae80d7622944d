-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local function it() for _ in it do end end
return (pcall(it))
