/* cron.c -- any text: refused with a sentence, or an expression whose next minutes
 * come in order, fit it, and are as many as it counts. */
#include "cron.h"
#include "fuzz.h"

static bool fits(const struct cron *c, int64_t minute)
{
	return c->minute >> (minute % 60) & 1 &&
	       c->hour >> (minute / 60 % 24) & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct cron c, again;
	int64_t at = 20000 * 1440, next = 0;
	int rc, i;

	rc = cron_parse(&c, (const char *)p, n, &e);
	if (rc != 0) {
		expect(rc == ERR_INPUT && e.msg[0] != 0);
		return 0;
	}
	expect(c.minute != 0 && c.minute >> 60 == 0);
	expect(c.hour != 0 && c.hour >> 24 == 0);
	expect(c.dom != 0 && (c.dom & 1) == 0);
	expect(c.month != 0 && (c.month & 1) == 0 && c.month >> 13 == 0);
	expect(c.dow != 0 && c.dow >> 7 == 0);
	expect(cron_parse(&again, (const char *)p, n, &e) == 0);
	for (i = 0; i < 20; i++) {
		/* what was let through comes, and 29 February within 40 years */
		expect(cron_next(&c, at, &next) == 0);
		expect(next >= at && next - at < 41LL * 366 * 1440);
		expect(fits(&c, next));
		expect(cron_count(&c, at, next) == 0);
		expect(cron_count(&c, at, next + 1) == 1);
		at = next + 1;
	}
	expect(cron_count(&c, 20000 * 1440, at) == 20);
	(void)cron_next(&c, INT64_MAX, &next);
	(void)cron_next(&c, INT64_MIN, &next);
	expect(cron_count(&c, INT64_MIN, INT64_MAX) == 0);
	return 0;
}
