--- Any bytes: no mail, or a mail whose event can be kept: text that is UTF-8, nothing
-- that is too much.
local json = require "json"
local mime = require "mime"

return function(bytes)
  local mail, problem = mime.parse(bytes)
  if not mail then
    assert(type(problem.code) == "string" and type(problem.message) == "string" and problem.message ~= "")
    assert(json.pack(problem))
    return
  end
  local packed, why = json.pack(mime.event(mail, "sha256:0"))
  assert(packed, why)
  assert(json.pack(mail.problems))
end
