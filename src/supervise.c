#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "heart.h"

#define FIRST_DELAY_MS 100
#define LAST_DELAY_MS 5000
#define TRIES 5			/* deaths before anything ever became ready */
#define TICK_MS 100		/* between two looks                        */
#define ABSENT_MS 1000		/* looks further apart: the parent was away */
#define SOCKETS 4		/* kept for the next child                  */

/* Shared with the child. */
struct page {
	struct supervise_mark mark;
	_Atomic int64_t beat_us;
	_Atomic int64_t ready;
	_Atomic int64_t restarts;
	_Atomic int64_t died, heard;	/* deaths in runs: counted on for ever */
	struct supervise_death deaths[SUPERVISE_DEATHS];
	char cause[48];
};

static struct page *page;	/* one a process: a child has one parent */
static struct supervise_mark unwatched;

/* Both ends of what sockets are handed over by: [0] the parent's, [1] the child's.
 * What is sent stays in it until the parent looks, also when the child is gone. */
static int hand[2] = { -1, -1 };
static struct kept {
	int fd;
	char name[256];
} sockets[SOCKETS];
static int sockets_n;

/* What the parent knows. */
struct watcher {
	const struct supervise_options *o;
	struct heart_limits limits;
	struct heart heart;
	enum heart_says why;		/* it was killed for               */
	sigset_t set;
	pid_t child;
	int64_t born_us, told_us;	/* told: when it was asked to stop */
	int stop;			/* the signal that asked           */
	bool was_ready;			/* ever                            */
	bool stopped;			/* by a signal, now                */
	int failures;			/* in a row, before being ready    */
};

static void tell(const struct watcher *w, const char *text)
{
	if (w->o->told != NULL)
		w->o->told(w->o->arg, text);
}

/* ---- the child ------------------------------------------------------------ */

static void become_child(const sigset_t *old, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);	/* it died before we asked to be told */
	sigprocmask(SIG_SETMASK, old, NULL);
}

void supervise_ready(void)
{
	if (page == NULL)
		return;
	atomic_store(&page->beat_us, clock_mono_us());
	atomic_store(&page->ready, 1);
}

void supervise_beat(void)
{
	if (page != NULL)
		atomic_store(&page->beat_us, clock_mono_us());
}

bool supervise_supervised(void)
{
	return page != NULL;
}

struct supervise_mark *supervise_mark(void)
{
	return page != NULL ? &page->mark : &unwatched;
}

static int64_t get(const _Atomic int64_t *where)
{
	return atomic_load_explicit(where, memory_order_relaxed);
}

static void put(_Atomic int64_t *where, int64_t value)
{
	atomic_store_explicit(where, value, memory_order_relaxed);
}

int64_t supervise_work_for(struct supervise_mark *m, int64_t run)
{
	int64_t before = get(&m->run), last = get(&m->last);

	if (run != 0 && run != last) {
		if (last != 0)
			put(&m->others, 1);
		put(&m->last, run);
		put(&m->slices, 0);
	}
	put(&m->run, run);
	return before;
}

struct supervise_history supervise_history(void)
{
	struct supervise_history h = { 0 };
	int64_t i, died, from;

	if (page == NULL)
		return h;
	h.restarts = page->restarts;
	memcpy(h.cause, page->cause, sizeof(h.cause));
	died = page->died;
	from = died - page->heard > SUPERVISE_DEATHS ? died - SUPERVISE_DEATHS
						     : page->heard;
	for (i = from; i < died; i++)
		h.deaths[h.count++] = page->deaths[i % SUPERVISE_DEATHS];
	return h;
}

void supervise_heard(int n)
{
	int64_t unheard;

	if (page == NULL)
		return;
	unheard = page->died - page->heard;
	if (unheard > SUPERVISE_DEATHS)
		unheard = SUPERVISE_DEATHS;
	atomic_store(&page->heard, page->died - (unheard > n ? unheard - n : 0));
}

