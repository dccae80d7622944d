/* beneath.h -- files below a folder that is never left.
 *
 * A name is walked part by part from the folder's descriptor, and no part of it may be
 * a link: not when it is looked at and not a moment later either, for each step is
 * taken by the system as one (openat with O_NOFOLLOW). ".." and absolute names are no
 * names. The folder itself is whoever's who named it: links on the way to it are fine. */
#ifndef KEEL_BENEATH_H
#define KEEL_BENEATH_H

#include "buf.h"
#include "file.h"

/* FILE_OTHER for a link, and for all that is no file and no folder. */
enum file_kind beneath_kind(const char *root, const char *name);

/* The whole content of a plain file, appended to out; a pipe is refused, not waited for. */
int beneath_read(const char *root, const char *name, struct buf *out,
		 struct err *e);

/* Replace the content in one step, as file_write(); the folders above are made, and
 * the permissions of a file that is there stay. */
int beneath_write(const char *root, const char *name, const void *p, size_t n,
		  struct err *e);

/* As file_mkdir(). */
int beneath_mkdir(const char *root, const char *name, struct err *e);

/* As file_list(); "" is the folder itself. What a write has beside it is not shown. */
int beneath_list(const char *root, const char *name, struct buf *out,
		 struct err *e);

/* Remove a folder with nothing in it, or, with beneath_remove, a file; fine when it is gone. */
int beneath_rmdir(const char *root, const char *name, struct err *e);
int beneath_remove(const char *root, const char *name, struct err *e);

#endif
