-- expect: error mixes
return { [1] = "a", ["1"] = "b" }
