/* store_sqlite_schedules.c -- schedules, and their slots as rows.
 *
 * A slot is one moment at which a schedule means to fire. Its life:
 *
 *   planned ──▶ queued ──▶ started         run is the run that it began, or NULL
 *      │           │                       when the bus begins it (`coalesced`)
 *      └───────────┴─────▶ skipped         reason says why
 *
 * Each schedule has at most one planned slot, its next; what was planned is not
 * computed again. A slot becomes `started` in the transaction that starts its run.
 * `wall` is what the wall clock showed or should have shown: one instant may stand
 * for two wall times where clocks change, and is told apart by it. A skipped row may
 * stand for `n` slots, the first of which is its own. `due` is slot and jitter.
 *
 * schedules.standing: `on`, `broken` (the agent's file has an error; slots wait for
 * it), `gone` (no manifest names it any more). `spec` is what decides about times: as
 * long as it is the same, planned slots stay. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE schedules(id TEXT PRIMARY KEY, agent TEXT NOT NULL, spec TEXT"
" NOT NULL, zone TEXT NOT NULL, standing TEXT NOT NULL, paused INTEGER NOT"
" NULL DEFAULT 0, created INTEGER NOT NULL, updated INTEGER NOT NULL)"
" WITHOUT ROWID;"

"CREATE TABLE slots(schedule TEXT NOT NULL, slot INTEGER NOT NULL, wall TEXT"
" NOT NULL, due INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT, n INTEGER"
" NOT NULL DEFAULT 1, run INTEGER, at INTEGER NOT NULL, PRIMARY KEY(schedule,"
" slot, wall)) WITHOUT ROWID;"
"CREATE INDEX slots_planned ON slots(due) WHERE state = 'planned';"
"CREATE INDEX slots_queued ON slots(schedule, slot) WHERE state = 'queued';";

#define SLOT_COLUMNS "l.schedule, l.slot, l.wall, l.due, l.state, l.reason," \
	" l.n, l.at"
#define PAST_COLUMNS SLOT_COLUMNS ", r.run, r.state AS run_state FROM slots l" \
	" LEFT JOIN runs r ON r.id = l.run"

/* A slot whose fate is open: planned, or skipped for a reason that does not hold any
 * more when it lies ahead again (times change and change back, clocks are set back). */
#define OPEN " (state = 'planned' OR state = 'skipped' AND reason IN ('changed'," \
	" 'gone', 'clock', 'missed', 'dst_gap', 'dst_fold'))"

