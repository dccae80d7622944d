/* pulse.h -- how long a loop was held up, over the last minute.
 *
 * A loop looks for what is due between two pieces of work; while it is held by one,
 * every timer waits. Each piece is noted when it ends. Time is handed in; nothing is
 * allocated. */
#ifndef KEEL_PULSE_H
#define KEEL_PULSE_H

#include <stdint.h>

#define PULSE_SECONDS 60
#define PULSE_SIZES 24		/* up to 1 us, 2, 4, ... 2^23 and more */

struct pulse_second {
	int64_t second;		/* which one; 0: none yet */
	int64_t longest_us;
	int64_t us[PULSE_SIZES];	/* together, by size */
	uint32_t n[PULSE_SIZES];
};

struct pulse {			/* zeroed memory is a pulse without a past */
	struct pulse_second ring[PULSE_SECONDS];
};

/* Until now the loop was held for held_us. */
void pulse_note(struct pulse *p, int64_t now_us, int64_t held_us);

/* Of the minute before now: the longest piece; and what a timer that is due at any
 * moment of it waits at most in 99 of 100 cases (rounded up to a power of two). */
void pulse_read(const struct pulse *p, int64_t now_us, int64_t *longest_us,
		int64_t *p99_us);

#endif
