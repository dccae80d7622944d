-- expect: instructions
-- Nothing of the script runs after its end.
xpcall(function() error 'a' end, function() xpcall(function() error 'b' end, function() while true do end end) end)
return 'alive'
