/* store_sqlite_approvals.c -- tables and verbs of what waits for its owner.
 *
 *   open -> approved | edited | rejected   by a person; back to open when recalled
 *        -> rejected | expired | approved  by its deadline
 *        -> obsolete                       withdrawn: what it was about is another
 *
 * A decision holds when `value_digest` is that of its value, and counts when it is
 * spent: the moment the run goes on with it, written before what it allows is begun.
 * Recalling and spending both ask for `spent IS NULL`, so one of the two happens.
 *
 * `plan` is what shall happen while nobody decides (engine/approvals.lua), `stage`
 * how much of it has; `due` is when to look at the row again, NULL for never. */
#include "store_sqlite.h"

#define MORE_COLUMNS(X) \
	X("effect TEXT") X("why TEXT") X("value_digest TEXT") X("channel TEXT") \
	X("undo_until INTEGER") X("spent INTEGER") X("due INTEGER") \
	X("snoozed INTEGER") X("used INTEGER") X("stage INTEGER NOT NULL DEFAULT 0") X("plan BLOB")

#define IN_TABLE(column) ", " column
#define ADDED(column) "ALTER TABLE approvals ADD COLUMN " column ";"

#define INDEXES_5 \
	"CREATE INDEX approvals_due ON approvals(due) WHERE due IS NOT NULL;" \
	"CREATE INDEX approvals_subject ON approvals(subject, decided_at);" \
	"CREATE INDEX approvals_created ON approvals(created);"

static const char schema[] =
"CREATE TABLE approvals(id TEXT PRIMARY KEY, kind TEXT NOT NULL, run INTEGER"
" NOT NULL, seq INTEGER NOT NULL, agent TEXT NOT NULL, subject TEXT NOT NULL,"
" proposal BLOB, digest TEXT NOT NULL, risk TEXT, deadline INTEGER,"
" otherwise TEXT, state TEXT NOT NULL, value BLOB, decided_by TEXT,"
" decided_at INTEGER, note TEXT, delivered INTEGER NOT NULL DEFAULT 0,"
" created INTEGER NOT NULL" MORE_COLUMNS(IN_TABLE) ") WITHOUT ROWID;"
"CREATE INDEX approvals_open ON approvals(created) WHERE state = 'open';"
"CREATE INDEX approvals_run ON approvals(run, seq);"
INDEXES_5;

#define COLUMNS \
	"a.id, a.kind, a.run AS run_id, r.run, a.seq, a.agent, a.subject," \
	" a.proposal AS \"proposal#codec\", a.digest, a.risk, a.deadline," \
	" a.otherwise, a.state, a.value AS \"value#codec\", a.decided_by," \
	" a.decided_at, a.note, a.created, a.delivered AS \"delivered#bool\"," \
	" a.effect, a.why, a.value_digest, a.channel, a.undo_until, a.spent," \
	" a.due, a.snoozed, a.used, a.stage, a.plan AS \"plan#codec\""

#define FROM " FROM approvals a JOIN runs r ON r.id = a.run"

/* Withdrawn by the engine: nobody is asked any more. */
#define WITHDRAW "UPDATE approvals SET state = 'obsolete', decided_at = :now," \
	" due = NULL"

/* The same of what nobody waits for any more: a decision that was not acted on
 * stands as it was made, but cannot be taken back to a question again. */
#define GIVE_UP "UPDATE approvals SET decided_at = iif(state = 'open', :now," \
	" decided_at), state = iif(state = 'open', 'obsolete', state), due = NULL," \
	" delivered = 1 WHERE run = :run AND (state = 'open' OR spent IS NULL AND" \
	" kind = 'approval' AND delivered = 0)"

