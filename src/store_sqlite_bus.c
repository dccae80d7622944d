/* store_sqlite_bus.c -- tables and verbs of the event bus: events, waits, deliveries.
 *
 * An event is a fact, published once (type and key) and never changed but in its
 * state: `new` until it is fanned out, then `done`. Fanning out makes a delivery row
 * for every agent that listens and writes the event into every wait that it fits, in
 * the transaction that marks it. A delivery is unique by (agent, key), which is how
 * at least once becomes exactly once; its states:
 *
 *   waiting --> blocked --> queued --> started       `open` is 1 while others of its
 *   (window)    (order)       |                      order must wait for it: up to
 *   merged (into `carrier`)   +--> dead, dropped     `started`, where there is an
 *                                                    order until the run is over
 *
 * Only `queued` ones are in the index that admission reads, by (queue, priority,
 * round, id): the head of a queue is one step into a tree, however many wait and
 * however many keys are busy. What makes another one queued happens in triggers, in
 * the very transaction that makes room: the end of a run, a death, a drop. So no
 * caller can forget it and no crash can come between.
 *
 * `round` is fairness: the rounds of one value of the `fair` field rise by one a
 * delivery and begin at the round that the queue has come to, so values take turns
 * without anybody looking who else is there. */
#include "store_sqlite.h"

#define DELIVERY_TABLES \
"CREATE TABLE queues(queue TEXT PRIMARY KEY, agent TEXT NOT NULL," \
" round INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;" \
"CREATE TABLE subscriptions(agent TEXT PRIMARY KEY, hash TEXT NOT NULL," \
" triggers TEXT NOT NULL) WITHOUT ROWID;" \
"CREATE TABLE seals(seal TEXT PRIMARY KEY, event INTEGER NOT NULL," \
" time INTEGER NOT NULL) WITHOUT ROWID;" \
"CREATE INDEX seals_time ON seals(time);" \
"CREATE TABLE heard(run INTEGER NOT NULL, event INTEGER NOT NULL," \
" PRIMARY KEY(run, event)) WITHOUT ROWID;" \
\
"CREATE TABLE deliveries(id INTEGER PRIMARY KEY, agent TEXT NOT NULL," \
" key TEXT NOT NULL, event INTEGER NOT NULL, carries INTEGER NOT NULL," \
" queue TEXT NOT NULL, state TEXT NOT NULL, open INTEGER," \
" priority REAL NOT NULL DEFAULT 0, round INTEGER NOT NULL DEFAULT 0," \
" fair TEXT, in_order TEXT, grp TEXT, carrier INTEGER, due INTEGER," \
" until INTEGER, run INTEGER, seq INTEGER, reason TEXT, error BLOB," \
" duplicates INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL," \
" updated INTEGER NOT NULL, started INTEGER);" \
"CREATE UNIQUE INDEX deliveries_key ON deliveries(agent, key);" \
"CREATE INDEX deliveries_event ON deliveries(event);" \
"CREATE INDEX deliveries_queued ON deliveries(queue, priority DESC, round, id)" \
" WHERE state = 'queued';" \
"CREATE INDEX deliveries_order ON deliveries(agent, in_order, id)" \
" WHERE open = 1 AND in_order IS NOT NULL;" \
"CREATE UNIQUE INDEX deliveries_window ON deliveries(agent, grp)" \
" WHERE state = 'waiting';" \
"CREATE INDEX deliveries_due ON deliveries(due) WHERE state = 'waiting';" \
"CREATE INDEX deliveries_fair ON deliveries(queue, fair, round)" \
" WHERE fair IS NOT NULL;" \
"CREATE INDEX deliveries_started ON deliveries(queue, started)" \
" WHERE started IS NOT NULL;" \
"CREATE INDEX deliveries_run ON deliveries(run) WHERE run IS NOT NULL;" \
"CREATE INDEX deliveries_carrier ON deliveries(carrier)" \
" WHERE carrier IS NOT NULL;" \
"CREATE INDEX deliveries_blocked ON deliveries(id) WHERE state = 'blocked';" \
"CREATE INDEX deliveries_dead ON deliveries(agent, id) WHERE state = 'dead';" \
"CREATE INDEX deliveries_dropped ON deliveries(id) WHERE state = 'dropped';" \
\
/* a window takes in another event */ \
"CREATE TRIGGER deliveries_merged AFTER INSERT ON deliveries" \
" WHEN NEW.carrier IS NOT NULL BEGIN" \
" UPDATE deliveries SET carries = NEW.event, due = NEW.due," \
" updated = NEW.created WHERE id = NEW.carrier; END;" \
/* a start moves the queue's round, and is the start of all in its window */ \
"CREATE TRIGGER deliveries_begun AFTER UPDATE OF started ON deliveries" \
" WHEN NEW.started IS NOT NULL BEGIN" \
" UPDATE queues SET round = NEW.round WHERE queue = NEW.queue" \
" AND round < NEW.round;" \
" UPDATE deliveries SET run = NEW.run WHERE carrier = NEW.id; END;" \
/* one of an order is over: the next may go */ \
"CREATE TRIGGER deliveries_closed AFTER UPDATE OF open ON deliveries" \
" WHEN OLD.open = 1 AND NEW.open IS NULL AND NEW.in_order IS NOT NULL BEGIN" \
" UPDATE deliveries SET state = 'queued', updated = NEW.updated" \
" WHERE state = 'blocked' AND id = (SELECT min(id) FROM deliveries n WHERE" \
" n.agent = NEW.agent AND n.in_order = NEW.in_order AND n.open = 1); END;" \
"CREATE TRIGGER deliveries_over AFTER UPDATE OF ended ON runs" \
" WHEN NEW.ended IS NOT NULL BEGIN" \
" UPDATE deliveries SET open = NULL, updated = NEW.ended" \
" WHERE run = NEW.id AND open = 1 AND seq IS NULL;" \
" DELETE FROM heard WHERE run = NEW.id; END;"

