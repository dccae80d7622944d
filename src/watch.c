#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WANTED (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
		IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
	struct loop *loop;
	struct loop_fd in;
	int fd;
	void (*told)(void *arg, int folder, enum watch_what what,
		     const char *name);
	void *arg;
	bool *closed;		/* set by a close inside told */
	bool writers;		/* some folder's are asked for */
};

static bool classify(const struct inotify_event *ev, enum watch_what *what)
{
	if (ev->mask & IN_Q_OVERFLOW)
		*what = WATCH_MISSED;
	else if (ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		*what = WATCH_LOST;
	else if (ev->len == 0)
		return false;
	else if (ev->mask & (IN_DELETE | IN_MOVED_FROM))
		*what = WATCH_GONE;
	else if ((ev->mask & IN_ISDIR) && (ev->mask & (IN_CREATE | IN_MOVED_TO)))
		*what = WATCH_MADE;
	else if (ev->mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
		*what = WATCH_CHANGED;
	else if (ev->mask & IN_MODIFY)
		*what = WATCH_WRITING;
	else if (ev->mask & IN_CREATE)
		*what = WATCH_LINKED;
	else
		return false;
	return true;
}

static void tell(struct watch *w, const struct inotify_event *ev)
{
	enum watch_what what;

	if (!classify(ev, &what) || (what == WATCH_LINKED && !w->writers))
		return;
	/* moved away it would go on telling, under a name that is not its own */
	if (what == WATCH_LOST && (ev->mask & IN_MOVE_SELF))
		inotify_rm_watch(w->fd, ev->wd);
	w->told(w->arg, what == WATCH_MISSED ? -1 : ev->wd, what,
		ev->len > 0 ? ev->name : NULL);
}

static void on_news(void *arg, int fd, int events)
{
	struct watch *w = arg;
	_Alignas(struct inotify_event) char room[8192];
	const struct inotify_event *ev;
	bool closed = false;
	ssize_t n, at;

	(void)events;
	w->closed = &closed;
	while ((n = read(fd, room, sizeof(room))) > 0) {
		for (at = 0; at < n; at += (ssize_t)sizeof(*ev) + ev->len) {
			ev = (const void *)(room + at);
			tell(w, ev);
			if (closed)
				return;
		}
	}
	w->closed = NULL;
}

int watch_open(struct watch **out, struct loop *l,
	       void (*told)(void *arg, int folder, enum watch_what what,
			    const char *name), void *arg, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_set(e, ERR_NOMEM, "no memory to watch folders");
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		free(w);
		return err_errno(e, errno, "the system lets no folder be watched");
	}
	w->loop = l;
	w->told = told;
	w->arg = arg;
	loop_fd_start(l, &w->in, w->fd, LOOP_READ, on_news, w);
	*out = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->closed != NULL)
		*w->closed = true;
	loop_fd_stop(w->loop, &w->in);
	close(w->fd);
	free(w);
}

void watch_news(struct watch *w)
{
	on_news(w, w->fd, LOOP_READ);
}

int watch_folder(struct watch *w, const char *path, bool writers, int *folder,
		 struct err *e)
{
	int wd = inotify_add_watch(w->fd, path, WANTED | IN_MASK_ADD |
				   (writers ? IN_MODIFY : 0u));

	if (wd < 0)
		return err_errno(e, errno, "cannot watch %s", path);
	w->writers |= writers;
	*folder = wd;
	return 0;
}
