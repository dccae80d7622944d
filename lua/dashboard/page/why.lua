--- Why something is as it is: what it was made from, and what was made from it.
local html = require "dashboard.html"
local layout = require "dashboard.layout"
local lineage_words = require "observe.lineage_words"
local words = require "dashboard.words"

local h = html.h
local why = {}

local links = { run = "/runs/", approval = "/approvals/", memory = "/memory/", event = "/event/" }

--- What is known of it, in words.
local function said(node)
  local ok, list = pcall(lineage_words.of, node)
  local text = ok and table.concat(list, ", ") or words.short(node.detail, 200)
  return text ~= "" and h.div { class = "quiet small", words.short(text, 300) } or nil
end

local function node_text(v, node, id, again)
  if not node then return tostring(id) end
  local title = words.short(node.title or node.id, 140)
  local own = tostring(node.id):gsub("^" .. tostring(node.kind) .. ":", "")
  local where = links[node.kind]
  return { h.span { class = "tag", node.kind }, " ", where and h.a { href = where .. html.encode(own), title } or h.span { title }, " ",
    node.at and h.span { class = "quiet", words.time(v, node.at) } or nil, again and h.span { class = "quiet", " (see above)" } or said(node) }
end

local function tree(v, graph, id, from, to, seen, depth)
  local rows = {}
  for _, edge in ipairs(graph.edges) do
    if edge[to] == id and depth < 12 and #rows < 60 then
      local again = seen[edge[from]] -- stands above already, with what belongs to it
      seen[edge[from]] = true
      rows[#rows + 1] = h.li { h.span { class = "how", edge.how or "" }, " ", node_text(v, graph.by_id[edge[from]], edge[from], again),
        not again and tree(v, graph, edge[from], from, to, seen, depth + 1) or nil }
    end
  end
  return #rows > 0 and h.ul { class = "tree", rows } or nil
end

--- /why/ID
function why.show(v, id)
  local graph, err = v:ask("lineage", id)
  if not graph and err then return nil, err end
  if not graph then return { title = "Why", body = v:missing() } end
  graph.by_id = {}
  for _, node in ipairs(graph.nodes or {}) do graph.by_id[node.id] = node end
  local root = graph.root.id
  return { title = "Why", lead = h.span { node_text(v, graph.by_id[root] or graph.root, root) }, body = {
    layout.section("from", "It was made from", tree(v, graph, root, "from", "to", { [root] = true }, 0) or words.none "nothing that is recorded"),
    layout.section("to", "It led to", tree(v, graph, root, "to", "from", { [root] = true }, 0) or words.none "nothing yet") } }
end

return why
