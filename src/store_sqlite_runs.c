/* store_sqlite_runs.c -- tables and verbs of runs, code, timers.
 *
 * runs.tail is the lsn of the run's last record as of its last change of state.
 * While a run is `running` it may be behind; a crash is healed by looking through
 * the journal from the lowest such tail (journal.tails). */
#include "store_sqlite.h"

/* What is held: "all", "agent:NAME", "run:RUN". */
#define PAUSES \
"CREATE TABLE pauses(scope TEXT PRIMARY KEY, who TEXT NOT NULL, time INTEGER" \
" NOT NULL, note TEXT) WITHOUT ROWID;"

static const char schema[] =
"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"

"CREATE TABLE journal(lsn INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
" prev INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,"
" effect INTEGER NOT NULL, flags INTEGER NOT NULL, name TEXT, hash BLOB,"
" fuel INTEGER NOT NULL, cost INTEGER NOT NULL, t INTEGER NOT NULL,"
" took INTEGER NOT NULL, args BLOB, data BLOB);"

"CREATE TABLE code(hash TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;"

"CREATE TABLE runs(id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE,"
" agent TEXT NOT NULL, version INTEGER NOT NULL, code TEXT NOT NULL,"
" state TEXT NOT NULL, waiting_for TEXT, key TEXT, parent INTEGER,"
" parent_seq INTEGER, input BLOB, output BLOB, error BLOB,"
" steps INTEGER NOT NULL DEFAULT 0, cost INTEGER NOT NULL DEFAULT 0,"
" tail INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL,"
" updated INTEGER NOT NULL, ended INTEGER, active_ms INTEGER NOT NULL"
" DEFAULT 0);"
"CREATE INDEX runs_open ON runs(state) WHERE ended IS NULL;"
"CREATE UNIQUE INDEX runs_key ON runs(agent, key) WHERE key IS NOT NULL;"
"CREATE INDEX runs_parent ON runs(parent) WHERE parent IS NOT NULL;"

"CREATE TABLE timers(run INTEGER NOT NULL, seq INTEGER NOT NULL,"
" due INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, since INTEGER,"
" PRIMARY KEY(run, seq)) WITHOUT ROWID;"
"CREATE INDEX timers_due ON timers(due);"

"CREATE TABLE agents(name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT,"
" updated INTEGER NOT NULL) WITHOUT ROWID;"

PAUSES;

#define RUN_COLUMNS \
	"id, run, agent, version, code, state, waiting_for, key, parent," \
	" parent_seq, input AS \"input#codec\", output AS \"output#codec\"," \
	" error AS \"error#codec\", steps, cost, tail, created, updated," \
	" ended, active_ms"

