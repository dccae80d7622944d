-- expect: instructions
-- Nothing of the script runs after its end.
xpcall(error, function() coroutine.wrap(function() while true do end end)() end)
return 'alive'
