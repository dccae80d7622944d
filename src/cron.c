#include "cron.h"

#include <stdio.h>
#include <string.h>

#define DAY 1440
/* 1000-01-01 and 10000-01-01 in days from 1970 */
#define FIRST_DAY (-354285LL)
#define END_DAY 2932897LL

enum field { MINUTE, HOUR, DOM, MONTH, DOW, FIELDS };

static const struct {
	const char *name, *names;	/* three letters a name, from `low` on */
	int low, high;
} fields[FIELDS] = {
	{ "minute", "", 0, 59 },
	{ "hour", "", 0, 23 },
	{ "day of month", "", 1, 31 },
	{ "month", "janfebmaraprmayjunjulaugsepoctnovdec", 1, 12 },
	{ "day of week", "sunmontuewedthufrisat", 0, 7 },
};

static const struct {
	const char *name, *text;
} nicknames[] = {
	{ "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
	{ "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
};

static const int month_days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

/* ---- reading --------------------------------------------------------------- */

struct reader {
	const char *p, *end;		/* what is left of the field */
	const char *all;		/* the field, for complaints */
	enum field f;
	struct err *e;
};

static int refuse(struct reader *r, const char *what)
{
	int n = (int)(r->end - r->all);

	return err_set(r->e, ERR_INPUT, "%s '%.*s': %s", fields[r->f].name,
		       n > 60 ? 60 : n, r->all, what);
}

static int refuse_value(struct reader *r)
{
	const char *names = r->f == MONTH ? " or JAN to DEC"
			    : r->f == DOW ? " or SUN to SAT" : "";
	char text[100];

	snprintf(text, sizeof(text), "expected a value from %d to %d%s",
		 fields[r->f].low, fields[r->f].high, names);
	return refuse(r, text);
}

static int letter(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* A name of three letters, as a value; -1 when it is none. */
static int named(const struct reader *r)
{
	const char *names = fields[r->f].names;
	size_t i;

	for (i = 0; names[i] != 0; i += 3)
		if (letter(r->p[0]) == names[i] &&
		    letter(r->p[1]) == names[i + 1] &&
		    letter(r->p[2]) == names[i + 2])
			return fields[r->f].low + (int)(i / 3);
	return -1;
}

/* What other programs have beyond five-field cron. */
static bool foreign(char c)
{
	return c != 0 && strchr("LW#H~", c) != NULL;
}

static int refuse_foreign(struct reader *r)
{
	return refuse(r, "L, W, #, H and ~ are no part of five-field cron");
}

static int read_number(struct reader *r, int *out)
{
	const char *from = r->p;
	int n = 0;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && n < 1000)
		n = n * 10 + (*r->p++ - '0');
	*out = n;
	return r->p == from ? ERR_INPUT : 0;
}

static int read_value(struct reader *r, int *out)
{
	int n;

	if (read_number(r, &n) != 0) {
		n = r->end - r->p < 3 ? -1 : named(r);
		if (n < 0 && r->p < r->end && foreign(*r->p))
			return refuse_foreign(r);
		if (n < 0)
			return refuse_value(r);
		r->p += 3;
	}
	if (n < fields[r->f].low || n > fields[r->f].high)
		return refuse_value(r);
	*out = n;
	return 0;
}

static int read_step(struct reader *r, int *step)
{
	int most = r->f == DOW ? 6 : fields[r->f].high - fields[r->f].low;
	char text[60];

	r->p++;
	if (read_number(r, step) == 0 && *step >= 1 && *step <= most)
		return 0;
	snprintf(text, sizeof(text), "expected a step from 1 to %d after '/'", most);
	return refuse(r, text);
}

/* One item of a list, into *bits. */
static int read_item(struct reader *r, uint64_t *bits)
{
	int low = fields[r->f].low, high = fields[r->f].high, step = 1, rc;
	bool days = r->f == DOM || r->f == DOW;

	if (r->p < r->end && (*r->p == '*' || (*r->p == '?' && days))) {
		r->p++;
		high = r->f == DOW ? 6 : high;
	} else {
		if ((rc = read_value(r, &low)) != 0)
			return rc;
		if (r->p >= r->end || *r->p != '/')
			high = low;
		else if (r->f == DOW)
			high = 6;
		if (r->p < r->end && *r->p == '-') {
			r->p++;
			if ((rc = read_value(r, &high)) != 0)
				return rc;
			if (r->f == DOW && high == 0)
				high = 7;
		}
	}
	if (low > high)
		return refuse(r, "expected a range from the smaller to the "
			      "larger value; write two, like 22-23,0-6");
	if (r->p < r->end && *r->p == '/' && (rc = read_step(r, &step)) != 0)
		return rc;
	for (; low <= high; low += step)
		*bits |= 1ULL << (r->f == DOW ? low % 7 : low);
	return 0;
}

static int read_field(struct reader *r, uint64_t *bits)
{
	int rc;

	*bits = 0;
	for (;;) {
		if ((rc = read_item(r, bits)) != 0)
			return rc;
		if (r->p == r->end)
			return 0;
		if (*r->p != ',')
			break;
		r->p++;
	}
	if (foreign(*r->p))
		return refuse_foreign(r);
	return refuse(r, "expected values, ranges a-b and steps /n, with ',' between");
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Some day must fit: 30 February is a slip, 29 February is not. */
static int check_dates(const struct cron *c, const char *text, size_t n,
		       struct err *e)
{
	int m, last = 0;
	size_t i;

	if (c->either)
		return 0;
	for (m = 1; m <= 12; m++)
		if ((c->month >> m & 1) && month_days[m - 1] > last)
			last = month_days[m - 1];
	for (i = 1; i <= (size_t)last; i++)
		if (c->dom >> i & 1)
			return 0;
	return err_set(e, ERR_INPUT, "'%.*s' names days that no year has: the "
		       "longest of its months has %d",
		       (int)(n > 100 ? 100 : n), text, last);
}

static int parse_fields(struct cron *c, const char *text, size_t n,
			struct err *e)
{
	const char *p = text, *end = text + n;
	uint64_t bits[FIELDS];
	bool free_day[FIELDS] = { false };
	int f = 0, rc;

	for (;;) {
		struct reader r = { .f = (enum field)f, .e = e };

		while (p < end && blank(*p))
			p++;
		if (p == end)
			break;
		r.p = r.all = p;
		while (p < end && !blank(*p))
			p++;
		r.end = p;
		if (f == FIELDS)
			return err_set(e, ERR_INPUT, "more than five fields: '%.*s' "
				       "is one too many", (int)(p - r.all > 60
				       ? 60 : p - r.all), r.all);
		free_day[f] = *r.all == '*' || *r.all == '?';
		if ((rc = read_field(&r, &bits[f])) != 0)
			return rc;
		f++;
	}
	if (f < FIELDS)
		return err_set(e, ERR_INPUT, "expected five fields (minute hour "
			       "day-of-month month day-of-week) like \"45 7 * * "
			       "1-5\", got %d", f);
	c->minute = bits[MINUTE];
	c->hour = (uint32_t)bits[HOUR];
	c->dom = (uint32_t)bits[DOM];
	c->month = (uint32_t)bits[MONTH];
	c->dow = (uint32_t)bits[DOW];
	c->either = !free_day[DOM] && !free_day[DOW];
	return check_dates(c, text, n, e);
}

int cron_parse(struct cron *c, const char *text, size_t n, struct err *e)
{
	struct cron fresh;
	size_t i;
	int rc;

	while (n > 0 && blank(*text))
		text++, n--;
	while (n > 0 && blank(text[n - 1]))
		n--;
	if (n > 0 && *text == '@') {
		for (i = 0; i < sizeof(nicknames) / sizeof(nicknames[0]); i++)
			if (strlen(nicknames[i].name) == n &&
			    memcmp(nicknames[i].name, text, n) == 0)
				break;
		if (i == sizeof(nicknames) / sizeof(nicknames[0]))
			return err_set(e, ERR_INPUT, "'%.*s': expected one of @hourly"
				       " @daily @midnight @weekly @monthly @yearly"
				       " @annually", (int)(n > 60 ? 60 : n), text);
		text = nicknames[i].text;
		n = strlen(text);
	}
	rc = parse_fields(&fresh, text, n, e);
	if (rc == 0)
		*c = fresh;
	return rc;
}

/* ---- days ------------------------------------------------------------------ */

/* A day number from 1970 as year, month 1-12, day 1-31: counted from March in
 * eras of 400 years, so that the leap day ends its year. */
static void date_of(int64_t day, int64_t *year, int *month, int *mday)
{
	int64_t era, doe, yoe, doy;
	int mp;

	day += 719468;
	era = (day >= 0 ? day : day - 146096) / 146097;
	doe = day - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (int)((5 * doy + 2) / 153);
	*mday = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static int days_in(int64_t year, int month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && !leap ? 28 : month_days[month - 1];
}

static bool day_fits(const struct cron *c, int64_t day, int mday)
{
	/* 1970-01-01 was a Thursday, which is 4 */
	int wday = (int)(((day + 4) % 7 + 7) % 7);
	bool dom = c->dom >> mday & 1, dow = c->dow >> wday & 1;

	return c->either ? dom || dow : dom && dow;
}

/* The first day at or after `day` that fits; -1 in *found when none is left. */
static bool next_day(const struct cron *c, int64_t day, int64_t *found)
{
	int64_t year;
	int month, mday, left;

	date_of(day, &year, &month, &mday);
	while (day < END_DAY) {
		left = days_in(year, month) - mday + 1;
		if (c->month >> month & 1) {
			for (; left > 0; left--, day++, mday++) {
				if (day_fits(c, day, mday)) {
					*found = day;
					return day < END_DAY;
				}
			}
		} else {
			day += left;
		}
		mday = 1;
		if (++month > 12) {
			month = 1;
			year++;
		}
	}
	return false;
}

/* ---- minutes ----------------------------------------------------------------- */

/* The first minute of a day at or after `from` that fits, or -1. */
static int next_in_day(const struct cron *c, int from)
{
	int hour = from / 60;
	uint64_t rest = c->minute >> (from % 60) << (from % 60);

	if (hour < 24 && (c->hour >> hour & 1) && rest != 0)
		return hour * 60 + __builtin_ctzll(rest);
	if (++hour >= 24 || c->hour >> hour == 0)
		return -1;
	hour += __builtin_ctz(c->hour >> hour);
	return hour * 60 + __builtin_ctzll(c->minute);
}

static int64_t day_of(int64_t minute)
{
	return minute >= 0 ? minute / DAY : -((-minute + DAY - 1) / DAY);
}

int cron_next(const struct cron *c, int64_t from, int64_t *out)
{
	int64_t day, fit;
	int in_day;

	if (from < FIRST_DAY * DAY || from >= END_DAY * DAY)
		return ERR_NOTFOUND;
	day = day_of(from);
	if (!next_day(c, day, &fit))
		return ERR_NOTFOUND;
	in_day = next_in_day(c, fit == day ? (int)(from - day * DAY) : 0);
	if (in_day < 0) {
		/* nothing is left of this day */
		if (!next_day(c, fit + 1, &fit))
			return ERR_NOTFOUND;
		in_day = next_in_day(c, 0);
	}
	*out = fit * DAY + in_day;
	return 0;
}

/* Those of a day before minute `to` of it. */
static int count_in_day(const struct cron *c, int to)
{
	uint64_t part = (1ULL << (to % 60)) - 1;
	uint32_t hours = to / 60 >= 24 ? c->hour
				       : c->hour & ((1U << (to / 60)) - 1);
	int n = __builtin_popcount(hours) * __builtin_popcountll(c->minute);

	if (to / 60 < 24 && (c->hour >> (to / 60) & 1))
		n += __builtin_popcountll(c->minute & part);
	return n;
}

/* Those of the days [first fitting.., day) and of `day` before its minute. */
static int64_t count_before(const struct cron *c, int64_t from_day, int64_t to)
{
	int64_t last = day_of(to), day = from_day, n = 0;

	while (next_day(c, day, &day) && day <= last) {
		n += count_in_day(c, day < last ? DAY : (int)(to - last * DAY));
		day++;
	}
	return n;
}

int64_t cron_count(const struct cron *c, int64_t from, int64_t to)
{
	if (from < FIRST_DAY * DAY || to >= END_DAY * DAY || from >= to)
		return 0;
	return count_before(c, day_of(from), to) -
	       count_before(c, day_of(from), from);
}

bool cron_hourly(const struct cron *c)
{
	return c->hour == 0xffffff;
}