static const struct sqlite_verb verbs[] = {
	{ "approval.put", "INSERT INTO approvals(id, kind, run, seq, agent,"
	  " subject, proposal, digest, risk, deadline, otherwise, effect, why,"
	  " due, plan, state, created) VALUES(:id, :kind, :run, :seq, :agent,"
	  " :subject, :proposal_codec_shared, :digest, :risk_opt, :deadline_opt,"
	  " :otherwise_opt, :effect_opt, :why_opt, :due_opt, :plan_codec_opt,"
	  " 'open', :now) ON CONFLICT DO NOTHING", false },

	/* Deciding must find the approval still open. */
	{ "approval.decide", "UPDATE approvals SET state = :state, value ="
	  " :value_codec_shared_opt, value_digest = :value_digest_opt, decided_by ="
	  " :by, decided_at = :now, note = :note_opt, channel = :channel_opt,"
	  " undo_until = :undo_until_opt, due = :undo_until_opt, snoozed = NULL"
	  " WHERE id = :id AND state = 'open' AND digest = :digest", true },
	{ "approval.recall", "UPDATE approvals SET state = 'open', value = NULL,"
	  " value_digest = NULL, decided_by = NULL, decided_at = NULL, note = NULL,"
	  " channel = NULL, undo_until = NULL, due = :due_opt WHERE id = :id AND"
	  " state IN ('approved', 'edited', 'rejected') AND spent IS NULL AND"
	  " delivered = 0 AND undo_until > :now", true },
	{ "approval.spend", "UPDATE approvals SET spent = :now, due = NULL"
	  " WHERE id = :id AND state != 'open' AND spent IS"
	  " NULL AND decided_at = :decided_at", true },
	/* One approval lets one effect through: the command that it was. */
	{ "approval.use", "UPDATE approvals SET used = :seq WHERE id = :id AND used"
	  " IS NULL", true },
	{ "approval.snooze", "UPDATE approvals SET snoozed = :until, due = :due_opt"
	  " WHERE id = :id AND state = 'open'", true },
	/* What was planned for now is done; `stage` as it was before. */
	{ "approval.tend", "UPDATE approvals SET stage = :stage, due = :due_opt,"
	  " snoozed = iif(snoozed <= :now, NULL, snoozed) WHERE id = :id AND state"
	  " = 'open' AND due <= :now", true },
	/* Only what is over by then: it may be open again, and a clock go back. */
	{ "approval.rest", "UPDATE approvals SET due = NULL WHERE id = :id AND state"
	  " != 'open' AND due <= :now", false },

	/* In a home made of a backup: what was decided and not acted on may have been
	 * acted on since by the home that was kept. It is asked again, and what an
	 * effect was not let through by yet lets none through (used is 0). */
	{ "approval.restored", "UPDATE approvals SET used = iif(spent IS NULL, NULL,"
	  " 0), state = iif(spent IS NULL, 'open', state), value = iif(spent IS NULL,"
	  " NULL, value), value_digest = iif(spent IS NULL, NULL, value_digest),"
	  " decided_by = iif(spent IS NULL, NULL, decided_by), decided_at = iif(spent"
	  " IS NULL, NULL, decided_at), note = iif(spent IS NULL, NULL, note), channel"
	  " = iif(spent IS NULL, NULL, channel), undo_until = NULL, due = iif(spent IS NULL,"
	  " deadline, due) WHERE kind = 'approval' AND used IS NULL AND state IN"
	  " ('approved', 'edited', 'rejected') AND (spent IS NOT NULL OR delivered ="
	  " 0) AND run IN (SELECT id FROM runs WHERE ended IS NULL)", false },

	{ "approval.close_run", GIVE_UP " AND kind = 'approval'", false },
	{ "approval.close", GIVE_UP " AND seq = :seq", false },
	{ "approval.close_others", GIVE_UP " AND kind = 'approval' AND seq NOT IN"
	  " (SELECT value FROM json_each(:seqs_json))", false },
	{ "approval.withdraw", WITHDRAW ", decided_by = 'facts', note = :note WHERE"
	  " id = :id AND state = 'open'", false },

	{ "approval.get", "SELECT " COLUMNS FROM " WHERE a.id = :id", false },
	{ "approval.prefix", "SELECT id, state FROM approvals WHERE id >= :prefix AND"
	  " id < :prefix || 'zzzz' ORDER BY state != 'open', id LIMIT 5", false },
	{ "approval.open", "SELECT " COLUMNS FROM " WHERE a.state = 'open' ORDER"
	  " BY a.created, a.id", false },
	/* Newest first; `until` is a time of asking, not included. */
	{ "approval.list", "SELECT " COLUMNS FROM " WHERE (:state_opt IS NULL OR"
	  " a.state = :state_opt) AND (:agent_opt IS NULL OR a.agent = :agent_opt)"
	  " AND (:subject_opt IS NULL OR a.subject = :subject_opt) AND (:until_opt"
	  " IS NULL OR a.created < :until_opt) AND (:changed_opt IS NULL OR"
	  " a.state IN ('edited', 'rejected') AND a.kind = 'approval') ORDER BY"
	  " a.created DESC, a.id DESC LIMIT :limit", false },
	{ "approval.last", "SELECT " COLUMNS FROM " WHERE a.subject = :subject AND"
	  " a.state IN ('approved', 'edited', 'rejected') ORDER BY a.decided_at DESC"
	  " LIMIT 1", false },
	/* How many are in each state; open ones by their risk. */
	{ "approval.counts", "SELECT state, iif(state = 'open', risk, NULL) AS risk,"
	  " count(*) AS n FROM approvals GROUP BY 1, 2", false },
	{ "approval.of_command", "SELECT " COLUMNS FROM " WHERE a.run = :run AND"
	  " a.seq = :seq ORDER BY a.delivered, a.created DESC, a.id DESC LIMIT 1",
	  false },
	{ "approval.question", "SELECT " COLUMNS FROM " WHERE a.run = :run AND a.seq"
	  " = :seq AND a.kind != 'approval' ORDER BY a.delivered, a.created DESC,"
	  " a.id DESC LIMIT 1", false },
	/* What was asked before an effect, newest first. */
	{ "approval.gate", "SELECT " COLUMNS FROM " WHERE a.run = :run AND a.seq ="
	  " :seq AND a.kind = 'approval' ORDER BY a.created DESC, a.id DESC LIMIT 1",
	  false },
	{ "approval.deliver", "UPDATE approvals SET delivered = 1 WHERE run = :run"
	  " AND seq = :seq", false },
	{ "approval.undelivered", "SELECT DISTINCT a.run FROM approvals a JOIN runs r"
	  " ON r.id = a.run WHERE a.state != 'open' AND a.delivered = 0 AND r.ended"
	  " IS NULL ORDER BY a.run", false },
	{ "approval.of_run", "SELECT " COLUMNS FROM " WHERE a.run = :run ORDER BY"
	  " a.seq, a.created", false },
	{ "approval.due", "SELECT " COLUMNS FROM " WHERE a.due <= :now ORDER BY"
	  " a.due, a.id LIMIT :limit", false },
	{ "approval.next_due", "SELECT min(due) AS due FROM approvals WHERE due >"
	  " :after", false },
	{ NULL, NULL, false }
};

static const char upgrade[] =
"DROP INDEX approvals_run;"
"CREATE INDEX approvals_run ON approvals(run, seq);";

/* Deadlines were timers of the run. */
static const char upgrade_5[] =
MORE_COLUMNS(ADDED) INDEXES_5
"UPDATE approvals SET due = deadline WHERE state = 'open' AND kind = 'approval';"
"DELETE FROM timers WHERE EXISTS (SELECT 1 FROM approvals a WHERE a.run ="
" timers.run AND a.seq = timers.seq AND a.kind = 'approval' AND a.state = 'open');"
"UPDATE approvals SET spent = decided_at WHERE delivered = 1;";

const struct sqlite_part sqlite_approvals = { schema, verbs, upgrade, NULL, NULL,
	upgrade_5, NULL };
