-- embed.lua: writes the C file that carries the Lua half.
-- usage: lua embed.lua OUT.c FILE.lua...   Loads each file first, so that a
-- syntax error fails the build and not a user.
local out_path = arg[1]
local lines = { '#include "embed.h"', "" }
local rows = {}
for i = 2, #arg do
  local path = arg[i]
  assert(loadfile(path, "t"))
  local name = path:match("^lua/(.+)%.lua$"):gsub("/", ".")
  local symbol = "lua_half_" .. i
  lines[#lines + 1] = ('__asm__(".section .rodata\\n%s: .incbin \\"%s\\"\\n%s_end: .byte 0\\n.previous\\n");')
    :format(symbol, path, symbol)
  lines[#lines + 1] = ("extern const unsigned char %s[], %s_end[];"):format(symbol, symbol)
  rows[#rows + 1] = ('\t{ "%s", "%s", %s, %s_end },'):format(name, path, symbol, symbol)
end
lines[#lines + 1] = "\nconst struct embed_file embed_files[] = {"
lines[#lines + 1] = table.concat(rows, "\n")
lines[#lines + 1] = "\t{ 0, 0, 0, 0 }\n};\n"
local out = assert(io.open(out_path, "w"))
out:write(table.concat(lines, "\n"))
assert(out:close())
