--- Routes about what waits for the owner: the inbox, decisions, questions.
local errors = require "errors"
local json = require "json"
local outcome = require "outcome"
local tools = require "serve.api.tools"

--- The beginning of an id is for people who see what it names, not for programs.
local function whole_id(e, id)
  local item, err = e:approval(id)
  if item and item.id == id then return item end
  return nil, err or errors.new("K1007", { kind = "approval", name = id })
end

--- Decide, give the run a moment to go on, and tell both.
local function decide(e, id, decision, method)
  local item, err = whole_id(e, id)
  if not item then return nil, err end
  return tools.acted(e, function(face) return face[method or "decide"](face, id, decision) end, function(decided)
    local run = outcome.json(e:describe(decided.run))
    decided.run_id = nil
    run.approval = decided
    return run
  end)
end

local function decision(state)
  return function(e, id, body, who)
    local options = who:options(body)
    options.state, options.digest = state(body), body.digest
    if options.state == "edited" then options.value = body.edit end
    return decide(e, id, options)
  end
end

local approve = decision(function(body) return body.edit ~= nil and "edited" or "approved" end)
local edit = decision(function() return "edited" end)
local reject = decision(function() return "rejected" end)

local function without_row(item, err)
  if item then item.run_id = nil end
  return item, err
end

local function snooze(e, id, body, who)
  local item, err = whole_id(e, id)
  if not item then return nil, err end
  return tools.acted(e, function() return without_row(tools.call(e, "snooze", id, body["for"], who:options(body))) end)
end

local function recall(e, id, body, who)
  local item, err = whole_id(e, id)
  if not item then return nil, err end
  return tools.acted(e, function() return without_row(tools.call(e, "recall", id, who:options(body))) end)
end

--- Entries are { id, digest }, or "id:digest" from the boxes of a form.
local function batch(e, _, body, who)
  local list = {}
  for i, entry in ipairs(body.items) do
    if type(entry) == "string" then
      local id, digest = entry:match "^([%w_]+):(%x*)$"
      entry = { id = id, digest = digest }
    end
    if type(entry) ~= "table" or type(entry.id) ~= "string" or type(entry.digest) ~= "string" then
      return nil, errors.new("K1004", { name = "items", detail = "expected { id, digest } each" })
    end
    list[i] = { id = entry.id, digest = entry.digest }
  end
  if body.state ~= "approved" and body.state ~= "rejected" then
    return nil, errors.new("K1004", { name = "state", detail = "expected approved or rejected" })
  end
  local options = who:options(body)
  options.state = body.state
  return tools.acted(e, function() return tools.call(e, "decide_many", list, options) end)
end

local answers = { happened = true, not_happened = true, undo = true, abandon = true }

local function reconcile(e, id, body, who)
  if not answers[body.answer] then
    return nil, errors.new("K1004", { name = "answer", detail = "expected happened, not_happened, undo or abandon" })
  end
  local options = who:options(body)
  options.answer, options.value = body.answer, body.value
  return decide(e, id, options, "reconcile")
end

local function inbox(e, _, ask) return e:inbox(ask) end

local function approvals(e, _, ask) return tools.call(e, "approvals", ask) end

local function overrides(e, _, ask) return tools.call(e, "overrides", ask) end

return {
  { "GET", "/api/inbox", "What waits for the owner, oldest first", inbox, query = { all = "truth" }, answer = "array" },
  { "GET", "/api/approvals", "Approvals, decided and open, newest first", approvals,
    query = { state = "text", subject = "text", agent = "text", limit = "count", before = "text" }, answer = "array" },
  { "POST", "/api/approvals/batch", "Decide several that are alike", batch, body = { items = "list!", state = "text!", note = "text" } },
  { "POST", "/api/approvals/{id}/approve", "Approve; with `edit`, an other value", approve, body = { edit = "json", note = "text", digest = "text" } },
  { "POST", "/api/approvals/{id}/edit", "Approve with another value", edit, body = { edit = "json!", note = "text", digest = "text" } },
  { "POST", "/api/approvals/{id}/reject", "Say no", reject, body = { note = "text", digest = "text" } },
  { "POST", "/api/approvals/{id}/snooze", "Be asked again later", snooze, body = { ["for"] = "duration!", note = "text" } },
  { "POST", "/api/approvals/{id}/recall", "Take a decision back, in its undo window", recall, body = { note = "text" } },
  { "POST", "/api/reconcile/{id}", "Say what became of an effect", reconcile, body = { answer = "text!", value = "json", note = "text" } },
  { "GET", "/api/overrides", "Edits and rejections, newest first", overrides, query = { skill = "text", agent = "text", limit = "count" }, answer = "array" },
}
