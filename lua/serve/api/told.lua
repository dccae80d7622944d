--- What a form hears of what it did: a sentence, whether it is bad news, and the page to go to.
local json = require "json"

local told = {}

local function count(n, one, many) return ("%d %s"):format(n, n == 1 and one or many) end

local says = {}

--- A decision: what was decided, and whether it can be taken back.
local function decided(word)
  return function(_, run)
    local item = type(run.approval) == "table" and run.approval or run
    local open = not json.absent(item.undo_until) and not item.spent
    return { text = ("%s: %s%s"):format(word, tostring(item.subject or item.id), open and ". For a while it can be taken back, below" or "") }
  end
end

says["/api/approvals/{id}/approve"] = decided "Approved"
says["/api/approvals/{id}/edit"] = decided "Approved as edited"
says["/api/approvals/{id}/reject"] = decided "Rejected"
says["/api/approvals/{id}/snooze"] = decided "Put off"
says["/api/approvals/{id}/recall"] = decided "Taken back, it waits again"
says["/api/reconcile/{id}"] = decided "Noted"

says["/api/approvals/batch"] = function(_, list)
  local good, bad, why = 0, 0, nil
  for _, one in ipairs(list) do
    if one.ok then good = good + 1 else bad, why = bad + 1, why or one.error.message end
  end
  if bad == 0 and good == 0 then return { text = "Nothing was selected", bad = true } end
  return { text = ("%d decided%s"):format(good, bad > 0 and (", %d not: %s"):format(bad, why) or ""), bad = bad > 0 }
end

says["/api/runs/{id}/cancel"] = function() return { text = "The run is given up; what it did is undone where that can be" } end
says["/api/runs/{id}/pause"] = function() return { text = "The run is held: it does nothing until you let it go on" } end
says["/api/runs/{id}/resume"] = function() return { text = "The run goes on" } end
says["/api/pause"] = function() return { text = "Held: nothing new is begun until you let it go on" } end
says["/api/resume"] = function() return { text = "It goes on" } end

says["/api/runs/{id}/fork"] = function(id, run)
  return { text = "A new run, the same as " .. id .. " up to that step", go = "/runs/" .. run.run }
end

says["/api/runs/{id}/replay"] = function(_, played)
  if played.equal then return { text = ("It replays the same: %s from the journal alone"):format(count(played.steps or 0, "step", "steps")) } end
  if played.purged then return { text = "It was purged, so it cannot be played again", bad = true } end
  return { text = ("It takes another way at step %s: %s"):format(tostring(played.at), tostring(played.why or "see keel replay")), bad = true }
end

says["/api/agents/{id}/enable"] = function(id) return { text = id .. " is on" } end
says["/api/agents/{id}/disable"] = function(id) return { text = id .. " is off: it begins nothing until it is switched on" } end
says["/api/budget"] = function() return { text = "The limit holds from now on" } end
says["/api/schedules/{name}/pause"] = function() return { text = "The schedule is held" } end
says["/api/schedules/{name}/resume"] = function() return { text = "The schedule goes on" } end
says["/api/schedules/{name}/trigger"] = function(_, run) return { text = "It was begun by hand", go = run.run and "/runs/" .. run.run or nil } end

says["/api/dead/retry"] = function(_, done)
  local dead = tonumber(done.dead) or 0
  return { text = ("%s tried again%s"):format(count(tonumber(done.retried) or 0, "delivery", "deliveries"), dead > 0 and (", %d of them dead still"):format(dead) or ""), bad = dead > 0 }
end

says["/api/dead/drop"] = function() return { text = "Given up: nothing begins for it" } end
says["/api/memory/forget"] = function(_, done) return { text = ("Forgotten: %s"):format(count(tonumber(done.forgotten) or 0, "item", "items")) } end

--- { text, bad?, go? } of what a route did.
function told.of(route, id, value)
  local say = says[route.path]
  return say and say(id, value) or { text = "Done" }
end

return told
