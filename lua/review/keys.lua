--- Bytes of a terminal as names of keys: "j", "up", "enter", "esc", "paste:TEXT".
local keys = {}

local sequences = {
  ["[A"] = "up", ["[B"] = "down", ["[C"] = "right", ["[D"] = "left", ["OA"] = "up", ["OB"] = "down", ["[5~"] = "pageup",
  ["[6~"] = "pagedown", ["[H"] = "home", ["[F"] = "end", ["[1~"] = "home", ["[4~"] = "end",
}

local controls = { ["\r"] = "enter", ["\n"] = "enter", ["\127"] = "back", ["\b"] = "back", ["\21"] = "clear", ["\3"] = "interrupt",
  ["\4"] = "eof", [" "] = "space", ["\t"] = "tab", ["\12"] = "redraw" }

--- One escape sequence at `at`: its key, and where the next begins; nil when more must come.
local function sequence(bytes, at)
  local body, stop = bytes:match("^(%[[%d;]*[@-~])()", at + 1)
  if not body then body, stop = bytes:match("^(O.)()", at + 1) end
  if body == "[200~" then
    local last, next_at = bytes:find("\27[201~", stop, true)
    if not last then return nil end
    return "paste:" .. bytes:sub(stop, last - 1), next_at + 1
  end
  if body then return sequences[body] or "other", stop end
  if bytes:find("^%[[%d;]*$", at + 1) or bytes:find("^O$", at + 1) then return nil end
  if at == #bytes then return nil end
  return "esc", at + 1
end

--- The keys in `bytes`, and what is left over: the beginning of one. With `is_all` nothing
--- more comes, and a lone ESC is the key.
function keys.read(bytes, is_all)
  local list, at = {}, 1
  while at <= #bytes do
    local c = bytes:sub(at, at)
    local key, stop
    if c == "\27" then
      key, stop = sequence(bytes, at)
      if not key and is_all then key, stop = "esc", at + 1 end
      if not key then break end
    elseif controls[c] then
      key, stop = controls[c], at + 1
    elseif c:byte() < 32 then
      key, stop = "other", at + 1
    else
      stop = utf8.len(bytes, at, at) and utf8.offset(bytes, 2, at)
      if not stop and #bytes - at < 3 and not is_all then break end
      key = stop and bytes:sub(at, stop - 1) or "other"
      stop = stop or at + 1
    end
    list[#list + 1] = key
    at = stop
  end
  return list, bytes:sub(at)
end

--- The text after a key was typed into it.
function keys.typed(text, key)
  if key == "clear" then return "" end
  if key == "space" then return text .. " " end
  if key == "back" then return text:sub(1, (utf8.offset(text, -1) or 1) - 1) end
  local pasted = key:match "^paste:(.*)$"
  if pasted then return text .. (utf8.len(pasted) and pasted:gsub("[%c]+", " ") or "") end
  if utf8.len(key) == 1 then return text .. key end
  return text
end

return keys
