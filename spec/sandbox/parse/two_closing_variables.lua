-- expect: error multiple
local a <close>, b <close> = nil, nil
