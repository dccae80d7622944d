-- expect: ok
-- result: true
for i = 1, 1000 do
  local x = math.random(10)
  if x < 1 or x > 10 then return false end
end
return math.random() < 1
