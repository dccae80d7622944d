-- Things to come back to. Whoever publishes `timer.set` with a time and an event gets that
-- event at that time, once, even if the machine was off in between:
--
--   ctx.emit("timer.set", { at = "2026-03-18T09:00:00Z", event = "invoice.reminder_due",
--     payload = { invoice = "I-190" }, key = "reminder:I-190:2026-03-18" })
--
-- A run of this agent that waits is a timer: `keel runs` shows it, `keel cancel` takes it away.

return agent {
  version = 1,
  about = "Publishes an event at the time that timer.set names",
  on = { event = "timer.set", key = "key" },

  input = {
    type = "object", required = { "at", "event" },
    properties = { at = { type = "string" }, event = { type = "string" }, payload = { type = "object" }, key = { type = "string" } },
  },
  output = { type = "object", required = { "event" }, properties = { event = { type = "string" } } },

  run = function(ctx, timer)
    local due = ctx.time.parts { at = timer.at }
    local left = due.ms - ctx.now()
    if left > 0 then
      ctx.sleep(left)
    end
    ctx.emit(timer.event, timer.payload or {}, { key = timer.key })
    return { event = timer.event }
  end,
}
