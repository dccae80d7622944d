-- Where the steps of a run lie in time, with the long waits pressed together.
local timeline = require "timeline"

describe("the line of time", function()
  local function log()
    return { { seq = 1, kind = "model", state = "done", t = "2026-03-02T09:00:00.000Z", ms = 400 },
      { seq = 2, kind = "approve", state = "done", t = "2026-03-02T09:00:00.400Z", ms = 7200000 },
      { seq = 3, kind = "skill", state = "failed", t = "2026-03-02T11:00:00.400Z", ms = 400 } }
  end

  it("gives work its room and says whom was waited for", function()
    local began = require("rfc3339").parse "2026-03-02T09:00:00Z"
    local spans = timeline.spans(log(), began, began + 7200800)
    local place, gaps = timeline.scale(spans, began, began + 7200800)
    assert.equal(1, #gaps)
    assert.equal("waited 2 h for you", timeline.gap_text(gaps[1], spans))
    local bars = {}
    for i, span in ipairs(spans) do bars[i] = timeline.bar(span, place, gaps, 24) end
    assert.match("^=+ *:? *$", bars[1])
    assert.match(":", bars[2], 1, true)
    assert.match("^ *:? *!+$", bars[3])
    for _, bar in ipairs(bars) do assert.equal(24, #bar) end
    local _, mark = bars[1]:gsub("=", "")
    assert.is_true(mark >= 10) -- half of what was worked
  end)

  it("is the same for no time at all", function()
    local spans = timeline.spans({ { seq = 1, kind = "step", state = "done", t = "2026-03-02T09:00:00.000Z", ms = 0 } }, 1772442000000, 1772442000000)
    local place, gaps = timeline.scale(spans, 1772442000000, 1772442000001)
    assert.equal(0, #gaps)
    assert.match("=", timeline.bar(spans[1], place, gaps, 10), 1, true)
  end)
end)
