--- Documents in a folder of the home: docs/ unless `path` says otherwise. Names stay inside the
--- folder: no "..", and no link on the way, wherever it leads. The links are looked for here, to
--- say so; that none is followed, even one that appears a moment later, src/beneath.h promises.
local contract = require "adapter.contract"
local file = require "file"
local json = require "json"
local shape = require "shape"

local beneath = file.beneath

local folder = { ops = {} }
folder.__index = folder
folder.own_words = true

--- The shape of an entry of `adapters` in config.lua.
function folder.shape()
  return shape.record("a folder adapter", { use = shape.text(), path = shape.text("^[^%z]+$", "a folder") })
end

function folder.open(e, name, entry)
  local path = type(entry) == "table" and entry.path or name
  if path:sub(1, 1) ~= "/" then path = file.join(e.home, path) end
  if file.exists(file.join(path, "keel.db")) then contract.wrong(("adapter '%s': its folder is where a home keeps its store"):format(name)) end
  return setmetatable({ name = name, path = path }, folder)
end

--- What of a home no agent may read or write, wherever the folder lies: its token, its store, its
--- settings and what it runs.
local of_the_engine = { ["config.lua"] = true, agents = true, skills = true, var = true }

local function is_of_the_engine(dir, part)
  return of_the_engine[part] and file.exists(file.join(dir, "config.lua")) and file.exists(file.join(dir, "var"))
end

