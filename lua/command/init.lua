local errors = require "errors"
local file = require "file"
local json = require "json"

--- The files of the template that are there already.
local function there(dir, files)
  local list = {}
  for _, name in ipairs(json.sorted_keys(files)) do
    if file.exists(file.join(dir, name)) then list[#list + 1] = name end
  end
  return list
end

local function write_all(dir, files)
  local written = json.array {}
  for _, name in ipairs(json.sorted_keys(files)) do
    local path = file.join(dir, name)
    local ok, message, code = file.mkdir(path:match "^(.*)/")
    if ok then ok, message, code = file.write(path, files[name]) end
    if not ok then return nil, errors.from(message, code, { name = path }) end
    written[#written + 1] = name
  end
  return written
end

return {
  about = "make a small working home: settings, an agent on a schedule, a skill, a case",
  arguments = { { "dir", "DIR", optional = true } },
  notes = "Without DIR the current folder. Nothing that is there is overwritten.",
  examples = { "keel init shop" },
  run = function(args, context)
    local dir, files = args.dir or context.home_flag or ".", require "template.followup"
    local taken = there(dir, files)
    if #taken > 0 then return nil, errors.new("K1131", { name = dir, detail = table.concat(taken, ", ") }) end
    local written, err = write_all(dir, files)
    if not written then return nil, err end
    local for_editors, message, code = require("reference.editor").write(dir, {
      library = require("library").load(dir, { mail = { use = "outbox" } }) })
    if not for_editors then return nil, errors.from(message, code, { name = dir }) end
    table.move(for_editors, 1, #for_editors, #written + 1, written)
    if context.json then
      context.print_json { home = dir, files = written }
      return 0
    end
    local t, quoted = context.terminal, require("context").quoted
    for _, name in ipairs(written) do context.out("  " .. t:style("good", "+") .. " " .. require("terminal").escape(file.join(dir, name)) .. "\n") end
    local prefix = dir == "." and "" or "cd " .. quoted(dir) .. " && "
    local name = require("core.program").name
    context.out(("\nnext  %s%s serve\n      in another terminal, ten seconds later: %s%s inbox\n      edit and see: %s dev followup --approve\n      what must be so: %s case cases/followup.json\n"):format(prefix, name,
      prefix, name, name, name))
    return 0
  end,
}
