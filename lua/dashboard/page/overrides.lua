--- Where you decided otherwise than proposed: what an agent may learn from.
local html = require "dashboard.html"
local json = require "json"
local layout = require "dashboard.layout"
local words = require "dashboard.words"

local h = html.h
local overrides = {}

--- /overrides
function overrides.show(v)
  local q = v.query
  local list, err = v:ask("overrides", { skill = q.skill ~= "" and q.skill or nil, agent = q.agent ~= "" and q.agent or nil, limit = 50 })
  local rows = {}
  for i, one in ipairs(list or {}) do
    rows[i] = h.li { h.p { words.state(tostring(one.outcome or "changed"), one.outcome == "rejected" and "warn" or nil), " ", words.run_link(tostring(one.run)), not json.absent(one.subject) and { " · ", h.a { href = "/approvals/" .. html.encode(one.id or ""), words.short(one.subject, 80) } } or nil,
      not json.absent(one.skill) and { " · ", h.b { words.short(one.skill, 60) } } or nil,
      h.span { class = "quiet", " · ", json.absent(one.by) and "" or tostring(one.by), " ", words.time(v, one.at), not json.absent(one.channel) and ", " .. tostring(one.channel) or "" } },
      not json.absent(one.reason) and h.p { h.q { words.short(one.reason, 300) } } or nil,
      not json.absent(one.decided) and words.difference(one.proposed, one.decided) or h.details { h.summary "what was proposed", words.value(one.proposed) } }
  end
  return { title = "Overrides", live = "inbox", lead = "Every edit and every no. keel overrides turns them into examples for a skill.", body = {
    layout.filter("/overrides", { layout.input("Skill", "skill", q.skill, { first = true }), layout.choice("Agent", "agent", q.agent, json.sorted_keys(v.e.library.agents)) }),
    not list and v:missing(err) or #rows == 0 and words.none(layout.asked(q, "skill", "agent") and "Nothing fits." or "You have taken everything as it was proposed. Every edit and every rejection of a question will stand here.") or h.ol { class = "plain found", rows } } }
end

return overrides