static const struct sqlite_verb verbs[] = {
	{ "code.put", "INSERT INTO code(hash, body) VALUES(:hash, :body)"
	  " ON CONFLICT DO NOTHING", false },
	{ "code.get", "SELECT body FROM code WHERE hash = :hash", false },

	/* Runs. `key` makes an agent's runs unique by their event. */
	{ "run.put", "INSERT INTO runs(id, run, agent, version, code, state,"
	  " key, parent, parent_seq, input, tail, created, updated) VALUES("
	  ":id, :run, :agent, :version, :code, :state, :key_opt, :parent_opt,"
	  " :parent_seq_opt, :input_codec_shared, :tail, :now, :now)", false },
	{ "run.state", "UPDATE runs SET state = :state, waiting_for ="
	  " :waiting_for_opt, tail = :tail, steps = :steps, cost = :cost,"
	  " active_ms = :active_ms, updated = :now WHERE id = :id", true },
	{ "run.end", "UPDATE runs SET state = :state, waiting_for = NULL,"
	  " tail = :tail, steps = :steps, cost = :cost, active_ms = :active_ms,"
	  " output = :output_codec_shared_opt, error = :error_codec_shared_opt,"
	  " updated = :now, ended = :now WHERE id = :id", true },
	{ "run.get", "SELECT " RUN_COLUMNS " FROM runs WHERE run = :run",
	  false },
	{ "run.by_id", "SELECT " RUN_COLUMNS " FROM runs WHERE id = :id",
	  false },
	{ "run.to_wake", "SELECT id, run, agent, state, tail, steps, cost, ended,"
	  " active_ms, parent FROM runs WHERE id = :id", false },
	{ "run.by_key", "SELECT " RUN_COLUMNS " FROM runs WHERE agent = :agent"
	  " AND key = :key", false },
	{ "run.prefix", "SELECT run FROM runs WHERE run >= :prefix AND run <"
	  " :prefix || 'zzzz' ORDER BY run LIMIT 5", false },
	/* Of rows `from` to `before`, which is not included. */
	{ "run.list", "SELECT " RUN_COLUMNS " FROM runs WHERE"
	  " id < coalesce(:before_opt, 9223372036854775807)"
	  " AND id >= coalesce(:from_opt, 0)"
	  " AND (:agent_opt IS NULL OR agent = :agent_opt)"
	  " AND (:state_opt IS NULL OR state = :state_opt)"
	  " AND (:since_opt IS NULL OR created >= :since_opt)"
	  " AND (:text_opt IS NULL OR instr(lower(agent || ' ' ||"
	  " coalesce(key, '') || ' ' || cast(coalesce(keel_payload(input), '')"
	  " AS TEXT) || ' ' || cast(coalesce(keel_payload(output), '') AS"
	  " TEXT)), lower(:text_opt)))"
	  " ORDER BY id DESC LIMIT :limit", false },
	/* The same of a state in which runs are not over. */
	{ "run.list_open", "SELECT " RUN_COLUMNS " FROM runs WHERE ended IS NULL"
	  " AND state = :state AND id < coalesce(:before_opt, 9223372036854775807)"
	  " AND (:agent_opt IS NULL OR agent = :agent_opt)"
	  " AND (:since_opt IS NULL OR created >= :since_opt)"
	  " ORDER BY id DESC LIMIT :limit", false },
	{ "run.newest", "SELECT max(id) AS id FROM runs", false },
	{ "run.open", "SELECT id, run, agent, state, waiting_for, code, tail FROM"
	  " runs WHERE ended IS NULL ORDER BY id", false },
	{ "run.children", "SELECT " RUN_COLUMNS " FROM runs WHERE parent = :id"
	  " ORDER BY id", false },
	{ "run.orphans", "SELECT DISTINCT p.id FROM runs p JOIN runs c ON"
	  " c.parent = p.id WHERE p.ended IS NULL AND c.ended IS NOT NULL"
	  " ORDER BY p.id", false },
	{ "run.counts", "SELECT agent, state, count(*) AS n, sum(steps) AS"
	  " steps, sum(cost) AS cost FROM runs GROUP BY agent, state ORDER BY"
	  " agent, state", false },

	{ "journal.tails", "SELECT run, max(lsn) AS tail FROM journal WHERE"
	  " lsn > :since GROUP BY run", false },

	/* attempt: which one failed before this pause, of a command that is
	 * tried again, and since when it is tried; 0 for other timers. */
	{ "timer.put", "INSERT INTO timers(run, seq, due, attempt, since) VALUES("
	  ":run, :seq, :due, coalesce(:attempt_opt, 0), :since_opt) ON CONFLICT"
	  " DO UPDATE SET due = excluded.due, attempt = excluded.attempt, since"
	  " = excluded.since", false },
	{ "timer.drop", "DELETE FROM timers WHERE run = :run AND seq = :seq",
	  false },
	{ "timer.drop_run", "DELETE FROM timers WHERE run = :run", false },
	{ "timer.get", "SELECT due, attempt, since FROM timers WHERE run = :run AND seq ="
	  " :seq",
	  false },
	/* Those of runs in quarantine stand, and wake nobody. */
	{ "timer.due", "SELECT run, seq, due FROM timers WHERE due <= :now"
	  " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = timers.run AND"
	  " r.state = 'quarantined') ORDER BY due, run, seq LIMIT"
	  " coalesce(:limit_opt, 1000)", false },
	{ "timer.next", "SELECT min(due) AS due FROM timers WHERE due > :after",
	  false },
	{ "timer.drop_others", "DELETE FROM timers WHERE run = :run AND seq NOT"
	  " IN (SELECT value FROM json_each(:seqs_json))", false },

	{ "agent.state", "INSERT INTO agents(name, state, reason, updated)"
	  " VALUES(:name, :state, :reason_opt, :now) ON CONFLICT DO UPDATE SET"
	  " state = excluded.state, reason = excluded.reason, updated ="
	  " excluded.updated", false },
	{ "agent.states", "SELECT name, state, reason, updated FROM agents",
	  false },

	{ "pause.put", "INSERT INTO pauses(scope, who, time, note) VALUES("
	  ":scope, :who, :now, :note_opt) ON CONFLICT DO UPDATE SET who ="
	  " excluded.who, time = excluded.time, note = excluded.note", false },
	{ "pause.drop", "DELETE FROM pauses WHERE scope = :scope", false },
	{ "pause.list", "SELECT scope, who, time, note FROM pauses ORDER BY"
	  " scope", false },
	/* A run that was to be woken while it is held: resuming looks here. */
	{ "run.held", "UPDATE runs SET waiting_for = 'paused', updated = :now"
	  " WHERE id = :id AND ended IS NULL", false },
	{ "run.all_held", "SELECT id, run, agent FROM runs WHERE ended IS NULL"
	  " AND waiting_for = 'paused' ORDER BY id", false },
	/* Another version of its agent is what the run goes on with. */
	{ "run.move", "UPDATE runs SET version = :version, code = :code, tail ="
	  " :tail, updated = :now WHERE id = :id AND ended IS NULL", true },

	/* In which runs an engine died, until they get through: a row of meta
	 * each (few, and no reason for another format of the store). */
	{ "death.put", "INSERT OR REPLACE INTO meta(key, value) VALUES('death/'"
	  " || :run || '/' || :at, :value_codec)", false },
	{ "death.list", "SELECT CAST(substr(key, 7, instr(substr(key, 7), '/') -"
	  " 1) AS INTEGER) AS run, value AS \"value#codec\" FROM meta WHERE key"
	  " >= 'death/' AND key < 'death0' ORDER BY length(key), key", false },
	{ "death.drop", "DELETE FROM meta WHERE key >= 'death/' || :run || '/'"
	  " AND key < 'death/' || :run || '0'", false },
	/* Out of quarantine. */
	{ "run.reopen", "UPDATE runs SET state = 'running', error = NULL, ended"
	  " = NULL, updated = :now WHERE id = :id AND state = 'quarantined'",
	  true },
	{ "journal.at", "SELECT seq, name FROM journal WHERE lsn = :lsn", false },

	{ "check.integrity", "SELECT integrity_check AS result FROM"
	  " pragma_integrity_check", false },
	{ NULL, NULL, false }
};

static const char upgrade[] =
"ALTER TABLE timers ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE timers ADD COLUMN since INTEGER;"
PAUSES;

const struct sqlite_part sqlite_runs = { schema, verbs, upgrade, NULL, NULL, NULL, NULL };
