/* fault.c -- a disk that fails on command, preloaded into the binary under test.
 *
 * KEEL_FAULT=kind:n counts the calls that change a file (write, truncate, rename,
 * remove, sync); at the nth:
 *   kill   the process dies before the call
 *   tear   half of what is written arrives, then the process dies
 *   full   from here on the disk has no room: writes fail with ENOSPC, after half
 *   io     from here on writes and syncs fail with EIO
 *   sync   from here on only syncs fail
 * KEEL_FAULT_FROM=FILE: once it exists, every call is behind the nth (in processes that
 * begin to count later, too). KEEL_FAULT_END=FILE: once it exists, the disk is well.
 * KEEL_FAULT_COUNT=FILE: how many there were, written there at the end. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NONE, KILL, TEAR, FULL, IO, SYNC };
enum call { CALL_WRITE, CALL_GROW, CALL_CHANGE, CALL_SYNC };

static enum kind kind;
static long at;
static const char *from, *end;
static atomic_long calls;

__attribute__((constructor)) static void set_up(void)
{
	static const char *const names[] = { "", "kill", "tear", "full", "io",
					     "sync" };
	const char *text = getenv("KEEL_FAULT");
	size_t i, n = text != NULL ? strcspn(text, ":") : 0;

	for (i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) && memcmp(text, names[i], n) == 0)
			kind = (enum kind)i;
	end = getenv("KEEL_FAULT_END");
	from = getenv("KEEL_FAULT_FROM");
	at = kind != NONE && text[n] != 0 ? atol(text + n + 1) : 0;
}

__attribute__((destructor)) static void count_out(void)
{
	const char *name = getenv("KEEL_FAULT_COUNT");
	/* those that only start others say nothing */
	FILE *f = name != NULL && calls > 0 ? fopen(name, "w") : NULL;

	if (f == NULL)
		return;
	fprintf(f, "%ld\n", (long)calls);
	fclose(f);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int on_disk(int fd)
{
	struct stat st;

	return fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* What becomes of this call: 0 as usual, 1 half of it, or -1 with errno set. */
static int fate(enum call call)
{
	long n = atomic_fetch_add(&calls, 1) + 1;

	bool begun = n >= at || (from != NULL && access(from, F_OK) == 0);

	if (kind == NONE || !begun || (end != NULL && access(end, F_OK) == 0))
		return 0;
	if (kind == KILL || (kind == TEAR && call != CALL_WRITE))
		die();
	if (kind == TEAR)
		return 1;
	errno = kind == FULL ? ENOSPC : EIO;
	if (kind == SYNC)
		return call == CALL_SYNC ? -1 : 0;
	if (kind == IO)
		return call == CALL_CHANGE ? 0 : -1;
	if (call == CALL_WRITE && n == at)
		return 1;
	return call == CALL_WRITE || call == CALL_GROW ? -1 : 0;
}

#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (real == NULL) \
		real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *p, size_t n)
{
	int how = on_disk(fd) ? fate(CALL_WRITE) : 0;
	ssize_t put;
	REAL(ssize_t, "write", int, const void *, size_t);

	if (how < 0)
		return -1;
	put = real(fd, p, how && n > 1 ? n / 2 : n);
	if (how && kind == TEAR)
		die();
	return put;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t where)
{
	int how = on_disk(fd) ? fate(CALL_WRITE) : 0;
	ssize_t put;
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);

	if (how < 0)
		return -1;
	put = real(fd, p, how && n > 1 ? n / 2 : n, where);
	if (how && kind == TEAR)
		die();
	return put;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t where)
{
	return pwrite(fd, p, n, where);
}

static int truncate_to(int fd, off_t size)
{
	struct stat st;
	int grows = fstat(fd, &st) == 0 && size > st.st_size;
	REAL(int, "ftruncate", int, off_t);

	if (on_disk(fd) && fate(grows ? CALL_GROW : CALL_CHANGE) != 0)
		return -1;
	return real(fd, size);
}

int ftruncate(int fd, off_t size) { return truncate_to(fd, size); }
int ftruncate64(int fd, off_t size) { return truncate_to(fd, size); }

int fsync(int fd)
{
	REAL(int, "fsync", int);

	return fate(CALL_SYNC) != 0 ? -1 : real(fd);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);

	return fate(CALL_SYNC) != 0 ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
	REAL(int, "rename", const char *, const char *);

	return fate(CALL_CHANGE) != 0 ? -1 : real(from, to);
}

int unlink(const char *path)
{
	REAL(int, "unlink", const char *);

	return fate(CALL_CHANGE) != 0 ? -1 : real(path);
}
