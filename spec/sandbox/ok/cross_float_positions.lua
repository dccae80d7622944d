-- expect: ok
-- result: ["a","b"]
return { [1.0] = "a", [2.0] = "b" }
