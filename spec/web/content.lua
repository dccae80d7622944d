-- keel lua spec/web/content.lua STORE: a hash of all that stands in a store, however its pages lie:
-- of a copy that is written anew, row by row.
local bench, digest, file = require "core.bench", require "core.digest", require "file"

local copy = os.tmpname()
os.remove(copy)
assert(bench.damage(arg[1], ("VACUUM INTO '%s'"):format(copy)))
print(digest.sha256(assert(file.read(copy))))
os.remove(copy)
