-- options: --runs 2
-- expect: ok
-- same: true
math.randomseed()
return math.random(1 << 40)
