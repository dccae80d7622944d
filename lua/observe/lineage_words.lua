--- What is worth a word of each thing in a lineage, behind its title: for `keel why` and its page.
local lineage_words = {}

local says = {}

local function money(text)
  local number = text and math.tointeger(tonumber(text))
  return number and number > 0 and require("terminal").money(number) or nil
end

function says.run(d)
  local out = { d.state }
  if d.waiting_for then out[#out + 1] = "waits for " .. d.waiting_for end
  out[#out + 1] = money(d.cost_picousd)
  return out
end

function says.model(d)
  local out = { d.tier and "tier " .. d.tier }
  if d.input then out[#out + 1] = ("%d tokens in, %d out"):format(d.input, d.output or 0) end
  out[#out + 1] = money(d.cost_picousd)
  if d.state ~= "settled" then out[#out + 1] = d.state end
  return out
end

function says.approval(d)
  local out = { d.state }
  if d.by then out[#out + 1] = "by " .. d.by end
  if d.decided then out[#out + 1] = d.decided end
  if d.note then out[#out + 1] = '"' .. d.note .. '"' end
  return out
end

function says.memory(d)
  return { d.text and '"' .. require("view").short(d.text) .. '"', d.forgotten and "forgotten " .. d.forgotten,
    d.trust and d.trust ~= "internal" and "trust: " .. d.trust or nil }
end

function says.event(d) return { d.key, "trust: " .. d.trust } end

function says.code(d) return { d.version and "version " .. d.version, d.hash:sub(1, 12) } end

function says.text(d)
  return { d.bytes and d.bytes .. " bytes", type(d.hash) == "string" and d.hash:sub(1, 12) or nil }
end

function says.effect() return {} end
function says.person() return {} end
function says.schedule() return {} end

--- The words of a node, a list of texts.
function lineage_words.of(node)
  local list, words = (says[node.kind] or says.person)(node.detail or {}), {}
  for i = 1, 6 do if list[i] then words[#words + 1] = list[i] end end
  return words
end

return lineage_words
