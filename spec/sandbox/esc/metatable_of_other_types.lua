-- expect: ok
-- result: [0,0,0,0]
return { select("#", getmetatable(1)) - 1, select("#", getmetatable(print)) - 1, select("#", getmetatable(nil)) - 1, select("#", getmetatable(coroutine.running())) - 1 }
