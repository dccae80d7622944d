#include "beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written lies here until it is whole: one writer at a time, and a crash leaves
 * one of it at most. */
#define BESIDE ".keel.new"
#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct place {
	int folder;		/* where the last part is, or -1 */
	char last[256];		/* "." for the root itself       */
};

/* The next part of a name, or 0; *rest moves on. Parts that say nothing are left out. */
static int next_part(const char **rest, char part[256], struct err *e)
{
	size_t n;

	do {
		*rest += strspn(*rest, "/");
		n = strcspn(*rest, "/");
		if (n >= 256)
			return err_set(e, ERR_INPUT, "a part of a name is too long");
		memcpy(part, *rest, n);
		part[n] = 0;
		*rest += n;
	} while (strcmp(part, ".") == 0);
	if (strcmp(part, "..") == 0)
		return err_set(e, ERR_INPUT, "'..' leads out of the folder");
	return n > 0;
}

/* A link is refused by the system with one of two words; say which it is. */
static int refused(int folder, const char *part, const char *name,
		   struct err *e)
{
	int why = errno;
	struct stat st;

	if ((why == ELOOP || why == ENOTDIR) &&
	    fstatat(folder, part, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode))
		return err_set(e, ERR_INPUT, "'%s' has a link on its way", name);
	return err_errno(e, why, "cannot open '%s'", name);
}

static int made(int folder, const char *part, const char *name, struct err *e)
{
	if (mkdirat(folder, part, 0755) == 0)
		fsync(folder);	/* only as durable as its name */
	else if (errno != EEXIST)
		return err_errno(e, errno, "cannot make '%s'", name);
	return 0;
}

static int step(int *folder, const char *part, const char *name, struct err *e)
{
	int next = openat(*folder, part, FOLDER | O_NOFOLLOW);

	if (next < 0)
		return refused(*folder, part, name, e);
	close(*folder);
	*folder = next;
	return 0;
}

/* Walk to the folder that holds the last part. The place is left() in any case. */
static int enter(const char *root, const char *name, bool make,
		 struct place *at, struct err *e)
{
	const char *rest = name;
	char part[256] = "";
	int rc;

	memcpy(at->last, ".", 2);
	at->folder = -1;
	if (name[0] == '/')
		return err_set(e, ERR_INPUT, "'%s' is no name in a folder", name);
	if (make && (rc = file_mkdir(root, e)) != 0)
		return rc;
	at->folder = open(root, FOLDER);
	if (at->folder < 0)
		return err_errno(e, errno, "cannot open %s", root);
	rc = next_part(&rest, at->last, e);
	if (rc == 0)
		memcpy(at->last, ".", 2);
	while (rc > 0 && (rc = next_part(&rest, part, e)) > 0) {
		if ((make && (rc = made(at->folder, at->last, name, e)) != 0) ||
		    (rc = step(&at->folder, at->last, name, e)) != 0)
			break;
		memcpy(at->last, part, sizeof(part));
		rc = 1;
	}
	return rc;
}

static int left(struct place *at, int rc)
{
	if (at->folder >= 0)
		close(at->folder);
	return rc;
}

enum file_kind beneath_kind(const char *root, const char *name)
{
	enum file_kind kind = FILE_NONE;
	struct place at;
	struct stat st;

	if (enter(root, name, false, &at, NULL) == 0 &&
	    fstatat(at.folder, at.last, &st, AT_SYMLINK_NOFOLLOW) == 0)
		kind = S_ISREG(st.st_mode) ? FILE_PLAIN :
		       S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_OTHER;
	left(&at, 0);
	return kind;
}

static int read_at(struct place *at, const char *name, struct buf *out,
		   struct err *e)
{
	int rc, fd = openat(at->folder, at->last, O_RDONLY | O_NOFOLLOW |
			    O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return refused(at->folder, at->last, name, e);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = err_set(e, ERR_INPUT, "'%s' is no plain file", name);
	else
		rc = file_read_from(fd, name, out, e);
	close(fd);
	return rc;
}

int beneath_read(const char *root, const char *name, struct buf *out,
		 struct err *e)
{
	struct place at;
	int rc = enter(root, name, false, &at, e);

