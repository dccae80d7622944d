/* store_sqlite_mailboxes.c -- how far the watched mailboxes were read.
 *
 * A row of `mailboxes` is written in the very transaction that publishes a mail, so
 * that no kill comes between the two. `uid` is the last one that was seen to, as the
 * server numbers mails; `validity` says by which numbering. `since` is how far back
 * the first look went. A mailbox that cannot be looked at has `failures`, when they
 * began and the last reason.
 *
 * `mailbox_mails` are digests of the mails that lay there at the first look (content
 * NULL) or were published (content: the digest of what they say): by them a mail is
 * known when the server numbers all of them anew. Of the oldest, which are dropped,
 * `floor` is left: no mail from before it is new. */
#include "store_sqlite.h"

static const char schema[] =
"CREATE TABLE mailboxes(id TEXT PRIMARY KEY, validity INTEGER, uid INTEGER,"
" since TEXT, floor INTEGER, failures INTEGER NOT NULL DEFAULT 0,"
" failing INTEGER, code TEXT, reason TEXT, updated INTEGER NOT NULL) WITHOUT ROWID;"
"CREATE TABLE mailbox_mails(n INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, mark TEXT"
" NOT NULL, bytes INTEGER NOT NULL, content TEXT, time INTEGER NOT NULL);"
"CREATE UNIQUE INDEX mailbox_mails_mark ON mailbox_mails(mailbox, mark, bytes,"
" coalesce(content, ''));"
"CREATE INDEX mailbox_mails_order ON mailbox_mails(mailbox, n);";

#define OLDER "FROM mailbox_mails WHERE mailbox = :id AND n <= (SELECT n FROM" \
	" mailbox_mails WHERE mailbox = :id ORDER BY n DESC LIMIT 1 OFFSET :keep)"

static const struct sqlite_verb verbs[] = {
	{ "mailbox.get", "SELECT * FROM mailboxes WHERE id = :id", false },
	{ "mailbox.put", "INSERT INTO mailboxes(id, validity, uid, since, floor,"
	  " updated) VALUES(:id, :validity, :uid, :since, :floor_opt, :now) ON"
	  " CONFLICT DO UPDATE SET validity = excluded.validity, uid ="
	  " excluded.uid, since = excluded.since, floor = excluded.floor, updated"
	  " = excluded.updated", false },
	{ "mailbox.fail", "INSERT INTO mailboxes(id, failures, failing, code, reason,"
	  " updated) VALUES(:id, 1, :now, :code, :reason, :now) ON CONFLICT DO UPDATE"
	  " SET failures = failures + 1, failing = coalesce(failing, :now), code ="
	  " excluded.code, reason = excluded.reason, updated = excluded.updated",
	  false },
	{ "mailbox.well", "UPDATE mailboxes SET failures = 0, failing = NULL, code ="
	  " NULL, reason = NULL, updated = :now WHERE id = :id", false },
	{ "mailbox.mail", "INSERT INTO mailbox_mails(mailbox, mark, bytes, content,"
	  " time) VALUES(:id, :mark, :bytes, :content_opt, :time) ON CONFLICT DO"
	  " NOTHING", false },
	{ "mailbox.mails", "SELECT bytes, content FROM mailbox_mails WHERE mailbox ="
	  " :id AND mark = :mark", false },
	{ "mailbox.floor", "UPDATE mailboxes SET floor = nullif(max(coalesce(floor, 0),"
	  " coalesce((SELECT max(time) " OLDER "), 0)), 0) WHERE id = :id", false },
	{ "mailbox.forget", "DELETE " OLDER, false },
	{ NULL, NULL, false }
};

const struct sqlite_part sqlite_mailboxes = { schema, verbs, NULL, NULL, NULL, NULL,
	schema };