#define EVENT_INDEXES \
"CREATE UNIQUE INDEX events_event ON events(event) WHERE event IS NOT NULL;" \
"CREATE INDEX events_type ON events(type, time, id);" \
"CREATE INDEX waits_type ON waits(type, probe);" \
"CREATE INDEX waits_heard ON waits(event) WHERE event IS NOT NULL;"

static const char schema[] =
"CREATE TABLE waits(run INTEGER NOT NULL, seq INTEGER NOT NULL,"
" type TEXT NOT NULL, match TEXT, probe TEXT, since INTEGER, event INTEGER,"
" PRIMARY KEY(run, seq)) WITHOUT ROWID;"
"CREATE TABLE events(id INTEGER PRIMARY KEY, event TEXT, type TEXT NOT NULL,"
" key TEXT, payload BLOB, time INTEGER NOT NULL, trust TEXT NOT NULL, state"
" TEXT NOT NULL, run INTEGER, agent TEXT, duplicates INTEGER NOT"
" NULL DEFAULT 0, duplicate_at INTEGER);"
"CREATE UNIQUE INDEX events_key ON events(type, key) WHERE key IS NOT NULL;"
"CREATE INDEX events_new ON events(id) WHERE state = 'new';"
EVENT_INDEXES DELIVERY_TABLES;

/* What a run of format 1 was given by a wait is known to its journal alone, so no
 * wait looks back beyond the upgrade. */
static const char upgrade[] =
"DROP INDEX waits_type;"
"ALTER TABLE waits ADD COLUMN probe TEXT;"
"ALTER TABLE waits ADD COLUMN since INTEGER;"
"ALTER TABLE waits ADD COLUMN event INTEGER;"
"ALTER TABLE events ADD COLUMN event TEXT;"
"ALTER TABLE events ADD COLUMN agent TEXT;"
"ALTER TABLE events ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;"
"ALTER TABLE events ADD COLUMN duplicate_at INTEGER;"
"INSERT INTO meta(key, value) SELECT 'heard_from', coalesce(max(id), 0)"
" FROM events;"
EVENT_INDEXES DELIVERY_TABLES;

