--- keel why: what a thing was made of, and what was made of it.
local json = require "json"

local function line_of(node, how)
  local words = require("observe.lineage_words").of(node)
  local id = node.kind ~= "code" and node.kind ~= "person" and node.kind ~= "model" and node.kind ~= "text" and node.id or nil
  local parts = { node.kind, node.title ~= id and node.title or nil }
  parts[#parts + 1] = id
  local text = table.concat(parts, " ")
  if #words > 0 then text = text .. "  (" .. table.concat(words, ", ") .. ")" end
  if node.at then text = node.at .. "  " .. text end
  if how then text = how .. ": " .. text end
  return require("terminal").escape(text)
end

--- The edges that touch each node, by time.
local function neighbours(graph, mine, other)
  local by = {}
  for _, edge in ipairs(graph.edges) do
    by[edge[mine]] = by[edge[mine]] or {}
    table.insert(by[edge[mine]], { id = edge[other], how = edge.how })
  end
  return by
end

--- One direction as an indented tree; a node that stood already is named again and not opened.
local function tree(context, graph, mine, other)
  local nodes, seen, by = {}, {}, neighbours(graph, mine, other)
  for _, node in ipairs(graph.nodes) do nodes[node.id] = node end
  local function walk(id, indent)
    local list = by[id] or {}
    table.sort(list, function(a, b)
      local x, y = nodes[a.id].at or "", nodes[b.id].at or ""
      if x ~= y then return x < y end
      if a.how ~= b.how then return a.how < b.how end
      return a.id < b.id
    end)
    for _, next_one in ipairs(list) do
      local again = seen[next_one.id]
      seen[next_one.id] = true
      if next_one.id ~= graph.root.id then
        context.out(indent .. line_of(nodes[next_one.id], next_one.how)
          .. (again and by[next_one.id] and "  (above)" or "") .. "\n")
      end
      if not again then walk(next_one.id, indent .. "  ") end
    end
  end
  seen[graph.root.id] = true
  local any = by[graph.root.id] ~= nil
  walk(graph.root.id, "  ")
  return any
end

return {
  about = "what an output, an effect, a memory or a decision was made of, and what it led to",
  arguments = { { "id", "ID" } },
  notes = "ID is a run, an approval, an event or a memory (its id or the beginning of it, or KIND/KEY of a memory), or the key"
    .. " of an effect: welcome:P-118, run_x/7. `keel why` walks back to what began it, with models, prices, approvals,"
    .. " memories and code, and on to what came of it.",
  examples = { "keel why run_0", "keel why 'client/Ana'", "keel why welcome:P-118 --json" },
  run = function(args, context)
    local e, err = context.look()
    if not e then return nil, err end
    local graph
    graph, err = e:lineage(args.id)
    if not graph then
      if err.tombstone then
        if context.json then context.print_json(err.tombstone)
        else context.out(require("view").tombstone(context.terminal, err.tombstone)) end
        return 0
      end
      return nil, err
    end
    if context.json then
      context.print_json(graph)
      return 0
    end
    local t, root = context.terminal, nil
    for _, node in ipairs(graph.nodes) do root = node.id == graph.root.id and node or root end
    context.out(t:style("name", line_of(root)) .. "\n")
    if root.kind == "run" and root.detail and not json.absent(root.detail.output) then
      context.out("  output\n" .. require("view").value(root.detail.output, t.width, 4))
    end
    context.out "\nmade of\n"
    if not tree(context, graph, "to", "from") then context.out "  nothing that is kept\n" end
    context.out "\nled to\n"
    if not tree(context, graph, "from", "to") then context.out "  nothing that is kept\n" end
    if graph.more then context.out "\nmore than can be shown\n" end
    return 0
  end,
}
