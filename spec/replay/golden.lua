--- Recorded runs as text: a run's journal and the sources it is pinned to, in one JSON
-- file, that can be put into any store and replayed there.
local file = require "file"
local json = require "json"

local golden = {}

local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function unhex(text) return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end

--- A run of engine `e` as JSON text, a record a line; nil, message when a value of it
--- would not survive as text.
function golden.export(e, id)
  local row, err = e:run_row(id)
  if not row then return nil, err.message end
  local out, sources = {}, nil
  for i, record in ipairs(assert(e:journal(row))) do
    record.lsn, record.took_us = nil, 0
    if record.hash then record.hash = hex(record.hash) end
    local text = assert(json.encode(record))
    if json.pack(json.decode(text)) ~= json.pack(record) then return nil, "record " .. i .. " is not kept by JSON" end
    if record.kind == "start" then sources = record.value.sources end
    out[i] = text
  end
  local texts = {}
  for _, source in pairs(sources) do texts[source.hash] = assert(e:rows("code.get", { hash = source.hash })[1]).body end
  return ('{"agent":%s,"run":%s,\n"sources":%s,\n"records":[\n%s\n]}\n'):format(json.encode(row.agent), json.encode(row.run),
    json.encode(texts), table.concat(out, ",\n"))
end

--- Put a recorded run into the store of engine `e`. Returns the run's id.
function golden.import(e, text)
  local recorded = assert(json.decode(text))
  local id = e.store:next_id()
  local handle <close> = setmetatable({ run = assert(e.runner:run { id = id }) }, { __close = function(h) h.run:release() end })
  local tx = e.store:tx()
  for hash, source in pairs(recorded.sources) do tx:add("code.put", { hash = hash, body = source }) end
  for _, record in ipairs(recorded.records) do
    if record.hash then record.hash = unhex(record.hash) end
    assert(handle.run:copy(tx, record))
  end
  local setup = recorded.records[1].value
  tx:add("run.put", { id = id, run = recorded.run, agent = recorded.agent, version = setup.version, code = setup.code,
    state = "running", input_codec = setup.input, tail = handle.run:tail(), now = recorded.records[1].t })
  assert(e.store:commit(tx))
  return recorded.run
end

function golden.list()
  local list = {}
  for _, name in ipairs(file.list("spec/replay")) do
    if name:find("%.json$") then list[#list + 1] = "spec/replay/" .. name end
  end
  table.sort(list)
  return list
end

return golden
