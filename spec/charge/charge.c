/* charge.c -- make charges: what one unit of fuel is worth, in time.
 *
 * Each case of cases.lua runs in a sandbox until its fuel is gone. Printed, the
 * worst first: CPU time a unit, the same against the mean of the plain VM cases,
 * and the longest stretch between two looks of the owner, with the time of it that
 * its own charge does not explain. Best of several rounds, in CPU time of the
 * thread, so that a busy machine changes little. No test passes or fails by it. */
#include <lauxlib.h>
#include <lfuel.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bind.h"
#include "sandbox.h"

#define ROUNDS 3
#define FUEL 2000000
#define MEMORY ((size_t)32 << 20)
#define LOOK 10000		/* fuel between two looks at the clock */
#define MAX_CASES 400

struct figure {
	char name[64];
	double ns;		/* a unit                                     */
	double stretch_ms;	/* the longest, and its units                 */
	double excess_ms;	/* the most that a charge does not explain    */
	double close_ms;
	int64_t units, script, stretch_units;
	char note[80];
};

static struct {
	int (*out)(lua_State *L, int can_yield);
	int64_t last_ns, last_units;
	int64_t stretch_ns, stretch_units;
	double excess_ns;
	int64_t end;
} watch;

static double vm_ns = 5;	/* a unit of the plain VM, measured first */

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void look(struct lua_Fuel *f)
{
	int64_t now = cpu_ns(), units = f->granted - f->left;
	int64_t ns = now - watch.last_ns, n = units - watch.last_units;

	if (ns > watch.stretch_ns) {
		watch.stretch_ns = ns;
		watch.stretch_units = n;
	}
	if ((double)ns - (double)n * vm_ns > watch.excess_ns)
		watch.excess_ns = (double)ns - (double)n * vm_ns;
	watch.last_ns = now;
	watch.last_units = units;
}

static int on_empty(lua_State *L, int can_yield)
{
	struct lua_Fuel *f = lua_fuel(L);
	int rc;

	(void)can_yield;
	look(f);
	if (f->granted - f->left > watch.end)
		return LUA_FUEL_DIE;
	rc = watch.out(L, 0);
	if (rc == LUA_FUEL_GO && f->left > LOOK) {
		f->granted -= f->left - LOOK;
		f->left = LOOK;
	}
	watch.last_ns = cpu_ns();
	return rc;
}

/* Run the setup, then what it returned, watched. */
static int play(struct sandbox *s, const char *src, struct figure *to)
{
	struct lua_Fuel *f = lua_fuel(sandbox_state(s));
	int64_t from_ns, units, script;
	lua_State *co;
	struct err e;
	int n, rc;

	if (sandbox_load(s, src, strlen(src), "=case", &e) != 0 ||
	    sandbox_thread(s, &co, &e) != 0) {
		snprintf(to->note, sizeof(to->note), "%.70s", e.msg);
		return -1;
	}
	rc = sandbox_resume(s, co, 0, &n);
	if (rc != LUA_OK || n != 1) {
		snprintf(to->note, sizeof(to->note), "setup: %.60s",
			 sandbox_dead(s) ? "died" : lua_tostring(co, -1));
		return -1;
	}
	units = sandbox_total_instructions(s);
	script = sandbox_script_instructions(s);
	memset(&watch, 0, sizeof(watch));
	watch.out = f->out;
	f->out = on_empty;
	watch.last_units = units;
	watch.end = units + FUEL;
	from_ns = watch.last_ns = cpu_ns();
	f->granted = units + LOOK;
	f->left = LOOK;
	rc = sandbox_resume(s, co, 0, &n);
	look(f);
	to->ns = (double)(cpu_ns() - from_ns);
	to->units = sandbox_total_instructions(s) - units;
	to->script = sandbox_script_instructions(s) - script;
	to->ns /= (double)(to->units > 0 ? to->units : 1);
	if (rc != SANDBOX_DIED)
		snprintf(to->note, sizeof(to->note), "ended: %.60s",
			 rc == LUA_OK ? "returned" : lua_tostring(co, -1));
	else if (f->nomem)
		snprintf(to->note, sizeof(to->note), "died of memory");
	return 0;
}

/* Only compile it. */
static void parse(struct sandbox *s, const char *src, struct figure *to)
{
	int64_t from_ns = cpu_ns();
	struct err e;

	if (sandbox_load(s, src, strlen(src), "=case", &e) != 0)
		snprintf(to->note, sizeof(to->note), "%.70s", e.msg);
	to->ns = (double)(cpu_ns() - from_ns);
	to->units = sandbox_total_instructions(s);
	to->script = sandbox_script_instructions(s);
	watch.stretch_ns = (int64_t)to->ns;
	watch.stretch_units = to->units;
	watch.excess_ns = to->ns - (double)to->units * vm_ns;
	to->ns /= (double)(to->units > 0 ? to->units : 1);
}

static int put_in(lua_State *L)
{
	struct buf *b = lua_touserdata(L, 1);

	return bind_decode(L, b->data, b->len) == 0;
}

