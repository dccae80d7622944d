-- expect: ok
-- result: "dog says woof"
local Animal = {}
Animal.__index = Animal
function Animal:speak() return self.name .. " says " .. self:sound() end
local Dog = setmetatable({}, { __index = Animal })
Dog.__index = Dog
function Dog:sound() return "woof" end
return setmetatable({ name = "dog" }, Dog):speak()
