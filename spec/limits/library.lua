-- Every function of the library once, with work in it.
local s = ("hello world "):rep(20)
print(#s, s:find("d h", 1, true), s:find "(w)(o)", s:match "(%a+) (%a+)", s:gsub("o", "0"))
print((s:gsub("%a+", function(w) return w:upper() end)), (s:gsub("%a+", { hello = "bye" })))
for w in ("a b c"):gmatch "%a" do print(w) end
print(s:rep(3, ",") == nil, s:reverse():sub(1, 5), s:upper():lower() == s, s:byte(1, 10))
print(string.char(s:byte(1, 50)), ("%5.2f|%-10s|%q|%x|%g"):format(3.14159, "x", "a\nb\0c", 255, 1e300))
local packed = string.pack("<i4 s2 z d", 7, "abc", "zero", 1.5)
print(#packed, string.unpack("<i4 s2 z d", packed))
local t = {}
for i = 1, 60 do t[i] = (i * 37) % 61 end
table.sort(t)
print(table.concat(t, ","))
table.sort(t, function(a, b) return a > b end)
print(t[1], t[60], pcall(table.sort, t, function() error "lying" end))
table.insert(t, 1, "first") table.insert(t, "last")
print(table.remove(t, 1), table.remove(t), #t, select("#", table.unpack(t)))
print(#table.move(t, 1, 50, 11), table.pack(1, nil, 3).n)
local keys = {}
for k in pairs { a = 1, b = 2, c = 3 } do keys[#keys + 1] = k end
table.sort(keys)
print(table.concat(keys))
for i, v in ipairs { 1, 2 } do print(i, v) end
print(utf8.char(228, 8364, 66376), utf8.len "äöü", utf8.codepoint("äöü", 1, -1), utf8.offset("äöü", 2))
for p, c in utf8.codes "aä€" do print(p, c) end
print(math.max(1, 5, 3), math.min(2, 1), math.floor(2.5), math.tointeger "8", tonumber("ff", 16), tonumber " 0x1p4 ")
print(math.random(10) <= 10, math.type(1), next {}, rawlen { 1 }, rawequal(t, t), rawget(t, 1) ~= nil, select(-1, 1, 2))
print(tostring(1e15), tostring(2 ^ 53), 10 // 3, 7 % -3, 1 << 62, "10" + 5, 3 | 4)
local big = {}
for i = 1, 200 do big["k" .. i] = { i, tostring(i) } end
for i = 1, 200 do big["k" .. i] = nil end
print(next(big))
