#include "heart.h"

/* Inside of a stretch that it was seen in before, how much CPU it took since then. */
static bool is_busy(struct heart *h, const struct heart_signs *s, int64_t limit)
{
	bool inside = s->pulse % 2 != 0 && s->cpu_us >= 0;

	if (!inside || s->pulse != h->pulse) {
		h->pulse = inside ? s->pulse : 0;
		h->cpu_us = s->cpu_us;
		return false;
	}
	return s->cpu_us - h->cpu_us > limit;
}

static bool is_stopped(struct heart *h, const struct heart_signs *s, int64_t limit)
{
	if (!s->stopped) {
		h->stopped_us = 0;
		return false;
	}
	if (h->stopped_us < h->since_us || h->stopped_us == 0)
		h->stopped_us = s->now_us;
	return s->now_us - h->stopped_us >= limit;
}

enum heart_says heart_look(struct heart *h, const struct heart_signs *s,
			   const struct heart_limits *limits)
{
	bool busy, stopped;
	int64_t from;

	if (h->looked_us != 0 && s->now_us - h->looked_us > limits->absent_us)
		h->since_us = s->now_us;
	h->looked_us = s->now_us;
	busy = is_busy(h, s, limits->busy_us);
	stopped = is_stopped(h, s, limits->stopped_us);
	from = s->beat_us > h->since_us ? s->beat_us : h->since_us;
	if (stopped)
		return HEART_STOPPED;
	if (busy)
		return HEART_BUSY;
	if (s->now_us - from > (s->ready ? limits->silent_us : limits->start_us))
		return s->ready ? HEART_SILENT : HEART_LATE;
	return HEART_BEATS;
}

const char *heart_word(enum heart_says says)
{
	static const char *const words[] = { "beats", "silent", "late", "busy",
					     "stopped" };

	return words[says];
}
