/* main.c -- make torture: every allocation of every scenario fails in turn.
 *
 *   torture [NAME [N]]     one scenario, or one n of it (for a debugger)
 *
 * A scenario must come through each failure without a crash (the sanitizers watch),
 * without losing a block, and with a world that still keeps its promises: its check
 * runs after each failure, with memory again. */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "torture.h"

#define SECONDS 25		/* a scenario longer than this is sampled */

static int broken;

static void complain(const struct scenario *s, long n, long count,
		     const char *what)
{
	if (broken++ < 20)
		printf("  %s: allocation %ld (%s): %s\n", s->name, n,
		       count == 1 ? "one" : count == 2 ? "two" : "all after",
		       what);
}

/* One failure; returns how many allocations the scenario asked for. */
static long once(const struct scenario *s, long n, long count)
{
	long before = torture_live(), asked;
	char why[300] = "";
	void *world = s->open();
	int rc;

	if (world == NULL) {
		complain(s, n, count, "the world could not be made");
		return 0;
	}
	torture_arm(n, count);
	rc = s->act(world, why, sizeof(why));
	asked = torture_disarm();
	if (rc != 0 && rc != TORTURE_DONE && asked < n)
		complain(s, n, count, why);
	else if (rc == 0 && asked >= n && count == LONG_MAX)
		complain(s, n, count, "said to have worked without memory");
	if (s->check != NULL && s->check(world, why, sizeof(why)) != 0)
		complain(s, n, count, why);
	s->close(world);
	if (torture_live() > before) {
		snprintf(why, sizeof(why), "%ld blocks are lost",
			 torture_live() - before);
		complain(s, n, count, why);
	}
	return asked;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void torture(const struct scenario *s)
{
	static const long counts[] = { 1, 2, LONG_MAX };
	long asked, tries = 0, stride = 1, n;
	double begun;
	size_t i;

	once(s, LONG_MAX, 1);	/* what is made only once, is made */
	begun = now();
	asked = once(s, LONG_MAX, 1);
	if ((now() - begun) * 3 * (double)asked > SECONDS)
		stride += (long)((now() - begun) * 3 * (double)asked / SECONDS);
	for (i = 0; i < 3; i++)
		for (n = 1 + (long)i % stride; n <= asked; n += stride, tries++)
			once(s, n, counts[i]);
	printf("%-24s %6ld allocations, %6ld failures tried%s\n", s->name,
	       asked, tries, stride > 1 ? " (a sample)" : "");
	fflush(stdout);
}

static void each(const struct scenario *s, int argc, char **argv)
{
	for (; s->name != NULL; s++) {
		if (argc > 1 && strcmp(argv[1], s->name) != 0)
			continue;
		if (argc > 2)
			once(s, atol(argv[2]), argc > 3 ? atol(argv[3]) : LONG_MAX);
		else
			torture(s);
	}
}

int main(int argc, char **argv)
{
	/* jansson 2.14 does not survive it: lex_unget_unsave() asserts that a
	 * byte was kept for which there was no memory. */
	json_set_alloc_funcs(torture_safe_malloc, free);
	each(lua_scenarios, argc, argv);
	each(run_scenarios, argc, argv);
	each(frontier_scenarios, argc, argv);
	if (broken > 0)
		printf("torture: %d promises broken\n", broken);
	else
		printf("torture: every promise held\n");
	return broken > 0;
}
