/* store_sqlite_copy.c -- a store's content in another file, as of one moment, while
 * whoever owns it goes on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_sqlite.h"

/* For trials: what was learned and kept, and nothing that could go on or be spent. */
static const char forget_work[] =
	"DELETE FROM journal; DELETE FROM segments; DELETE FROM payloads;"
	"DELETE FROM runs; DELETE FROM timers; DELETE FROM waits; DELETE FROM approvals;"
	"DELETE FROM events; DELETE FROM deliveries; DELETE FROM queues; DELETE FROM heard;"
	"DELETE FROM mailboxes; DELETE FROM mailbox_mails;"
	"DELETE FROM seals; DELETE FROM schedules; DELETE FROM slots; DELETE FROM pauses;"
	"DELETE FROM ledger; DELETE FROM budgets; DELETE FROM agents;"
	"DELETE FROM rollup_calls; DELETE FROM rollup_runs;"
	"DELETE FROM checkpoint_steps; DELETE FROM checkpoints; DELETE FROM code_sets;"
	"DELETE FROM code;"
	"INSERT INTO meta(key, value) VALUES('audit.open', 2); DELETE FROM audit;"
	"DELETE FROM meta WHERE key IN ('audit.open', 'audit.anchored');";

static int run_sql(sqlite3 *h, const char *sql, const char *what, struct err *e)
{
	char *message = NULL;
	int rc = sqlite3_exec(h, sql, NULL, NULL, &message);

	if (rc == SQLITE_OK)
		return 0;
	err_set(e, rc == SQLITE_FULL ? ERR_FULL : ERR_IO, "%s: %s", what,
		message != NULL ? message : sqlite3_errstr(rc));
	sqlite3_free(message);
	return e->code;
}

static int into_file(const char *from, const char *to, struct err *e)
{
	sqlite3 *h = NULL;
	char *sql;
	int rc = 0;

	if (sqlite3_open_v2(from, &h, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_IO, "cannot read %s: %s", from,
			     h != NULL ? sqlite3_errmsg(h) : "no memory");
	if (rc == 0) {
		sqlite3_busy_timeout(h, 10000);
		sql = sqlite3_mprintf("VACUUM INTO %Q", to);
		rc = sql == NULL ? err_set(e, ERR_NOMEM, "no memory to copy a store")
				 : run_sql(h, sql, from, e);
		sqlite3_free(sql);
	}
	sqlite3_close(h);
	return rc;
}

static int make_trial(const char *path, struct err *e)
{
	sqlite3 *h = NULL;
	int rc = 0;

	if (sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_IO, "cannot write %s", path);
	if (rc == 0)
		rc = run_sql(h, forget_work, path, e);
	sqlite3_close(h);
	return rc;
}

static int make_durable(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = err_errno(e, errno, "cannot make %s durable", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

int sqlite_copy(const char *from, const char *to, bool trial, struct err *e)
{
	struct stat st;
	mode_t before;
	int rc;

	sqlite_settle();
	if (lstat(to, &st) == 0)
		return err_set(e, ERR_CONFLICT, "%s is there already", to);
	before = umask(077);	/* what is kept is for this user's eyes */
	rc = into_file(from, to, e);
	umask(before);
	if (rc == 0 && trial)
		rc = make_trial(to, e);
	if (rc == 0)
		rc = make_durable(to, e);
	if (rc != 0)
		unlink(to);
	return rc;
}

/* ---- is it whole? ----------------------------------------------------------- */

static int take_verdict(void *arg, int n, char **values, char **names)
{
	char *verdict = arg;

	(void)names;
	if (n > 0 && values[0] != NULL && verdict[0] == '\0')
		snprintf(verdict, 200, "%s", values[0]);
	return 0;
}

int sqlite_check(const char *path, bool thorough, struct err *e)
{
	sqlite3 *h = NULL;
	char verdict[200] = "";
	int rc = 0;

	sqlite_settle();
	if (sqlite3_open_v2(path, &h, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_IO, "cannot read %s", path);
	if (rc == 0 &&
	    sqlite3_exec(h, thorough ? "PRAGMA integrity_check(1)"
				     : "PRAGMA quick_check(1)",
			 take_verdict, verdict, NULL) != SQLITE_OK)
		rc = err_set(e, ERR_DAMAGED, "%s: %s", path, sqlite3_errmsg(h));
	if (rc == 0 && strcmp(verdict, "ok") != 0)
		rc = err_set(e, ERR_DAMAGED, "%s: %s", path, verdict);
	sqlite3_close(h);
	return rc;
}
