--- What a command gets beside its arguments: where it works and how it speaks.
--
--   home      the home's folder        json, color   how to speak
--   out(text) standard output          err(text)     standard error
--   print_json(value)                  terminal      terminal.new of standard output
--   engine(options)  opens the engine as the owner, once    -> e | nil, err
--   look()           opens it to look on, once              -> e | nil, err
--   remote(words)    asks a running engine                  -> exit code | nil, err
--   command(text)    "approve x" as this person would type it here
--   now()            milliseconds since 1970
--
-- `close` shuts what was opened; cli.lua calls it.

local context = {}

local function exists(path)
  local handle = io.open(path)
  if handle then handle:close() end
  return handle ~= nil
end

--- The home: --home, KEEL_HOME, the current folder if it holds a config.lua, else
-- the user's data folder.
function context.find_home(flag, getenv)
  local function given(name)
    local value = getenv(name)
    return value ~= "" and value or nil
  end
  if flag then return flag end
  if given "KEEL_HOME" then return given "KEEL_HOME" end
  if exists "config.lua" then return "." end
  local data = given "XDG_DATA_HOME" or (given "HOME" or "") .. "/.local/share"
  return data .. "/keel"
end

local function quoted(word)
  if word:find("^[%w_@%%+=:,./-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end
context.quoted = quoted

--- The commands whose answer is the same in every home.
local homeless = { help = true, explain = true, version = true }

--- From where somebody acts, for the audit trail.
context.channel = "cli"

function context.new(words, getenv)
  local self = setmetatable({ words = words, getenv = getenv or os.getenv, opened = {} },
    context)
  --- What a full disk did not take is remembered: a later flush would not know of it.
  local function put(...)
    local ok, why = io.stdout:write(...)
    if not ok then self.lost = why end
  end
  function self.out(text) put(text) end
  function self.err(text)
    io.stdout:flush()
    io.stderr:write(text)
  end
  function self.print_json(value)
    local text, why = require("json").encode(value)
    if not text then error("cannot be said in JSON: " .. why) end
    put(text, "\n")
  end
  function self.now() return require("core.clock").now_ms() end
  function self.engine(options) return self:open("open", options) end
  function self.look()
    local e = self.opened.open
    if e then return e end
    return self:open("look")
  end
  function self.remote(argv)
    local file = require "file"
    if not file.exists(file.join(self.home, "var", "engine.sock")) then
      return nil, require("errors").new("K1019")
    end
    return require("remote").call(self.home, argv)
  end
  function self.command(text)
    local parts = { require("core.program").name }
    if self.home_flag and not homeless[text:match("^%S+")] then
      parts[2] = "--home " .. quoted(self.home_flag)
    end
    parts[#parts + 1] = text
    return table.concat(parts, " ")
  end
  self:set {}
  return self
end

--- Take over the global flags read so far.
function context:set(globals)
  self.home_flag = globals.home
  self.home = context.find_home(globals.home, self.getenv)
  self.json = globals.json or false
  self.no_color = globals.no_color or false
  self.terminal, self.color = nil, nil
end

--- The terminal of standard output is looked at when it is first needed, which is
-- after all flags were read.
local function make_terminal(self)
  local t = require("terminal").new { no_color = self.no_color, getenv = self.getenv }
  self.terminal, self.color = t, t.color
  return t
end

function context.__index(self, key)
  if key == "terminal" then return make_terminal(self) end
  if key == "color" then return make_terminal(self).color end
  return context[key]
end

function context:open(how, options)
  if self.opened[how] then return self.opened[how] end
  local errors = require "errors"
  if require("file").kind(self.home) ~= "folder" then
    return nil, errors.new("K1013", { name = self.home })
  end
  local all = { home = self.home }
  for key, value in pairs(options or {}) do all[key] = value end
  local e, err = require("engine")[how](all)
  if not e then return nil, err end
  self.opened[how] = e
  return e
end

function context:close()
  for how, e in pairs(self.opened) do
    e:close()
    self.opened[how] = nil
  end
end

return context