/* ---- sockets --------------------------------------------------------------- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

void supervise_keep(const char *role, const char *address, int fd)
{
	char text[256];
	struct iovec part = { text, 0 };
	union control c = { 0 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *h;
	int n = snprintf(text, sizeof(text), "%s %s", role, address);

	if (page == NULL || hand[1] < 0 || n >= (int)sizeof(text))
		return;
	part.iov_len = (size_t)n;
	if (fd >= 0) {
		m.msg_control = c.bytes;
		m.msg_controllen = sizeof(c.bytes);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	/* without it the next child listens anew: no reason to fail */
	sendmsg(hand[1], &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int find_socket(const char *name)
{
	size_t role = strcspn(name, " ");
	int i;

	for (i = 0; i < sockets_n; i++)
		if (strncmp(sockets[i].name, name, role + 1) == 0)
			return i;
	return -1;
}

static void drop_socket(int i)
{
	close(sockets[i].fd);
	sockets[i] = sockets[--sockets_n];
}

int supervise_kept(const char *role, const char *address)
{
	char name[256];
	int listens = 0, i, n = snprintf(name, sizeof(name), "%s %s", role, address);
	socklen_t size = sizeof(listens);

	i = page != NULL && n < (int)sizeof(name) ? find_socket(name) : -1;
	if (i < 0)
		return -1;
	if (strcmp(sockets[i].name, name) == 0 &&
	    getsockopt(sockets[i].fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
	    listens)
		return fcntl(sockets[i].fd, F_DUPFD_CLOEXEC, 0);
	drop_socket(i);
	return -1;
}

/* fd < 0: this role has none any more. */
static void put_socket(const char *name, int fd)
{
	int i = find_socket(name);

	if (i >= 0)
		drop_socket(i);
	if (fd < 0)
		return;
	if (sockets_n == SOCKETS) {
		close(fd);
		return;
	}
	sockets[sockets_n].fd = fd;
	snprintf(sockets[sockets_n].name, sizeof(sockets[0].name), "%s", name);
	sockets_n++;
}

static void take_sockets(void)
{
	char text[256];
	union control c;
	ssize_t n;
	int fd;

	for (;;) {
		struct iovec part = { text, sizeof(text) - 1 };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1,
				    .msg_control = c.bytes,
				    .msg_controllen = sizeof(c.bytes) };
		struct cmsghdr *h;

		n = recvmsg(hand[0], &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			return;
		h = CMSG_FIRSTHDR(&m);
		fd = -1;
		if (h != NULL && h->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(h), sizeof(fd));
		text[n] = 0;
		put_socket(text, fd);
	}
}

/* ---- the parent ----------------------------------------------------------- */

static void begin_child(struct watcher *w)
{
	atomic_store(&page->ready, 0);
	atomic_store(&page->mark.run, 0);
	atomic_store(&page->mark.pulse, 0);
	atomic_store(&page->mark.last, 0);
	atomic_store(&page->mark.others, 0);
	atomic_store(&page->mark.slices, 0);
	w->born_us = clock_mono_us();
	atomic_store(&page->beat_us, w->born_us);
	w->heart = (struct heart){ 0 };
	w->why = HEART_BEATS;
	w->stopped = false;
}

/* Wait for a signal: its number, or 0 after ms. */
static int wait_signal(struct watcher *w, int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	int n = sigtimedwait(&w->set, NULL, &t);

	return n > 0 ? n : 0;
}

static void kill_child(struct watcher *w, const char *why)
{
	tell(w, why);
	kill(w->child, SIGKILL);
}

/* CPU that the thread of the child's loop has used, in us. Where the system does not
 * tell it of a thread, all threads'. */
static int64_t cpu_of(pid_t child)
{
	char name[64], text[512];
	unsigned long user, kernel;
	const char *p;
	int64_t us = -1;
	size_t n;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%ld/task/%ld/stat", (long)child,
		 (long)child);
	f = fopen(name, "re");
	n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f != NULL)
		fclose(f);
	text[n] = 0;
	p = strrchr(text, ')');		/* the name may hold anything */
	if (p != NULL && sscanf(p + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s"
				" %*s %lu %lu", &user, &kernel) == 2)
		return (int64_t)(user + kernel) * 1000000 / sysconf(_SC_CLK_TCK);
	return clock_cpu_of_us((long)child, &us) ? us : -1;
}

