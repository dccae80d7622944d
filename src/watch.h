/* watch.h -- "this file changed on disk": folders under inotify, on the loop.
 *
 * Folders are watched, not files: editors save by renaming a new file over the
 * old one, and a watch on the old file goes deaf then. A change is told when the
 * file is whole: its writer closed it, or it was moved there. */
#ifndef KEEL_WATCH_H
#define KEEL_WATCH_H

#include "loop.h"

enum watch_what {
	WATCH_CHANGED,		/* name was written and closed, or moved there  */
	WATCH_GONE,		/* name was deleted, or moved away              */
	WATCH_MADE,		/* a folder named name appeared                 */
	WATCH_LOST,		/* the watched folder itself is gone (no name); its
				 * number is free                               */
	WATCH_MISSED		/* the kernel dropped news: look at everything
				 * (folder -1, no name)                         */
};

struct watch;

/* `told` may open and close folders and, as its last act, the watch. */
int watch_open(struct watch **out, struct loop *l,
	       void (*told)(void *arg, int folder, enum watch_what what,
			    const char *name), void *arg, struct err *e);
void watch_close(struct watch *w);		/* NULL is fine */

/* Watch a folder: *folder is the number that news of it will have. Watching the
 * same folder again gives the same number. ERR_NOTFOUND when it is not there. */
int watch_folder(struct watch *w, const char *path, int *folder, struct err *e);

#endif
