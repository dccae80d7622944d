-- Memory from any script: keel lua docs/examples/memory.lua
local memory = require "memory"

-- ":memory:" dies with the script; give a path to keep it. The clock is handed in.
local now = 1772000000000 -- 2026-02-25T06:13:20Z
local m <close> = assert(memory.open(":memory:", { ns = "acme", clock = function() return now end }))

-- A kind and a key have versions. The new one ends the old one; both are kept.
m:remember { kind = "client", key = "lindgren", text = "Lindgren pays within 30 days", value = { days = 30 } }
now = now + 86400000
local id, outcome = m:remember { kind = "client", key = "lindgren", text = "Lindgren pays within 14 days", value = { days = 14 } }
print(outcome, id)
print("now", m:get { kind = "client", key = "lindgren" }.value.days)
print("yesterday", m:get { kind = "client", key = "lindgren", as_of = now - 1000 }.value.days)

-- Text without a key that is known already is not stored again.
m:remember { text = "The export to spreadsheets fails on Windows", tags = { "bug" }, importance = 0.8 }
print(select(2, m:remember { text = "the export to spreadsheets fails on Windows!" }))

-- A search finds by words and by meaning, and says why.
local hit = assert(m:search { query = "when will the money arrive", k = 1 })[1]
print(hit.text)
local sum = 0
for _, part in ipairs { "text", "vector", "recency", "importance", "context", "time" } do sum = sum + hit.parts[part] end
print("parts add up to the score", sum == hit.score)
print(assert(m:search { query = "software error", where = { tags = { "bug" } } })[1].text)

-- What outlives its time is hidden at once; what is forgotten leaves a tombstone.
m:remember { key = "code", text = "The door code is 1234", layer = "session", ttl = "1h" }
now = now + 3600000
print("after an hour", (m:get { kind = "note", key = "code" }))
print("forgotten", m:forget { kind = "client", key = "lindgren", reason = "contract ended" })
print(#assert(m:history { kind = "client", key = "lindgren" }), "tombstones")
