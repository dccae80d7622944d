--- What a key of the review does: the command that a person would type, with its answer as
--- a value.
--
--   act.run(context, { "approve", id, "--digest=..." })  -> value, code | nil, err
--
-- A running engine does it, where one owns the store; else one is opened for that moment,
-- so nothing is held between two keys.
local errors = require "errors"
local json = require "json"

local act = {}

--- A value of a flag, in a word of its own. One that ends in a dash could be taken for
--- "read standard input", which is the keyboard here.
function act.flag(name, value)
  if value:find "%-$" then value = value .. " " end
  return ("--%s=%s"):format(name, value)
end

local function problem_of(value)
  local err = type(value) == "table" and value.error
  if type(err) ~= "table" or not err.message then return nil end
  return errors.is(err) and err or { number = err.number, message = tostring(err.message) }
end

--- A running engine's answer: value, code | nil, err; false when none runs.
local function by_engine(context, words)
  local said, complaints = {}, {}
  local asked = table.move(words, 1, #words, 1, {})
  asked[#asked + 1] = "--json"
  local code, lost = require("remote").call(context.home, asked, function(answer)
    if answer.out then said[#said + 1] = answer.out end
    if answer.err then complaints[#complaints + 1] = answer.err end
  end)
  if lost then return nil, lost end
  if code == nil then return false end
  local value = json.decode(table.concat(said))
  if value == nil then return nil, { message = #complaints > 0 and table.concat(complaints) or "the engine gave no answer" } end
  local err = problem_of(value)
  -- a decision that was made is told with its approval, whatever became of the run
  if err and value.approval == nil then return nil, err end
  return value, code
end

local function by_itself(context, words)
  local name, rest = words[1], table.move(words, 2, #words, 1, {})
  local own = require("context").new(words, context.getenv)
  own:set { home = context.home, json = true }
  local value
  function own.print_json(what) value = what end
  function own.out() end
  function own.err() end
  local command = require("commands").find(name)
  local args, err = require("options").parse(rest, command, name, {})
  if not args then return nil, err end
  local ok, code, failure = pcall(command.run, args, own)
  own:close()
  if not ok then return nil, errors.is(code) and code or { message = tostring(code) } end
  if code == nil then return nil, failure or { message = "nothing came of it" } end
  return value or {}, code
end

function act.run(context, words)
  local value, code = by_engine(context, words)
  if value ~= false then return value, code end
  return by_itself(context, words)
end

return act
