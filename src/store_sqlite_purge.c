/* store_sqlite_purge.c -- verbs of `keel purge`: where words lie, and how they go.
 *
 * A run goes whole (store_archive_drop); these find what else there is of it, and
 * what holds given words, and take out what is in memory, records, events and the
 * audit trail. Nothing here is used on any other path: questions read whole tables. */
#include "store_sqlite.h"

#define HAS(x) "keel_has(" x ", :text)"

#define RUNS_WITH \
	"SELECT run AS id FROM journal WHERE " HAS("args") " OR " HAS("data") \
	" OR " HAS("name") \
	" UNION SELECT run FROM segments WHERE keel_segment_has(body, :text)" \
	" UNION SELECT id FROM runs WHERE " HAS("input") " OR " HAS("output") \
	" OR " HAS("error") " OR " HAS("key") \
	" UNION SELECT run FROM approvals WHERE " HAS("proposal") " OR " \
	HAS("value") " OR " HAS("subject") " OR " HAS("note") \
	" UNION SELECT run FROM waits WHERE " HAS("match") \
	" UNION SELECT r.id FROM ledger l JOIN runs r ON r.run = l.run WHERE " \
	HAS("l.error")

#define EVENT "SELECT e.id, coalesce(e.event, 'evt_' || e.id) AS event, e.type," \
	" e.state, e.time, " SQLITE_EVENT_OPEN " AS \"open#bool\" FROM events e"

/* Whether run r was begun by an event like e, by what its key says. */
#define KEY_OF(r, e) r ".key IS NOT NULL AND substr(" r ".key, 1, length(" e \
	".type) + 1) = " e ".type || '/'"

