#include "score.h"

#include <math.h>
#include <stdlib.h>

#define GRAIN 1048576.0		/* 2^20 */

/* Measured on conversations, an office's papers and abstracts: weak vectors help at 0.3
 * and hurt at 0.8; context is worth more than vectors, and more in speech than in
 * letters (-1: recall_find.c knows); recency a tenth at most, or questions about the
 * past suffer. */
const struct score_weights score_defaults = {
	{ 1.0, 0.3, 0.05, 0.1, -1, 0.15 }
};

const char *const score_names[SCORE_REASONS] = {
	"text", "vector", "recency", "importance", "context", "time"
};

double score_recency(int64_t age_ms, int64_t half_life_ms)
{
	if (age_ms <= 0 || half_life_ms <= 0)
		return 1;
	return exp2(-(double)age_ms / (double)half_life_ms);
}

/* Least and greatest of a reason over the candidates. */
static void range(const struct score_item *items, size_t n, int reason,
		  double *low, double *high)
{
	size_t i;

	*low = 0;
	*high = 1;
	if (reason == SCORE_RECENCY || reason == SCORE_IMPORTANCE ||
	    reason == SCORE_TIME)
		return;
	*low = INFINITY;
	*high = -INFINITY;
	for (i = 0; i < n; i++) {
		*low = fmin(*low, items[i].raw[reason]);
		*high = fmax(*high, items[i].raw[reason]);
	}
}

static void weigh(struct score_item *items, size_t n, int reason)
{
	double low, high, x;
	size_t i;

	range(items, n, reason, &low, &high);
	for (i = 0; i < n; i++) {
		x = high > low ? (items[i].raw[reason] - low) / (high - low)
			: high > 0;
		x *= items[i].weights->part[reason];
		items[i].part[reason] = rint(x * GRAIN) / GRAIN;
	}
}

static int by_score(const void *a, const void *b)
{
	const struct score_item *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return (x->id < y->id) - (x->id > y->id);
}

void score_rank(struct score_item *items, size_t n)
{
	size_t i;
	int reason;

	for (reason = 0; reason < SCORE_REASONS; reason++)
		weigh(items, n, reason);
	for (i = 0; i < n; i++) {
		items[i].score = 0;
		for (reason = 0; reason < SCORE_REASONS; reason++)
			items[i].score += items[i].part[reason];
	}
	if (n > 1)
		qsort(items, n, sizeof(*items), by_score);
}
