/* cron.h -- five fields of cron, and the next minute that they name (pure).
 *
 *   minute 0-59   hour 0-23   day of month 1-31   month 1-12   day of week 0-7
 *
 * A field is a list "a,b,c" of: `*`, a value, a range "a-b", each with a step
 * "/n" ("a/n" goes on to the field's end). Months and weekdays have names (MON,
 * jan); 0 and 7 are Sunday, and a range of weekdays may end on it (FRI-SUN). `?`
 * stands for `*` in the two fields for days. Instead of five fields: @hourly
 * @daily @midnight @weekly @monthly @yearly @annually.
 *
 * Which days, as Vixie cron has it: when the day of month and the day of week
 * are both restricted, a day that fits EITHER counts; a field that begins with
 * `*` restricts nothing (its step still counts: then both must fit).
 *
 * Times are minutes of the wall clock, counted from 1970-01-01 00:00 on that very
 * clock; nothing here knows of zones. */
#ifndef KEEL_CRON_H
#define KEEL_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Bit n is value n; weekday 0 is Sunday. */
struct cron {
	uint64_t minute;
	uint32_t hour, dom, month, dow;
	bool either;		/* dom or dow, not dom and dow */
};

/* Read the n bytes of text. ERR_INPUT names the field and what was expected; so
 * are dates that no year has (30 February). *c is untouched then. */
int cron_parse(struct cron *c, const char *text, size_t n, struct err *e);

/* The first minute at or after `from` that fits. ERR_NOTFOUND when none comes
 * before the year 10000 (or `from` is before the year 1000). */
int cron_next(const struct cron *c, int64_t from, int64_t *out);

/* How many minutes of [from, to) fit; 0 for times out of cron_next's years. */
int64_t cron_count(const struct cron *c, int64_t from, int64_t to);

/* Whether it fires in every hour (of its days): an interval rather than a time. */
bool cron_hourly(const struct cron *c);

#endif
