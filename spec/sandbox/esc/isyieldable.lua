-- An order may yield, as any function may that the script itself calls.
-- expect: ok
-- result: [false,true,true]
local inside = coroutine.wrap(function() return coroutine.isyieldable() end)()
local in_sort
coroutine.wrap(function() table.sort({ 2, 1 }, function() in_sort = coroutine.isyieldable() return false end) end)()
return { coroutine.isyieldable(), inside, in_sort }
