-- expect: ok
-- result: true
-- the number of a function of the library says nothing of where it lies
return tostring(print) == tostring(pairs) and tostring(print):find("^builtin: ") ~= nil or #tostring(print) < 24
