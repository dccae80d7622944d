-- expect: error error value is a table
error(setmetatable({ outcome = "ok" }, { __tostring = function() return "the run is out of memory" end, __name = "ok" }))
