-- expect: error const
local a <close> = nil
a = 3
