-- expect: wall
-- options: --instructions 100000000000 --wall 150
string.find(("a"):rep(30), ("a?"):rep(30) .. ("a"):rep(30))
