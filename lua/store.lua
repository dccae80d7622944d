--- Durable state, spoken to in verbs.
--
--   local store = assert(require("store").open("var/keel.db"))
--   local tx = store:tx()
--   tx:add("record.put", { type = "task", key = "T-1", value_json = { due = "2026-03-09" }, now = 0 })
--   assert(store:commit(tx))                        -- waits until it survives power loss
--   local rows = store:read("record.find", { type = "task", limit = 10 })
--
-- A transaction becomes true as a whole or not at all. Verbs and their fields stand
-- in src/store_sqlite_*.c. Failing worlds return nil, message, code ("locked",
-- "full", "damaged", "conflict", ...).
local core = require "core.store"

local store = {}

--- Open the store at `path` (":memory:" dies with the process).
-- `options.read_only` looks on without taking ownership.
function store.open(path, options)
  return core.open(path, options and options.read_only or false)
end

--- Copy the store at `from`, as of one moment, into a new file; whoever owns it goes on. With
-- `trial` only memory and records. Returns true, or nil, message, code.
store.copy = core.copy

--- Whether the store at a path is sound; `thorough` reads every index. Returns true, or nil,
-- message, code.
store.check = core.check

return store
