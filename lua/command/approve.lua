local errors = require "errors"

local function parsed(text, file)
  local value, message = require("json").decode(text)
  if message == nil then return value end
  local line = message:match("line (%d+)")
  return nil, errors.new("K1010", { detail = message, file = file, source = file and text,
    line = line and math.tointeger(tonumber(line)), next = "keel help approve",
    message = "what you approve instead is not JSON: " .. message })
end

--- The value to approve instead of the proposal: edited?, value, or nil, nil, err.
local function edited_value(args)
  if args.edit and args.edit_file then
    return nil, nil, errors.new("K1004", { name = "--edit-file", command = "approve",
      detail = "--edit gives the value already" })
  end
  local value, err
  if args.edit then
    value, err = parsed(args.edit)
  elseif args.edit_file then
    local text, why = require("file").read(args.edit_file)
    if not text then
      return nil, nil, errors.new("K1009", { name = args.edit_file, detail = why })
    end
    value, err = parsed(text, args.edit_file)
  else
    return false
  end
  if err then return nil, nil, err end
  return true, value
end

return {
  about = "say yes to what an agent proposes, or to your own version of it",
  arguments = { { "ids", "ID", many = true } },
  flags = {
    { "edit", "JSON", "approve this instead of the proposal" },
    { "edit-file", "FILE", "approve what this JSON file holds" },
    { "note", "TEXT", "why, for the record" },
    { "digest", "HEX", "only if this is the digest of what it asks" },
    { "same", nil, "and every other question that asks the very same thing" },
  },
  notes = "ID is the question's id or the beginning of it, as `keel inbox` shows it. The run"
    .. " goes on at once; the exit code is that of its new state. Of several each is told of, and the"
    .. " exit code is 1 when any was not decided; what cannot be undone is approved alone.",
  examples = { "keel approve apr_1m8fky1f6j3srtfd", "keel approve ID --edit-file reply.json", "keel approve ID ID ID --note 'as every Monday'" },
  remote = true,
  run = function(args, context)
    local edited, value, err = edited_value(args)
    if err then return nil, err end
    local decision = { state = edited and "edited" or "approved", value = value, note = args.note, digest = args.digest }
    return require("decide").named(context, "approve", args, decision)
  end,
}
