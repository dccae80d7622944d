--- The path of the binary that runs the specs, so that they start the same one.
local pipe = assert(io.popen("readlink /proc/$PPID/exe"))
local path = pipe:read("l")
pipe:close()
return path
