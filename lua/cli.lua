local commands = {}

function commands.lua(file, ...)
  arg = { [0] = file, ... }
  local chunk = assert(loadfile(file))
  chunk(...)
  return 0
end

return function(name, ...)
  local command = commands[name]
  if not command then
    io.stderr:write("keel: no command '", tostring(name), "'\n")
    return 2
  end
  return command(...)
end
