-- expect: error
setmetatable("", {})
