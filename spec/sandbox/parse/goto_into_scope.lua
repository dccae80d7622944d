-- expect: error jumps into the scope
goto a
local x
::a::
print(x)
