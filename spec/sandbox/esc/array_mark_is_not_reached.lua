-- expect: ok
-- result: [true,true]
-- nothing that a script holds is the engine's mark of a list
return { getmetatable({}) == nil, getmetatable({ 1 }) == nil }
