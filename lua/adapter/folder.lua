--- Documents in a folder of the home: docs/ unless `path` says otherwise. Ops: create
--- (a folder), write, read, list, delete_if_empty. Names stay inside the folder.
local file = require "file"

local folder = { ops = {} }
folder.__index = folder

function folder.open(e, name, entry)
  local path = type(entry) == "table" and entry.path or name
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  return setmetatable({ name = name, path = path }, folder)
end

local function inside(self, name)
  if type(name) ~= "string" or name == "" or name:find("..", 1, true) or name:find("[%z\1-\31]") then
    error({ code = "wrong_use", number = "K3003", raise = true, message =
      ("'%s' is no name inside the folder"):format(tostring(name)) }, 0)
  end
  return file.join(self.path, name)
end

local function failure(message, code) return nil, { code = code, message = message } end

function folder.ops.create(self, args)
  local ok, message, code = file.mkdir(inside(self, args.name))
  if not ok then return failure(message, code) end
  return { name = args.name }
end

function folder.ops.write(self, args)
  local path = inside(self, args.name)
  local ok, message, code = file.mkdir(path:match("^(.*)/[^/]*$"))
  if ok then ok, message, code = file.write(path, tostring(args.text or "")) end
  if not ok then return failure(message, code) end
  return { name = args.name, bytes = #tostring(args.text or "") }
end

function folder.ops.read(self, args)
  local text, message, code = file.read(inside(self, args.name))
  if not text then return failure(message, code) end
  return { name = args.name, text = text }
end

function folder.ops.list(self, args)
  local names, message, code = file.list(args.name and inside(self, args.name) or self.path)
  if not names and code == "not_found" then return { names = {} } end
  if not names then return failure(message, code) end
  return { names = names }
end

local effects = { read = "read", list = "read" }

--- Writing the same bytes to the same name twice is the same as once.
function folder:op(op)
  local perform = folder.ops[op]
  if not perform then return nil end
  return { effect = effects[op] or "idempotent", risk = "reversible", perform = function(cmd) return perform(self, cmd.args) end }
end

return folder
