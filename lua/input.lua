--- The input of a run, as a command line gives it.
local errors = require "errors"

local input = {}

local max_input_bytes = 16 << 20

local function read_all(path)
  local handle, why = io.stdin, nil
  if path ~= "-" then
    handle, why = io.open(path, "rb")
    if not handle then return nil, why:gsub("^.*: ", "") end
  end
  local text, message = handle:read(max_input_bytes + 1)
  if path ~= "-" then handle:close() end
  if text == nil and message then return nil, message end
  return text or ""
end

local function json_input(path)
  local name = path == "-" and "standard input" or path
  local text, why = read_all(path)
  if not text then return nil, errors.new("K1009", { name = name, detail = why }) end
  if #text > max_input_bytes then
    return nil, errors.new("K1018", { name = name, limit = "16 MB" })
  end
  local value, message = require("json").decode(text)
  if message == nil then return value end
  local line = message:match("line (%d+)")
  return nil, errors.new("K1010", { detail = message, source = text,
    file = path ~= "-" and path or nil, line = line and math.tointeger(tonumber(line)) })
end

--- The input that --input or --file of a command names: the value; nil when neither is given;
--- or nil, err.
function input.of(args, command)
  if args.input and args.file then
    return nil, errors.new("K1004", { name = "--file", command = command,
      detail = "--input gives the input already" })
  end
  if args.input then return json_input(args.input) end
  if args.file then
    local payload, err = require("inbox").payload(args.file)
    return payload, payload == nil and err or nil
  end
end

return input
