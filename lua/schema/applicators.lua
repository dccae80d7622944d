--- The keywords that apply other schemas: to the value itself (allOf, $ref,
-- if ...), to its parts (properties, items ...), and to the parts that nobody
-- else looked at (unevaluatedProperties, unevaluatedItems).
--
-- Checks are check(run, value, seen). `seen` is nil, or a table in which a
-- schema notes what it evaluated: seen.all_props, seen.props[name],
-- seen.all_items, seen.items (how many from the front), seen.some[index].
-- Notes of a schema that fails are dropped, so every schema that is tried gets
-- a table of its own and `adopt` merges it on success.

local keywords = require "schema.keywords"
local registry = require "schema.registry"
local values = require "schema.values"

local refuse, extended = registry.refuse, registry.extended

local applicators = {}

local function adopt(seen, child)
  if not seen then return end
  seen.all_props = seen.all_props or child.all_props
  seen.all_items = seen.all_items or child.all_items
  seen.items = math.max(seen.items or 0, child.items or 0)
  for _, field in ipairs { "props", "some" } do
    if child[field] then
      seen[field] = seen[field] or {}
      for key in next, child[field] do seen[field][key] = true end
    end
  end
end

--- Apply a schema to the same value; what it saw counts when it holds.
local function apply(run, node, value, seen)
  local child = seen and {}
  local ok = run:evaluate(node, value, child)
  if ok and seen then adopt(seen, child) end
  return ok
end

--- The same without leaving messages behind.
local function try(run, node, value, seen)
  local quiet, stop = run.quiet, run.stop
  run.quiet, run.stop = true, true
  local ok = apply(run, node, value, seen)
  run.quiet, run.stop = quiet, stop
  return ok
end

-- References ------------------------------------------------------------

local function lost(at, reference)
  refuse(at, ("there is no schema '%s'"):format(reference), "$ref")
end

applicators["$ref"] = function(argument, schema, compiler, at)
  if type(argument) ~= "string" then refuse(at, "expected a reference") end
  local target = compiler.registry:find(compiler:base(schema), argument)
  if target == nil then lost(at, argument) end
  local node = compiler:node(target, at)
  return function(run, value, seen) return apply(run, node, value, seen) end
end

--- $dynamicRef: when it names a dynamic anchor, the outermost resource of the
-- evaluation that has an anchor of that name decides.
applicators["$dynamicRef"] = function(argument, schema, compiler, at)
  if type(argument) ~= "string" then refuse(at, "expected a reference") end
  local target, name = compiler.registry:find(compiler:base(schema), argument)
  if target == nil then lost(at, argument) end
  local fixed = compiler:node(target, at)
  if not name then
    return function(run, value, seen) return apply(run, fixed, value, seen) end
  end
  compiler.dynamic_names[name] = true
  return function(run, value, seen)
    local node = run:dynamic_node(name) or fixed
    return apply(run, node, value, seen)
  end
end

-- The same value --------------------------------------------------------

local function nodes_of(argument, compiler, at)
  if type(argument) ~= "table" or #argument == 0 then
    refuse(at, "expected a list of schemas")
  end
  local nodes = {}
  for i = 1, #argument do
    nodes[i] = compiler:node(argument[i], extended(at, i))
  end
  return nodes
end

function applicators.allOf(argument, _, compiler, at)
  local nodes = nodes_of(argument, compiler, at)
  return function(run, value, seen)
    local ok = true
    for i = 1, #nodes do
      ok = apply(run, nodes[i], value, seen) and ok
      if not ok and run.stop then return false end
    end
    return ok
  end
end

function applicators.anyOf(argument, _, compiler, at)
  local nodes = nodes_of(argument, compiler, at)
  return function(run, value, seen)
    local ok = false
    for i = 1, #nodes do
      ok = try(run, nodes[i], value, seen) or ok
      if ok and not seen then return true end
    end
    return ok or run:fail_nearest("anyOf", nodes, value)
  end
end

function applicators.oneOf(argument, _, compiler, at)
  local nodes = nodes_of(argument, compiler, at)
  return function(run, value, seen)
    local first
    for i = 1, #nodes do
      local child = seen and {}
      if try(run, nodes[i], value, child) then
        if first then
          return run:fail("oneOf", "matches alternatives %d and %d, but only"
            .. " one may match", first, i)
        end
        first = i
        if seen then adopt(seen, child) end
      end
    end
    return first ~= nil or run:fail_nearest("oneOf", nodes, value)
  end
