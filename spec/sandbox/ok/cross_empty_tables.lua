-- expect: ok
-- result: {"a":{},"b":[{}]}
return { a = {}, b = { {} } }
