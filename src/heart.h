/* heart.h -- whether a process that is watched still does its work.
 *
 * A pure judgement: who watches hands in what it sees, look after look, and is told
 * what to think of it. Nothing here reads a clock, a process or a file.
 *
 * Three things are a stall, and each has a patience of its own:
 *   - silence: the loop has not beaten for `silent_us` (of wall time). Long, since a
 *     busy machine, a slow disk or a large question to the store look the same;
 *   - a stretch of a script that has used `busy_us` of CPU without coming back: the
 *     scripts' fuel ends a stretch after about a millisecond, so this is a fault, and
 *     CPU time does not pass while the machine is busy with others;
 *   - stopped by a signal (SIGSTOP) for `stopped_us`.
 * Time in which the watcher itself did not look (it was frozen, or stopped) says
 * nothing of the one that it watches, and is forgiven. */
#ifndef KEEL_HEART_H
#define KEEL_HEART_H

#include <stdbool.h>
#include <stdint.h>

struct heart_limits {		/* microseconds */
	int64_t silent_us;	/* since the last beat                       */
	int64_t start_us;	/* until it is ready                         */
	int64_t busy_us;	/* CPU of one stretch                        */
	int64_t stopped_us;
	int64_t absent_us;	/* two looks further apart: we were away     */
};

struct heart_signs {		/* what is seen in one look */
	int64_t now_us;		/* monotonic                                 */
	bool ready;		/* it beats from now on                      */
	int64_t beat_us;	/* last beat; when it was born, until ready  */
	int64_t pulse;		/* odd inside of a stretch; another number in
				 * each */
	int64_t cpu_us;		/* CPU that its thread has used; < 0: unknown */
	bool stopped;
};

struct heart {			/* zeroed before the first look */
	int64_t looked_us, since_us;	/* since: nothing before counts   */
	int64_t pulse, cpu_us;		/* the stretch that it was seen in */
	int64_t stopped_us;		/* when that was first seen, or 0  */
};

enum heart_says { HEART_BEATS, HEART_SILENT, HEART_LATE, HEART_BUSY, HEART_STOPPED };

enum heart_says heart_look(struct heart *h, const struct heart_signs *s,
			   const struct heart_limits *limits);

/* "beats", "silent", ... */
const char *heart_word(enum heart_says says);

#endif
