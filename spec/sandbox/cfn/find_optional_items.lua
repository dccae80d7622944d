-- 26 such items blocked a stock interpreter for a minute.
-- expect: instructions
return string.find(("a"):rep(40), ("a?"):rep(40) .. ("a"):rep(40))
