--- The place "FILE:12: " that Lua puts before its messages.
local function place(message)
  local file, line, rest = tostring(message):match("^(.-):(%d+): (.*)$")
  return file, tonumber(line), rest
end

local function syntax_error(message)
  local errors = require "errors"
  local file, line, rest = place(message)
  if not file then
    return errors.new("K1009", { name = message:match("^cannot open (.+)$") or "the script",
      message = message })
  end
  local source = require("file").read(file)
  return errors.new("K3001", { detail = rest, file = file, line = line, source = source or nil })
end

local function traced(message)
  if type(message) == "table" and not getmetatable(message) then return message end
  return { trace = debug.traceback(tostring(message), 2) }
end

return {
  about = "run a Lua file with the engine's modules",
  usage = "keel lua FILE [ARGUMENT...] | -e CODE [ARGUMENT...] | - [ARGUMENT...]",
  notes = "All modules of the engine are there: require \"memory\", \"model\", \"scheduler\","
    .. " \"checkpoint\", \"json\". KEEL_LUA=DIR takes the engine's own Lua from that folder"
    .. " instead of the copy in the binary. The script is trusted; `keel sandbox` runs one"
    .. " that is not.",
  examples = { "keel lua script.lua one two", "keel lua -e 'print(require \"json\".encode{1,2})'" },
  raw = true,
  run = function(words, context)
    local errors = require "errors"
    local name = table.remove(words, 1)
    if not name then return nil, errors.new("K1003", { command = "lua", name = "FILE" }) end
    local chunk, why
    if name == "-e" then
      local code = table.remove(words, 1)
      if not code then return nil, errors.new("K1003", { command = "lua", name = "CODE" }) end
      chunk, why = load(code, "=code")
    elseif name == "-" then
      chunk, why = load(io.read("a"), "=stdin")
    else
      chunk, why = loadfile(name)
    end
    if not chunk then return nil, syntax_error(why) end
    arg = words
    arg[0], arg[-1] = name, require("core.program").name
    local ok, failure = xpcall(chunk, traced, table.unpack(words))
    if ok then return 0 end
    context.err("keel lua: " .. (failure.trace or failure.message or "failed") .. "\n")
    return 3
  end,
}
