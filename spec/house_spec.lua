-- The rules of the house, read off the sources. The tables stand in
-- spec/support/floors.lua.
local floors = require "spec.support.floors"
local source = require "spec.support.source"

local c_files, headers = source.files("src", ".c"), source.files("src", ".h")
local all_c = {}
for _, list in ipairs { c_files, headers } do
  for _, path in ipairs(list) do all_c[#all_c + 1] = path end
end
local lua_files = source.files("lua", ".lua")

-- Complaints are collected, so that one run shows all of them.
local function expect_none(complaints)
  assert(#complaints == 0, "\n  " .. table.concat(complaints, "\n  "))
end

local function floor_of(name)
  for number, names in ipairs(floors.floors) do
    if source.among(name, names) then return number end
  end
end

-- Every place in the code (comments and strings apart) of these files where a
-- pattern stands.
local function places(paths, patterns, allowed)
  local found = {}
  for _, path in ipairs(paths) do
    if not (allowed and allowed[path]) then
      local code = source.code(path)
      for _, pattern in ipairs(patterns) do
        for at, what in code:gmatch("()" .. pattern) do
          found[#found + 1] = ("%s:%d: %s"):format(path, source.line(code, at), what)
        end
      end
    end
  end
  return found
end

local function calls(names)
  local patterns = {}
  for name in names:gmatch "%S+" do patterns[#patterns + 1] = "%f[%w_](" .. name .. ")%s*%(" end
  return patterns
end

describe("the house", function()
  it("knows the floor of every file of src/", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      if not floor_of(source.stem(path)) then bad[#bad + 1] = path .. " has no floor in spec/support/floors.lua" end
    end
    expect_none(bad)
  end)

  it("lets includes point to its own floor or down, never up", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      local from = floor_of(source.stem(path)) or 0
      for _, include in ipairs(source.includes(path)) do
        local to = not include.system and floor_of(source.stem(include.name))
        if to and to > from then
          bad[#bad + 1] = ("%s:%d: floor %d looks up to %s on floor %d"):format(path, include.line, from, include.name, to)
        end
      end
    end
    expect_none(bad)
  end)

  it("has no circle of headers", function()
    local state, bad = {}, {}
    local function visit(name, trail)
      if state[name] == "done" then return end
      if state[name] then
        bad[#bad + 1] = trail .. " -> " .. name
        return
      end
      state[name] = "open"
      local f = io.open("src/" .. name)
      if f then
        f:close()
        for _, include in ipairs(source.includes("src/" .. name)) do
          if not include.system then visit(include.name, trail .. " -> " .. include.name) end
        end
      end
      state[name] = "done"
    end
    for _, path in ipairs(headers) do visit(path:match "[^/]+$", path) end
    expect_none(bad)
  end)

  it("lets only the frontier know Lua's headers", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      for _, include in ipairs(source.includes(path)) do
        if floors.lua_headers[include.name] and floor_of(source.stem(path)) ~= floors.frontier then
          bad[#bad + 1] = ("%s:%d: %s"):format(path, include.line, include.name)
        end
      end
    end
    expect_none(bad)
  end)

  it("keeps each outside library behind its one file", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      for _, include in ipairs(source.includes(path)) do
        local known = not include.system or floors.lua_headers[include.name]
          or source.among(include.name, floors.system_headers)
        for header, allowed in pairs(floors.libraries) do
          known = known or source.among(include.name, { header })
          if source.among(include.name, { header }) and not source.among(source.stem(path), allowed) then
            bad[#bad + 1] = ("%s:%d: %s belongs to %s"):format(path, include.line, include.name, table.concat(allowed, ", "))
          end
        end
        if not known then bad[#bad + 1] = ("%s:%d: %s is nobody's"):format(path, include.line, include.name) end
      end
    end
    expect_none(bad)
  end)

  it("does no input and output on the ground floor", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      local name = source.stem(path)
      for _, include in ipairs(floor_of(name) == 1 and source.includes(path) or {}) do
        local allowed = floors.io_allowed[name] and floors.io_allowed[name][include.name]
        if include.system and source.among(include.name, floors.io_headers) and not allowed then
          bad[#bad + 1] = ("%s:%d: %s"):format(path, include.line, include.name)
        end
      end
    end
    expect_none(bad)
  end)

  it("speaks SQL only in src/store_sqlite*.c", function()
    local sql = { "%f[%w]SELECT%s.*", "INSERT%s+INTO%s", "INSERT%s+OR%s", "DELETE%s+FROM%s", "UPDATE%s+%w+%s+SET%s",
      "CREATE%s+TABLE", "DROP%s+TABLE", "^.PRAGMA%s", "BEGIN%s+IMMEDIATE" }
    local bad = places(all_c, { "%f[%w_](sqlite3_[%w_]+)" }, setmetatable({}, { __index = function(_, path)
      return source.among(source.stem(path), { "store_sqlite", "store_sqlite_*" })
    end }))
    for _, list in ipairs { all_c, lua_files } do
      for _, path in ipairs(list) do
        if not source.among(source.stem(path), { "store_sqlite", "store_sqlite_*" }) then
          local text = source.read(path)
          local _, strings = source.code(path, text)
          for _, string in ipairs(strings) do
            for _, pattern in ipairs(sql) do
              if string.text:find(pattern) then
                bad[#bad + 1] = ("%s:%d: %s"):format(path, source.line(text, string.at), string.text:sub(1, 60))
              end
            end
          end
        end
      end
    end
    expect_none(bad)
  end)

  it("reads time and chance only in src/clock.c", function()
    expect_none(places(all_c, calls [[clock_gettime gettimeofday time clock getrandom getentropy rand srand random
      srandom drand48 arc4random ev_time timespec_get]], { ["src/clock.c"] = true }))
  end)

  it("reads time and chance in Lua only through core.clock", function()
    -- In a run's sandbox math.random is the run's own, seeded by its first record.
    expect_none(places(lua_files, { "(os%.time)%f[^%w_]", "(os%.clock)%f[^%w_]", "(os%.date)%f[^%w_]", "(math%.random)",
      "(socket%.gettime)" }, { ["lua/ctx.lua"] = true }))
  end)

  it("uses no function that cannot be used safely", function()
    expect_none(places(all_c, calls [[gets sprintf vsprintf strcpy stpcpy strcat strncat strtok strncpy atoi atol atof
      alloca mktemp tmpnam tempnam asctime ctime gmtime localtime strerror setlocale]]))
  end)

  it("ends the process only where that is agreed", function()
    expect_none(places(all_c, calls "exit _exit _Exit abort quick_exit", floors.may_exit))
  end)

  it("tells in each C file, or in its header, what it is for", function()
    local bad = {}
    for _, path in ipairs(headers) do
      if source.read(path):sub(1, 2) ~= "/*" then bad[#bad + 1] = path .. " does not begin with a comment" end
    end
    for _, path in ipairs(c_files) do
      local header = io.open((path:gsub("%.c$", ".h")))
      if header then header:close() end
      if not header and source.read(path):sub(1, 2) ~= "/*" then
        bad[#bad + 1] = path .. " has no header file and no comment at its head"
      end
    end
    expect_none(bad)
  end)

  it("names a file rightly where its head names it", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      local said = source.read(path):match "^/%* ([%w_]+%.[ch]) %-%-"
      if said and said ~= path:match "[^/]+$" then bad[#bad + 1] = path .. " calls itself " .. said end
    end
    expect_none(bad)
  end)

  it("guards each header by its own name", function()
    local bad = {}
    for _, path in ipairs(headers) do
      local guard = "KEEL_" .. source.stem(path):upper() .. "_H"
      if not source.read(path):find("#ifndef " .. guard .. "\n#define " .. guard .. "\n", 1, true) then
        bad[#bad + 1] = path .. " lacks the guard " .. guard
      end
    end
    expect_none(bad)
  end)

  it("tells at the head of each Lua file what it is for", function()
    local bad = {}
    for _, path in ipairs(lua_files) do
      local text = source.read(path)
      -- A command says it where the user reads it.
      local command = path:match "^lua/command/" and text:find("%f[%w]about%s*=")
      if text:sub(1, 2) ~= "--" and not command then bad[#bad + 1] = path .. " does not begin with a comment" end
    end
    expect_none(bad)
  end)

  it("requires only modules that exist", function()
    local bad, halves = {}, {}
    for name in source.read("src/host.c"):gmatch '{ "(core%.[%w_.]+)"' do halves[name] = true end
    for _, path in ipairs(lua_files) do
      local text = source.read(path)
      for name in text:gmatch 'require%s*%(?%s*"([%w_.]+)"' do
        local f = io.open("lua/" .. name:gsub("%.", "/") .. ".lua")
        if f then f:close() end
        if not f and not halves[name] and not source.among(name, floors.planned_modules) then bad[#bad + 1] = path .. " requires " .. name end
      end
    end
    expect_none(bad)
  end)

  it("keeps its files short enough to hold in mind", function()
    local bad = {}
    for _, list in ipairs { all_c, lua_files } do
      for _, path in ipairs(list) do
        local lines = select(2, source.read(path):gsub("\n", ""))
        local most = floors.long_files[path] or floors.longest_file
        if lines > most then bad[#bad + 1] = ("%s has %d lines, at most %d"):format(path, lines, most) end
      end
    end
    expect_none(bad)
  end)

  it("keeps its functions short: nine in ten below 46 lines, none above 100", function()
    local bad, all, long = {}, 0, 0
    for _, path in ipairs(c_files) do
      for _, fn in ipairs(source.functions(path)) do
        all = all + 1
        if fn.lines > floors.usual_function then long = long + 1 end
        if fn.lines > (floors.long_functions[fn.name] or floors.longest_function) then
          bad[#bad + 1] = ("%s:%d: %s has %d lines"):format(path, fn.line, fn.name, fn.lines)
        end
      end
    end
    expect_none(bad)
    assert(all > 300, "the functions were not found")
    assert(long * 10 < all, ("%d of %d functions have more than %d lines"):format(long, all, floors.usual_function))
  end)

  it("indents C with tabs and keeps its lines in sight", function()
    local bad = {}
    for _, path in ipairs(all_c) do
      local number = 0
      for line in source.read(path):gmatch "([^\n]*)\n" do
        number = number + 1
        local wide = 0
        for i = 1, #line do wide = line:byte(i) == 9 and wide + 8 - wide % 8 or wide + 1 end
        if wide > floors.columns then bad[#bad + 1] = ("%s:%d: %d columns"):format(path, number, wide) end
        if line:find "%s$" then bad[#bad + 1] = ("%s:%d: blanks at the end"):format(path, number) end
        if line:find "^        " then bad[#bad + 1] = ("%s:%d: blanks for a tab"):format(path, number) end
      end
    end
    expect_none(bad)
  end)

  it("names no folder of one machine and no package registry in what is published", function()
    local words = { "/home/%w", "/root/", "/work/%w", "/Users/%w", "/tmp/bash", "registry%.npmjs", "deb%.debian%.org",
      "snapshot%.debian", "archive%.ubuntu", "pypi%.org", "pythonhosted", "luarocks%.org", "proxy%.golang", "crates%.io",
      "ghcr%.io", "docker%.io", "quay%.io" }
    local bad = {}
    for _, path in ipairs(source.tracked()) do
      local f = path ~= "spec/house_spec.lua" and not path:match "%.bin$" and io.open(path, "rb")
      local text = f and f:read "a" or ""
      if f then f:close() end
      for _, word in ipairs(words) do
        local at, to = text:find(word)
        if at then bad[#bad + 1] = ("%s:%d: %s"):format(path, source.line(text, at), text:sub(at, to)) end
      end
    end
    expect_none(bad)
  end)

  it("commits no source of others and nothing large but the word vectors", function()
    local bad = {}
    for _, path in ipairs(source.tracked()) do
      local f = io.open(path, "rb")
      local size = f and f:seek "end" or 0
      if f then f:close() end
      if size > 300000 and not path:match "^vendor/vectors/" then bad[#bad + 1] = ("%s has %d bytes"):format(path, size) end
      if path:match "^vendor/lua/src" or path:match "%.tar%.gz$" then bad[#bad + 1] = path end
    end
    expect_none(bad)
  end)
end)

describe("what looks at the sources", function()
  it("sees code, not comments and strings", function()
    local code, strings = source.code("x.c", 'int a; /* strcpy(x) */ f("strcat(\\"y)"); // gets(\nchar c = \'"\'; g();\n')
    assert.is_nil(code:find "strcpy" or code:find "strcat" or code:find "gets")
    assert.match("g%(%);", code)
    assert.equal('"strcat(\\"y)"', strings[1].text)
    assert.equal(2, source.line(code, (code:find "g%(%)")))
    code = source.code("x.lua", 'a() -- os.time()\n--[[ b()\n]] c() d = [[ e() ]] f = "\\"g()"\n')
    assert.is_nil(code:find "os%.time" or code:find "b%(" or code:find "e%(" or code:find "g%(")
    assert.match("c%(%)", code)
  end)

  it("counts the lines of functions", function()
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write "static int one(void)\n{\n\treturn 1;\n}\n\nstruct x {\n\tint y;\n};\n\nint two(int a,\n\tint b)\n{\n\n\n}\n"
    f:close()
    local list = source.functions(path)
    os.remove(path)
    assert.same({ { name = "one", line = 2, lines = 1 }, { name = "two", line = 12, lines = 2 } }, list)
  end)
end)
