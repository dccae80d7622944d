--- The text of the prelude (lua/ctx.lua) and its digest, which is the determinism
--- profile of the runs made with it.
local core = require "core.embed"
local digest = require "core.digest"

local text = core.text("ctx")
return { text = text, profile = digest.sha256(text):sub(1, 16) }
