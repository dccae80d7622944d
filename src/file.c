#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"

#define PATH_BYTES 4096

enum file_kind file_kind(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return FILE_NONE;
	return S_ISREG(st.st_mode) ? FILE_PLAIN :
	       S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

int file_stat(const char *path, int64_t *bytes, int64_t *changed_ms, int *mode,
	      struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(e, errno, "cannot look at %s", path);
	*bytes = st.st_size;
	*changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
		      st.st_mtim.tv_nsec / 1000000;
	*mode = (int)(st.st_mode & 0777);
	return 0;
}

static int by_text(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int file_list(const char *path, struct buf *out, struct err *e)
{
	struct dirent **names;
	int i, n = scandir(path, &names, NULL, by_text);

	if (n < 0)
		return err_errno(e, errno, "cannot list %s", path);
	for (i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			buf_add(out, name, strlen(name) + 1);
		free(names[i]);
	}
	free(names);
	return buf_err(out, e, path);
}

static void sync_folder_of(const char *path)
{
	char folder[PATH_BYTES];
	char *slash;
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = 0;
	fd = open(slash != NULL ? folder : ".", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int file_mkdir(const char *path, struct err *e)
{
	char part[PATH_BYTES];
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return err_set(e, ERR_INPUT, "not a path: '%s'", path);
	memcpy(part, path, n + 1);
	for (i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != 0)
			continue;
		part[i] = 0;
		/* what is in a folder is only as durable as its name */
		if (mkdir(part, 0755) == 0)
			sync_folder_of(part);
		else if (errno != EEXIST)
			return err_errno(e, errno, "cannot make %s", part);
		part[i] = path[i];
	}
	if (file_kind(path) != FILE_FOLDER)
		return err_set(e, ERR_INPUT, "%s is no folder", path);
	return 0;
}

int file_read_from(int fd, const char *path, struct buf *out, struct err *e)
{
	ssize_t got = 1;
	int rc = 0;

	while (got > 0 && rc == 0) {
		unsigned char *to = buf_reserve(out, 65536);

		if (to == NULL) {
			rc = buf_err(out, e, path);
			break;
		}
		got = read(fd, to, 65536);
		if (got > 0)
			out->len += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			rc = err_errno(e, errno, "cannot read %s", path);
	}
	return rc;
}

int file_read(const char *path, struct buf *out, struct err *e)
{
	int rc, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "cannot read %s", path);
	rc = file_read_from(fd, path, out, e);
	close(fd);
	return rc;
}

static int write_all(int fd, const void *p, size_t n)
{
	const char *from = p;

	while (n > 0) {
		ssize_t put = write(fd, from, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		from += put;
		n -= (size_t)put;
	}
	return 0;
}

int file_write_to(int fd, const char *path, const void *p, size_t n,
		  struct err *e)
{
	if (write_all(fd, p, n) != 0 || fsync(fd) != 0)
		return err_errno(e, errno, "cannot write %s", path);
	return 0;
}

int file_write(const char *path, const void *p, size_t n, int mode,
	       struct err *e)
{
	char beside[PATH_BYTES];
	int fd, rc;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >=
	    (int)sizeof(beside))
		return err_set(e, ERR_INPUT, "path too long: %s", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		  (mode_t)mode);
	if (fd < 0)
		return err_errno(e, errno, "cannot write %s", path);
	rc = file_write_to(fd, path, p, n, e);
	close(fd);
	if (rc == 0 && rename(beside, path) != 0)
		rc = err_errno(e, errno, "cannot write %s", path);
	if (rc != 0)
		unlink(beside);
	else
		sync_folder_of(path);
	return rc;
}

/* Where the last whole line ends. */
static off_t whole_lines(int fd)
{
	off_t at = lseek(fd, 0, SEEK_END);
	char c;

	while (at > 0 && pread(fd, &c, 1, at - 1) == 1 && c != '\n')
		at--;
	return at;
}

int file_append(const char *path, const void *p, size_t n, struct err *e)
{
	int rc = 0, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	off_t end;

	if (fd < 0)
		return err_errno(e, errno, "cannot append to %s", path);
	CRASH_POINT("before_append");
	end = whole_lines(fd);
	if (end == 0)		/* maybe new: a line is only as durable as its */
		sync_folder_of(path);			/* file's name */
	if (ftruncate(fd, end) != 0 || lseek(fd, end, SEEK_SET) != end ||
	    write_all(fd, p, n) != 0 || fsync(fd) != 0) {
		rc = err_errno(e, errno, "cannot append to %s", path);
		if (ftruncate(fd, end) != 0)	/* leave no half line behind */
			rc = err_errno(e, errno, "cannot mend %s", path);
	}
	CRASH_POINT("after_append");
	close(fd);
	return rc;
}
