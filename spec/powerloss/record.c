/* record.c -- writes down every call that changes a file below a folder, preloaded into
 * the binary under test, so that spec/powerloss/disk.lua can ask what a disk that lost
 * its power at any moment could have kept.
 *
 * KEEL_RECORD=FILE is where it goes, KEEL_RECORD_ROOT=FOLDER what is looked at. Calls
 * and their lines are in one order (a lock), over all threads. A line is a letter and
 * fields; a write is followed by its bytes and a newline:
 *
 *   O ino made path     a file was opened; made: it was not there before
 *   W ino offset n      n bytes written          T ino size   its size was set
 *   S ino               synced                   D path       a folder was synced
 *   R from TAB to       renamed                  U path       removed
 *   M path              a folder was made
 *   A text              somebody was told: rename("ack:TEXT", "")
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out = -1;
static const char *root;
static ino_t known[FILES];
static int n_known;

#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (real == NULL) \
		real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t real_write(int fd, const void *p, size_t n)
{
	REAL(ssize_t, "write", int, const void *, size_t);

	return real(fd, p, n);
}

static int real_open(const char *path, int flags, mode_t mode)
{
	REAL(int, "open", const char *, int, ...);

	return real(path, flags, mode);
}

__attribute__((constructor)) static void set_up(void)
{
	const char *name = getenv("KEEL_RECORD");

	root = getenv("KEEL_RECORD_ROOT");
	if (name != NULL && root != NULL)
		out = real_open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
				0600);
}

static void put(const void *p, size_t n)
{
	if (real_write(out, p, n) != (ssize_t)n)
		abort();	/* half of a record is worse than none */
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n <= 0 || n >= (int)sizeof(line))
		abort();
	put(line, (size_t)n);
}

static bool below(const char *path)
{
	size_t n = out >= 0 ? strlen(root) : 0;

	return n > 0 && strncmp(path, root, n) == 0 &&
	       (path[n] == '/' || path[n] == 0);
}

/* The number of a file that is looked at, or 0. */
static ino_t ours(int fd)
{
	struct stat st;
	int i;

	if (out < 0 || fd == out || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return 0;
	for (i = 0; i < n_known; i++)
		if (known[i] == st.st_ino)
			return st.st_ino;
	return 0;
}

static void know(ino_t ino)
{
	int i;

	for (i = 0; i < n_known; i++)
		if (known[i] == ino)
			return;
	if (n_known == FILES)
		abort();
	known[n_known++] = ino;
}

static int opened(const char *path, int flags, mode_t mode)
{
	struct stat st;
	bool made;
	int fd;

	if (!below(path))
		return real_open(path, flags, mode);
	pthread_mutex_lock(&lock);
	made = stat(path, &st) != 0;
	fd = real_open(path, flags, mode);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		know(st.st_ino);
		say("O %ld %d %s\n", (long)st.st_ino, made, path);
		if ((flags & O_TRUNC) && !made)
			say("T %ld 0\n", (long)st.st_ino);
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0;
}

int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return opened(path, flags, mode);
}

static void wrote(ino_t ino, off_t at, const void *p, ssize_t n)
{
	if (n <= 0)
		return;
	say("W %ld %lld %zd\n", (long)ino, (long long)at, n);
	put(p, (size_t)n);
	put("\n", 1);
}

ssize_t write(int fd, const void *p, size_t n)
{
	ino_t ino;
	ssize_t got;
	off_t at;

	if (out < 0 || (ino = ours(fd)) == 0)
		return real_write(fd, p, n);
	pthread_mutex_lock(&lock);
	at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
	got = real_write(fd, p, n);
	wrote(ino, at, p, got);
	pthread_mutex_unlock(&lock);
	return got;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ino_t ino = ours(fd);
	ssize_t got;
	REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);

	if (ino == 0)
		return real(fd, p, n, at);
	pthread_mutex_lock(&lock);
	got = real(fd, p, n, at);
	wrote(ino, at, p, got);
	pthread_mutex_unlock(&lock);
	return got;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return pwrite(fd, p, n, at);
}

int ftruncate(int fd, off_t size)
{
	ino_t ino = ours(fd);
	int rc;
	REAL(int, "ftruncate", int, off_t);

	if (ino == 0)
		return real(fd, size);
	pthread_mutex_lock(&lock);
	rc = real(fd, size);
	if (rc == 0)
		say("T %ld %lld\n", (long)ino, (long long)size);
	pthread_mutex_unlock(&lock);
	return rc;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

/* The path of a folder that is looked at, or false. */
static bool folder_of(int fd, char *path, size_t n)
{
	char name[64];
	struct stat st;
	ssize_t len;

	if (out < 0 || fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	len = readlink(name, path, n - 1);
	path[len > 0 ? len : 0] = 0;
	return len > 0 && below(path);
}

static int synced(int fd, int (*real)(int))
{
	char path[4096];
	ino_t ino = ours(fd);
	int rc;

	pthread_mutex_lock(&lock);
	rc = real(fd);
	if (rc == 0 && ino != 0)
		say("S %ld\n", (long)ino);
	else if (rc == 0 && folder_of(fd, path, sizeof(path)))
		say("D %s\n", path);
	pthread_mutex_unlock(&lock);
	return rc;
}

int fsync(int fd)
{
	REAL(int, "fsync", int);

	return synced(fd, real);
}

int fdatasync(int fd)
{
	REAL(int, "fdatasync", int);

	return synced(fd, real);
}

int rename(const char *from, const char *to)
{
	int rc;
	REAL(int, "rename", const char *, const char *);

	if (out >= 0 && strncmp(from, "ack:", 4) == 0) {
		pthread_mutex_lock(&lock);
		say("A %s\n", from + 4);
		pthread_mutex_unlock(&lock);
		return 0;
	}
	if (!below(from) && !below(to))
		return real(from, to);
	pthread_mutex_lock(&lock);
	rc = real(from, to);
	if (rc == 0)
		say("R %s\t%s\n", from, to);
	pthread_mutex_unlock(&lock);
	return rc;
}

int unlink(const char *path)
{
	int rc;
	REAL(int, "unlink", const char *);

	if (!below(path))
		return real(path);
	pthread_mutex_lock(&lock);
	rc = real(path);
	if (rc == 0)
		say("U %s\n", path);
	pthread_mutex_unlock(&lock);
	return rc;
}

int mkdir(const char *path, mode_t mode)
{
	int rc;
	REAL(int, "mkdir", const char *, mode_t);

	if (!below(path))
		return real(path, mode);
	pthread_mutex_lock(&lock);
	rc = real(path, mode);
	if (rc == 0)
		say("M %s\n", path);
	pthread_mutex_unlock(&lock);
	return rc;
}
