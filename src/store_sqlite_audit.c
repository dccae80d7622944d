/* store_sqlite_audit.c -- tables and verbs of the audit trail: who did what, when. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE audit(id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
" who TEXT NOT NULL, what TEXT NOT NULL, subject TEXT, detail BLOB);";

static const struct sqlite_verb verbs[] = {
	{ "audit.put", "INSERT INTO audit(time, who, what, subject, detail)"
	  " VALUES(:now, :who, :what, :subject_opt, :detail_codec_opt)", false },

	{ "audit.list", "SELECT id, time, who, what, subject, detail AS"
	  " \"detail#codec\" FROM audit ORDER BY id DESC LIMIT :limit", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_audit = { schema, verbs, NULL, NULL, NULL, NULL };
