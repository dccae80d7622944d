-- How busted's results are shown: failures in full, skips with their reason, and a
-- last line `N passed, N failed, N skipped` that programs can read.
return function(_)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local shown = 0

  local function dot(text)
    io.write(text)
    shown = shown + 1
    if shown % 80 == 0 then io.write "\n" end
    io.flush()
  end

  function handler.testEnd(_, _, status)
    dot(({ success = ".", pending = "s", failure = "F", error = "E" })[status] or "?")
    return nil, true
  end

  local function describe(kind, item)
    local message = item.message
    if type(message) ~= "string" then message = require("pl.pretty").write(message) end
    io.write(("\n%s %s\n  %s:%s\n  %s\n"):format(kind, item.name or "?",
      item.trace and item.trace.short_src or "?", item.trace and item.trace.currentline or "?",
      message:gsub("\n", "\n  ")))
    if kind == "ERROR" and item.trace and item.trace.traceback then io.write("  ", item.trace.traceback, "\n") end
  end

  function handler.suiteEnd()
    io.write "\n"
    for _, item in ipairs(handler.failures) do describe("FAILED", item) end
    for _, item in ipairs(handler.errors) do describe("ERROR", item) end
    local reasons = {}
    for _, item in ipairs(handler.pendings) do
      local why = tostring(item.message or "no reason given")
      reasons[why] = (reasons[why] or 0) + 1
    end
    for why, count in pairs(reasons) do io.write(("skipped %d: %s\n"):format(count, why)) end
    io.write(("%d passed, %d failed, %d skipped\n"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount, handler.pendingsCount))
    io.flush()
    return nil, true
  end

  busted.subscribe({ "test", "end" }, handler.testEnd)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
