--- A file that is dropped into a watched folder.
local agent = require("spec.support.home").agent

return {
  config = 'inbox = { ["file.created"] = "inbox/notes" },',
  agents = { b = agent([[ctx.records.put{ type = "t", key = "note", value = input.text } return input.text]],
    'on = { event = "file.created" },') },
  files = { ["inbox/notes/one.md"] = "buy tea" }, states = { b = "done" }, records = 1,
}
