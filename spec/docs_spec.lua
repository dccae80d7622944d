--- What the documents say is true: their commands run, their links lead somewhere, and
-- the tour of the README passes every file.
local file = require "file"
local keel = require "spec.support.keel"
local program = require "spec.support.program"

local function read(path) return assert(file.read(path), path .. " cannot be read") end

local function documents()
  local list = { "README.md" }
  for _, folder in ipairs { "docs", "docs/modules" } do
    for _, name in ipairs(file.list(folder) or {}) do
      if name:find("%.md$") then list[#list + 1] = folder .. "/" .. name end
    end
  end
  return list
end

--- The blocks of a Markdown text: { kind, text, line, target }. A block of Lua behind a
-- line "Write this into `FILE`:" has that file as its target.
local function blocks(text)
  local list, block, target, number = {}, nil, nil, 0
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if block and line == "```" then
      block.text = table.concat(block, "\n") .. "\n"
      list[#list + 1], block = block, nil
    elseif block then
      block[#block + 1] = line
    elseif line:find("^```") then
      block = { kind = line:sub(4), line = number, target = target }
      target = nil
    elseif line ~= "" then
      target = line:match("^Write this into `([^`]+)`:$")
    end
  end
  assert(not block, "a block is not closed")
  return list
end

-- ---- comparing what was shown with what came ----------------------------------------

local function squeezed(line) return (line:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

local function lines_of(text)
  local list = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    line = squeezed(line)
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

--- "..." inside a line stands for any text.
local function pattern_of(line)
  local parts, at = {}, 1
  repeat
    local from, to = line:find("...", at, true)
    local piece = line:sub(at, (from or 0) - 1)
    parts[#parts + 1] = piece:gsub("%p", "%%%0"):gsub("^ ", " ?"):gsub(" $", " ?")
    at = (to or 0) + 1
  until not from
  return "^" .. table.concat(parts, ".-") .. "$"
end

--- Whether the shown lines fit what came; a line "..." stands for any lines, none too.
-- Else the first shown line that nothing fits.
local function fits(shown, got)
  local furthest = 1
  local function from(i, j)
    furthest = math.max(furthest, i)
    if i > #shown then return j > #got end
    if shown[i] == "..." then
      for k = j, #got + 1 do
        if from(i + 1, k) then return true end
      end
      return false
    end
    return j <= #got and got[j]:find(pattern_of(shown[i])) ~= nil and from(i + 1, j + 1)
  end
  if from(1, 1) then return true end
  return false, shown[furthest] or "the end"
end

-- ---- running a page ------------------------------------------------------------------

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  assert(file.mkdir(path .. "/bin"))
  assert(file.mkdir(path .. "/home"))
  os.execute(("ln -s %s %s/bin/keel"):format(quoted(program), path))
  return path
end

local function shell(path, text)
  local script, out = path .. "/script", path .. "/out"
  assert(file.write(script, text))
  local _, _, code = os.execute(("cd %s/home && env -u KEEL_HOME -u COLUMNS -u NO_COLOR PATH=%s/bin:\"$PATH\" "
    .. "timeout 300 sh -e %s >%s 2>&1 </dev/null"):format(path, path, script, out))
  return read(out), code
end

local function write(path, block)
  local target = path .. "/home/" .. block.target
  local folder = target:match("^(.*)/")
  assert(file.mkdir(folder))
  assert(file.write(target, block.text))
end

local function play(name)
  local path = scratch()
  finally(function()
    shell(path, "for one in $(find . -name engine.pid); do kill $(cat $one) 2>/dev/null || true; done")
    -- one that is ending may write yet
    os.execute(("for n in 1 2 3 4 5; do rm -rf %s 2>/dev/null && break; sleep 0.2; done"):format(path))
  end)
  local ran, output = 0, nil
  for _, block in ipairs(blocks(read(name))) do
    local place = ("%s:%d"):format(name, block.line)
    if block.kind == "lua" and block.target then write(path, block) end
    if block.kind == "sh" then
      local code
      ran, output, code = ran + 1, shell(path, block.text)
      assert.equal(0, code, place .. ": the block fails:\n" .. output)
    elseif block.kind == "text" then
      local ok, missing = fits(lines_of(block.text), lines_of(output))
      assert(ok, ("%s: nothing fits %q in:\n%s"):format(place, tostring(missing), output))
    end
  end
  return ran
end

describe("the documents", function()
  it("have a guide whose files and commands do what it shows", function()
    assert.truthy(play "docs/guide.md" > 12)
  end)

  for _, name in ipairs(documents()) do
    if name ~= "docs/guide.md" and read(name):find("\n```sh\n") then
      it("have files and commands that do what they show: " .. name, function() play(name) end)
    end
  end

  it("compare as they say: any text for dots, any lines for a line of dots", function()
    assert.is_true((fits({ "a ... c", "...", "z" }, { "a b c", "x", "y", "z" })))
    assert.is_true((fits({ "...", "z" }, { "z" })))
    assert.is_false((fits({ "a", "z" }, { "a", "b", "z" })))
    assert.is_true((fits({ "the end." }, { "the end." })))
    assert.is_false((fits({ "a (1)" }, { "a 1" })))
  end)

  it("name every file of src and every module of lua, agents and skills in the tour", function()
    local tour, missing = read "README.md", {}
    local function look(folder, pattern)
      for _, entry in ipairs(file.list(folder)) do
        local name = entry:match(pattern)
        local said = name and (folder == "lua/command" and name:gsub("_", "-") or name)
        if name and not tour:find("`" .. said .. "`", 1, true) then missing[#missing + 1] = folder .. "/" .. entry end
      end
    end
    look("src", "^([%w_]+)%.[chl]")
    look("lua", "^([%w_]+)%.lua$")
    look("lua/command", "^([%w_]+)%.lua$")
    look("agents", "^([%w_]+)%.lua$")
    look("skills", "^([%w_]+)%.lua$")
    for _, entry in ipairs(file.list "lua") do
      if file.kind("lua/" .. entry) == "folder" and not tour:find("`" .. entry .. "/`", 1, true) then
        missing[#missing + 1] = "lua/" .. entry .. "/"
      end
    end
    assert.same({}, missing)
  end)

  it("name functions to read first that are there", function()
    local pipe, missing = assert(io.popen "cat src/*.[ch] lua/*.lua lua/*/*.lua"), {}
    local sources = pipe:read "a"
    pipe:close()
    for name in read("README.md"):gmatch("`([%w_.:]+)%(%)`") do
      if not sources:find("%f[%w_]" .. name:gsub("%p", "%%%0") .. "%(") then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)

  it("name no file that is not there", function()
    -- what lies in a home, which this folder may be as well
    local homes, missing = { agents = true, skills = true, inbox = true, var = true, build = true }, {}
    for _, name in ipairs(documents()) do
      for path in read(name):gmatch("`([%w_]+/[%w_/.-]+%.%l+)`") do
        local top = path:match("^[^/]+")
        local ours = file.kind(top) == "folder" and not homes[top]
        if ours and not path:find("NAME", 1, true) and not file.exists(path) then missing[#missing + 1] = name .. ": " .. path end
      end
    end
    assert.same({}, missing)
  end)

  it("have links that lead somewhere", function()
    local broken = {}
    local function anchors(text)
      local set = {}
      for heading in ("\n" .. text):gmatch("\n#+ ([^\n]+)") do
        set[heading:lower():gsub("[^%w%- _]", ""):gsub(" ", "-")] = true
      end
      return set
    end
    for _, name in ipairs(documents()) do
      local text, folder = read(name), name:match("^(.*/)") or ""
      for target in text:gmatch("%]%(([^)%s]+)%)") do
        if not target:find("^%a+://") then
          local path, anchor = target:match("^([^#]*)#?(.*)$")
          local where = path == "" and name or folder .. path
          if not file.exists(where) then
            broken[#broken + 1] = name .. ": " .. target
          elseif anchor ~= "" and not anchors(read(where))[anchor] then
            broken[#broken + 1] = name .. ": " .. target
          end
        end
      end
    end
    assert.same({}, broken)
  end)

  it("list the commands that there are", function()
    local tour, missing = read "README.md", {}
    for name in keel({ "help" }).out:gmatch("\n  (%l+)  ") do
      if not tour:find("`" .. name .. "`", 1, true) then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)
end)

describe("the examples", function()
  -- docs/examples/model.lua says what it wants when no server is named; with one it is
  -- run by spec/model_agent_spec.lua.

  for _, name in ipairs(file.list "docs/examples") do
    local short = name:match("^(.*)%.lua$")
    if short then
      it("run: " .. short, function()
        local done = keel { "lua", "docs/examples/" .. name }
        assert.equal(0, done.code, done.err)
        assert.equal("", done.err)
        assert.truthy(done.out:find "\n")
      end)
    end
  end
end)
