-- expect: ok
-- result: "hello"
return "hello"
