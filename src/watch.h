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
	WATCH_LINKED,		/* a link of that name was made: to a whole file, or
				 * by a symbol; also told of a new file, whose
				 * close comes                                  */
	WATCH_WRITING,		/* name is being written: what is read of it now is
				 * not whole, until it is told of as changed    */
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
 * same folder again gives the same number. With `writers` news of WATCH_LINKED and
 * WATCH_WRITING come, too, once asked for. ERR_NOTFOUND when it is not there. */
int watch_folder(struct watch *w, const char *path, bool writers, int *folder,
		 struct err *e);

/* Tell all news that there are now. The kernel queues them as things happen: after
 * a file was read, news of a writer that was in the way are told by this. Not to be
 * called by `told`. */
void watch_news(struct watch *w);

#endif
