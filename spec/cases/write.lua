-- Writes spec/cases/case.schema.json from lua/lint/case_schema.lua:
--   build/keel lua spec/cases/write.lua
local file = require "file"
local json = require "json"

assert(file.write("spec/cases/case.schema.json", assert(json.encode(require "lint.case_schema", 2)) .. "\n"))
