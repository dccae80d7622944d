local errors = require "errors"

--- The one answer that was given: answer, value, or nil, nil, err.
local function answer_of(args)
  local given = {}
  for _, name in ipairs { "happened", "not_happened", "undo", "abandon" } do
    if args[name] then given[#given + 1] = name end
  end
  if #given == 0 then
    return nil, nil, errors.new("K1003", { command = "reconcile",
      name = "an answer: --happened JSON, --not-happened, --undo or --abandon" })
  end
  if #given > 1 then
    return nil, nil, errors.new("K1004", { name = "--" .. given[2]:gsub("_", "-"), command = "reconcile",
      detail = ("--%s is an answer already"):format((given[1]:gsub("_", "-"))) })
  end
  if given[1] ~= "happened" then return given[1] end
  local value, message = require("json").decode(args.happened)
  if message then
    return nil, nil, errors.new("K1010", { message = "the result that you give is not JSON: " .. message,
      next = "keel help reconcile" })
  end
  return "happened", value
end

return {
  about = "say what became of an effect, or of a compensation that failed",
  arguments = { { "id", "ID" } },
  flags = {
    { "happened", "JSON", "it happened, and gave this (null when you do not know)" },
    { "not-happened", nil, "it did not: do it (again)" },
    { "undo", nil, "it happened and shall not have: undo it, and what came before it" },
    { "abandon", nil, "leave it: the run ends as it is; a compensation is passed over" },
    { "note", "TEXT", "how you know, for the record" },
  },
  notes = "Nobody knows whether the effect happened: the engine ended or the answer was lost at the wrong"
    .. " moment, and nobody could be asked. ID is the question's id or the beginning of it, as"
    .. " `keel inbox` shows it. The run goes on at once; the exit code is that of its new state.",
  examples = { [[keel reconcile ID --happened '{"id":"tx-9"}' --note 'seen in the bank']], "keel reconcile ID --not-happened" },
  remote = true,
  run = function(args, context)
    local answer, value, err = answer_of(args)
    if not answer then return nil, err end
    return require("decide").run(context, args.id, { answer = answer, value = value, note = args.note }, "reconcile")
  end,
}