--- A name as it is meant, no part of which leads out.
local function inside(self, name)
  if name:find("[%z\1-\31\127]") or name:sub(1, 1) == "/" or #name > 1000 then
    contract.wrong(("'%s' is no name inside the folder"):format((name:sub(1, 80):gsub("%c", "?"))))
  end
  local parts = {}
  for part in name:gmatch "[^/]+" do
    if part == ".." or #part > 250 then contract.wrong(("'%s' is no name inside the folder"):format(name:sub(1, 300))) end
    if part ~= "." then
      if is_of_the_engine(file.join(self.path, table.unpack(parts)), part) then
        contract.wrong(("'%s' is the engine's own"):format(name))
      end
      parts[#parts + 1] = part
      if file.link(file.join(self.path, table.concat(parts, "/"))) then
        contract.wrong(("'%s' is a link, and may lead out of the folder"):format(name))
      end
    end
  end
  if #parts == 0 then contract.wrong(("'%s' is no name inside the folder"):format(name)) end
  return table.concat(parts, "/")
end

local codes = { notfound = "not_found", not_found = "not_found", input = "not_allowed", denied = "not_allowed", limit = "too_large" }

local function failed(self, message, code) return contract.failure(self, codes[code] or "io", tostring(message)) end

--- The folder that is meant: as told, or by its key ("docs:P-118" is P-118).
local function name_of(args, key) return args.name or args.path or (key:gsub("^%a+:", ""):gsub("[^%w%-_%. ]", "_")) end

local of_folder = { name = "name", path = "name", title = "text", project = "text", client = "text" }

local function remove_if_empty(self, args, key)
  local name = inside(self, name_of(args, key))
  if beneath.kind(self.path, name) == "folder" then
    local names, message, code = beneath.list(self.path, name)
    if not names then return failed(self, message, code) end
    -- the system refuses one that was filled meanwhile
    if #names == 0 then beneath.rmdir(self.path, name) end
  end
  return { name = name, key = key, sent = true, gone = beneath.kind(self.path, name) == nil }
end

folder.ops.create = { args = of_folder, effect = "idempotent",
  perform = function(self, args, key)
    local name = inside(self, name_of(args, key))
    local ok, message, code = beneath.mkdir(self.path, name)
    if not ok then return failed(self, message, code) end
    return { name = name, key = key, sent = true }
  end,
  probe = function(self, args, key)
    local name = inside(self, name_of(args, key))
    if beneath.kind(self.path, name) == "folder" then return "happened", { name = name, key = key, sent = true } end
    return "not"
  end,
  undo = remove_if_empty }

folder.ops.delete_if_empty = { args = of_folder, effect = "idempotent", perform = remove_if_empty }

folder.ops.write = { args = { name = "name!", text = "text" }, keeps = true, effect = "idempotent",
  perform = function(self, args, key)
    local name, text = inside(self, args.name), args.text or ""
    local ok, message, code = beneath.write(self.path, name, text)
    if not ok then return failed(self, message, code) end
    return { name = name, key = key, sent = true, bytes = #text }
  end,
  probe = function(self, args, key)
    local name, text = inside(self, args.name), args.text or ""
    if beneath.read(self.path, name) == text then return "happened", { name = name, key = key, sent = true, bytes = #text } end
    return "not"
  end }

-- A text is put behind what is there, once for its key: a line that names the key tells.

local function mark_of(key)
  return "<!-- " .. key:gsub("[^%w%-_%.:/]", function(c) return ("%%%02X"):format(c:byte()) end) .. " -->\n"
end

local function block_of(args, key) return args.text .. (args.text:sub(-1) == "\n" and "" or "\n") .. mark_of(key) end

--- What is in a file: "" when it is not there. One that cannot be read is not taken for empty.
local function content(self, name)
  local text, message, code = beneath.read(self.path, name)
  if text then return text end
  if beneath.kind(self.path, name) == nil then return "" end
  return nil, message, code
end

local function has_mark(text, key) return ("\n" .. text):find("\n" .. mark_of(key), 1, true) ~= nil end

folder.ops.append = { args = { name = "name!", text = "text!" }, keeps = true, effect = "idempotent",
  perform = function(self, args, key)
    local name = inside(self, args.name)
    local old, message, code = content(self, name)
    if not old then return failed(self, message, code) end
    if has_mark(old, key) then return { name = name, key = key, sent = true, bytes = #old } end
    local text = old .. (old ~= "" and old:sub(-1) ~= "\n" and "\n" or "") .. block_of(args, key)
    local ok
    ok, message, code = beneath.write(self.path, name, text)
    if not ok then return failed(self, message, code) end
    return { name = name, key = key, sent = true, bytes = #text }
  end,
  probe = function(self, args, key)
    local name = inside(self, args.name)
    local text = content(self, name)
    if not text then return "unknown" end
    if has_mark(text, key) then return "happened", { name = name, key = key, sent = true, bytes = #text } end
    return "not"
  end,
  --- Taken out as it was put in; what somebody changed since is theirs.
  undo = function(self, args, key)
    local name = inside(self, args.name)
    local text, message, code = content(self, name)
    if not text then return failed(self, message, code) end
    if not has_mark(text, key) then return { name = name, key = key, sent = true, gone = true } end
    local at, stop = text:find(block_of(args, key), 1, true)
    if not at then return contract.failure(self, "conflict", ("'%s' was changed since: the text of %s is not as it was appended"):format(name, key)) end
    local ok
    ok, message, code = beneath.write(self.path, name, text:sub(1, at - 1) .. text:sub(stop + 1))
    if not ok then return failed(self, message, code) end
    return { name = name, key = key, sent = true, gone = true }
  end }

folder.ops.read = { args = { name = "name!" }, effect = "read", perform = function(self, args)
  local name = inside(self, args.name)
  local text, message, code = beneath.read(self.path, name)
  if not text then return failed(self, message, code) end
  return { name = name, text = text }
end }

folder.ops.list = { args = { name = "name" }, effect = "read", perform = function(self, args)
  local name = args.name and inside(self, args.name) or ""
  local names, message, code = beneath.list(self.path, name)
  if not names and beneath.kind(self.path, name) == nil then return { names = json.array {} } end
  if not names then return failed(self, message, code) end
  return { names = json.array(names) }
end }

function folder:op(name) return contract.op(self, name) end

return folder
