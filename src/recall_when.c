/* recall_when.c -- whether a row falls into the time that a question names. */
#include "recall_inside.h"

/* Month and day of a moment, UTC. Source: Howard Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms" (civil_from_days). */
static void month_and_day(int64_t ms, int *month, int *day)
{
	int64_t days = (ms >= 0 ? ms : ms - 86399999) / 86400000 + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
}

bool recall_in_time(const struct recall *r, size_t at)
{
	const struct memory_query *q = r->q;
	int64_t from = r->shelf->cards[at].from;
	int month, day;

	if (q->about_until > q->about_from)
		return from >= q->about_from && from < q->about_until;
	if (q->about_month == 0)
		return false;
	month_and_day(from, &month, &day);
	return month == q->about_month &&
	       (q->about_day == 0 || q->about_day == day);
}
