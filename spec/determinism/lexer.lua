--- The words of a Lua source, for those who change it: a list of { kind, text, at, body }.
-- kind: name, number, string, op. body: between --[[b]] and --[[e]], which a replay does
-- not run. Knows what the generated scripts use, not all of Lua.
return function(source)
  local words, at, body = {}, 1, false
  local function put(kind, last)
    words[#words + 1] = { kind = kind, text = source:sub(at, last), at = at, body = body }
    at = last + 1
  end
  while true do
    at = source:find("%S", at)
    if not at then return words end
    local mark = source:match("^%-%-%[%[([be])%]%]", at)
    local c = source:sub(at, at)
    if mark then
      body = mark == "b"
      at = at + 7
    elseif source:find("^%-%-", at) then
      at = source:find("\n", at, true) or #source + 1
    elseif c == '"' or c == "'" then
      local last = at + 1
      while source:sub(last, last) ~= c do
        if source:sub(last, last) == "\\" then last = last + 1 end
        last = last + 1
      end
      put("string", last)
    elseif c:find("[%a_]") then
      put("name", select(2, source:find("^[%w_]+", at)))
    elseif c:find("%d") then
      local last = select(2, source:find("^0[xX]%x+", at)) or select(2, source:find("^%d+%.?%d*[eE][+-]?%d+", at))
        or select(2, source:find("^%d+%.%d+", at)) or select(2, source:find("^%d+", at))
      put("number", last)
    else
      local three = source:sub(at, at + 2) == "..."
      local two = ({ ["=="] = 1, ["~="] = 1, ["<="] = 1, [">="] = 1, ["//"] = 1, ["<<"] = 1, [">>"] = 1, [".."] = 1, ["::"] = 1 })[source:sub(at, at + 1)]
      put("op", at + (three and 2 or two and 1 or 0))
    end
  end
end
