-- expect: ok
-- result: "close create isyieldable resume running status wrap yield|byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper|concat insert move pack remove sort unpack|char charpattern codepoint codes len offset"
local function names(lib)
  local out = {}
  for name in pairs(lib) do out[#out + 1] = name end
  table.sort(out)
  return table.concat(out, " ")
end
return table.concat({ names(coroutine), names(string), names(table), names(utf8) }, "|")