/* The value that it returns, read out of the run, or put into it again. */
static void cross(struct sandbox *s, const char *src, bool out, struct figure *to)
{
	lua_State *co;
	struct buf b;
	struct err e;
	int64_t from_ns, units;
	int n = 0;

	buf_init(&b, CODEC_BYTES);
	if (sandbox_load(s, src, strlen(src), "=case", &e) != 0 ||
	    sandbox_thread(s, &co, &e) != 0 ||
	    sandbox_resume(s, co, 0, &n) != LUA_OK || n != 1) {
		snprintf(to->note, sizeof(to->note), "returned no value");
		return;
	}
	units = sandbox_total_instructions(s);
	from_ns = cpu_ns();
	n = bind_encode(co, -1, &b, &e);
	if (!out) {
		units = sandbox_total_instructions(s);
		from_ns = cpu_ns();
		n = sandbox_push(s, co, put_in, &b, 1, &e);
	}
	to->ns = (double)(cpu_ns() - from_ns);
	to->units = sandbox_total_instructions(s) - units;
	watch.stretch_ns = (int64_t)to->ns;
	watch.stretch_units = to->units;
	watch.excess_ns = to->ns - (double)to->units * vm_ns;
	to->script = 0;
	to->ns /= (double)(to->units > 0 ? to->units : 1);
	if (n != 0)
		snprintf(to->note, sizeof(to->note), "%.70s", e.msg);
	buf_release(&b);
}

static void once(const char *src, size_t memory, struct figure *to)
{
	struct sandbox_caps caps = { .memory_bytes = memory, .seed = 1 };
	struct sandbox *s;
	struct err e;
	int64_t from;

	to->note[0] = 0;
	if (sandbox_open(&s, &caps, &e) != 0) {
		fprintf(stderr, "charges: %s\n", e.msg);
		exit(1);
	}
	if (strncmp(to->name, "parse:", 6) == 0)
		parse(s, src, to);
	else if (strncmp(to->name, "out:", 4) == 0 ||
		 strncmp(to->name, "in:", 3) == 0)
		cross(s, src, to->name[0] == 'o', to);
	else
		play(s, src, to);
	to->stretch_ms = (double)watch.stretch_ns / 1e6;
	to->stretch_units = watch.stretch_units;
	to->excess_ms = watch.excess_ns / 1e6;
	from = cpu_ns();
	sandbox_close(s);
	to->close_ms = (double)(cpu_ns() - from) / 1e6;
}

static void measure(const char *src, size_t memory, struct figure *best)
{
	struct figure f = *best;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		once(src, memory, &f);
		if (i == 0 || f.ns < best->ns)
			best->ns = f.ns;
		if (i == 0 || f.excess_ms < best->excess_ms)
			best->excess_ms = f.excess_ms;
		if (i == 0 || f.close_ms < best->close_ms)
			best->close_ms = f.close_ms;
		if (i == 0 || f.stretch_ms < best->stretch_ms) {
			best->stretch_ms = f.stretch_ms;
			best->stretch_units = f.stretch_units;
		}
		best->units = f.units;
		best->script = f.script;
		memcpy(best->note, f.note, sizeof(f.note));
	}
}

static int worst_first(const void *a, const void *b)
{
	const struct figure *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static void print(const struct figure *f)
{
	printf("%8.2f %6.2fx %8.2f %8.2f %9lld %6.2f %4.0f%%  %s%s%s\n", f->ns,
	       f->ns / vm_ns, f->stretch_ms, f->excess_ms,
	       (long long)f->stretch_units, f->close_ms,
	       100.0 * (double)f->script / (double)(f->units ? f->units : 1),
	       f->name, f->note[0] ? " -- " : "", f->note);
}

/* One case: the table on top of L. */
static void run_case(lua_State *L, const char *only, struct figure *list, int *n)
{
	struct figure *f = &list[*n];
	const char *setup, *body, *src;
	size_t memory;
	int top = lua_gettop(L);

	lua_geti(L, -1, 1);
	snprintf(f->name, sizeof(f->name), "%s", lua_tostring(L, -1));
	lua_geti(L, -2, 2);
	lua_geti(L, -3, 3);
	lua_getfield(L, -4, "memory");
	setup = luaL_checkstring(L, -3);
	body = luaL_checkstring(L, -2);
	memory = lua_isnil(L, -1) ? MEMORY : (size_t)lua_tointeger(L, -1) << 20;
	src = strncmp(f->name, "parse:", 6) == 0 ? body
	      : strncmp(f->name, "out:", 4) == 0 || strncmp(f->name, "in:", 3) == 0
	      ? lua_pushfstring(L, "%s\nreturn %s", setup, body)
	      : lua_pushfstring(L, "%s\nreturn function()\nwhile true do\n%s\nend\n"
				"end", setup, body);
	if (only == NULL || strncmp(f->name, "vm:", 3) == 0 ||
	    strstr(f->name, only) != NULL) {
		measure(src, memory, f);
		++*n;
	}
	lua_settop(L, top);
}

int main(int argc, char **argv)
{
	static struct figure list[MAX_CASES];
	const char *only = argc > 2 && argv[2][0] ? argv[2] : NULL;
	lua_State *L = luaL_newstate();
	int i, n = 0, vm = 0;
	double sum = 0;

	luaL_openlibs(L);
	if (argc < 2 || luaL_dofile(L, argv[1]) != LUA_OK) {
		fprintf(stderr, "charges: %s\n", argc < 2 ? "no file of cases"
			: lua_tostring(L, -1));
		return 2;
	}
	for (i = 1; n < MAX_CASES && lua_geti(L, -1, i) == LUA_TTABLE; i++) {
		run_case(L, only, list, &n);
		lua_pop(L, 1);
		if (n > vm && strncmp(list[n - 1].name, "vm:", 3) == 0) {
			sum += list[vm++].ns;
			vm_ns = sum / vm;
		}
	}
	lua_close(L);
	qsort(list, (size_t)n, sizeof(list[0]), worst_first);
	printf("      ns  by VM  stretch   excess  of units  close  own  case\n"
	       "  a unit             ms       ms                ms\n");
	for (i = 0; i < n; i++)
		print(&list[i]);
	printf("\nA unit of the VM alone (the mean of vm:): %.2f ns.\n", vm_ns);
	return 0;
}
