-- expect: ok
-- result: "mine"
string.upper = function() return "mine" end
return ("x"):upper()
