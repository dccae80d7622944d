--- Every script of spec/sandbox/ in several worlds; what is said must be equal byte for
--- byte, but for the time it took.
--
--   keel lua spec/worlds/main.lua BUILD_FOLDER [OTHER_KEEL...]
package.path = "./?.lua;" .. package.path
local corpus = require "spec.support.corpus"
local file = require "file"

io.stdout:setvbuf "line"
local build = arg[1]
local keel = build .. "/keel"
local scratch = os.tmpname()
os.remove(scratch)
assert(file.mkdir(scratch))

local function answer(line)
  local pipe = assert(io.popen(line, "r"))
  local out = pipe:read "a"
  pipe:close()
  return out
end

-- Name, and what stands before and after `sandbox` on the command line. The first is what
-- the others are measured by.
local worlds = {
  { "plain", keel },
  { "again", keel },
  { "addresses that stay", "setarch -R " .. keel },
  { "another environment", ("env -i A=%s LC_ALL=tr_TR.UTF-8 LANG=de_DE TZ=Asia/Kathmandu %s"):format(("x"):rep(60000), keel) },
  { "memory full of noise", "env MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4096 " .. keel },
  { "another allocator", ("env LD_PRELOAD=%s/shuffle.so SHUFFLE=7 %s"):format(build, keel) },
  { "a small stack", "bash -c 'ulimit -s 1024; exec \"$0\" \"$@\"' " .. keel },
  { "five runs in one process", keel, "--runs 5" },
}
for i = 2, #arg do worlds[#worlds + 1] = { arg[i], arg[i] } end

--- What a run said but for its time, once for equal lines; nil for one that may end by the clock.
local function facts(world, options, path)
  local out = answer(("%s sandbox --json --wall 60000 %s %s %s 2>&1"):format(world[2], options, world[3] or "", path))
  out = out:gsub(',"ms":[%d.]+', "")
  if not world[3] then return out end
  -- what it printed begins with a bar, so the first line with a brace is the first report
  local first = out:match "^{[^\n]*\n" or out:match "^.-\n{[^\n]*\n"
  return first and out == first:rep(5) and first or out
end

local list = {}
for path in answer "find spec/sandbox -name '*.lua' | sort":gmatch "%S+" do list[#list + 1] = path end
local different, compared, skipped = 0, 0, 0
for _, path in ipairs(list) do
  local text = corpus.read(path)
  local d = corpus.directives(text)
  local source, options = corpus.source(d, text), d.options or ""
  local cap = (path:find "/cpu/" or path:find "/cfn/") and "--instructions 2000000 " or ""
  local script = path
  if source then
    script = scratch .. "/" .. path:match "[^/]+$"
    assert(file.write(script, source))
  end
  if options:find "--wall" or options:find "--runs" then
    skipped = skipped + 1
  else
    local first
    for _, world in ipairs(worlds) do
      local said = facts(world, cap .. options, script)
      first = first or said
      compared = compared + 1
      if said ~= first then
        different = different + 1
        print(("DIFFERENT %s in %s\n  plain: %s  here:  %s"):format(path, world[1], first:sub(1, 400), said:sub(1, 400)))
      end
    end
  end
end
os.execute("rm -rf '" .. scratch .. "'")
print(("%d scripts, %d worlds, %d compared, %d different, %d skipped (by the clock, or several runs already)"):format(
  #list, #worlds, compared, different, skipped))
os.exit(different == 0 and 0 or 1)