static struct heart_signs look(const struct watcher *w)
{
	struct heart_signs s = { .ready = atomic_load(&page->ready),
				 .pulse = atomic_load(&page->mark.pulse),
				 .cpu_us = -1, .stopped = w->stopped };

	s.beat_us = s.ready ? atomic_load(&page->beat_us) : w->born_us;
	if (s.pulse % 2 != 0)
		s.cpu_us = cpu_of(w->child);
	s.now_us = clock_mono_us();
	return s;
}

static void check_heart(struct watcher *w)
{
	static const char *const texts[] = {
		[HEART_SILENT] = "the engine's heart stopped; it is killed",
		[HEART_LATE] = "the engine did not get ready; it is killed",
		[HEART_BUSY] = "a script does not give the engine back; it is killed",
		[HEART_STOPPED] = "the engine's heart stopped (by a signal); it is killed",
	};
	struct heart_signs s = look(w);
	enum heart_says says = heart_look(&w->heart, &s, &w->limits);

	if (w->why != HEART_BEATS)
		return;			/* it dies already */
	if (w->stop != 0) {
		if (s.now_us - w->told_us > (int64_t)w->o->stop_ms * 1000)
			kill_child(w, "the engine did not stop; it is killed");
	} else if (says != HEART_BEATS) {
		w->why = says;
		kill_child(w, texts[says]);
	}
}

static void pass_on(struct watcher *w, int sig)
{
	if (w->stop != 0) {
		w->stop = SIGINT;	/* not a clean end: 130 */
		kill(w->child, SIGKILL);
		return;
	}
	w->stop = sig;
	w->told_us = clock_mono_us();
	kill(w->child, sig);
}

static bool is_over(struct watcher *w, int *how)
{
	pid_t pid;

	for (;;) {
		pid = waitpid(w->child, how, WNOHANG | WUNTRACED | WCONTINUED);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid != w->child)
			return false;
		if (!WIFSTOPPED(*how) && !WIFCONTINUED(*how))
			return true;
		w->stopped = WIFSTOPPED(*how);
	}
}

/* Until the child is over; how it ended, as of waitpid. */
static int attend(struct watcher *w)
{
	int how = 0, sig;

	while (!is_over(w, &how)) {
		sig = wait_signal(w, TICK_MS);
		if (sig == SIGTERM || sig == SIGINT)
			pass_on(w, sig);
		else if (sig == SIGHUP && w->stop == 0)
			pass_on(w, SIGTERM);
		else if (sig == SIGUSR1 || sig == SIGUSR2)
			kill(w->child, sig);
		take_sockets();
		if (sig != SIGCHLD)
			check_heart(w);
	}
	take_sockets();
	return how;
}

