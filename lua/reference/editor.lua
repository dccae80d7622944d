--- Files for editors: definitions for the Lua language server, its settings, and luacheck's.
--
-- Written by `keel init` and `keel api --luals DIR`; made of lua/reference/ and of the home's
-- own skills.
local file = require "file"
local json = require "json"
local reference = require "reference"

local editor = {}

--- Where the definitions lie in a home.
editor.folder = ".keel/lua"

local head = [[
---@meta
-- Made by `keel api --luals`: what agents and skills of Keel see. Not to be edited.

---@class KeelError
---@field code string
---@field message string

---@class KeelRetry
---@field attempts integer?
---@field initial string|integer?
---@field factor number?
---@field max string|integer?
---@field jitter number?
---@field never string[]?
---@field within string|integer?

---@class KeelVerdict
---@field outcome "approved"|"edited"|"rejected"|"expired"|"obsolete"
---@field approved boolean
---@field value any  what was approved, edited or not
---@field by string?
---@field at string?
---@field note string?
---@field applied string?

---@class KeelEvent
---@field id string
---@field type string
---@field key string?
---@field payload any
---@field time string
---@field trust string
---@field private boolean? its words stem from private memory

---@class KeelMemory
---@field id string
---@field kind string
---@field key string?
---@field text string?
---@field value any
---@field score number?
---@field parts table<string, number>?

---@class KeelOn
---@field event string?
---@field where table?
---@field key string?
---@field throttle string?
---@field cron string?
---@field zone string?
---@field every string?
---@field at string?

---@class KeelCaps
---@field instructions integer?
---@field memory string|integer?
---@field wall string|integer?

---@class KeelAgent
---@field version integer
---@field about string?
---@field on KeelOn|KeelOn[]?
---@field input table?  a JSON Schema
---@field output table?  a JSON Schema
---@field config table?  a JSON Schema of its settings
---@field caps KeelCaps?
---@field budget { run: string?, hour: string?, day: string?, month: string?, calls: string?, tokens: string?, warn: number[]? }?
---@field uses string[]?
---@field locally string[]?  skills of these that no model shall do
---@field memory { read: string[]?, write: string[]? }?
---@field concurrency integer?
---@field timeout string|integer?
---@field run fun(ctx: KeelContext, input: any): any

---@class KeelLib
---@field similarity fun(a: string, b: string): number
---@field given (fun(a: string, b: string): number?)? the same, of vectors that a case gives alone
---@field zone string
---@field config table<string, any>
---@field null lightuserdata
---@field now string
---@field skill table<string, fun(input: any): any>

---@class KeelSkill
---@field version integer
---@field about string?
---@field input table?  a JSON Schema
---@field output table?  a JSON Schema
---@field effect "pure"|"read"|"local"|"idempotent"|"at_most_once"?
---@field needs { hosts: string[]?, secrets: string[]?, skills: string[]? }?
---@field examples { input: any, output: any }[]?
---@field model { tier: string, prompt: string, system: string?, schema: table?, max_tokens: integer?, temperature: number?, attempts: integer? }?
---@field local fun(input: any, lib: KeelLib): any

---@param manifest KeelAgent
---@return KeelAgent
function agent(manifest) end

---@param manifest KeelSkill
---@return KeelSkill
function skill(manifest) end

---@param name string  of an environment variable
---@return string
function env(name) end
]]

-- ---- ctx ------------------------------------------------------------------------------

local function type_of(one) return one.type .. (one.optional and "?" or "") end

