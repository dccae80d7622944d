-- expect: ok
-- result: null
print("hello", 1, nil, {}, "\27[2J\n")