static const struct sqlite_verb verbs[] = {
	{ "schedule.put", "INSERT INTO schedules(id, agent, spec, zone,"
	  " standing, created, updated) VALUES(:id, :agent, :spec, :zone, 'on',"
	  " :now, :now) ON CONFLICT DO UPDATE SET agent = excluded.agent, spec ="
	  " excluded.spec, zone = excluded.zone, standing = 'on', updated ="
	  " excluded.updated", false },
	{ "schedule.stand", "UPDATE schedules SET standing = :standing, updated"
	  " = :now WHERE id = :id", true },
	{ "schedule.pause", "UPDATE schedules SET paused = :paused, updated ="
	  " :now WHERE id = :id", true },
	{ "schedule.list", "SELECT s.id, s.agent, s.spec, s.zone, s.standing,"
	  " s.paused AS \"paused#bool\", l.slot, l.wall, l.due FROM schedules s"
	  " LEFT JOIN slots l ON l.schedule = s.id AND l.state = 'planned'"
	  " ORDER BY s.id", false },

	{ "slot.plan", "INSERT INTO slots(schedule, slot, wall, due, state, at)"
	  " VALUES(:schedule, :slot, :wall, :due, 'planned', :now) ON CONFLICT"
	  " DO UPDATE SET state = 'planned', reason = NULL, n = 1, due ="
	  " excluded.due, at = excluded.at WHERE" OPEN, true },
	{ "slot.taken", "SELECT slot FROM slots WHERE schedule = :schedule AND"
	  " slot = :slot AND wall = :wall AND NOT" OPEN, false },
	{ "slot.skip", "INSERT INTO slots(schedule, slot, wall, due, state,"
	  " reason, n, at) VALUES(:schedule, :slot, :wall, :due, 'skipped',"
	  " :reason, :n, :now) ON CONFLICT DO UPDATE SET state = 'skipped',"
	  " reason = excluded.reason, n = excluded.n, at = excluded.at WHERE"
	  OPEN, false },
	{ "slot.queue", "INSERT INTO slots(schedule, slot, wall, due, state,"
	  " reason, at) VALUES(:schedule, :slot, :wall, :due, 'queued',"
	  " :reason_opt, :now) ON CONFLICT DO UPDATE SET state = 'queued',"
	  " reason = excluded.reason, n = 1, at = excluded.at WHERE" OPEN,
	  false },
	/* What waits in a queue: one, or all of a schedule. */
	{ "slot.drop", "UPDATE slots SET state = 'skipped', reason = :reason, at"
	  " = :now WHERE schedule = :schedule AND slot = :slot AND wall = :wall"
	  " AND state = 'queued'", false },
	{ "slot.drop_queued", "UPDATE slots SET state = 'skipped', reason ="
	  " :reason, at = :now WHERE schedule = :schedule AND state = 'queued'",
	  false },
	{ "slot.start", "UPDATE slots SET state = 'started', run = :run_opt,"
	  " reason = coalesce(:reason_opt, reason), at = :now WHERE schedule ="
	  " :schedule AND slot = :slot AND wall = :wall AND state = 'queued'",
	  true },
	{ "slot.due", "SELECT " SLOT_COLUMNS " FROM slots l JOIN schedules s ON"
	  " s.id = l.schedule WHERE l.state = 'planned' AND l.due <= :now AND"
	  " s.standing = 'on' ORDER BY l.due, l.schedule", false },
	{ "slot.next", "SELECT min(l.due) AS due FROM slots l JOIN schedules s ON"
	  " s.id = l.schedule WHERE l.state = 'planned' AND s.standing = 'on'",
	  false },
	{ "slot.queued", "SELECT " SLOT_COLUMNS " FROM slots l WHERE l.state ="
	  " 'queued' ORDER BY l.schedule, l.slot, l.wall", false },
	{ "slot.live", "SELECT r.id, r.run FROM slots l JOIN runs r ON r.id ="
	  " l.run WHERE l.schedule = :schedule AND l.state = 'started' AND"
	  " r.ended IS NULL ORDER BY l.slot", false },
	/* The past of a schedule, or of all, newest first. */
	{ "slot.log", "SELECT " PAST_COLUMNS " WHERE l.schedule = :schedule AND"
	  " l.state != 'planned' AND (:state_opt IS NULL OR l.state ="
	  " :state_opt) ORDER BY l.slot DESC, l.wall DESC LIMIT :limit", false },
	{ "slot.log_all", "SELECT " PAST_COLUMNS " WHERE l.state != 'planned' AND"
	  " (:state_opt IS NULL OR l.state = :state_opt) ORDER BY l.slot DESC,"
	  " l.wall DESC, l.schedule LIMIT :limit", false },
	/* What is ahead and skipped for its wall clock, when times change. */
	{ "slot.forget", "DELETE FROM slots WHERE schedule = :schedule AND slot"
	  " > :now AND state = 'skipped' AND reason IN ('dst_gap', 'dst_fold')",
	  false },
	/* All but the newest :keep; what is not over stays. */
	{ "slot.prune", "DELETE FROM slots WHERE schedule = :schedule AND slot <"
	  " (SELECT slot FROM slots WHERE schedule = :schedule ORDER BY slot DESC"
	  " LIMIT 1 OFFSET :keep) AND (state = 'skipped' OR state = 'started' AND"
	  " NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = slots.run AND r.ended"
	  " IS NULL))", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_schedules = { schema, verbs, schema, NULL, NULL, NULL, NULL };
