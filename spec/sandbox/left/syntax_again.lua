-- expect: error unexpected
-- options: --runs 3
x = = 1
