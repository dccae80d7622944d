/* store_sqlite_approvals.c -- tables and verbs of what waits for its owner. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE approvals(id TEXT PRIMARY KEY, kind TEXT NOT NULL, run INTEGER"
" NOT NULL, seq INTEGER NOT NULL, agent TEXT NOT NULL, subject TEXT NOT NULL,"
" proposal BLOB, digest TEXT NOT NULL, risk TEXT, deadline INTEGER,"
" otherwise TEXT, state TEXT NOT NULL, value BLOB, decided_by TEXT,"
" decided_at INTEGER, note TEXT, delivered INTEGER NOT NULL DEFAULT 0,"
" created INTEGER NOT NULL) WITHOUT ROWID;"
"CREATE INDEX approvals_open ON approvals(created) WHERE state = 'open';"
"CREATE INDEX approvals_run ON approvals(run, seq);";

#define APPROVAL_COLUMNS \
	"a.id, a.kind, a.run AS run_id, r.run, a.seq, a.agent, a.subject," \
	" a.proposal AS \"proposal#codec\", a.digest, a.risk, a.deadline," \
	" a.otherwise, a.state, a.value AS \"value#codec\", a.decided_by," \
	" a.decided_at, a.note, a.created, a.delivered AS \"delivered#bool\""

static const struct sqlite_verb verbs[] = {
	/* Approvals. Deciding must find the approval still open. */
	{ "approval.put", "INSERT INTO approvals(id, kind, run, seq, agent,"
	  " subject, proposal, digest, risk, deadline, otherwise, state,"
	  " created) VALUES(:id, :kind, :run, :seq, :agent, :subject,"
	  " :proposal_codec_shared, :digest, :risk_opt, :deadline_opt,"
	  " :otherwise_opt, 'open', :now) ON CONFLICT DO NOTHING", false },
	{ "approval.decide", "UPDATE approvals SET state = :state, value ="
	  " :value_codec_shared_opt, decided_by = :by, decided_at = :now, note ="
	  " :note_opt WHERE id = :id AND state = 'open' AND digest = :digest",
	  true },
	{ "approval.close_run", "UPDATE approvals SET state = 'obsolete',"
	  " decided_at = :now WHERE run = :run AND state = 'open' AND kind ="
	  " 'approval'", false },
	{ "approval.close", "UPDATE approvals SET state = 'obsolete',"
	  " decided_at = :now, delivered = 1 WHERE run = :run AND seq = :seq"
	  " AND state = 'open'", false },
	{ "approval.close_others", "UPDATE approvals SET state = 'obsolete',"
	  " decided_at = :now, delivered = 1 WHERE run = :run AND state ="
	  " 'open' AND kind = 'approval' AND seq NOT IN (SELECT value FROM json_each(:seqs_json))",
	  false },
	{ "approval.get", "SELECT " APPROVAL_COLUMNS " FROM approvals a JOIN"
	  " runs r ON r.id = a.run WHERE a.id = :id", false },
	{ "approval.prefix", "SELECT id, state FROM approvals WHERE id >= :prefix AND"
	  " id < :prefix || 'zzzz' ORDER BY state != 'open', id LIMIT 5", false },
	{ "approval.open", "SELECT " APPROVAL_COLUMNS " FROM approvals a JOIN"
	  " runs r ON r.id = a.run WHERE a.state = 'open' ORDER BY a.created,"
	  " a.id", false },
	{ "approval.last", "SELECT " APPROVAL_COLUMNS " FROM approvals a JOIN"
	  " runs r ON r.id = a.run WHERE a.subject = :subject AND a.state IN"
	  " ('approved', 'edited', 'rejected') ORDER BY a.decided_at DESC"
	  " LIMIT 1", false },
	{ "approval.of_command", "SELECT " APPROVAL_COLUMNS " FROM approvals a"
	  " JOIN runs r ON r.id = a.run WHERE a.run = :run AND a.seq = :seq"
	  " ORDER BY a.delivered, a.created DESC, a.id DESC LIMIT 1", false },
	{ "approval.deliver", "UPDATE approvals SET delivered = 1 WHERE run ="
	  " :run AND seq = :seq", false },
	{ "approval.undelivered", "SELECT DISTINCT a.run FROM approvals a JOIN"
	  " runs r ON r.id = a.run WHERE a.state != 'open' AND a.delivered = 0"
	  " AND r.ended IS NULL ORDER BY a.run", false },
	{ "approval.of_run", "SELECT " APPROVAL_COLUMNS " FROM approvals a"
	  " JOIN runs r ON r.id = a.run WHERE a.run = :run ORDER BY a.seq",
	  false },
	{ NULL, NULL, false }
};

static const char upgrade[] =
"DROP INDEX approvals_run;"
"CREATE INDEX approvals_run ON approvals(run, seq);";

const struct sqlite_part sqlite_approvals = { schema, verbs, upgrade, NULL, NULL,
	NULL };
