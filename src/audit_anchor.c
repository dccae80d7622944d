#include "audit_anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 128		/* more than any line takes */
#define HOUR_MS ((int64_t)3600 * 1000)
#define ALL_OF_MS (48 * HOUR_MS)
#define PATH 4096

static int value_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(const char *line, struct audit_anchor *a)
{
	int i, at = 0;

	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %n", &a->id, &a->time_ms, &at) != 2 ||
	    at == 0 || strlen(line + at) != DIGEST_HEX + 1 ||
	    line[at + DIGEST_HEX] != '\n')
		return false;
	for (i = 0; i < DIGEST_BYTES; i++) {
		int high = value_of(line[at + 2 * i]), low = value_of(line[at + 2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		a->hash[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

static int keep(struct audit_anchors *out, size_t *room, const struct audit_anchor *a)
{
	if (out->n == *room) {
		size_t more = *room ? *room * 2 : 64;
		void *list = realloc(out->list, more * sizeof(*out->list));

		if (list == NULL)
			return ERR_NOMEM;
		out->list = list;
		*room = more;
	}
	out->list[out->n++] = *a;
	return 0;
}

int audit_anchors_read(const char *path, struct audit_anchors *out, struct err *e)
{
	FILE *f = fopen(path, "re");
	size_t room = 0, at = 0;
	struct audit_anchor a;
	char line[LINE];
	int rc = 0;

	*out = (struct audit_anchors){ NULL, 0, 0 };
	if (f == NULL)
		return errno == ENOENT ? 0
			: err_errno(e, errno, "cannot read %s", path);
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		bool whole = strchr(line, '\n') != NULL;

		at++;
		if (parse(line, &a))
			rc = keep(out, &room, &a);
		else if ((whole || !feof(f)) && out->bad == 0)
			out->bad = at;
	}
	fclose(f);
	if (rc != 0) {
		audit_anchors_release(out);
		return err_set(e, rc, "no memory for the anchors of the audit trail");
	}
	return 0;
}

void audit_anchors_release(struct audit_anchors *a)
{
	free(a->list);
	*a = (struct audit_anchors){ NULL, 0, 0 };
}

/* ---- writing ------------------------------------------------------------------ */

static int format(const struct audit_anchor *a, char line[LINE])
{
	char hex[DIGEST_HEX + 1];

	digest_hex(a->hash, DIGEST_BYTES, hex);
	return snprintf(line, LINE, "%" PRId64 " %" PRId64 " %s\n", a->id, a->time_ms, hex);
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno != EINTR)
			return -1;
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

static int sync_folder(const char *path)
{
	char folder[PATH];
	char *slash;
	int fd, rc;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = '\0';
	fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* What a crash cut short goes. */
static int drop_torn(int fd, off_t *size)
{
	off_t at = *size;
	char c = '\n';

	while (at > 0 && *size - at < LINE && pread(fd, &c, 1, at - 1) == 1 && c != '\n')
		at--;
	if (at == *size || (at > 0 && c != '\n'))
		return 0;
	*size = at;
	return ftruncate(fd, at);
}

/* Which of them stay: all that are young, and of the others the first of an hour. */
static int write_thinner(int fd, const struct audit_anchors *a)
{
	int64_t newest = a->n > 0 ? a->list[a->n - 1].time_ms : 0, hour = -1;
	char line[LINE];
	size_t i;

	for (i = 0; i < a->n; i++) {
		int64_t of = a->list[i].time_ms / HOUR_MS;

		if (a->list[i].time_ms < newest - ALL_OF_MS && of == hour)
			continue;
		hour = of;
		if (write_all(fd, line, (size_t)format(&a->list[i], line)) != 0)
			return -1;
	}
	return fsync(fd);
}

static int thin(const char *path, struct err *e)
{
	struct audit_anchors a;
	char beside[PATH];
	int fd, rc = audit_anchors_read(path, &a, e);

	if (rc != 0)
		return rc;
	if (a.bad != 0) {	/* evidence is not tidied away */
		audit_anchors_release(&a);
		return 0;
	}
	snprintf(beside, sizeof(beside), "%s.new", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	rc = fd < 0 ? -1 : write_thinner(fd, &a);
	if (fd >= 0 && close(fd) != 0)
		rc = -1;
	if (rc == 0)
		rc = rename(beside, path);
	if (rc == 0)
		rc = sync_folder(path);
	if (rc != 0) {
		rc = err_errno(e, errno, "cannot write %s", path);
		unlink(beside);
	}
	audit_anchors_release(&a);
	return rc;
}

int audit_anchor_last(const char *path, struct audit_anchor *a, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	char tail[2 * LINE + 1], *end, *line;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && fstat(fd, &st) == 0)
		n = pread(fd, tail, sizeof(tail) - 1,
			  st.st_size < 2 * LINE ? 0 : st.st_size - 2 * LINE);
	if (n < 0)
		rc = err_errno(e, errno, "cannot read %s", path);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return rc;
	tail[n] = '\0';
	end = strrchr(tail, '\n');
	if (end == NULL)
		return 0;
	end[1] = '\0';
	for (line = end; line > tail && line[-1] != '\n'; line--)
		;
	return parse(line, a) ? 1 : err_set(e, ERR_DAMAGED, "the last line of %s is no"
					    " anchor", path);
}

int audit_anchor_add(const char *path, const struct audit_anchor *a, size_t *most,
		     struct err *e)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600), rc = 0;
	char line[LINE];
	struct stat st;
	bool is_new;

	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = err_errno(e, errno, "cannot write %s", path);
		goto out;
	}
	is_new = st.st_size == 0;
	if (drop_torn(fd, &st.st_size) != 0 ||
	    write_all(fd, line, (size_t)format(a, line)) != 0 || fdatasync(fd) != 0 ||
	    (is_new && sync_folder(path) != 0))
		rc = err_errno(e, errno, "cannot write %s", path);
out:
	if (fd >= 0)
		close(fd);
	if (rc == 0 && (size_t)st.st_size > *most) {
		rc = thin(path, e);
		if (rc == 0 && stat(path, &st) == 0 && (size_t)st.st_size > *most / 2)
			*most = 2 * (size_t)st.st_size;
	}
	return rc;
}
