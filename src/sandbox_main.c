/* sandbox_main.c -- keel sandbox: a plain Lua file as a run.
 *
 * One line a run: what became of it, its first result as JSON, its counts. The
 * values of the script are read raw, inside the caps, and then the state is
 * destroyed; nothing is left for the next run. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <lfuel.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "clock.h"
#include "json.h"
#include "sandbox.h"

#define SEED 1			/* the default: the same run in every process */
#define RESULT_BYTES ((size_t)16 << 20)

#define PORTION 512		/* units of fuel that are paid at once */

struct options {
	struct sandbox_caps caps;
	int64_t runs, slice;
	bool json;
	const char *file;
};

struct report {
	const char *outcome;	/* ok error instructions memory wall      */
	struct buf result;	/* JSON, when ok                          */
	struct err error;
	int64_t instructions, total, preempted, us;
	size_t peak;
};

/* ---- the command line -------------------------------------------------------- */

static int usage(const char *why, const char *what)
{
	char text[200] = "";

	if (what != NULL)
		sandbox_clean(what, strlen(what), text, sizeof(text));
	if (why != NULL)
		fprintf(stderr, "keel sandbox: %s%s\n", why, text);
	fputs("usage: keel sandbox [--instructions N] [--memory BYTES] "
	      "[--wall MS]\n"
	      "                    [--runs N] [--seed N] [--slice FUEL]\n"
	      "                    [--json] FILE\n",
	      stderr);
	return 2;
}

static int number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != 0 || *out < 0 ? -1 : 0;
}

/* --name N or --name=N: 1 taken, 0 another option, -1 no number. */
static int take(const char *name, int argc, char **argv, int *i, int64_t *out)
{
	size_t n = strlen(name);

	if (strncmp(argv[*i], name, n) != 0)
		return 0;
	if (argv[*i][n] == '=')
		return number(argv[*i] + n + 1, out) ? -1 : 1;
	if (argv[*i][n] != 0)
		return 0;
	if (*i + 1 >= argc)
		return -1;
	return number(argv[++*i], out) ? -1 : 1;
}

static int read_option(struct options *o, int argc, char **argv, int *i)
{
	int64_t memory = (int64_t)o->caps.memory_bytes;
	int64_t seed = (int64_t)o->caps.seed;
	int rc;

	if ((rc = take("--instructions", argc, argv, i,
		       &o->caps.instructions)) ||
	    (rc = take("--memory", argc, argv, i, &memory)) ||
	    (rc = take("--wall", argc, argv, i, &o->caps.wall_ms)) ||
	    (rc = take("--slice", argc, argv, i, &o->slice)) ||
	    (rc = take("--runs", argc, argv, i, &o->runs)) ||
	    (rc = take("--seed", argc, argv, i, &seed))) {
		o->caps.memory_bytes = (size_t)memory;
		o->caps.seed = (uint64_t)seed;
		return rc;
	}
	if (strcmp(argv[*i], "--json") != 0)
		return 0;
	o->json = true;
	return 1;
}

static int read_options(struct options *o, int argc, char **argv)
{
	int i, rc;

	for (i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (strcmp(arg, "--help") == 0)
			return usage(NULL, NULL);
		if (arg[0] != '-' || arg[1] == 0) {
			if (o->file != NULL)
				return usage("one file, please: ", arg);
			o->file = arg;
			continue;
		}
		rc = read_option(o, argc, argv, &i);
		if (rc < 0)
			return usage("a number is wanted for ", arg);
		if (rc == 0)
			return usage("unknown option ", arg);
	}
	if (o->runs < 1)
		return usage("at least one run, please", NULL);
	return o->file == NULL ? usage("no file", NULL) : 0;
}

static int read_file(const char *path, struct buf *out, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	while (n > 0 && buf_reserve(out, 65536) != NULL) {
		n = read(fd, out->data + out->len, 65536);
		if (n < 0)
			break;
		out->len += (size_t)n;
	}
	if (n < 0)
		err_errno(e, errno, "%s", path);
	if (fd > 0)
		close(fd);
	return n < 0 ? e->code : buf_err(out, e, path);
}

/* ---- one run ------------------------------------------------------------------- */