	return left(&at, rc != 0 ? rc : read_at(&at, name, out, e));
}

/* The permissions that a file is to have: its own, where it is there. */
static int mode_of(struct place *at, const char *name, mode_t *mode,
		   struct err *e)
{
	struct stat st;

	*mode = 0644;
	if (fstatat(at->folder, at->last, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 :
			err_errno(e, errno, "cannot look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "'%s' is no plain file", name);
	*mode = st.st_mode & 0777;
	return 0;
}

static int write_at(struct place *at, const char *name, const void *p, size_t n,
		    struct err *e)
{
	mode_t mode;
	int fd, rc = mode_of(at, name, &mode, e);

	if (rc != 0)
		return rc;
	unlinkat(at->folder, BESIDE, 0);	/* of a crash */
	fd = openat(at->folder, BESIDE, O_WRONLY | O_CREAT | O_EXCL |
		    O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_errno(e, errno, "cannot write '%s'", name);
	rc = file_write_to(fd, name, p, n, e);
	if (rc == 0 && fchmod(fd, mode) != 0)
		rc = err_errno(e, errno, "cannot write '%s'", name);
	close(fd);
	if (rc == 0 && renameat(at->folder, BESIDE, at->folder, at->last) != 0)
		rc = err_errno(e, errno, "cannot write '%s'", name);
	if (rc != 0)
		unlinkat(at->folder, BESIDE, 0);
	else
		fsync(at->folder);
	return rc;
}

int beneath_write(const char *root, const char *name, const void *p, size_t n,
		  struct err *e)
{
	struct place at;
	int rc = enter(root, name, true, &at, e);

	return left(&at, rc != 0 ? rc : write_at(&at, name, p, n, e));
}

int beneath_mkdir(const char *root, const char *name, struct err *e)
{
	struct place at;
	int rc = enter(root, name, true, &at, e);

	if (rc == 0)
		rc = made(at.folder, at.last, name, e);
	if (rc == 0)	/* what was there may be no folder */
		rc = step(&at.folder, at.last, name, e);
	return left(&at, rc);
}

static int by_text(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int shown(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
	       strcmp(d->d_name, BESIDE) != 0;
}

int beneath_list(const char *root, const char *name, struct buf *out,
		 struct err *e)
{
	struct dirent **names;
	struct place at;
	int i, n, rc = enter(root, name, false, &at, e);

	if (rc == 0)
		rc = step(&at.folder, at.last, name, e);
	if (rc != 0)
		return left(&at, rc);
	n = scandirat(at.folder, ".", &names, shown, by_text);
	if (n < 0)
		return left(&at, err_errno(e, errno, "cannot list '%s'", name));
	for (i = 0; i < n; i++) {
		buf_add(out, names[i]->d_name, strlen(names[i]->d_name) + 1);
		free(names[i]);
	}
	free(names);
	return left(&at, buf_err(out, e, name));
}

static int unlinked(const char *root, const char *name, int flags,
		    struct err *e)
{
	struct place at;
	int rc = enter(root, name, false, &at, e);

	if (rc == 0 && unlinkat(at.folder, at.last, flags) == 0)
		fsync(at.folder);
	else if (rc == 0 && errno != ENOENT)
		rc = err_errno(e, errno, "cannot remove '%s'", name);
	return left(&at, rc == ERR_NOTFOUND ? 0 : rc);
}

int beneath_rmdir(const char *root, const char *name, struct err *e)
{
	return unlinked(root, name, AT_REMOVEDIR, e);
}

int beneath_remove(const char *root, const char *name, struct err *e)
{
	return unlinked(root, name, 0, e);
}
