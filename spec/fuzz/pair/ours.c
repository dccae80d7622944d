/* ours.c -- the source in a run, and what is promised of the two together. */
#include <lauxlib.h>
#include <stdio.h>

#include "fuzz.h"
#include "sandbox.h"
#include "tell.h"

static void finish(lua_State *co, int rc, int n, struct outcome *out)
{
	int i;

	expect(rc != LUA_YIELD);	/* nobody is there to yield to */
	if (rc == SANDBOX_DIED) {
		out->end = PAIR_CAP;
	} else if (rc != LUA_OK) {
		out->end = PAIR_ERROR;
		tell_value(co, -1, 0);
	} else {
		out->end = PAIR_OK;
		for (i = 0; i < n && i < 50; i++)
			tell_value(co, i - n, 0);
	}
}

/* A state that died answers, and nothing else. */
static void check_dead(struct sandbox *s, lua_State *co)
{
	struct err e;
	int n;

	expect(sandbox_dead(s) != SANDBOX_ALIVE);
	expect(sandbox_load(s, "return 1", 8, "@y", &e) == ERR_LIMIT);
	expect(sandbox_push(s, co, tell_open, NULL, 0, &e) == ERR_LIMIT);
	expect(sandbox_resume(s, co, 0, &n) == SANDBOX_DIED);
}

static void run(struct sandbox *s, const char *src, size_t len,
		struct outcome *out)
{
	lua_State *co;
	struct err e;
	int rc, n = 0;

	rc = sandbox_load(s, src, len, "@x", &e);
	if (rc == 0)
		rc = sandbox_thread(s, &co, &e);
	if (rc != 0) {
		expect(rc == ERR_INPUT || rc == ERR_LIMIT);
		expect((rc == ERR_LIMIT) == (sandbox_dead(s) != SANDBOX_ALIVE));
		out->end = rc == ERR_LIMIT ? PAIR_CAP : PAIR_REFUSED;
		tell_text(e.msg);
		return;
	}
	sandbox_claim_thread(co, true);
	while ((rc = sandbox_resume(s, co, 0, &n)) == SANDBOX_PREEMPTED)
		;
	finish(co, rc, n, out);
	if (rc == SANDBOX_DIED)
		check_dead(s, co);
	else
		expect(sandbox_dead(s) == SANDBOX_ALIVE);
}

void pair_ours(const char *src, size_t n, const struct pair_caps *caps,
	       struct outcome *out)
{
	struct sandbox_caps c = {
		.instructions = caps->instructions, .memory_bytes = caps->memory,
		.seed = PAIR_SEED, .gc_pause = caps->gc_pause
	};
	struct sandbox *s;
	struct err e;

	out->told.n = 0;
	out->told.cut = false;
	telling = &out->told;
	expect(sandbox_open(&s, &c, &e) == 0);
	expect(sandbox_push(s, sandbox_state(s), tell_open, NULL, 0, &e) == 0);
	sandbox_begin(s);
	sandbox_set_slice(s, caps->slice);
	run(s, src, n, out);
	out->death = (int)sandbox_dead(s);
	snprintf(out->where, sizeof(out->where), "%s", sandbox_where(s));
	out->script = sandbox_script_instructions(s);
	out->total = sandbox_total_instructions(s);
	out->peak = sandbox_peak_bytes(s);
	expect(out->peak <= caps->memory);
	expect(sandbox_used_bytes(s) <= out->peak);
	sandbox_close(s);
}

/* ---- both ------------------------------------------------------------------- */

static bool same_text(const struct told *a, const struct told *b)
{
	return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
}

static bool tells(const struct outcome *o, const char *words)
{
	return memmem(o->told.text, o->told.n, words, strlen(words)) != NULL;
}

/* Where a difference is wanted, or is one of limits that are not the same. */
static bool may_differ(const struct outcome *a, const struct outcome *b)
{
	static const char *const words[] = {
		"overflow", "its order cannot be replayed", "not enough memory",
		"keys of a table collide", "'__gc' is not available",
		"invalid order function", "C-call boundary", "too many C levels",
		"error in error handling", "too many captures to",
		"nested coroutine",
		"nan",		/* in a run it has no sign */
		NULL
	};
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (tells(a, words[i]) || tells(b, words[i]))
			return true;
	return a->told.cut || b->told.cut;
}

static void show(const char *who, const struct outcome *o)
{
	fprintf(stderr, "---- %s: end %d death %d at '%s' script %lld total %lld"
		" peak %zu told %zu:\n", who, (int)o->end, o->death, o->where,
		(long long)o->script, (long long)o->total, o->peak, o->told.n);
	fwrite(o->told.text, 1, o->told.n, stderr);
	fputc('\n', stderr);
}

static void must(bool holds, const char *what, const char *src, size_t n,
		 const struct outcome *a, const struct outcome *b)
{
	if (holds)
		return;
	fprintf(stderr, "---- %s, of:\n", what);
	fwrite(src, 1, n, stderr);
	fputc('\n', stderr);
	show("first", a);
	show("second", b);
	fuzz_broken(what, __FILE__, __LINE__);
}

/* A second run of ours: the same in every way that is promised. */
static void check_again(const char *src, size_t n, const struct pair_caps *caps,
			unsigned turn, const struct outcome *first)
{
	static const int pauses[] = { 0, 0, 110, 1000 };
	static const int64_t slices[] = { 0, 1, 7, 97, 1009 };
	static struct outcome again;
	struct pair_caps c = *caps;
	bool equal;

	c.slice = slices[turn % 5];
	c.gc_pause = pauses[turn / 5 % 4];
	pair_ours(src, n, &c, &again);
	if (c.gc_pause != caps->gc_pause &&	/* collections pay */
	    (first->end == PAIR_CAP || again.end == PAIR_CAP))
		return;
	must(first->end == again.end, "another end", src, n, first, &again);
	must(first->death == again.death, "another death", src, n, first, &again);
	must(same_text(&first->told, &again.told), "another text", src, n,
	     first, &again);
	must(first->script == again.script, "another count", src, n, first,
	     &again);
	must(strcmp(first->where, again.where) == 0, "another place", src, n,
	     first, &again);
	equal = first->total == again.total;
	must(equal || c.gc_pause != caps->gc_pause, "another total", src, n,
	     first, &again);
}

void pair_check(const char *src, size_t n, unsigned turn, bool stock_too)
{
	const struct pair_caps caps = { .instructions = 300000,
					.memory = 1 << 20 };
	static struct outcome ours, stock;
	char text[400];

	pair_ours(src, n, &caps, &ours);
	if (getenv("FUZZ_SHOW") != NULL) {
		fwrite(src, 1, n, stderr);
		show("ours", &ours);
	}
	check_again(src, n, &caps, turn, &ours);
	if (!stock_too || ours.end == PAIR_CAP || may_differ(&ours, &ours))
		return;		/* stock Lua might have no end */
	stock_pair(src, n, &stock);
	if (stock.end == PAIR_CAP || may_differ(&ours, &stock))
		return;
	if (stock.end == PAIR_REFUSED) {
		stock.told.n = sandbox_clean(stock.told.text, stock.told.n, text,
					     sizeof(text));
		memcpy(stock.told.text, text, stock.told.n);
	}
	must(ours.end == stock.end, "another end than stock Lua's", src, n,
	     &ours, &stock);
	must(same_text(&ours.told, &stock.told), "another text than stock Lua's",
	     src, n, &ours, &stock);
}
