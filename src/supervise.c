#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

#define FIRST_DELAY_MS 100
#define LAST_DELAY_MS 5000
#define TRIES 5			/* deaths before anything ever became ready */

/* Shared with the child. */
struct page {
	_Atomic int64_t beat_us;
	_Atomic int64_t ready;
	_Atomic int64_t run;
	_Atomic int64_t last_run, deaths, restarts;
	char cause[64];
};

static struct page *page;	/* one a process: a child has one parent */

/* What the parent knows. */
struct watcher {
	const struct supervise_options *o;
	sigset_t set;
	pid_t child;
	int64_t born_us, told_us;	/* told: when it was asked to stop */
	int stop;			/* the signal that asked           */
	bool was_ready;			/* ever                            */
	int failures;			/* in a row, before being ready    */
	bool stalled;
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

_Atomic int64_t *supervise_run_mark(void)
{
	return page != NULL ? &page->run : NULL;
}

struct supervise_history supervise_history(void)
{
	struct supervise_history h = { 0 };

	if (page == NULL)
		return h;
	h.restarts = page->restarts;
	h.run = page->last_run;
	h.deaths = page->deaths;
	memcpy(h.cause, page->cause, sizeof(h.cause));
	return h;
}

/* ---- the parent ----------------------------------------------------------- */

static void reset_page(void)
{
	atomic_store(&page->ready, 0);
	atomic_store(&page->run, 0);
	atomic_store(&page->beat_us, clock_mono_us());
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

static void check_heart(struct watcher *w)
{
	int64_t now = clock_mono_us();
	bool ready = atomic_load(&page->ready);
	int64_t since = now - (ready ? atomic_load(&page->beat_us) : w->born_us);
	int64_t patience = ready ? w->o->stall_ms : w->o->start_ms;

	if (w->stop != 0) {
		if (now - w->told_us > (int64_t)w->o->stop_ms * 1000)
			kill_child(w, "the engine did not stop; it is killed");
	} else if (since > patience * 1000) {
		w->stalled = true;
		kill_child(w, ready ? "the engine's heart stopped; it is killed" :
			   "the engine did not get ready; it is killed");
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

	do
		pid = waitpid(w->child, how, WNOHANG);
	while (pid < 0 && errno == EINTR);
	return pid == w->child;
}

/* Until the child is over; how it ended, as of waitpid. */
static int attend(struct watcher *w)
{
	int tick = w->o->stall_ms / 4, how = 0, sig;

	tick = tick < 50 ? 50 : tick > 500 ? 500 : tick;
	while (!is_over(w, &how)) {
		sig = wait_signal(w, tick);
		if (sig == SIGTERM || sig == SIGINT)
			pass_on(w, sig);
		else if (sig == SIGHUP && w->stop == 0)
			pass_on(w, SIGTERM);
		else if (sig == SIGUSR1 || sig == SIGUSR2)
			kill(w->child, sig);
		check_heart(w);
	}
	return how;
}

static void remember_death(struct watcher *w, int how)
{
	int64_t run = atomic_load(&page->run);
	char text[160];

	if (w->stalled)
		snprintf(page->cause, sizeof(page->cause), "its heart stopped");
	else
		snprintf(page->cause, sizeof(page->cause),
			 WIFSIGNALED(how) ? "signal %d" : "exit %d",
			 WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
	page->deaths = run != 0 && run == page->last_run ? page->deaths + 1 :
		       run != 0;
	page->last_run = run;
	page->restarts++;
	w->stalled = false;
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

int supervise(const struct supervise_options *o, int *status, struct err *e)
{
	struct watcher w = { .o = o };
	pid_t parent = getpid();
	sigset_t old;
	int how;

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		page = NULL;
		return err_errno(e, errno, "no memory to share with the engine");
	}
	wanted_signals(&w.set);
	sigprocmask(SIG_BLOCK, &w.set, &old);
	do {
		reset_page();
		fflush(NULL);
		w.born_us = clock_mono_us();
		w.child = fork();
		if (w.child < 0) {
			how = err_errno(e, errno, "cannot start the engine");
			sigprocmask(SIG_SETMASK, &old, NULL);
			return how;
		}
		if (w.child == 0) {
			become_child(&old, parent);
			return SUPERVISE_CHILD;
		}
		how = attend(&w);
		if (!shall_go_on(&w, how, status))
			break;
		remember_death(&w, how);
	} while (delay(&w, status));
	sigprocmask(SIG_SETMASK, &old, NULL);
	munmap(page, sizeof(*page));
	page = NULL;
	return SUPERVISE_OVER;
}
