-- expect: ok
-- result: "{\"a\":[1,2],\"b\":\"x\"}"
local function write(v)
  if type(v) == "table" then
    if #v > 0 then
      local out = {}
      for i, x in ipairs(v) do out[i] = write(x) end
      return "[" .. table.concat(out, ",") .. "]"
    end
    local keys, out = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys)
    for i, k in ipairs(keys) do out[i] = write(k) .. ":" .. write(v[k]) end
    return "{" .. table.concat(out, ",") .. "}"
  end
  return type(v) == "string" and ("%q"):format(v) or tostring(v)
end
return write({ b = "x", a = { 1, 2 } })
