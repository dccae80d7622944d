/* sandbox.h -- one lua_State for one run, with caps that a script cannot move.
 *
 * What it promises, whatever the script does:
 *   - it runs at most caps.instructions, counted in VM instructions and library
 *     work together, and at most caps.wall_ms, in one stretch between two calls
 *     of sandbox_begin; it never holds more than caps.memory_bytes;
 *   - reaching a cap is the end of the run, not an error: no pcall, handler,
 *     coroutine or closing variable sees it, and nothing of the script runs
 *     after it. The state can then only be asked and closed;
 *   - the same source, input and seed give the same instruction counts, bytes
 *     and results in every process (a wall stop excepted);
 *   - the script reaches nothing but its own values: no files, no clock, no
 *     environment, no bytecode, no addresses, no engine tables.
 *
 * One thread at a time may use a sandbox. */
#ifndef KEEL_SANDBOX_H
#define KEEL_SANDBOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SANDBOX_SOURCE_BYTES ((size_t)256 << 10)	/* no script is larger */

/* What sandbox_resume may return beside LUA_OK, LUA_YIELD and Lua's errors. */
#define SANDBOX_DIED 7		/* a cap was reached: ask sandbox_dead        */
#define SANDBOX_PREEMPTED 8	/* its slice is used up: resume with nargs 0  */

struct sandbox_caps {		/* 0 means no cap                             */
	int64_t instructions;
	size_t memory_bytes;
	int64_t wall_ms;
	uint64_t seed;		/* of hashes, math.random and lua_draw        */
	int gc_pause;		/* collect at this % of what was left; 0: 200 */
	int slice;		/* fuel between preemptions of a run; 0: usual.
				 * No result depends on these two, and make
				 * determinism turns them to show it          */
	int64_t stretch;	/* fuel that it may burn in one piece, while slices
				 * are asked for; 0: usual, about 10 ms       */
};

enum sandbox_death {
	SANDBOX_ALIVE, SANDBOX_INSTRUCTIONS, SANDBOX_MEMORY, SANDBOX_WALL,
	SANDBOX_STRETCH		/* of instructions, where it could not yield  */
};

struct sandbox;

/* A fresh state with the safe globals. ERR_NOMEM when the cap (or the machine)
 * has no room for it. */
int sandbox_open(struct sandbox **out, const struct sandbox_caps *caps,
		 struct err *e);
void sandbox_close(struct sandbox *s);	/* NULL is fine */

/* The same, with a function in it that string.dump gave (of ours: bytecode is trusted),
 * or none when code is NULL. sandbox_push_ready pushes the function, once; may raise.
 * Opening many with the same code costs little more than opening one. */
int sandbox_open_ready(struct sandbox **out, const struct sandbox_caps *caps,
		       const char *code, size_t len, struct err *e);
void sandbox_push_ready(lua_State *L);

/* How much is copied to open a sandbox, once one was opened in this thread; 0 when each
 * is built from nothing. */
size_t sandbox_image_bytes(void);

/* The main thread; the script runs in coroutines of it. */
lua_State *sandbox_state(struct sandbox *s);

/* The sandbox that L belongs to, NULL for a trusted state. */
struct sandbox *sandbox_of(lua_State *L);

/* Full caps from here on: call it where a durable step begins. */
void sandbox_begin(struct sandbox *s);

/* What the run pays from here on is one library call, with the cap of its own that
 * such a call has: for whoever reads its values when its code has come to an end. */
void sandbox_begin_call(struct sandbox *s);

/* Preempt after about this much fuel wherever the script can yield; 0 never. With
 * slices a library call that cannot be left standing has a cap of its own, of about
 * 10 ms: nobody else has a turn meanwhile. */
void sandbox_set_slice(struct sandbox *s, int64_t fuel);

/* Compile text; the function is left on top of the main thread's stack.
 * ERR_INPUT with "NAME:LINE: ..." for a wrong source, ERR_LIMIT when it is too
 * large or a cap was reached while compiling. Control characters in the message
 * are escaped. */
int sandbox_load(struct sandbox *s, const char *src, size_t len,
		 const char *name, struct err *e);

/* Call f(ud), protected, in the main thread; what it returns (n values) is
 * moved to `to`, which may be the main thread. For everything that makes values
 * in the run's memory. ERR_LIMIT when it died of it, ERR_STATE when f raised. */
int sandbox_push(struct sandbox *s, lua_State *to, lua_CFunction f, void *ud,
		 int n, struct err *e);

/* A new coroutine with the function on top of the main thread's stack (popped)
 * as its body; it lives as long as the sandbox. */
int sandbox_thread(struct sandbox *s, lua_State **co, struct err *e);

/* Say that co is the engine's, as what sandbox_thread makes: the script cannot
 * resume, close or yield it. With `main` coroutine.running and isyieldable say so,
 * as for the main thread of a program; runs were recorded that saw otherwise. */
void sandbox_claim_thread(lua_State *co, bool main);

/* Like lua_resume. Only here does the script run. After an error the
 * coroutine is closed and the error value is on top of its stack. */
int sandbox_resume(struct sandbox *s, lua_State *co, int nargs, int *nresults);

enum sandbox_death sandbox_dead(const struct sandbox *s);

/* "instructions", "memory", "wall": what the outcome is called; and what the run is
 * out of, in words. */
const char *sandbox_death_name(enum sandbox_death how);
const char *sandbox_death_text(enum sandbox_death how);

/* "NAME:LINE" where it died or raised its last error, or "". */
const char *sandbox_where(const struct sandbox *s);

/* Since the state was opened. Script instructions depend on the script and its
 * input alone; the total adds library work, collections and allocation. */
int64_t sandbox_script_instructions(const struct sandbox *s);
int64_t sandbox_total_instructions(const struct sandbox *s);
size_t sandbox_used_bytes(const struct sandbox *s);
size_t sandbox_peak_bytes(const struct sandbox *s);

/* Where print goes: one escaped line a call; the default drops it. */
void sandbox_set_print(struct sandbox *s,
		       void (*line)(void *ud, const char *text, size_t n),
		       void *ud);

/* Describe the error value on top of L as text, without running any code of the
 * script: never raises, never allocates, escapes control characters. */
void sandbox_error_text(lua_State *L, int idx, char *out, size_t cap);

/* Copy text so that it cannot drive a terminal, begin a line or reorder what is
 * read; cut with "..." at cap. Returns the length. */
size_t sandbox_clean(const char *s, size_t len, char *out, size_t cap);

/* The command line `keel sandbox`; argv[0] is "sandbox". */
int sandbox_main(int argc, char **argv);

/* Internal to the sandbox: put the safe globals into L; may raise. */
void sandbox_open_globals(lua_State *L);
int sandbox_sort(lua_State *L);		/* table.sort: stable */
/* Sort the plain list at 1 of n elements if they are numbers of one kind; whether. */
bool sandbox_sort_numbers(lua_State *L, lua_Integer n);
void sandbox_print_line(lua_State *L, const char *text, size_t n);

#endif
