-- expect: error <eof>
local function f(
