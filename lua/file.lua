--- Files and folders. Everything that fails returns nil, message, code.
local core = require "core.file"

local file = {
  list = core.list, read = core.read, mkdir = core.mkdir, kind = core.kind,
  stat = core.stat, link = core.link, links = core.links, symlink = core.symlink, sync = core.sync, isatty = core.isatty, getpid = core.getpid, cwd = core.cwd,
}

--- Replace a file's content in one step, durably. `mode` is for a new file, 0644
--- unless said: `file.write(path, text, tonumber("600", 8))`.
file.write = core.write

--- Below a folder that is never left, whatever a name says and wherever links lead (src/beneath.h):
--- `file.beneath.read(folder, name)`.
file.beneath = { kind = core.beneath_kind, read = core.beneath_read, write = core.beneath_write, list = core.beneath_list,
  mkdir = core.beneath_mkdir, rmdir = core.beneath_rmdir, remove = core.beneath_remove }

--- Append one line, durably; a line that a crash cut off is removed first.
function file.append_sync(path, line)
  return core.append(path, line .. "\n")
end

function file.exists(path)
  return core.kind(path) ~= nil
end

--- Parts joined by "/".
function file.join(...)
  return (table.concat({ ... }, "/"):gsub("//+", "/"))
end

return file
