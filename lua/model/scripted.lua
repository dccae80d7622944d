--- A model whose replies stand in a case file (case/models.lua): the calls go through the
--- client as those of any model do, with reservations, repairs and rows in the ledger, and
--- the last step, where a request would leave, is a look into the script. A candidate with
--- provider = "scripted" has `script`, { size(asked) -> tokens in, reply(asked) }.
local scripted = { at_hand = true }

--- What is counted as sent (see openai.lua for what a dialect is); nothing is.
function scripted.request(asked) return "scripted:", {}, { messages = asked.messages, system = asked.system } end

--- The tokens that the request counts: exactly those that the case tells, so that what is
--- held before the call is exact, too.
function scripted.size(asked, entry) return entry.script.size(asked) end

--- The answer, or nil and a failure (send.lua).
function scripted.reply(asked, entry) return entry.script.reply(asked) end

return scripted
