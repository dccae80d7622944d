local errors = require "errors"
local file = require "file"
local terminal = require "terminal"

-- ---- telling ---------------------------------------------------------------------------

local function effort(told)
  return ("%s, %d instructions, %s in use"):format(terminal.took(told.ms), told.instructions or 0,
    require("bytesize").format(told.memory or 0))
end

--- What came of an entry, for a person.
local function tell(self, told)
  if told.printed and told.printed ~= "" then self.context.out(told.printed) end
  if told.out and told.out ~= "" then self.page(told.out) end
  if told.err then self.problem(told.err) end
  if self.session.timing and told.ms then self.note(effort(told)) end
end

--- The same for a program: one JSON value an entry.
local function tell_json(self, told)
  if told.err then return self.context.print_json(errors.json(told.err)) end
  local json, show = require "json", require "repl.show"
  local values = told.values or {}
  if #values <= 1 then
    local value = values[1]
    return self.context.print_json(value == nil and json.null or show.for_json(value))
  end
  local list = json.array {}
  for i, value in ipairs(values) do list[i] = show.for_json(value) end
  self.context.print_json(list)
end

-- ---- entries -----------------------------------------------------------------------------

--- Do one entry. Returns whether to go on, and the error if there was one.
local function enter(self, text)
  if text:find "^%s*%." then
    local on, err = require("repl.dots").run(self, text)
    if on == nil and err then
      if self.json then self.context.print_json(errors.json(err)) else self.problem(err) end
      return true, err
    end
    return on ~= false, nil
  end
  if not text:find "%S" then return true end
  self.at_work = true
  local told = self.session:run(text)
  self.at_work = false
  if told.more then told = { ok = false, err = errors.new("K3107", { message = "it ends in the middle" }) } end
  if self.json then tell_json(self, told) else tell(self, told) end
  return not self.quit, told.err
end

local function name_of(home)
  local path = home == "." and file.cwd() or home
  return terminal.escape((path or home):gsub("/+$", ""):match "[^/]+$" or home)
end

local function prompt(self)
  return ("keel(%s) %s> "):format(self.name, self.door.writing and "rw" or "ro")
end

local function banner(self)
  self.note(("%s; %s"):format(self.door.attached and "attached to the engine that runs here" or "no engine runs here: on the store",
    self.door.writing and "writing" or "read-only until `.write on`"))
  self.note "Type Lua, or .help; TAB completes; Ctrl-D ends."
end

--- At a terminal: until Ctrl-D or .quit.
local function at_terminal(self)
  local complete = require "repl.complete"
  local ed, message, code = require("repl.editor").open { name = "keel", history = file.join(self.context.home, "var", "repl.history"),
    complete = function(line, cursor) return complete(self.session, line, cursor) end,
    more = function(text) return self.session:more(text) end }
  if not ed then return nil, errors.from(message, code) end
  local _ <close> = ed
  banner(self)
  local on = true
  while on and not self.quit do
    local text, why, kind = ed:read(prompt(self))
    if text then
      on = enter(self, text)
    elseif why == "eof" then
      on = false
    elseif why ~= "interrupt" then
      return nil, errors.from(why, kind)
    end
  end
  return 0
end

--- From a pipe or a file: until the end, or the first error.
local function through(self, read, keep_going)
  local first
  while not self.quit do
    local text = read()
    if not text then break end
    local on, err = enter(self, text)
    first = first or err
    if not on or err and not keep_going then break end
  end
  return first and errors.exit_code(first) or 0
end

--- Entries of a text: a line each, or as many as one needs.
local function entries_of(self, lines)
  return function()
    local text = lines()
    while text and self.session:more(text) do
      local line = lines()
      if not line then break end
      text = text .. "\n" .. line
    end
    return text
  end
end

-- ---- opening -------------------------------------------------------------------------------

local function open(context)
  local door, session, err
  door, err = require("repl.door").open(context)
  if not door then return nil, err end
  session, err = require("repl.session").new { door = door, terminal = context.terminal }
  if not session then return nil, err end
  local self = { context = context, door = door, session = session, json = context.json, name = name_of(context.home) }
  local pages = require("repl.pager").new { getenv = context.getenv }
  function self.page(text)
    if self.paging ~= false then pages(text) else context.out(text) end
    return true
  end
  function self.note(text)
    context.err(context.terminal:style("dim", terminal.escape(text)) .. "\n")
  end
  function self.problem(err_)
    local face = setmetatable({ command = function(text) return text:sub(1, 1) == "." and text or context.command(text) end }, { __index = context })
    context.err(require("view").problem(face, err_) .. "\n")
  end
  function self.let_go() context:close() end
  return self
end

local function read_source(args)
  if args.eval then return args.eval end
  local text, why = file.read(args.file)
  if not text then return nil, errors.new("K1009", { name = args.file, detail = why }) end
  return text
end

return {
  about = "ask the engine in Lua: memory, runs, money, events; at a terminal or from a pipe",
  arguments = { { "file", "FILE", optional = true } },
  flags = {
    { "eval", "CODE", "evaluate this instead of reading", short = "e" },
    { "write", nil, "as if .write on were the first line" },
    { "keep-going", nil, "from a pipe: go on after an error" },
  },
  notes = "Attached to the engine that serves this home, else on the store. It only reads until `.write on`, and"
    .. " what it writes then is kept in the audit trail. What is typed runs in a sandbox. From a pipe each entry's"
    .. " value is printed, with --json as one JSON value a line; the first error ends it with its exit code.",
  examples = { "keel repl", "echo 'memory.stats()' | keel repl", "keel repl --json --eval 'runs.list{ state = \"failed\" }'" },
  run = function(args, context)
    local self, err = open(context)
    if not self then return nil, err end
    local _ <close> = self.session
    local _ <close> = self.door
    require("core.supervise").signals(function(signal)
      if signal ~= "INT" then self.quit = true end
      if not self.at_work then return end
      if file.isatty(2) then io.stderr:write "\n" end -- behind the ^C that the terminal shows
      self.session:interrupt()
    end)
    if args.write then
      local ok
      ok, err = self.door:write(true)
      if not ok then return nil, err end
    end
    if args.eval or args.file then
      local text
      text, err = read_source(args)
      if not text then return nil, err end
      return through(self, entries_of(self, text:gmatch "([^\n]*)\n?"), args.keep_going)
    end
    if file.isatty(0) and file.isatty(1) and not context.json then return at_terminal(self) end
    return through(self, entries_of(self, function() return io.read "l" end), args.keep_going)
  end,
}