end

applicators["not"] = function(argument, _, compiler, at)
  local node = compiler:node(argument, at)
  return function(run, value, seen)
    if not try(run, node, value, seen and {}) then return true end
    return run:fail("not", "matches what is excluded here")
  end
end

applicators["if"] = function(argument, schema, compiler, at)
  local condition = compiler:node(argument, at)
  local function branch(name)
    if schema[name] == nil then return nil end
    local place = table.move(at, 1, #at - 1, 1, {})
    return compiler:node(schema[name], extended(place, name))
  end
  local yes, no = branch("then"), branch("else")
  return function(run, value, seen)
    local node = no
    if try(run, condition, value, seen) then node = yes end
    return not node or apply(run, node, value, seen)
  end
end

-- Objects ---------------------------------------------------------------

local function node_map(argument, compiler, at)
  if type(argument) ~= "table" then refuse(at, "expected an object of schemas") end
  local nodes, names = {}, {}
  for name, child in next, argument do
    if type(name) ~= "string" then refuse(at, "expected an object of schemas") end
    nodes[name] = compiler:node(child, extended(at, name))
    names[#names + 1] = name
  end
  table.sort(names)
  return nodes, names
end

local function see_prop(seen, name)
  if not seen then return end
  seen.props = seen.props or {}
  seen.props[name] = true
end

function applicators.properties(argument, _, compiler, at)
  local nodes, names = node_map(argument, compiler, at)
  return function(run, value, seen)
    if not run:is_object(value) then return true end
    local ok = true
    for i = 1, #names do
      local name = names[i]
      if value[name] ~= nil then
        see_prop(seen, name)
        ok = run:descend(nodes[name], name, value[name]) and ok
        if not ok and run.stop then return false end
      end
    end
    return ok
  end
end

local function pattern_list(argument, compiler, at)
  local nodes, names = node_map(argument, compiler, at)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = { pattern = keywords.want_pattern(name, extended(at, name)),
      node = nodes[name] }
  end
  return list
end

function applicators.patternProperties(argument, _, compiler, at)
  local list = pattern_list(argument, compiler, at)
  return function(run, value, seen)
    if not run:is_object(value) then return true end
    local ok = true
    for _, key in ipairs(run:keys(value)) do
      for i = 1, #list do
        if run:matches(list[i].pattern, key) then
          see_prop(seen, key)
          ok = run:descend(list[i].node, key, value[key]) and ok
          if not ok and run.stop then return false end
        end
      end
    end
    return ok
  end
end

--- A key that no schema allows: say so, with the key that was meant.
local function fail_extra(run, keyword, key, known)
  local near = not run.quiet and run.suggest(key, known)
  return run:fail(keyword, "unexpected '%s'%s", key,
    near and (", did you mean '" .. near .. "'?") or "")
end

--- Judge the keys that `is_known(run, key)` leaves over.
local function judge_rest(keyword, node, known, is_known)
  return function(run, value, seen)
    if not run:is_object(value) then return true end
    local ok = true
    for _, key in ipairs(run:keys(value)) do
      if not is_known(run, key, seen) then
        see_prop(seen, key)
        if node.always == false then
          ok = fail_extra(run, keyword, key, known)
        else
          ok = run:descend(node, key, value[key]) and ok
        end
        if not ok and run.stop then return false end
      end
    end
    return ok
  end
end

function applicators.additionalProperties(argument, schema, compiler, at)
  local node = compiler:node(argument, at)
  local named = type(schema.properties) == "table" and schema.properties or {}
  local place = table.move(at, 1, #at - 1, 1, {})
  local patterns = schema.patternProperties and pattern_list(
    schema.patternProperties, compiler, extended(place, "patternProperties"))
    or {}
  return judge_rest("additionalProperties", node, named, function(run, key)
    if named[key] ~= nil then return true end
    for i = 1, #patterns do
      if run:matches(patterns[i].pattern, key) then return true end
    end
    return false
  end)
end

function applicators.unevaluatedProperties(argument, _, compiler, at)
  local node = compiler:node(argument, at)
  return judge_rest("unevaluatedProperties", node, {}, function(_, key, seen)
    return seen.all_props or (seen.props and seen.props[key]) or false
  end)
end

function applicators.propertyNames(argument, _, compiler, at)
  local node = compiler:node(argument, at)
  return function(run, value)
    if not run:is_object(value) then return true end
    local ok = true
    for _, key in ipairs(run:keys(value)) do
      ok = run:descend(node, key, key) and ok
      if not ok and run.stop then return false end
    end
    return ok
  end
end

function applicators.dependentSchemas(argument, _, compiler, at)
  local nodes, names = node_map(argument, compiler, at)
  return function(run, value, seen)
    if not run:is_object(value) then return true end
    local ok = true
    for _, name in ipairs(names) do
      if value[name] ~= nil then
        ok = apply(run, nodes[name], value, seen) and ok
        if not ok and run.stop then return false end
      end
    end
    return ok
  end
end

--- Older drafts wrote both kinds of dependency under one name.
function applicators.dependencies(argument, schema, compiler, at)
  if type(argument) ~= "table" then refuse(at, "expected an object") end
  local lists, schemas = {}, {}
  for name, held in next, argument do
    local is_list = type(held) == "table"
      and (held[1] ~= nil or values.kind(held) == "array")
    local into = is_list and lists or schemas
    into[name] = held
  end
  local required = keywords.dependentRequired(lists, schema, compiler, at)
  local applied = applicators.dependentSchemas(schemas, schema, compiler, at)
  return function(run, value, seen)
    local ok = required(run, value)
    return applied(run, value, seen) and ok
  end
end

-- Arrays ----------------------------------------------------------------

local function see_items(seen, count)
  if seen then seen.items = math.max(seen.items or 0, count) end
end

function applicators.prefixItems(argument, _, compiler, at)
  local nodes = nodes_of(argument, compiler, at)
  return function(run, value, seen)
    if not run:is_array(value) then return true end
    local ok, count = true, math.min(#nodes, #value)
    see_items(seen, count)
    for i = 1, count do
      ok = run:descend(nodes[i], i - 1, value[i]) and ok
      if not ok and run.stop then return false end
    end
    return ok
  end
end

function applicators.items(argument, schema, compiler, at)
  local node = compiler:node(argument, at)
  local first = 1
  if type(schema.prefixItems) == "table" then first = #schema.prefixItems + 1 end
  return function(run, value, seen)
    if not run:is_array(value) then return true end
    local ok = true
    see_items(seen, #value)
    for i = first, #value do
      ok = run:descend(node, i - 1, value[i]) and ok
      if not ok and run.stop then return false end
    end
    return ok
  end
end

local function contains_message(least, most, count)
  if count < least then
    return ("expected at least %d item(s) of the kind that 'contains'"
      .. " describes, got %d"):format(least, count)
  end
  return ("expected at most %d item(s) of the kind that 'contains' describes,"
    .. " got %d"):format(most, count)
end

function applicators.contains(argument, schema, compiler, at)
  local node = compiler:node(argument, at)
  local least = math.tointeger(schema.minContains) or 1
  local most = math.tointeger(schema.maxContains) or math.maxinteger
  return function(run, value, seen)
    if not run:is_array(value) then return true end
    local count = 0
    for i = 1, #value do
      if try(run, node, value[i]) then
        count = count + 1
        if seen then
          seen.some = seen.some or {}
          seen.some[i] = true
        end
      end
    end
    if count >= least and count <= most then return true end
    return run:fail(count < least and "contains" or "maxContains", "%s",
      contains_message(least, most, count))
  end
end

function applicators.unevaluatedItems(argument, _, compiler, at)
  local node = compiler:node(argument, at)
  return function(run, value, seen)
    if not run:is_array(value) or seen.all_items then return true end
    local ok = true
    for i = (seen.items or 0) + 1, #value do
      if not (seen.some and seen.some[i]) then
        if node.always == false then
          ok = run:fail("unevaluatedItems", "unexpected item %d", i - 1)
        else
          ok = run:descend(node, i - 1, value[i]) and ok
        end
        if not ok and run.stop then return false end
      end
    end
    see_items(seen, #value)
    return ok
  end
end

return applicators