static const struct sqlite_verb verbs[] = {
	/* Who holds the words. */
	{ "purge.runs", "SELECT r.id, r.run, r.agent, r.state, r.key, r.ended FROM"
	  " (" RUNS_WITH ") w JOIN runs r ON r.id = w.id ORDER BY r.id", false },
	{ "purge.events", EVENT " WHERE (e.payload IS NOT NULL AND ("
	  HAS("e.payload") " OR " HAS("e.key") ")) OR EXISTS (SELECT 1 FROM"
	  " deliveries d WHERE d.event = e.id AND (" HAS("d.key") " OR "
	  HAS("d.fair") " OR " HAS("d.in_order") " OR " HAS("d.grp") " OR "
	  HAS("d.error") ")) ORDER BY e.id", false },
	{ "purge.memory", "SELECT id AS row, kind, NULL AS gone FROM memory WHERE "
	  HAS("text") " OR " HAS("value") " OR " HAS("tags") " OR "
	  HAS("source") " OR " HAS("key") " OR " HAS("name") " OR "
	  HAS("speaker") " OR " HAS("session") " OR " HAS("reason")
	  " UNION ALL SELECT id, kind, gone FROM memory_grave WHERE " HAS("key")
	  " OR " HAS("name") " OR " HAS("reason") " ORDER BY 1", false },
	{ "purge.records", "SELECT DISTINCT type, key FROM (SELECT type, key,"
	  " value FROM records UNION ALL SELECT type, key, value FROM"
	  " record_history) WHERE " HAS("key") " OR " HAS("value")
	  " ORDER BY type, key", false },
	{ "purge.audit", "SELECT id, subject, detail AS \"detail#codec\" FROM"
	  " audit WHERE (" HAS("subject") " OR " HAS("detail") " OR run = :text) AND what !="
	  " 'audit.scrub' ORDER BY id",
	  false },
	/* Steps of trusted scripts are theirs: only named. */
	{ "purge.checkpoints", "SELECT DISTINCT run AS name FROM checkpoint_steps"
	  " WHERE " HAS("result") " OR " HAS("name") " UNION SELECT name FROM"
	  " checkpoints WHERE " HAS("result") " OR " HAS("error") " ORDER BY"
	  " name", false },

	/* What there is of a run beside itself: the events that it was begun
	 * by or given. In stores of format 1 nothing says which those are:
	 * there it is one of the key's type with the run's very input. */
	{ "purge.events_of", EVENT " WHERE e.id IN (SELECT d.event FROM deliveries"
	  " d WHERE d.run = :id UNION SELECT o.id FROM runs r JOIN events o ON"
	  " o.payload IS r.input WHERE r.id = :id AND " KEY_OF("r", "o") ")"
	  " ORDER BY e.id", false },
	{ "purge.runs_of", "SELECT r.id, r.run, r.agent, r.state, r.key, r.ended"
	  " FROM runs r WHERE r.id IN (SELECT d.run FROM deliveries d WHERE"
	  " d.event = :id UNION SELECT o.id FROM events e JOIN runs o ON o.input"
	  " IS e.payload WHERE e.id = :id AND " KEY_OF("o", "e") ") ORDER BY"
	  " r.id", false },
	{ "purge.memory_of", "SELECT id AS row, kind, NULL AS gone FROM memory"
	  " WHERE run = :id UNION ALL SELECT id, kind, gone FROM memory_grave"
	  " WHERE run = :id ORDER BY 1", false },
	{ "purge.records_of", "SELECT type, key FROM records WHERE run = :id"
	  " UNION SELECT type, key FROM record_history WHERE run = :id ORDER BY"
	  " type, key", false },
	{ "purge.event", EVENT " WHERE e.id = :number", false },

	/* Taking out. Tombstones keep what says nothing: ids, kinds, times, the
	 * hash of a text, the digest of a key (so that an event that was had is
	 * still known when it comes again). */
	{ "purge.drop_event", "UPDATE events SET payload = NULL, state ="
	  " 'purged', key = CASE WHEN state = 'purged' THEN key ELSE 'sha256:' ||"
	  " keel_sha256(key) END WHERE id = :id AND state != 'new'", true },
	{ "purge.scrub_deliveries", "UPDATE deliveries SET key = 'sha256:' ||"
	  " keel_sha256(key), fair = NULL, in_order = NULL, grp = NULL, error ="
	  " NULL WHERE event = :id AND key NOT LIKE 'sha256:%'", false },
	/* The order: bury, count the change, drop. */
	{ "purge.bury_memory", "INSERT OR IGNORE INTO memory_grave SELECT id, ns,"
	  " layer, kind, NULL, NULL, created, valid_from, valid_to, run, seq,"
	  " hash, :now, 'purged' FROM memory WHERE id = :row", false },
	{ "purge.scrub_grave", "UPDATE memory_grave SET key = NULL, name = NULL,"
	  " reason = 'purged' WHERE id = :row", false },
	{ "purge.bump_memory", "UPDATE memory_space SET stamp = stamp + 1 WHERE"
	  " id = (SELECT ns FROM memory WHERE id = :row)", false },
	{ "purge.note_change", "INSERT INTO memory_change SELECT s.id, s.stamp,"
	  " :row FROM memory m JOIN memory_space s ON s.id = m.ns WHERE m.id ="
	  " :row", false },
	{ "purge.drop_memory", "DELETE FROM memory WHERE id = :row", false },
	{ "purge.drop_vector", "DELETE FROM memory_vector WHERE id = :row", false },
	{ "purge.drop_fields", "DELETE FROM memory_field WHERE id = :row", false },
	{ "purge.drop_record", "DELETE FROM records WHERE type = :type AND key ="
	  " :key", false },
	{ "purge.drop_history", "DELETE FROM record_history WHERE type = :type"
	  " AND key = :key", false },
	/* The digests of the words stay, so that the chain holds. Between audit.open
	 * and audit.shut only, and with audit.vouch behind it. */
	{ "purge.scrub_audit", "UPDATE audit SET subject_hash = coalesce("
	  "subject_hash, keel_audit_digest(subject)), detail_hash = coalesce("
	  "detail_hash, keel_audit_digest(detail)), subject = CASE WHEN subject LIKE"
	  " 'sha256:%' THEN subject ELSE 'sha256:' || keel_sha256(subject) END,"
	  " detail = :detail_codec WHERE id = :id", false },
	{ "purge.scrub_ledger", "UPDATE ledger SET error = NULL, request_id ="
	  " NULL WHERE run = :run", false },
	{ "purge.scrub_tombstones", "UPDATE tombstones SET note = NULL WHERE "
	  HAS("note"), false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_purge = { NULL, verbs, NULL, NULL, NULL, NULL, NULL };
