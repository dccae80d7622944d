-- expect: ok
-- result: ["HELLO","olleh","ell",5,"helloo helloo","hexxo",104,"h"]
local s = "hello"
return { s:upper(), s:reverse(), s:sub(2, 4), #s, ("helloo"):rep(2, " "), (s:gsub("l", "x")), s:byte(), string.char(104) }
