-- expect: instructions
-- options: --runs 3 --instructions 500000
coroutine.wrap(function() string.gsub = nil while true do end end)()