--- What a function is to the language server: "fun(args: { ... }): any, KeelError?".
local function function_type(entry)
  local params, returns = {}, {}
  for i, one in ipairs(entry.params) do
    params[i] = entry.one_table and ("%s: %s"):format(one.name, type_of(one)) or ("%s%s: %s"):format(one.name, one.optional and "?" or "", one.type)
  end
  for i, one in ipairs(entry.returns) do returns[i] = one.type end
  local inside = table.concat(params, ", ")
  if entry.one_table then inside = ("args: { %s }"):format(inside) end
  return ("fun(%s)%s"):format(inside, #returns > 0 and ": " .. table.concat(returns, ", ") or "")
end

local function add_class(out, class, prefix)
  out[#out + 1] = ("---@class %s"):format(class)
  for _, name in ipairs(reference.names(prefix)) do
    local field = name:sub(#prefix + 1)
    if not field:find(".", 1, true) then
      local entry = reference.find(name)
      local shown = entry.type or function_type(entry)
      if name == "ctx.skill" then shown = "KeelSkills" end
      out[#out + 1] = ("---@field %s %s  %s"):format(field, shown, (entry.about:gsub("\n", " ")))
    end
  end
end

local json_types = { string = "string", integer = "integer", number = "number", boolean = "boolean", array = "any[]", object = "table" }

--- A JSON Schema as a type, as far as it says one.
local function schema_type(schema)
  if type(schema) ~= "table" then return "any" end
  if schema.type == "object" and type(schema.properties) == "table" then
    local required, parts = {}, {}
    for _, name in ipairs(schema.required or {}) do required[name] = true end
    for _, name in ipairs(json.sorted_keys(schema.properties)) do
      if name:find "^[%a_][%w_]*$" then
        parts[#parts + 1] = ("%s: %s%s"):format(name, schema_type(schema.properties[name]), required[name] and "" or "?")
      end
    end
    return #parts > 0 and "{ " .. table.concat(parts, ", ") .. " }" or "table"
  end
  if schema.type == "array" and schema.items then return "(" .. schema_type(schema.items) .. ")[]" end
  return type(schema.type) == "string" and json_types[schema.type] or "any"
end

--- The definitions as text. library: of a home whose skills are to be known; may be nil.
function editor.definitions(library)
  local out = { head }
  out[#out + 1] = "---@class KeelSkills: { [string]: fun(input: any): any, KeelError? }"
  for _, name in ipairs(library and json.sorted_keys(library.skills) or {}) do
    local m = library.skills[name].manifest
    out[#out + 1] = ("---@field %s fun(input: %s): %s, KeelError?  %s"):format(name, schema_type(m.input), schema_type(m.output),
      (m.about or ""):gsub("%c", " "))
  end
  out[#out + 1] = ""
  add_class(out, "KeelContextMemory", "ctx.memory.")
  out[#out + 1] = ""
  add_class(out, "KeelContextRecords", "ctx.records.")
  out[#out + 1] = ""
  add_class(out, "KeelContextTime", "ctx.time.")
  out[#out + 1] = ""
  add_class(out, "KeelContext", "ctx.")
  out[#out + 1] = "---@field memory KeelContextMemory  what was learned"
  out[#out + 1] = "---@field records KeelContextRecords  data that all agents share"
  out[#out + 1] = "---@field time KeelContextTime  what wall clocks show"
  return table.concat(out, "\n") .. "\n"
end

-- ---- settings -----------------------------------------------------------------------------

--- What stock Lua has and a sandbox has not.
editor.absent = { "collectgarbage", "debug", "dofile", "io", "load", "loadfile", "os", "package", "require", "warn" }

function editor.luarc()
  local builtin = {}
  for _, name in ipairs { "io", "os", "debug", "package" } do builtin[name] = "disable" end
  return assert(json.encode({ ["runtime.version"] = "Lua 5.4", ["runtime.builtin"] = builtin, ["workspace.library"] = json.array { editor.folder },
    ["workspace.checkThirdParty"] = false, ["diagnostics.globals"] = json.array { "agent", "skill", "env" } }, 2)) .. "\n"
end

--- What it has.
editor.kept = { "_G", "_VERSION", "assert", "coroutine", "error", "getmetatable", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal",
  "rawget", "rawlen", "rawset", "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "utf8", "xpcall" }

function editor.luacheckrc()
  local names = {}
  for i, name in ipairs(editor.kept) do names[i] = ("%q"):format(name) end
  return ([[
-- Made by `keel api --luals`: what agents, skills and config.lua of Keel see.
std = { read_globals = { %s } }
files["agents"] = { read_globals = { "agent" } }
files["skills"] = { read_globals = { "skill" } }
files["config.lua"] = { read_globals = { "env" } }
max_line_length = false
exclude_files = { ".keel", "var" }
]]):format(table.concat(names, ", "))
end

-- ---- writing --------------------------------------------------------------------------------

--- Write the files into a home; what is there of the two settings stays unless `force`.
-- Returns a list of names that were written, or nil, message, code.
function editor.write(home, options)
  options = options or {}
  local written = {}
  local files = { { editor.folder .. "/keel.d.lua", editor.definitions(options.library), true }, { ".luarc.json", editor.luarc() },
    { ".luacheckrc", editor.luacheckrc() } }
  for _, one in ipairs(files) do
    local path = file.join(home, one[1])
    if one[3] or options.force or not file.exists(path) then
      local ok, message, code = file.mkdir(path:match "^(.*)/")
      if ok then ok, message, code = file.write(path, one[2]) end
      if not ok then return nil, message, code end
      written[#written + 1] = one[1]
    end
  end
  return written
end

return editor
