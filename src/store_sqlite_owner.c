/* store_sqlite_owner.c -- the store's file among other processes, and its room. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "store_sqlite.h"

#define DYING_MS 200	/* what a killed owner may take to let go */

/* An owner that was killed holds its lock until the system has cleared it away. */
static bool lock_soon(int fd)
{
	const struct timespec pause = { 0, 5000000 };
	int left;

	for (left = DYING_MS; flock(fd, LOCK_EX | LOCK_NB) != 0; left -= 5) {
		if (left <= 0)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* A new database is for its owner's eyes; SQLite gives its log the same rights. */
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

/* The lock is a file beside the database: SQLite's own locks come and go with
 * transactions, ours lasts as long as the process, and dies with it. */
int sqlite_lock(struct sqlite_db *db, const char *path, struct err *e)
{
	char name[4096], pid[32];
	ssize_t n;

	if (snprintf(name, sizeof(name), "%s-owner", path) >= (int)sizeof(name))
		return err_set(e, ERR_INPUT, "path too long: %s", path);
	db->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (db->lock_fd < 0)
		return err_errno(e, errno, "cannot open the store at %s", path);
	if (!lock_soon(db->lock_fd)) {
		n = pread(db->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = 0;
		pid[strcspn(pid, "\n")] = 0;
		return err_set(e, ERR_LOCKED,
			       "another process%s%s owns the store at %s",
			       *pid ? ", pid " : "", pid, path);
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(db->lock_fd, 0) != 0 ||
	    pwrite(db->lock_fd, pid, (size_t)n, 0) != n)
		return err_errno(e, errno, "cannot write %s", name);
	make_private(path);
	return 0;
}

/* SQLite knows ENOSPC, and takes a quota and `ulimit -f` for broken disks; what the
 * system had said is often lost by then. */
bool sqlite_no_room(struct sqlite_db *db)
{
	struct rlimit limit;
	int said = sqlite3_system_errno(db->h);

	if (said == ENOSPC || said == EDQUOT || said == EFBIG)
		return true;
	return sqlite3_extended_errcode(db->h) == SQLITE_IOERR_WRITE &&
	       getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY;
}

/* SQLite counts what it allocates, under a lock that every allocation takes; nobody
 * asks for the count. */
static void no_counting(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

void sqlite_settle(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, no_counting);
}
