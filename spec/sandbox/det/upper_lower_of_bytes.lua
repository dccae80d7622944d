-- expect: ok
-- result: [true,true]
local all = {}
for i = 128, 255 do all[#all + 1] = string.char(i) end
local s = table.concat(all)
return { s:upper() == s, s:lower() == s }
