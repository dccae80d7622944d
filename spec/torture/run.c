/* run.c -- scenarios of a run: opening a sandbox; an agent whose steps become
 * durable in a store; the same agent played again from its journal. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "codec.h"
#include "run.h"
#include "torture.h"

/* ---- a sandbox -------------------------------------------------------------------- */

static const char script[] =
"local t = {}\n"
"for i = 1, 50 do t[i] = ('%d:%s'):format(i, ('x'):rep(i)) end\n"
"local ok, message = pcall(error, { 'no' })\n"
"return table.concat(t, ','), ok\n";

static void *open_nothing(void)
{
	return malloc(1);
}

static int act_sandbox(void *world, char *why, size_t cap)
{
	struct sandbox_caps caps = { .instructions = 1000000, .memory_bytes = 1 << 20, .seed = 7 };
	struct sandbox *s = NULL;
	lua_State *co = NULL;
	struct err e;
	int n, rc;

	(void)world;
	rc = sandbox_open(&s, &caps, &e);
	if (rc == 0)
		rc = sandbox_load(s, script, strlen(script), "@script", &e);
	if (rc == 0)
		rc = sandbox_thread(s, &co, &e);
	if (rc != 0) {
		snprintf(why, cap, "%s", e.msg);
	} else if ((rc = sandbox_resume(s, co, 0, &n)) != LUA_OK) {
		snprintf(why, cap, "resume gave %d", rc);
	}
	sandbox_close(s);
	return rc;
}

/* ---- an agent with steps ------------------------------------------------------------ */

static const char prelude[] =
"local core, setup = ...\n"
"local function step(name, fn)\n"
"  local seq, recorded = core.begin('step', name, nil, true)\n"
"  if not recorded then core.outcome(seq, false, fn()) end\n"
"  local failed, value = core.await(seq)\n"
"  return value\n"
"end\n"
"return function()\n"
"  core.on_cancel(function(why)\n"
"    return { sum = step('undo', function() return why.sum end) }\n"
"  end)\n"
"  local sum, list = 0, {}\n"
"  for i = 1, 3 do\n"
"    local got = step('number ' .. i, function()\n"
"      core.log('info', tostring(i))\n"
"      return { n = i * setup.by, text = ('x'):rep(50) }\n"
"    end)\n"
"    sum, list[i] = sum + got.n, got\n"
"  end\n"
"  local seq = core.begin('ask', 'host', { sum = sum })\n"
"  local failed, value = core.await(seq)\n"
"  return { sum = value, list = list }\n"
"end\n";

struct world {
	struct store *store;
	int64_t tail;		/* of the record that is played again */
	int64_t written;	/* its newest log number              */
	int bodies[4];		/* how often the work of a step was done; [0]:
				 * of the command that the host performs   */
	bool gives_up;		/* the host answers with a cancellation */
	bool over, failed, wrong;
	char why[200];
};

static void say(struct world *w, const char *why)
{
	w->over = true;
	w->failed = true;
	if (w->why[0] == 0)
		snprintf(w->why, sizeof(w->why), "%s", why);
}

/* The host gives the run up, which then undoes: the sum is what the reason says. */
static int give_up(struct run *r, struct txn *t, const struct codec_reader *sum,
		   struct err *e)
{
	struct buf why;
	int rc;

	buf_init(&why, 1000);
	codec_object(&why, 2);
	codec_key(&why, "hard", 4);
	codec_bool(&why, true);
	codec_key(&why, "sum", 3);
	buf_add(&why, sum->p, (size_t)(sum->end - sum->p));
	rc = buf_err(&why, e, "why");
	if (rc == 0)
		rc = run_cancel(r, t, 7, why.data, why.len, e);
	buf_release(&why);
	return rc;
}

/* The host answers with the sum that it is asked about. */
static void on_perform(void *arg, struct run *r, const struct run_command *c)
{
	struct world *w = arg;
	struct codec_reader at;
	struct txn *t;
	struct err e;

	w->bodies[0]++;
	if (codec_member(c->args, c->args_len, "sum", &at) != 0) {
		say(w, "the host was asked something else");
		w->wrong = true;
		return;
	}
	t = txn_new();
	if (t == NULL) {
		say(w, "no memory for the host");
	} else if ((w->gives_up ? give_up(r, t, &at, &e)
			: run_finish(r, t, c->seq, false, EFFECT_IDEMPOTENT, 0,
				     6, at.p, (size_t)(at.end - at.p), &e))) {
		txn_free(t);
		say(w, e.msg);
	}
}

static void on_cancel(void *arg, struct run *r, int32_t seq)
{
	(void)arg;
	(void)r;
	(void)seq;
}

static void on_ended(void *arg, struct run *r, bool failed, const void *value,
		     size_t len)
{
	struct world *w = arg;
	struct codec_reader at;
	struct codec_item it;

	(void)r;
	w->over = true;
	if (failed) {
		say(w, "the run failed");
		return;
	}
	if (codec_member(value, len, "sum", &at) != 0 ||
	    codec_next(&at, &it) != 0 || it.integer != 60) {
		say(w, "a wrong sum");
		w->wrong = true;
	}
}

static void on_idle(void *arg, struct run *r)
{
	(void)r;
	say(arg, "the run waits for nothing");
}

