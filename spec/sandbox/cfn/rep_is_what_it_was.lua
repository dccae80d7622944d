-- expect: ok
-- Copying what is there already gives what copying one by one gave.
-- options: --instructions 200000000
-- result: true
local function slow(s, n, sep)
  local t = {}
  for i = 1, n do t[i] = s end
  return table.concat(t, sep)
end
for _, s in ipairs { "", "x", "ab", "abc", ("y"):rep(40000) } do
  for _, sep in ipairs { "", ",", "; ", ("z"):rep(33000) } do
    for _, n in ipairs { 1, 2, 3, 7, 20 } do
      if s:rep(n, sep) ~= slow(s, n, sep) then return { #s, #sep, n } end
    end
  end
end
for _, n in ipairs { 10922, 10923, 32767, 32768, 32769, 100001 } do
  if ("abc"):rep(n, "-") ~= slow("abc", n, "-") or ("x"):rep(n) ~= slow("x", n, "") then return n end
end
return true
