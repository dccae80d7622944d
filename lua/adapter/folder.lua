--- Documents in a folder of the home: docs/ unless `path` says otherwise. Names stay inside the
--- folder: no "..", and no link on the way, wherever it leads.
local contract = require "adapter.contract"
local file = require "file"
local json = require "json"

local folder = { ops = {} }
folder.__index = folder

function folder.open(e, name, entry)
  local path = type(entry) == "table" and entry.path or name
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  return setmetatable({ name = name, path = path }, folder)
end

--- The path of a name, no part of which is a link.
local function inside(self, name)
  if name:find("[%z\1-\31\127]") or name:sub(1, 1) == "/" or #name > 1000 then
    contract.wrong(("'%s' is no name inside the folder"):format(name:sub(1, 80):gsub("%c", "?")))
  end
  local path = self.path
  for part in name:gmatch "[^/]+" do
    if part == ".." then contract.wrong(("'%s' is no name inside the folder"):format(name)) end
    if part ~= "." then path = file.join(path, part) end
    if file.link(path) then contract.wrong(("'%s' is a link, and may lead out of the folder"):format(name)) end
  end
  if path == self.path then contract.wrong(("'%s' is no name inside the folder"):format(name)) end
  return path
end

local function failed(self, message, code) return contract.failure(self, code or "error", tostring(message)) end

--- The folder that is meant: as told, or by its key ("docs:P-118" is P-118).
local function name_of(args, key) return args.name or args.path or (key:gsub("^%a+:", ""):gsub("[^%w%-_%. ]", "_")) end

local of_folder = { name = "name", path = "name", title = "text", project = "text", client = "text" }

folder.ops.create = { args = of_folder, effect = "idempotent",
  perform = function(self, args, key)
    local name = name_of(args, key)
    local ok, message, code = file.mkdir(inside(self, name))
    if not ok then return failed(self, message, code) end
    return { name = name, key = key, sent = true }
  end,
  probe = function(self, args, key)
    if file.kind(inside(self, name_of(args, key))) == "folder" then return "happened", { name = name_of(args, key), key = key, sent = true } end
    return "not"
  end,
  undo = function(self, args, key) return folder.ops.delete_if_empty.perform(self, args, key) end }

folder.ops.write = { args = { name = "name!", text = "text" }, effect = "idempotent", perform = function(self, args)
  local path = inside(self, args.name)
  local ok, message, code = file.mkdir(path:match "^(.*)/[^/]*$")
  if ok then ok, message, code = file.write(path, args.text or "") end
  if not ok then return failed(self, message, code) end
  return { name = args.name, bytes = #(args.text or "") }
end }

--- A text is put behind what is there, once for its key: a line that names the key tells.
folder.ops.append = { args = { name = "name!", text = "text!" }, effect = "idempotent",
  perform = function(self, args, key)
    local path = inside(self, args.name)
    local ok, message, code = file.mkdir(path:match "^(.*)/[^/]*$")
    if not ok then return failed(self, message, code) end
    local old = file.exists(path) and file.read(path) or ""
    local mark = "<!-- " .. key:gsub("[^%w%-_%.:/]", "_") .. " -->\n"
    if old:find(mark, 1, true) then return { name = args.name, bytes = #old } end
    local text = old .. (old ~= "" and old:sub(-1) ~= "\n" and "\n" or "") .. args.text .. (args.text:sub(-1) == "\n" and "" or "\n") .. mark
    ok, message, code = file.write(path .. ".new", text)
    if ok then ok, message = os.rename(path .. ".new", path) end
    if not ok then return failed(self, message, code) end
    return { name = args.name, bytes = #text }
  end }

folder.ops.read = { args = { name = "name!" }, effect = "read", perform = function(self, args)
  local text, message, code = file.read(inside(self, args.name))
  if not text then return failed(self, message, code) end
  return { name = args.name, text = text }
end }

folder.ops.list = { args = { name = "name" }, effect = "read", perform = function(self, args)
  local names, message, code = file.list(args.name and inside(self, args.name) or self.path)
  if not names and code == "not_found" then return { names = json.array {} } end
  if not names then return failed(self, message, code) end
  return { names = names }
end }

folder.ops.delete_if_empty = { args = of_folder, effect = "idempotent", perform = function(self, args, key)
  local name = name_of(args, key)
  local path = inside(self, name)
  local names = file.list(path)
  if names and #names == 0 then os.remove(path) end
  return { name = name, gone = file.kind(path) == nil }
end }

function folder:op(name) return contract.op(self, name) end

return folder