/* Units of fuel that the shortest text of a float costs. */
static int64_t float_cost(double v)
{
	int exponent;

	if (codec_float_quick(v))
		return 8;
	frexp(v, &exponent);
	return 240 + abs(exponent) / 4;
}

/* Pay for the text of a value, and skip it; nonzero when the run is dead of it. What is
 * spelled in a string is six times as long, at most. */
static int pay_text(lua_State *co, struct codec_reader *r, int64_t *owed)
{
	const unsigned char *key;
	struct codec_item it;
	size_t i, len;

	if (codec_next(r, &it))
		return ERR_DAMAGED;
	*owed += 4;
	if (it.type == CODEC_FLOAT)
		*owed += float_cost(it.number);
	else if (it.type == CODEC_STRING)
		*owed += 2 + (int64_t)(it.len >> 1);
	if (*owed >= PORTION) {
		if (lua_spend(co, *owed))
			return ERR_LIMIT;
		*owed = 0;
	}
	if (it.type != CODEC_ARRAY && it.type != CODEC_OBJECT)
		return 0;
	for (i = 0; i < it.len; i++) {
		if (it.type == CODEC_OBJECT) {
			codec_next_key(r, &key, &len);
			*owed += 4 + (int64_t)(len >> 1);
		}
		if (pay_text(co, r, owed))
			return ERR_LIMIT;
	}
	return 0;
}

/* The first result, encoded: raw reads, so no metamethod runs. The run pays, for
 * the text too. */
static int encode_result(lua_State *co, int nresults, struct buf *json,
			 struct err *e)
{
	struct codec_reader r;
	struct buf bytes;
	int64_t owed = 0;
	int rc = 0;

	sandbox_begin_call(sandbox_of(co));
	buf_init(&bytes, RESULT_BYTES);
	if (nresults == 0)
		codec_null(&bytes);
	else
		rc = bind_encode(co, -nresults, &bytes, e);
	if (rc == 0) {
		codec_read(&r, bytes.data, bytes.len);
		rc = pay_text(co, &r, &owed);
	}
	if (rc == 0)
		rc = lua_spend(co, owed);
	if (rc == 0)
		rc = json_write(bytes.data, bytes.len, 0, json, e);
	buf_release(&bytes);
	return rc;
}

static void note_death(struct sandbox *s, struct report *r)
{
	const char *where = sandbox_where(s);

	r->outcome = sandbox_death_name(sandbox_dead(s));
	err_set(&r->error, ERR_LIMIT, "the run is out of %s%s%s",
		sandbox_death_text(sandbox_dead(s)), where[0] ? " at " : "",
		where);
}

static void run_loaded(struct sandbox *s, struct report *r)
{
	char text[400];
	lua_State *co;
	int rc, n = 0;

	if (sandbox_thread(s, &co, &r->error) != 0)
		return;
	sandbox_claim_thread(co, true);
	while ((rc = sandbox_resume(s, co, 0, &n)) == SANDBOX_PREEMPTED)
		r->preempted++;
	if (rc == SANDBOX_DIED)
		return;
	if (rc == LUA_YIELD) {
		err_set(&r->error, ERR_STATE, "the script yielded to nobody");
	} else if (rc != LUA_OK) {
		sandbox_error_text(co, -1, text, sizeof(text));
		err_set(&r->error, ERR_STATE, "%s", text);
	} else if (encode_result(co, n, &r->result, &r->error) == 0) {
		r->outcome = "ok";
	} else if (r->error.code == ERR_NOMEM) {
		r->outcome = "memory";
	}
}

/* What a script prints begins with a bar, so that it cannot pose as a report. */
static void print_line(void *ud, const char *text, size_t n)
{
	fprintf(ud, "| %.*s\n", (int)n, text);
}

static void run_once(const struct options *o, const struct buf *src,
		     const char *name, struct report *r)
{
	int64_t start = clock_mono_us();
	struct sandbox *s = NULL;

	r->outcome = "error";
	if (sandbox_open(&s, &o->caps, &r->error) != 0) {
		r->outcome = "memory";
		r->us = clock_mono_us() - start;
		return;
	}
	sandbox_set_slice(s, o->slice);
	sandbox_set_print(s, print_line, o->json ? stderr : stdout);
	if (sandbox_load(s, (const char *)src->data, src->len, name,
			 &r->error) == 0)
		run_loaded(s, r);
	if (sandbox_dead(s) != SANDBOX_ALIVE)
		note_death(s, r);
	r->instructions = sandbox_script_instructions(s);
	r->total = sandbox_total_instructions(s);
	r->peak = sandbox_peak_bytes(s);
	sandbox_close(s);
	r->us = clock_mono_us() - start;
}

