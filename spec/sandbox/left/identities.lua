-- options: --runs 2
-- expect: ok
-- same: true
return { tostring({}), tostring(print), tostring(function() end) }
