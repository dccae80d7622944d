-- expect: ok
-- result: true
for _, v in ipairs { {}, print, function() end, coroutine.create(print) } do
  local n = tonumber((string.format("%p", v)))
  if not n or n > 1000000 then return string.format("%p", v) end
end
return true