/* ---- the report ------------------------------------------------------------------ */

static bool is_ok(const struct report *r)
{
	return strcmp(r->outcome, "ok") == 0;
}

static int exit_code(const struct report *r)
{
	return is_ok(r) ? 0 : strcmp(r->outcome, "error") == 0 ? 3 : 4;
}

static void put(const struct buf *b)
{
	if (b->len > 0)
		fwrite(b->data, 1, b->len, stdout);
	fflush(stdout);
}

/* Every run has its line, even where there is no memory to write it. */
static void print_json(struct report *r)
{
	char text[600];
	struct buf b;

	buf_init(&b, 4 * RESULT_BYTES);
	buf_fmt(&b, "{\"outcome\":\"%s\",\"result\":", r->outcome);
	if (is_ok(r))
		buf_add(&b, r->result.data, r->result.len);
	else
		buf_str(&b, "null");
	buf_str(&b, ",\"error\":");
	if (is_ok(r))
		buf_str(&b, "null");
	else
		json_quote((const unsigned char *)text,
			   sandbox_clean(r->error.msg, strlen(r->error.msg),
					 text, sizeof(text)), &b);
	buf_fmt(&b, ",\"instructions\":%" PRId64 ",\"total\":%" PRId64
		",\"preempted\":%" PRId64 ",\"peak_bytes\":%zu"
		",\"ms\":%.3f}\n", r->instructions, r->total,
		r->preempted, r->peak, (double)r->us / 1000);
	if (b.failed) {
		r->outcome = "memory";
		b.len = 0;
		printf("{\"outcome\":\"memory\",\"result\":null,"
		       "\"error\":\"no memory for the report\","
		       "\"instructions\":%" PRId64 ",\"total\":%" PRId64
		       ",\"preempted\":%" PRId64 ",\"peak_bytes\":%zu"
		       ",\"ms\":%.3f}\n", r->instructions, r->total,
		       r->preempted, r->peak, (double)r->us / 1000);
	}
	put(&b);
	buf_release(&b);
}

static void print_text(const struct report *r)
{
	char text[600];

	sandbox_clean(r->error.msg, strlen(r->error.msg), text, sizeof(text));
	if (is_ok(r))
		put(&r->result);
	else
		printf("%s: %s", r->outcome, text);
	printf("\n%s, %" PRId64 " instructions, peak %zu KiB, %.1f ms\n",
	       r->outcome, r->instructions, r->peak >> 10,
	       (double)r->us / 1000);
}

static int run_all(const struct options *o, const struct buf *src)
{
	char name[80];
	int64_t i;
	int worst = 0, code;

	snprintf(name, sizeof(name), "@%s", o->file);
	for (i = 0; i < o->runs; i++) {
		struct report r = { 0 };

		buf_init(&r.result, 4 * RESULT_BYTES);
		run_once(o, src, name, &r);
		if (o->json)
			print_json(&r);
		else
			print_text(&r);
		code = exit_code(&r);
		worst = code > worst ? code : worst;
		buf_release(&r.result);
	}
	return worst;
}

int sandbox_main(int argc, char **argv)
{
	struct options o = {
		.caps = { .instructions = 20000000, .memory_bytes = 32 << 20,
			  .wall_ms = 2000, .seed = SEED },
		.runs = 1,
	};
	char text[400];
	struct buf src;
	struct err e;
	int rc = read_options(&o, argc, argv);

	if (rc != 0)
		return rc;
	buf_init(&src, (size_t)8 << 20);
	if (read_file(o.file, &src, &e) != 0) {
		sandbox_clean(e.msg, strlen(e.msg), text, sizeof(text));
		fprintf(stderr, "keel sandbox: %s\n", text);
		rc = 2;
	} else {
		rc = run_all(&o, &src);
	}
	buf_release(&src);
	return rc;
}
