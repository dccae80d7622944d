/* oracle.c -- when cron expressions fire in a zone, found the slow way.
 *
 *   oracle ZONE FROM_YEAR TO_YEAR FOLDER <expressions
 *
 * Walks every minute of the years through the C library's localtime_r and asks of each
 * whether the expression fits what the wall clock shows. It shares no code with the
 * product: no search for a next time, no reading of the tz database, no arithmetic of
 * dates but the library's. A line of input is "GAP FOLD minute hour dom month dow";
 * FOLDER/N gets the firings of line N as 64-bit minutes of UTC. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MOST 400

struct line {
	bool set[5][64];		/* by field and value */
	bool star_dom, star_dow, shift, twice;
	FILE *out;
};

/* One minute of a wall clock. */
struct wall {
	int minute, hour, dom, month, dow;
};

static struct line lines[MOST];
static int n_lines;
static int of_minute[60][MOST], n_of_minute[60];	/* the lines that name a minute */

static int value_of(const char *text, int field)
{
	static const char *const names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
		"JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "SUN", "MON", "TUE", "WED",
		"THU", "FRI", "SAT" };
	int i;

	for (i = 0; i < 19; i++)
		if (strncasecmp(text, names[i], 3) == 0)
			return field == 3 ? i + 1 : i - 12;
	return atoi(text);
}

/* One item of a list: asks of each value whether the item holds it. */
static void add_item(bool *set, const char *item, int field)
{
	static const int lows[] = { 0, 0, 1, 1, 0 }, highs[] = { 59, 23, 31, 12, 6 };
	const char *dash = strchr(item, '-'), *slash = strchr(item, '/');
	int low = lows[field], high = highs[field], step = 1, v;

	if (slash != NULL)
		step = atoi(slash + 1);
	if (*item != '*' && *item != '?') {
		low = value_of(item, field);
		if (dash != NULL)
			high = value_of(dash + 1, field);
		else if (slash == NULL)
			high = low;
		if (field == 4 && dash != NULL && high == 0)
			high = 7;
	}
	for (v = low; v <= high; v++)
		if ((v - low) % step == 0)
			set[field == 4 && v == 7 ? 0 : v] = true;
}

static void add_line(char *text, const char *folder)
{
	struct line *l = &lines[n_lines];
	char *field[7], path[512], *rest = text, *item;
	int i;

	for (i = 0; i < 7; i++) {
		field[i] = strtok_r(rest, " \n", &rest);
		if (field[i] == NULL || n_lines == MOST)
			exit(2);
	}
	l->shift = strcmp(field[0], "shift") == 0;
	l->twice = strcmp(field[1], "twice") == 0;
	l->star_dom = field[4][0] == '*' || field[4][0] == '?';
	l->star_dow = field[6][0] == '*' || field[6][0] == '?';
	for (i = 0; i < 5; i++)
		for (rest = field[i + 2]; (item = strtok_r(rest, ",", &rest)) != NULL;)
			add_item(l->set[i], item, i);
	for (i = 0; i < 60; i++)
		if (l->set[0][i])
			of_minute[i][n_of_minute[i]++] = n_lines;
	snprintf(path, sizeof(path), "%s/%d", folder, ++n_lines);
	l->out = fopen(path, "wb");
	if (l->out == NULL)
		exit(2);
}

static bool shows(const struct line *l, const struct wall *w)
{
	bool dom = l->set[2][w->dom], dow = l->set[4][w->dow];

	return l->set[0][w->minute] && l->set[1][w->hour] && l->set[3][w->month] &&
	       (l->star_dom || l->star_dow ? dom && dow : dom || dow);
}

static void fire(struct line *l, int64_t utc_minute)
{
	fwrite(&utc_minute, sizeof(utc_minute), 1, l->out);
}

/* The wall clock as a count of minutes, and back; by the library, in UTC. */
static int64_t count_of(const struct tm *tm)
{
	struct tm copy = *tm;

	copy.tm_isdst = 0;
	copy.tm_gmtoff = 0;
	return timegm(&copy) / 60;
}

static struct wall wall_of(int64_t count)
{
	time_t t = (time_t)count * 60;
	struct tm tm;

	gmtime_r(&t, &tm);
	return (struct wall){ tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon + 1, tm.tm_wday };
}

/* Whether the clock leapt over a minute of the line: it lost [from, to). */
static bool lost(const struct line *l, int64_t from, int64_t to)
{
	struct wall w;

	for (; from < to; from++) {
		w = wall_of(from);
		if (shows(l, &w))
			return true;
	}
	return false;
}

/* A minute that the clock shows; `seen` when it showed it before; before it [from, to)
 * was lost. */
static void minute(int64_t utc, const struct tm *tm, bool seen, int64_t from, int64_t to)
{
	struct wall now = { tm->tm_min, tm->tm_hour, tm->tm_mday, tm->tm_mon + 1, tm->tm_wday };
	struct line *l;
	int i;

	for (i = 0; from < to && i < n_lines; i++) {
		l = &lines[i];
		if (shows(l, &now) || (l->shift && lost(l, from, to)))
			fire(l, utc);
	}
	for (i = 0; from == to && i < n_of_minute[tm->tm_min]; i++) {
		l = &lines[of_minute[tm->tm_min][i]];
		if (shows(l, &now) && (!seen || l->twice))
			fire(l, utc);
	}
}

static void walk(int from_year, int to_year)
{
	struct tm first = { .tm_year = from_year - 1900, .tm_mday = 1 };
	struct tm end = { .tm_year = to_year - 1900, .tm_mday = 1 };
	int64_t utc = timegm(&first) / 60, stop = timegm(&end) / 60;
	int64_t highest = INT64_MIN, count, lost_from;
	struct tm tm;
	time_t t;

	/* what was shown before the first minute */
	t = (time_t)(utc - 1) * 60;
	localtime_r(&t, &tm);
	highest = count_of(&tm);
	for (; utc < stop; utc++) {
		t = (time_t)utc * 60;
		localtime_r(&t, &tm);
		count = count_of(&tm);
		lost_from = count > highest + 1 ? highest + 1 : count;
		minute(utc, &tm, count <= highest, lost_from, count);
		if (count > highest)
			highest = count;
	}
}

int main(int argc, char **argv)
{
	char text[512];
	int i;

	if (argc != 5)
		return 2;
	setenv("TZ", argv[1], 1);
	tzset();
	while (fgets(text, sizeof(text), stdin) != NULL)
		add_line(text, argv[4]);
	walk(atoi(argv[2]), atoi(argv[3]));
	for (i = 0; i < n_lines; i++)
		if (fclose(lines[i].out) != 0)
			return 2;
	return 0;
}
