--- Rules about arguments of ctx that can never be accepted, or do nothing.
local calls = require "lint.calls"
local duration = require "duration"
local facts = require "lint.facts"
local suggest = require "suggest"

local arguments = {}

local kinds = { Table = "table", Function = "function", Nil = "nil", True = "boolean", False = "boolean" }

--- What kind of value an expression surely is: "table", "string", ...; else nil.
local function kind_of(expr)
  expr = facts.without_paren(expr)
  if kinds[expr.kind] then return kinds[expr.kind] end
  local value, known = facts.static(expr)
  if known then return type(value) end
  if facts.table_of(expr) then return "table" end
  if facts.fn_of(expr) then return "function" end
  if expr.kind == "Binary" and expr.op == ".." then return "string" end
end

local function wrong(report, node, path, detail, suggestion)
  report("K2305", node, { name = path, detail = detail, suggestion = suggestion })
end

local function check_duration(report, expr, path, field)
  local value = facts.static(expr)
  if type(value) ~= "string" then return end
  local ms, message = duration.parse(value)
  if not ms then wrong(report, expr, path, ("cannot read %s: %s"):format(field, message)) end
end

-- One table --------------------------------------------------------------------------------

local durations = { ["ctx.step"] = { "timeout" }, ["ctx.approve"] = { "within", "undo" }, ["ctx.wait"] = { "within" } }

local text = { string = true, number = true }
local types = {
  ["ctx.step"] = { name = { string = true }, run = { ["function"] = true }, undo = { ["function"] = true } },
  ["ctx.approve"] = { subject = { string = true }, otherwise = { string = true }, risk = { string = true }, within = text },
  ["ctx.wait"] = { event = { string = true }, where = { table = true }, within = text },
  ["ctx.records.put"] = { type = { string = true }, key = { string = true } },
  ["ctx.records.get"] = { type = { string = true }, key = { string = true } },
  ["ctx.records.delete"] = { type = { string = true }, key = { string = true } },
  ["ctx.records.find"] = { type = { string = true }, where = { table = true } },
}

local said = { string = "text", ["function"] = "a function", table = "a table", number = "a number" }

local function check_item(report, path, shape, item)
  local key = item.key and facts.static(item.key)
  if item.kind == "list" then return wrong(report, item.value, path, "takes fields with names, not a list") end
  if type(key) ~= "string" then return end
  if not shape.fields[key] then
    return report("K2306", item.key, { name = path, field = key, suggestion = suggest.nearest(key, shape.fields),
      level = shape.strict and "error" or nil })
  end
  local want, got = (types[path] or {})[key], kind_of(item.value)
  if want and got and got ~= "nil" and not want[got] then
    wrong(report, item.value, path, ("wants %s to be %s"):format(key, said[next(want)]))
  end
  for _, name in ipairs(durations[path] or {}) do
    if name == key then check_duration(report, item.value, path, key) end
  end
end

local function check_table(report, path, shape, call)
  local made = facts.table_of(call.args[1])
  if not made then return end
  local computed = facts.without_paren(call.args[1]) ~= made -- fields may be added between
  for _, item in ipairs(made.items) do
    if item.kind == "keyed" and type(facts.static(item.key)) ~= "string" or item.kind == "list" then computed = true end
    check_item(report, path, shape, item)
  end
  for _, param in ipairs(computed and {} or shape.entry.params) do
    if shape.required[param.name] and not facts.field(made, param.name) then wrong(report, call, path, "needs " .. param.name) end
  end
end

-- Plain values -------------------------------------------------------------------------------

local first_wants = { ["ctx.sleep"] = { text, 'takes a duration such as "2d", or milliseconds' },
  ["ctx.emit"] = { { string = true }, "takes the event's type first" }, ["ctx.call"] = { { string = true }, "takes the agent's name first" },
  ["ctx.patch"] = { { string = true }, "takes a name (text)" }, ["ctx.atomic"] = { { ["function"] = true }, "takes a function" },
  ["ctx.all"] = { { table = true }, "takes a table of functions" }, ["ctx.any"] = { { table = true }, "takes a table of functions" } }

local function check_branches(report, path, call)
  local made = facts.table_of(call.args[1])
  for _, item in ipairs(made and made.items or {}) do
    local value = facts.without_paren(item.value)
    local got = kind_of(value)
    if got and got ~= "function" and got ~= "nil" then
      wrong(report, value, path, "takes functions, and this is " .. (said[got] or "a " .. got))
    elseif value.kind == "Call" and facts.path(value.fn) then
      wrong(report, value, path, "takes functions: this call is made before it, alone")
    end
  end
end

local levels = { debug = true, info = true, warn = true, error = true }

local function check_plain(report, path, node)
  local first = node.args[1]
  local want, kind = first_wants[path], first and kind_of(first)
  if want and (not first or kind and not want[1][kind]) then
    wrong(report, first or node, path, want[2])
  elseif path == "ctx.sleep" then
    check_duration(report, first, path, "the duration")
  elseif path == "ctx.all" or path == "ctx.any" then
    check_branches(report, path, node)
  elseif path == "ctx.log" and node.args[2] then
    local value, known = facts.static(node.args[2])
    if known and not levels[value] then
      wrong(report, node.args[2], path, "knows the levels debug, info, warn and error", suggest.nearest(value, levels))
    end
  end
end

local open_ended = { Vararg = true, Call = true, Method = true }

function arguments.check(self, report)
  for _, one in ipairs(self.kind == "agent" and self.calls or {}) do
    local node, path, first = one.node, one.path, one.node.args[1]
    local shape, last = calls.shape(path), node.args[#node.args]
    local kind = first and kind_of(first)
    if shape and shape.one_table and path ~= "ctx.skill" then
      if not first or kind and kind ~= "table" then
        wrong(report, first or node, path, "takes one table, got " .. (first and (said[kind] or kind) or "nothing"))
      else
        check_table(report, path, shape, node)
      end
    elseif shape then
      check_plain(report, path, node)
    end
    if shape and #node.args > shape.most and not open_ended[last.kind] and path ~= "ctx.random" then
      wrong(report, node.args[shape.most + 1], path, ("takes %d argument%s"):format(shape.most, shape.most == 1 and "" or "s"))
    end
  end
end

return arguments
