/* main.c -- every cap: a script under each cap from nothing to all that it needs.
 *
 * limits [-s FUEL] FILE...   FUEL: preempt after so much
 *
 * A script runs once with room for everything. Then it runs again with 0, 1, 2, ...
 * instructions, and with 1 KiB, 1 KiB + 64, ... of memory, so that it dies at every
 * place where it can die. What must hold each time:
 *
 *   - it ends as it did, or of the cap, and of no other thing; with one instruction
 *     more it does not end earlier;
 *   - what it printed is how the whole output begins, and nothing is printed by a run
 *     that is dead;
 *   - it held no more memory than it might, and stopped soon after its last
 *     instruction;
 *   - a dead run stays dead.
 *
 * The last line is "N passed, N failed": a script under one kind of cap is one. */
#include <lfuel.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "sandbox.h"

#define FIRST 3000		/* caps of which none is left out             */
#define MORE 600		/* of the others so many, evenly spread       */
#define MEMORY ((size_t)64 << 20)
#define LATE 200000		/* fuel that one call may take past the cap   */

enum end { OK, ERROR, INSTRUCTIONS, NO_MEMORY, NO_TIME, NO_ROOM };

static const char *const name_of[] = {
	"ok", "error", "instructions", "memory", "time", "no room"
};

struct result {
	enum end end;
	int64_t total;
	size_t peak;
	struct buf lines;
	bool ghost;		/* a dead run printed   */
	bool undead;		/* a dead run went on   */
};

static int64_t slice;
static lua_State *watched;

static void on_line(void *ud, const char *text, size_t n)
{
	struct result *r = ud;

	r->ghost |= lua_fuel(watched)->dead != 0;
	buf_add(&r->lines, text, n);
	buf_add(&r->lines, "\n", 1);
}

static enum end end_of(struct sandbox *s, int rc)
{
	static const enum end of[] = { OK, INSTRUCTIONS, NO_MEMORY, NO_TIME };
	enum sandbox_death how = sandbox_dead(s);

	if (how != SANDBOX_ALIVE)
		return how > SANDBOX_WALL ? INSTRUCTIONS : of[how];
	return rc == 0 ? OK : ERROR;
}

static int go(struct sandbox *s, const struct buf *src)
{
	struct err e;
	lua_State *co;
	int rc, n = 0;

	if (sandbox_load(s, (const char *)src->data, src->len, "@script", &e) ||
	    sandbox_thread(s, &co, &e))
		return 1;
	while ((rc = sandbox_resume(s, co, 0, &n)) == SANDBOX_PREEMPTED)
		;
	return rc;
}

static void run(const struct buf *src, int64_t instructions, size_t memory,
		struct result *r)
{
	struct sandbox_caps caps = {
		.instructions = instructions, .memory_bytes = memory, .seed = 1
	};
	struct sandbox *s;
	struct err e;
	int n;

	memset(r, 0, sizeof(*r));
	buf_init(&r->lines, (size_t)8 << 20);
	if (sandbox_open(&s, &caps, &e) != 0) {
		r->end = NO_ROOM;
		return;
	}
	watched = sandbox_state(s);
	sandbox_set_slice(s, slice);
	sandbox_set_print(s, on_line, r);
	r->end = end_of(s, go(s, src));
	if (r->end >= INSTRUCTIONS)
		r->undead = sandbox_resume(s, watched, 0, &n) != SANDBOX_DIED;
	r->total = sandbox_total_instructions(s);
	r->peak = sandbox_peak_bytes(s);
	sandbox_close(s);
}

/* What is wrong with r, where whole is the run that had room; NULL: nothing. */
static const char *fault(const struct result *whole, const struct result *r,
			 int64_t instructions, size_t memory, bool of_memory)
{
	if (r->ghost)
		return "a dead run printed";
	if (r->undead)
		return "a dead run went on";
	if (r->lines.len > whole->lines.len || (r->lines.len > 0 &&
	    memcmp(r->lines.data, whole->lines.data, r->lines.len) != 0))
		return "other lines were printed";
	if (memory > 0 && r->peak > memory)
		return "it held more than its cap";
	if (r->total > instructions + LATE)
		return "it stopped late";
	if (r->end == whole->end)
		return r->lines.len == whole->lines.len ? NULL : "lines are missing";
	if (of_memory ? r->end == NO_MEMORY || r->end == NO_ROOM
		      : r->end == INSTRUCTIONS)
		return NULL;
	return "it ended otherwise";
}

static int report(const char *file, const char *what, int64_t cap,
		  const struct result *r, const char *why)
{
	printf("%s: %s %lld: %s (ended: %s, total %lld, peak %zu)\n", file, what,
	       (long long)cap, why, name_of[r->end], (long long)r->total, r->peak);
	return 1;
}

/* Every number of instructions, or enough of them. */
static int each_instruction(const char *file, const struct buf *src,
			    const struct result *whole)
{
	int64_t cap = 1, step = (whole->total - FIRST) / MORE + 1;
	bool reached = false;
	struct result r;
	const char *why;

	while (cap <= whole->total) {
		run(src, cap, MEMORY, &r);
		why = fault(whole, &r, cap, MEMORY, false);
		if (why == NULL && reached && r.end != whole->end)
			why = "one more and it ended earlier";
		reached |= r.end == whole->end;
		buf_release(&r.lines);
		if (why != NULL)
			return report(file, "instructions", cap, &r, why);
		cap += cap < FIRST ? 1 : step;
	}
	return 0;
}

static int each_size(const char *file, const struct buf *src,
		     const struct result *whole)
{
	size_t cap = 1024, step = 64;
	struct result r;
	const char *why;

	if (whole->peak / MORE > FIRST * step / MORE)
		step = whole->peak / (FIRST / 2) / 16 * 16 + 16;
	for (; cap <= whole->peak + 4096; cap += step) {
		run(src, 1000000000, cap, &r);
		why = fault(whole, &r, 1000000000, cap, true);
		buf_release(&r.lines);
		if (why != NULL)
			return report(file, "memory", (int64_t)cap, &r, why);
	}
	return 0;
}

static int read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n = 1;

	while (f != NULL && n > 0 && buf_reserve(out, 65536) != NULL) {
		n = fread(out->data + out->len, 1, 65536, f);
		out->len += n;
	}
	if (f == NULL)
		return -1;
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1, failed = 0, passed = 0, bad;
	struct result whole;
	struct buf src;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		slice = strtoll(argv[2], NULL, 10);
		i = 3;
	}
	for (; i < argc; i++) {
		buf_init(&src, (size_t)1 << 20);
		if (read_file(argv[i], &src) != 0) {
			fprintf(stderr, "limits: cannot read %s\n", argv[i]);
			return 2;
		}
		run(&src, 1000000000, MEMORY, &whole);
		printf("%s: %s, %lld instructions, %zu bytes\n", argv[i],
		       name_of[whole.end], (long long)whole.total, whole.peak);
		bad = each_instruction(argv[i], &src, &whole);
		bad += each_size(argv[i], &src, &whole);
		failed += bad;
		passed += 2 - bad;
		buf_release(&whole.lines);
		buf_release(&src);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