static void on_diverged(void *arg, struct run *r,
			const struct run_difference *d)
{
	(void)r;
	say(arg, d->why);
	((struct world *)arg)->wrong = true;
}

static void on_log(void *arg, struct run *r, const char *level,
		   const char *text, size_t len)
{
	struct world *w = arg;

	(void)r;
	(void)level;
	if (len == 1 && *text >= '1' && *text <= '3')
		w->bodies[*text - '0']++;
}

static void on_store_failed(void *arg, struct run *r, const struct err *e)
{
	(void)r;
	say(arg, e->msg);
}

/* Start the run, or play it again from `tail`, to its end. */
static int to_its_end(struct world *w, int64_t tail, struct err *e)
{
	struct run_hooks hooks = { on_perform, on_cancel, on_ended, on_idle,
				   on_diverged, on_log, NULL, on_store_failed,
				   w };
	struct run_options o = { .id = 1 };
	struct run_boot b = { .caps = { .instructions = 1000000, .memory_bytes = 4 << 20, .seed = 7 },
			      .prelude = prelude,
			      .prelude_len = strlen(prelude) };
	struct runner *rn = NULL;
	struct txn *t = NULL;
	struct run *r = NULL;
	struct buf setup;
	int rc;

	buf_init(&setup, 1000);
	codec_object(&setup, 1);
	codec_key(&setup, "by", 2);
	codec_int(&setup, 10);
	rc = buf_err(&setup, e, "setup");
	b.setup = setup.data;
	b.setup_len = setup.len;
	if (rc == 0)
		rc = runner_open(&rn, w->store, &hooks, e);
	if (rc == 0)
		rc = run_open(&r, rn, &o, e);
	if (rc == 0 && tail != 0) {
		rc = run_load(r, tail, e);
	} else if (rc == 0 && (t = txn_new()) == NULL) {
		rc = err_set(e, ERR_NOMEM, "no memory for a transaction");
	} else if (rc == 0) {
		rc = run_append(r, t, JOURNAL_START, NULL, 0, EFFECT_PURE, 0, 5,
				setup.data, setup.len, NULL, e);
		if (rc == 0)
			rc = store_commit(w->store, t, e);
		else
			txn_free(t);
	}
	if (rc == 0)
		rc = run_start(r, &b, e);
	while (rc == 0 && !w->over) {
		runner_turn(rn);
		if (store_poll(w->store) == 0)
			sched_yield();
	}
	if (r != NULL)
		w->tail = run_tail(r);
	if (rn != NULL)
		runner_stop(rn);
	buf_release(&setup);
	/* what was submitted is told before the runner goes */
	while (w->store != NULL && store_poll(w->store) > 0)
		;
	if (rn != NULL)
		runner_close(rn);
	return rc;
}

static void *open_world(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e;

	if (w != NULL && store_open(&w->store, ":memory:",
				    &(struct store_options){ 0 }, &e) != 0) {
		fprintf(stderr, "%s\n", e.msg);
		free(w);
		w = NULL;
	}
	return w;
}

static int act_run(void *arg, char *why, size_t cap)
{
	struct world *w = arg;
	struct err e;

	if (to_its_end(w, w->tail, &e) != 0)
		snprintf(why, cap, "%s", e.msg);
	else if (w->failed)
		snprintf(why, cap, "%s", w->why);
	else
		return 0;
	return -1;
}

static int check_run(void *arg, char *why, size_t cap)
{
	struct world *w = arg;

	snprintf(why, cap, "%s", w->why);
	return w->wrong ? -1 : 0;
}

static void *open_giving_up(void)
{
	struct world *w = open_world();

	if (w != NULL)
		w->gives_up = true;
	return w;
}

/* A world whose journal holds the whole run. */
static void *recorded(struct world *w)
{
	struct store *s;
	int64_t tail;
	struct err e;

	if (w == NULL)
		return NULL;
	if (to_its_end(w, 0, &e) != 0 || w->failed)
		fprintf(stderr, "recording: %s\n", w->why);
	s = w->store;
	tail = w->tail;
	memset(w, 0, sizeof(*w));
	w->store = s;
	w->tail = w->written = tail;
	return w;
}

static void *open_recorded(void)
{
	return recorded(open_world());
}

static void *open_given_up(void)
{
	return recorded(open_giving_up());
}

/* Whatever happens to a replay, it never does the work of a recorded step again,
 * and never writes. */
static int check_replay(void *arg, char *why, size_t cap)
{
	struct world *w = arg;
	int i;

	for (i = 0; i <= 3; i++) {
		if (w->bodies[i] == 0)
			continue;
		snprintf(why, cap, "recorded step %d was done again", i);
		return -1;
	}
	if (store_next_lsn(w->store) != w->written + 1) {
		snprintf(why, cap, "a replay wrote into the journal");
		return -1;
	}
	return check_run(arg, why, cap);
}

static void close_world(void *arg)
{
	struct world *w = arg;

	store_close(w->store);
	free(w);
}

const struct scenario run_scenarios[] = {
	{ "sandbox", open_nothing, act_sandbox, NULL, free },
	{ "run", open_world, act_run, check_run, close_world },
	{ "replay", open_recorded, act_run, check_replay, close_world },
	{ "cancel", open_giving_up, act_run, check_run, close_world },
	{ "cancelled", open_given_up, act_run, check_replay, close_world },
	{ NULL, NULL, NULL, NULL, NULL }
};
