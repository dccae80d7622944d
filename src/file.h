/* file.h -- files and folders, with the care that durable things want. */
#ifndef KEEL_FILE_H
#define KEEL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum file_kind { FILE_NONE, FILE_PLAIN, FILE_FOLDER, FILE_OTHER };

enum file_kind file_kind(const char *path);

/* Size, time of change (ms since 1970) and permissions (0600), or ERR_NOTFOUND. */
int file_stat(const char *path, int64_t *bytes, int64_t *changed_ms, int *mode,
	      struct err *e);

/* Names in a folder, sorted by bytes, without "." and "..", each followed by a NUL,
 * appended to out. */
int file_list(const char *path, struct buf *out, struct err *e);

/* Make a folder and those above it; fine when it is there. */
int file_mkdir(const char *path, struct err *e);

/* The whole content, appended to out. */
int file_read(const char *path, struct buf *out, struct err *e);

/* The same of what is open already, and durable when it returns; `path` is for the message. */
int file_read_from(int fd, const char *path, struct buf *out, struct err *e);
int file_write_to(int fd, const char *path, const void *p, size_t n,
		  struct err *e);

/* Replace the content in one step: write beside, fsync, rename, fsync the folder.
 * mode is for a new file (0644, or 0600 for secrets). */
int file_write(const char *path, const void *p, size_t n, int mode,
	       struct err *e);

/* Append with one write and fsync. A last line that a crash cut off (no newline)
 * is removed first. */
int file_append(const char *path, const void *p, size_t n, struct err *e);

#endif
