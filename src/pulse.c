#include "pulse.h"

#include <string.h>

static int size_of(int64_t us)
{
	int i = 0;

	while (i < PULSE_SIZES - 1 && us > (int64_t)1 << i)
		i++;
	return i;
}

void pulse_note(struct pulse *p, int64_t now_us, int64_t held_us)
{
	int64_t second = now_us / 1000000 + 1;
	struct pulse_second *s = &p->ring[second % PULSE_SECONDS];
	int i = size_of(held_us);

	if (held_us < 0)
		return;
	if (s->second != second) {
		memset(s, 0, sizeof(*s));
		s->second = second;
	}
	if (held_us > s->longest_us)
		s->longest_us = held_us;
	s->us[i] += held_us;
	s->n[i]++;
}

void pulse_read(const struct pulse *p, int64_t now_us, int64_t *longest_us,
		int64_t *p99_us)
{
	int64_t first = now_us / 1000000 + 2 - PULSE_SECONDS, longest = 0;
	int64_t us[PULSE_SIZES] = { 0 }, n[PULSE_SIZES] = { 0 };
	int64_t allowed = (int64_t)PULSE_SECONDS * 1000000 / 100;
	int64_t behind = 0, more = 0;
	int i, k;

	for (k = 0; k < PULSE_SECONDS; k++) {
		const struct pulse_second *s = &p->ring[k];

		if (s->second < first)
			continue;
		if (s->longest_us > longest)
			longest = s->longest_us;
		for (i = 0; i < PULSE_SIZES; i++) {
			us[i] += s->us[i];
			n[i] += s->n[i];
		}
	}
	/* A timer that is due within a piece of d us waits for more than b if it is
	 * due in the first d - b of them. */
	for (i = PULSE_SIZES - 1; i > 0; i--) {
		int64_t bound = (int64_t)1 << (i - 1);

		behind += us[i];
		more += n[i];
		if (behind - more * bound > allowed)
			break;
	}
	*longest_us = longest;
	*p99_us = (int64_t)1 << i;
	if (*p99_us > longest)
		*p99_us = longest;
}