#define EVENT_ID "coalesce(e.event, 'evt_' || e.id)"
#define EVENT_COLUMNS \
	EVENT_ID " AS id, e.id AS number, e.type, e.key, e.payload AS" \
	" \"payload#codec\", e.time, e.trust, e.state, e.agent, e.duplicates," \
	" e.duplicate_at"

/* Whether another one of the same order is before this one. */
#define OTHERS_OPEN(which) \
	"EXISTS (SELECT 1 FROM deliveries o WHERE o.agent = deliveries.agent" \
	" AND o.in_order = deliveries.in_order AND o.open = 1 AND o.id " which \
	" deliveries.id)"

/* What is left of the key of a purged event, so that it is known still. */
#define PURGED_KEY(key) "'sha256:' || keel_sha256(" key ")"

static const struct sqlite_verb verbs[] = {
	/* Events. Type and key are unique for ever; what comes again is counted.
	 * A seal is the signature of a request: within its time it brings one
	 * event, whatever else is said with it. */
	{ "event.put", "INSERT INTO events(event, type, key, payload, time,"
	  " trust, state, agent) SELECT :event_opt, :type, :key_opt,"
	  " :payload_codec_shared, :now, :trust, 'new', :agent_opt WHERE ("
	  ":seal_opt IS NULL OR NOT EXISTS (SELECT 1 FROM seals WHERE seal ="
	  " :seal_opt)) AND NOT EXISTS (SELECT 1 FROM events WHERE type = :type"
	  " AND key = " PURGED_KEY(":key_opt") ")"
	  " ON CONFLICT(type, key) WHERE key IS NOT NULL DO UPDATE SET"
	  " duplicates = duplicates + 1, duplicate_at = :now", false },
	{ "event.sealed_again", "UPDATE events SET duplicates = duplicates + 1,"
	  " duplicate_at = :now WHERE id = (SELECT s.event FROM seals s WHERE"
	  " s.seal = :seal)", false },
	{ "seal.put", "INSERT INTO seals(seal, event, time) SELECT :seal, e.id,"
	  " :now FROM events e WHERE e.event = :event OR (e.type = :type AND"
	  " e.key = :key_opt) LIMIT 1 ON CONFLICT DO NOTHING", false },
	{ "seal.forget", "DELETE FROM seals WHERE time < :before", false },
	{ "event.new", "SELECT " EVENT_COLUMNS " FROM events e WHERE"
	  " e.state = 'new' ORDER BY e.id LIMIT 100", false },
	{ "event.by_key", "SELECT " EVENT_COLUMNS " FROM events e WHERE"
	  " e.type = :type AND e.key IN (:key, " PURGED_KEY(":key") ")", false },
	{ "event.by_seal", "SELECT " EVENT_COLUMNS " FROM seals s JOIN events e"
	  " ON e.id = s.event WHERE s.seal = :seal", false },
	{ "event.by_id", "SELECT " EVENT_COLUMNS " FROM events e WHERE"
	  " e.event = :id OR (e.id = CAST(substr(:id, 5) AS INTEGER) AND"
	  " e.event IS NULL AND :id = 'evt_' || e.id)", false },
	{ "event.prefix", "SELECT e.event AS id FROM events e WHERE e.event >="
	  " :prefix AND e.event < :prefix || 'zzzz' ORDER BY e.event LIMIT 5",
	  false },
	{ "event.done", "UPDATE events SET state = 'done' WHERE id = :id AND"
	  " state = 'new'", true },
	{ "event.list", "SELECT " EVENT_COLUMNS " FROM events e WHERE"
	  " (:type_opt IS NULL OR e.type = :type_opt OR substr(e.type, 1,"
	  " length(:prefix_opt)) = :prefix_opt)"
	  " AND (:since_opt IS NULL OR e.time >= :since_opt)"
	  " AND (:is_opt IS NULL OR e.state = :is_opt)"
	  " AND ((:agent_opt IS NULL AND :state_opt IS NULL) OR EXISTS ("
	  "SELECT 1 FROM deliveries d WHERE d.event = e.id"
	  " AND (:agent_opt IS NULL OR d.agent = :agent_opt)"
	  " AND (:state_opt IS NULL OR d.state = :state_opt OR"
	  " (:state_opt = 'queued' AND d.state IN ('waiting', 'blocked')))))"
	  " ORDER BY e.id DESC LIMIT :limit", false },
	/* The same for states that few deliveries are in. */
	{ "event.list_dead", "SELECT " EVENT_COLUMNS " FROM events e WHERE"
	  " e.id IN (SELECT d.event FROM deliveries d WHERE d.state = 'dead'"
	  " AND (:agent_opt IS NULL OR d.agent = :agent_opt))"
	  " AND (:type_opt IS NULL OR e.type = :type_opt OR substr(e.type, 1,"
	  " length(:prefix_opt)) = :prefix_opt)"
	  " AND (:since_opt IS NULL OR e.time >= :since_opt)"
	  " ORDER BY e.id DESC LIMIT :limit", false },
	{ "event.deliveries", "SELECT d.id, d.agent, d.key, d.queue, d.state,"
	  " d.due, r.run, d.seq, d.reason, d.error AS \"error#codec\","
	  " d.duplicates, d.created, d.updated, d.started, c.state AS"
	  " carrier_state, r.state AS run_state FROM deliveries d"
	  " LEFT JOIN deliveries c ON c.id = d.carrier"
	  " LEFT JOIN runs r ON r.id = d.run WHERE d.event = :number"
	  " ORDER BY d.id", false },

	/* Fanning out. */
	{ "queue.put", "INSERT INTO queues(queue, agent) VALUES(:queue, :agent)"
	  " ON CONFLICT DO NOTHING", false },
	{ "delivery.put", "INSERT INTO deliveries(agent, key, event, carries,"
	  " queue, state, open, priority, round, fair, in_order, grp, carrier,"
	  " due, until, created, updated) SELECT :agent, :key, :event, :event,"
	  " :queue, CASE WHEN w.id IS NOT NULL THEN 'merged'"
	  " WHEN :due_opt IS NOT NULL THEN 'waiting'"
	  " WHEN :order_opt IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries o"
	  " WHERE o.agent = :agent AND o.in_order = :order_opt AND o.open = 1)"
	  " THEN 'blocked' ELSE 'queued' END,"
	  " CASE WHEN w.id IS NULL THEN 1 END, :priority,"
	  " CASE WHEN :fair_opt IS NULL THEN 0 ELSE max(coalesce((SELECT"
	  " max(f.round) + 1 FROM deliveries f WHERE f.queue = :queue AND"
	  " f.fair = :fair_opt), 0), coalesce((SELECT round FROM queues WHERE"
	  " queue = :queue), 0)) END, :fair_opt, :order_opt, :group_opt, w.id,"
	  " CASE WHEN w.id IS NULL THEN :due_opt WHEN :debounce_opt IS NULL"
	  " THEN w.due ELSE min(:now + :debounce_opt, coalesce(w.until,"
	  " 9223372036854775807)) END, :until_opt, :now, :now"
	  " FROM (SELECT 1) LEFT JOIN deliveries w ON :group_opt IS NOT NULL"
	  " AND w.agent = :agent AND w.grp = :group_opt AND w.state = 'waiting'"
	  " WHERE true ON CONFLICT(agent, key) DO UPDATE SET"
	  " duplicates = duplicates + 1, updated = :now", false },
	{ "delivery.wake", "INSERT INTO deliveries(agent, key, event, carries,"
	  " queue, state, run, seq, created, updated) SELECT r.agent, 'wait/' ||"
	  " w.run || '/' || w.seq, w.event, w.event, r.agent || '#wait',"
	  " 'queued', w.run, w.seq, :now, :now FROM waits w JOIN runs r ON"
	  " r.id = w.run WHERE w.run = :run AND w.seq = :seq AND"
	  " w.event = :event ON CONFLICT DO NOTHING", false },
	{ "subscription.put", "INSERT INTO subscriptions(agent, hash, triggers)"
	  " VALUES(:agent, :hash, :triggers_json) ON CONFLICT(agent) DO UPDATE"
	  " SET hash = excluded.hash, triggers = excluded.triggers", false },
	{ "subscription.list", "SELECT agent, hash, triggers AS"
	  " \"triggers#json\" FROM subscriptions ORDER BY agent", false },

	/* Admission. */
	{ "delivery.heads", "SELECT d.id, d.agent, d.key, d.queue, d.priority,"
	  " d.run, d.seq FROM queues q JOIN deliveries d ON d.id = (SELECT h.id"
	  " FROM deliveries h WHERE h.queue = q.queue AND h.state = 'queued'"
	  " ORDER BY h.priority DESC, h.round, h.id LIMIT 1)", false },
	{ "delivery.of_queue", "SELECT id, agent, key, queue, priority, run, seq"
	  " FROM deliveries WHERE queue = :queue AND state = 'queued' ORDER BY"
	  " priority DESC, round, id LIMIT :limit", false },
	{ "delivery.event", "SELECT " EVENT_COLUMNS " FROM deliveries d JOIN"
	  " events e ON e.id = d.carries WHERE d.id = :id", false },
	{ "delivery.start", "UPDATE deliveries SET state = 'started',"
	  " started = :now, run = :run, updated = :now, open = CASE WHEN"
	  " in_order IS NOT NULL AND EXISTS (SELECT 1 FROM runs WHERE"
	  " id = :run AND ended IS NULL) THEN 1 END WHERE id = :id AND"
	  " state = 'queued'", true },
	{ "delivery.dead", "UPDATE deliveries SET state = 'dead', open = NULL,"
	  " reason = :reason, error = :error_codec, updated = :now"
	  " WHERE id = :id AND state = 'queued'", true },
	{ "delivery.ripe", "UPDATE deliveries SET updated = :now, state = CASE"
	  " WHEN in_order IS NOT NULL AND " OTHERS_OPEN("<") " THEN 'blocked'"
	  " ELSE 'queued' END WHERE state = 'waiting' AND due <= :now", false },
	{ "delivery.next_due", "SELECT min(due) AS due FROM deliveries WHERE"
	  " state = 'waiting'", false },
	{ "delivery.any_blocked", "SELECT id FROM deliveries WHERE"
	  " state = 'blocked' LIMIT 1", false },
	{ "delivery.starts", "SELECT count(*) AS n FROM deliveries WHERE"
	  " queue = :queue AND started > :since AND started <= :now", false },
	/* When the `skip + 1`th newest start of a queue after `since` was. Of
	 * a clock that was set back the starts that seem to come yet do not
	 * count. */
	{ "delivery.nth_start", "SELECT started FROM deliveries WHERE"
	  " queue = :queue AND started > :since AND started <= :now ORDER BY"
	  " started DESC LIMIT 1 OFFSET :skip", false },

	/* The owner's hand. */
	{ "delivery.retry", "UPDATE deliveries SET reason = NULL, error = NULL,"
	  " open = 1, updated = :now, state = CASE WHEN in_order IS NOT NULL"
	  " AND " OTHERS_OPEN("<>") " THEN 'blocked' ELSE 'queued' END"
	  " WHERE state = 'dead' AND (:event_opt IS NULL OR"
	  " event = :event_opt) AND (:agent_opt IS NULL OR agent = :agent_opt)"
	  " AND (:reason_opt IS NULL OR reason = :reason_opt)", false },
	{ "delivery.count_dead", "SELECT count(*) AS n FROM deliveries WHERE"
	  " state = 'dead' AND (:event_opt IS NULL OR event = :event_opt)"
	  " AND (:agent_opt IS NULL OR agent = :agent_opt)"
	  " AND (:reason_opt IS NULL OR reason = :reason_opt)", false },
	{ "delivery.drop", "UPDATE deliveries SET state = 'dropped',"
	  " open = NULL, updated = :now WHERE event = :event AND seq IS NULL"
	  " AND state IN ('waiting', 'blocked', 'queued', 'dead') AND"
	  " (:agent_opt IS NULL OR agent = :agent_opt)", true },

	/* Waits. `probe` is one field that the payload must have, as text (see
	 * lua/where.lua), so that an event meets only those it may fit, however
	 * many wait for its type; NULL for any payload. `event` is what a wait
	 * was given; `heard` is what the run had of any as a result, so that no
	 * later wait is given it again. What a wait that is given up was given is
	 * free again. */
	{ "wait.put", "INSERT INTO waits(run, seq, type, match, probe,"
	  " since) VALUES(:run, :seq, :type, :match_json_opt, :probe_opt,"
	  " :since_opt)"
	  " ON CONFLICT DO NOTHING", false },
	{ "wait.get", "SELECT run, seq, type, match AS \"match#json\", since,"
	  " event FROM waits WHERE run = :run AND seq = :seq", false },
	{ "wait.event", "SELECT " EVENT_COLUMNS " FROM waits w JOIN events e ON"
	  " e.id = w.event WHERE w.run = :run AND w.seq = :seq", false },
	{ "wait.give", "UPDATE waits SET event = :event WHERE run = :run AND"
	  " seq = :seq AND event IS NULL AND NOT EXISTS (SELECT 1 FROM heard"
	  " h WHERE h.run = :run AND h.event = :event)", false },
	{ "wait.heard", "INSERT OR IGNORE INTO heard(run, event) SELECT run,"
	  " event FROM waits WHERE run = :run AND seq = :seq AND event IS NOT"
	  " NULL", false },
	{ "wait.drop", "DELETE FROM waits WHERE run = :run AND seq = :seq",
	  false },
	{ "wait.drop_others", "DELETE FROM waits WHERE run = :run AND seq NOT"
	  " IN (SELECT value FROM json_each(:seqs_json))", false },
	{ "wait.given_others", "SELECT seq FROM waits WHERE run = :run AND event"
	  " IS NOT NULL AND seq NOT IN (SELECT value FROM"
	  " json_each(:seqs_json))", false },
	{ "wait.drop_run", "DELETE FROM waits WHERE run = :run", false },
	{ "wait.of_type", "SELECT run, seq, match AS \"match#json\" FROM waits"
	  " WHERE type = :type AND event IS NULL ORDER BY run, seq", false },
	{ "wait.fitting", "SELECT w.run, w.seq, w.match AS \"match#json\","
	  " r.agent FROM (SELECT run, seq, match FROM waits WHERE type = :type"
	  " AND probe IS NULL AND event IS NULL UNION ALL SELECT w.run, w.seq,"
	  " w.match FROM json_each(:probes_json) p CROSS JOIN waits w ON"
	  " w.type = :type AND w.probe = p.value WHERE w.event IS NULL) w"
	  " JOIN runs r ON r.id = w.run ORDER BY w.run, w.seq", false },
	/* Runs that were given an event and told of it, by a process that is no
	 * more: those whose delivery is not queued any more. */
	{ "wait.told", "SELECT DISTINCT w.run FROM waits w JOIN runs r ON"
	  " r.id = w.run WHERE w.event IS NOT NULL AND NOT EXISTS (SELECT 1"
	  " FROM deliveries d WHERE d.agent = r.agent AND d.key = 'wait/' ||"
	  " w.run || '/' || w.seq AND d.state = 'queued') ORDER BY w.run",
	  false },
	/* Events of a type since a time that a run may still be given: none
	 * that it had, that one of its waits has, that started it, or that is
	 * another agent's alone. */
	{ "event.kept", "SELECT e.id AS number, e.time, e.payload AS"
	  " \"payload#codec\" FROM events e WHERE e.type = :type AND (e.time,"
	  " e.id) > (:time, :after) AND e.agent IS NULL AND e.payload IS NOT"
	  " NULL AND e.id > coalesce(("
	  "SELECT value FROM meta WHERE key = 'heard_from'), 0)"
	  " AND NOT EXISTS (SELECT 1 FROM heard h WHERE h.run = :run AND"
	  " h.event = e.id) AND NOT EXISTS (SELECT 1 FROM waits w WHERE"
	  " w.run = :run AND w.event = e.id) AND NOT EXISTS (SELECT 1 FROM"
	  " deliveries d WHERE"
	  " d.run = :run AND d.event = e.id AND d.seq IS NULL)"
	  " ORDER BY e.time, e.id LIMIT 100", false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_bus = { schema, verbs, upgrade, NULL, NULL, NULL, NULL };