static void name_cause(const struct watcher *w, int how)
{
	static const char *const texts[] = {
		[HEART_SILENT] = "its heart stopped",
		[HEART_LATE] = "it did not get ready",
		[HEART_BUSY] = "a script did not give it back",
		[HEART_STOPPED] = "it was stopped by a signal",
	};

	if (w->why != HEART_BEATS)
		snprintf(page->cause, sizeof(page->cause), "%s", texts[w->why]);
	else
		snprintf(page->cause, sizeof(page->cause),
			 WIFSIGNALED(how) ? "signal %d" : "exit %d",
			 WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
}

/* A kill from outside that falls between two of many slices is meant for nobody
 * else. */
static int64_t run_at_work(bool outside)
{
	const struct supervise_mark *m = &page->mark;

	return m->run == 0 && outside && m->slices > 1 ? m->last : m->run;
}

/* It is found by the next child; of too many the oldest is lost. */
static void keep_death(int64_t run, bool outside)
{
	struct supervise_death *d = &page->deaths[page->died % SUPERVISE_DEATHS];
	const struct supervise_mark *m = &page->mark;

	d->run = run;
	d->at_ms = clock_now_ms();
	d->slices = m->last == run ? m->slices : 0;
	d->only = m->others == 0;
	d->outside = outside;
	memcpy(d->cause, page->cause, sizeof(d->cause));
	page->died++;
}

static void remember_death(const struct watcher *w, int how)
{
	bool outside = w->why == HEART_STOPPED || (w->why == HEART_BEATS &&
		       WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
	int64_t run = run_at_work(outside);
	char text[160];

	name_cause(w, how);
	if (run != 0)
		keep_death(run, outside);
	page->restarts++;
	snprintf(text, sizeof(text), "the engine died (%s); starting it again",
		 page->cause);
	tell(w, text);
}

/* Whether another child should follow; else *status. */
static bool shall_go_on(struct watcher *w, int how, int *status)
{
	bool ready = atomic_load(&page->ready);

	w->was_ready = w->was_ready || ready;
	w->failures = ready ? 0 : w->failures + 1;
	if (w->stop != 0) {
		*status = w->stop == SIGINT ? 130 :
			  WIFEXITED(how) ? WEXITSTATUS(how) :
			  WTERMSIG(how) == SIGTERM ? 0 : 130;
		return false;
	}
	if (WIFEXITED(how) && (!w->was_ready || WEXITSTATUS(how) == 0)) {
		*status = WEXITSTATUS(how);
		return false;
	}
	if (!w->was_ready && w->failures >= TRIES) {
		tell(w, "the engine dies whenever it starts; giving up");
		*status = 9;
		return false;
	}
	return true;
}

/* False when a signal ended the wait. */
static bool delay(struct watcher *w, int *status)
{
	int64_t ms = 0, until;
	int i, sig;

	for (i = 0; i < w->failures && ms < LAST_DELAY_MS; i++)
		ms = ms == 0 ? FIRST_DELAY_MS : 2 * ms;
	until = clock_mono_us() + (ms < LAST_DELAY_MS ? ms : LAST_DELAY_MS) * 1000;
	while (clock_mono_us() < until) {
		sig = wait_signal(w, (int)((until - clock_mono_us()) / 1000) + 1);
		if (sig != SIGTERM && sig != SIGINT && sig != SIGHUP)
			continue;
		*status = sig == SIGINT ? 130 : 0;
		return false;
	}
	return true;
}

static void wanted_signals(sigset_t *set)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1,
				       SIGUSR2 };
	size_t i;

	sigemptyset(set);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

/* What is there for as long as the parent is. */
static int prepare(struct watcher *w, struct err *e)
{
	const struct supervise_options *o = w->o;

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		page = NULL;
		return err_errno(e, errno, "no memory to share with the engine");
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, hand) != 0)
		hand[0] = hand[1] = -1;
	w->limits = (struct heart_limits){
		.silent_us = (int64_t)o->stall_ms * 1000,
		.start_us = (int64_t)o->start_ms * 1000,
		.busy_us = (int64_t)o->busy_ms * 1000,
		.stopped_us = (int64_t)o->stopped_ms * 1000,
		.absent_us = (int64_t)ABSENT_MS * 1000,
	};
	wanted_signals(&w->set);
	return 0;
}

static void put_away(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (hand[i] >= 0)
			close(hand[i]);
		hand[i] = -1;
	}
	while (sockets_n > 0)
		close(sockets[--sockets_n].fd);
	munmap(page, sizeof(*page));
	page = NULL;
}

int supervise(const struct supervise_options *o, int *status, struct err *e)
{
	struct watcher w = { .o = o };
	pid_t parent = getpid();
	sigset_t old;
	int how;

	how = prepare(&w, e);
	if (how != 0)
		return how;
	sigprocmask(SIG_BLOCK, &w.set, &old);
	do {
		begin_child(&w);
		fflush(NULL);
		w.child = fork();
		if (w.child == 0) {
			become_child(&old, parent);
			return SUPERVISE_CHILD;
		}
		if (w.child < 0) {
			how = err_errno(e, errno, "cannot start the engine");
			sigprocmask(SIG_SETMASK, &old, NULL);
			put_away();
			return how;
		}
		how = attend(&w);
		if (!shall_go_on(&w, how, status))
			break;
		remember_death(&w, how);
	} while (delay(&w, status));
	sigprocmask(SIG_SETMASK, &old, NULL);
	put_away();
	return SUPERVISE_OVER;
}
