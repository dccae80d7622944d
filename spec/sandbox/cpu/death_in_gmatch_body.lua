-- expect: instructions
-- Nothing of the script runs after its end.
pcall(function() for _ in ('abc'):gmatch '.' do while true do end end end)
return 'alive'
