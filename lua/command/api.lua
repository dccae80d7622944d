local errors = require "errors"
local json = require "json"
local terminal = require "terminal"

local function show(context, entry)
  local t = context.terminal
  context.out(t:style("strong", entry.signature) .. "\n")
  for _, line in ipairs(terminal.wrap(entry.about, math.min(t.width, 100) - 2)) do context.out("  " .. line .. "\n") end
  local rows = {}
  for i, one in ipairs(entry.params) do rows[i] = { one.name, one.type .. (one.optional and "?" or ""), one.about or "" } end
  if #rows > 0 then context.out("\n" .. t:table({ { "takes", style = "name" }, { "" }, { "", shrink = true, least = 12 } }, rows, { indent = 2 })) end
  rows = {}
  for i, one in ipairs(entry.returns) do rows[i] = { one.type, one.about or "" } end
  if #rows > 0 then context.out("\n" .. t:table({ { "gives" }, { "", shrink = true, least = 12 } }, rows, { indent = 2 })) end
  if entry.example then context.out("\n  " .. entry.example .. "\n") end
end

local function all(context)
  local reference, rows = require "reference", {}
  for i, name in ipairs(reference.names()) do
    local entry = reference.find(name)
    rows[i] = { entry.signature, (entry.about:match "^[^.:]*") }
  end
  context.out(context.terminal:table({ { "what ctx has", style = "name", shrink = true, least = 24, most = 60 }, { "", shrink = true, least = 20 } }, rows))
end

local function write_files(context, dir, force)
  local e = context.look()
  local written, message, code = require("reference.editor").write(dir, { library = e and e.library, force = force })
  if not written then return nil, errors.from(message, code, { name = dir }) end
  if context.json then
    context.print_json(json.array(written))
  else
    for _, name in ipairs(written) do context.out("  " .. context.terminal:style("good", "+") .. " " .. terminal.escape(name) .. "\n") end
  end
  return 0
end

return {
  about = "what agents can call: in words, or as definitions for editors",
  arguments = { { "name", "NAME", optional = true } },
  flags = {
    { "luals", "DIR", "write definitions and settings for the Lua language server and luacheck there" },
    { "force", nil, "write over settings that are there" },
  },
  examples = { "keel api ctx.memory.search", "keel api --luals ." },
  run = function(args, context)
    if args.luals then return write_files(context, args.luals, args.force) end
    local reference = require "reference"
    if not args.name then
      if context.json then
        local list = json.array {}
        for i, name in ipairs(reference.names()) do list[i] = reference.find(name) end
        context.print_json(list)
      else
        all(context)
      end
      return 0
    end
    local entry = reference.find(args.name) or reference.find("ctx." .. args.name)
    if not entry then
      return nil, errors.new("K1007", { kind = "name", name = args.name, suggestion = reference.suggest(args.name), next = "keel api" })
    end
    if context.json then context.print_json(entry) else show(context, entry) end
    return 0
  end,
}
