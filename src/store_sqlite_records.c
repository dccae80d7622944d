/* store_sqlite_records.c -- structured records: JSON with versions.
 *
 * The body is JSON text, so that any field can be asked for; it is written by
 * json.c and reads back to the same value. Every put keeps the version before. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE records(type TEXT NOT NULL, key TEXT NOT NULL, version INTEGER"
" NOT NULL, value TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT"
" NULL, run INTEGER, seq INTEGER, PRIMARY KEY(type, key)) WITHOUT ROWID;"

"CREATE TABLE record_history(type TEXT NOT NULL, key TEXT NOT NULL, version"
" INTEGER NOT NULL, value TEXT, updated INTEGER NOT NULL, run INTEGER, seq"
" INTEGER, PRIMARY KEY(type, key, version)) WITHOUT ROWID;"

"CREATE TRIGGER records_keep AFTER UPDATE ON records BEGIN"
" INSERT INTO record_history VALUES(old.type, old.key, old.version, old.value,"
" old.updated, old.run, old.seq); END;"
"CREATE TRIGGER records_drop AFTER DELETE ON records BEGIN"
" INSERT INTO record_history VALUES(old.type, old.key, old.version, old.value,"
" old.updated, old.run, old.seq); END;";

#define COLUMNS "type, key, version, value AS \"value#json\", created, updated"

static const struct sqlite_verb verbs[] = {
	/* A put of an equal value changes nothing, not even the version. */
	{ "record.put", "INSERT INTO records(type, key, version, value,"
	  " created, updated, run, seq) VALUES(:type, :key, coalesce((SELECT"
	  " max(version) FROM record_history WHERE type = :type AND key ="
	  " :key), 0) + 1, :value_json, :now, :now, :run_opt, :seq_opt)"
	  " ON CONFLICT DO UPDATE SET version = version + 1, value ="
	  " excluded.value, updated = excluded.updated, run = excluded.run,"
	  " seq = excluded.seq WHERE value IS NOT excluded.value", false },
	{ "record.drop", "DELETE FROM records WHERE type = :type AND key ="
	  " :key", false },
	{ "record.get", "SELECT " COLUMNS " FROM records WHERE type = :type"
	  " AND key = :key", false },
	/* where: an object; every member must equal the record's field. */
	{ "record.find", "SELECT " COLUMNS " FROM records r WHERE type = :type"
	  " AND (:where_json_opt IS NULL OR NOT EXISTS (SELECT 1 FROM"
	  " json_each(:where_json_opt) w WHERE json_extract(r.value, '$.\"' ||"
	  " w.key || '\"') IS NOT w.value)) ORDER BY key LIMIT :limit", false },
	/* Where what it was stems from: the step that wrote it is marked as from
	 * outside ('x') or from private memory ('y') (uses, engine/gate.lua). The
	 * version that is meant is told by its number or by its value, where one
	 * fits, and else by the time: clocks go back. */
	{ "record.marks", "SELECT u.kind FROM (SELECT run, seq FROM (SELECT"
	  " version, value, updated, run, seq FROM record_history WHERE type ="
	  " :type AND key = :key UNION ALL SELECT version, value, updated, run,"
	  " seq FROM records WHERE type = :type AND key = :key) ORDER BY"
	  " version IS :version_opt DESC, value IS :value_json_opt DESC,"
	  " updated <= :time DESC, version DESC LIMIT 1) w JOIN uses u ON u.kind"
	  " IN ('x', 'y') AND u.item = (w.run << 20 | w.seq) AND u.run = 0",
	  false },
	{ "record.types", "SELECT type, count(*) AS n FROM records GROUP BY"
	  " type ORDER BY type", false },
	{ "record.history", "SELECT version, value AS \"value#json\", updated,"
	  " run, seq FROM (SELECT version, value, updated, run, seq FROM"
	  " record_history WHERE type = :type AND key = :key UNION ALL SELECT"
	  " version, value, updated, run, seq FROM records WHERE type = :type"
	  " AND key = :key) ORDER BY version", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_records = { schema, verbs, NULL, NULL, NULL, NULL, NULL };
