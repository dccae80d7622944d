/* store_sqlite_checkpoint.c -- tables and verbs of lua/checkpoint.lua.
 *
 * Steps of trusted scripts do not lie in the journal. A journal record belongs to
 * a run of an agent: it names a pinned version of sandboxed code that the engine
 * plays again by itself when the store is opened, it counts fuel, and it is never
 * taken away. A trusted script has none of that: somebody starts it again by hand
 * or by cron, it may call anything, and `forget` must really forget. So these are
 * two small tables in the same file, under the same owner lock, epoch and group
 * commit: what a commit promises is the same. They are clustered by run, which
 * costs where thousands of runs interleave and is the shorter way where one
 * script takes one step after the other.
 *
 * We would move them into the journal when the engine starts trusted scripts
 * itself.
 *
 * A step can only follow the step before (seq is dense), and only while its run is
 * open and is the one that the script began (`id`): a run that was forgotten and
 * begun again by somebody else takes no steps of the older one. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE checkpoints(name TEXT PRIMARY KEY, id TEXT NOT NULL, state TEXT"
" NOT NULL, attempts INTEGER NOT NULL DEFAULT 1, error TEXT, result BLOB,"
" created INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;"

"CREATE TABLE checkpoint_steps(run TEXT NOT NULL REFERENCES checkpoints(name)"
" ON DELETE CASCADE, seq INTEGER NOT NULL, name TEXT NOT NULL, t INTEGER NOT"
" NULL, took INTEGER NOT NULL, result BLOB, PRIMARY KEY(run, seq));";

#define RUN "SELECT c.name, id, state, attempts, error, created, updated," \
	" (SELECT count(*) FROM checkpoint_steps WHERE run = c.name AND" \
	" result IS NOT NULL) AS steps"

#define STEP "SELECT seq, name, t, took, result AS \"result#codec\" FROM" \
	" checkpoint_steps WHERE"

#define FOLLOWS ":seq = 1 + coalesce((SELECT seq FROM checkpoint_steps WHERE" \
	" run = :run AND seq < :seq ORDER BY seq DESC LIMIT 1), 0)"

static const struct sqlite_verb verbs[] = {
	/* state: open (begun, perhaps by a process that died) or done. */
	{ "checkpoint.begin", "INSERT INTO checkpoints(name, id, state, created,"
	  " updated) VALUES(:name, :id, 'open', :now, :now) ON CONFLICT DO"
	  " UPDATE SET attempts = attempts + 1, error = NULL, updated ="
	  " excluded.updated WHERE state = 'open'", true },
	/* What was promised to be done at most once: no result yet. */
	{ "checkpoint.intend", "INSERT INTO checkpoint_steps(run, seq, name, t,"
	  " took) SELECT :run, :seq, :name, :now, 0 WHERE EXISTS (SELECT 1"
	  " FROM checkpoints WHERE name = :run AND id = :id AND state ="
	  " 'open') AND " FOLLOWS, true },
	{ "checkpoint.withdraw", "DELETE FROM checkpoint_steps WHERE run = :run"
	  " AND seq = :seq AND result IS NULL", true },
	{ "checkpoint.step", "INSERT INTO checkpoint_steps(run, seq, name, t,"
	  " took, result) SELECT :run, :seq, :name, :now, :took,"
	  " :result_codec WHERE EXISTS (SELECT 1 FROM checkpoints WHERE name"
	  " = :run AND id = :id AND state = 'open') AND " FOLLOWS
	  " ON CONFLICT DO UPDATE SET t = excluded.t, took = excluded.took,"
	  " result = excluded.result WHERE result IS NULL", true },
	{ "checkpoint.end", "UPDATE checkpoints SET state = 'done', result ="
	  " :result_codec, updated = :now, error = NULL WHERE name = :name AND"
	  " id = :id AND state = 'open'", true },
	/* Why the last attempt stopped; for people. */
	{ "checkpoint.trouble", "UPDATE checkpoints SET error = :error, updated"
	  " = :now WHERE name = :name AND id = :id AND state = 'open'", false },
	{ "checkpoint.forget", "DELETE FROM checkpoints WHERE name = :name",
	  false },

	{ "checkpoint.get", RUN ", result AS \"result#codec\" FROM checkpoints"
	  " c WHERE c.name = :name", false },
	{ "checkpoint.list", RUN " FROM checkpoints c ORDER BY created, c.name",
	  false },
	{ "checkpoint.at", STEP " run = :name AND seq = :seq", false },
	{ "checkpoint.unknown", STEP " run = :name AND result IS NULL ORDER BY"
	  " seq LIMIT 1", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_steps = { schema, verbs, NULL, NULL, NULL, NULL, NULL };
