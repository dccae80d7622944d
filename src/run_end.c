/* run_end.c -- a run that ends by no will of its script: of a cap; and what a
 * run pays for a value that is kept. */
#include <lfuel.h>
#include <stdio.h>
#include <string.h>

#include "bind.h"
#include "run_core.h"

void run_error_value(struct buf *out, const char *code, const char *message)
{
	codec_object(out, 2);
	codec_key(out, "code", 4);
	codec_cstring(out, code);
	codec_key(out, "message", 7);
	codec_cstring(out, message);
}

void run_end_dead(struct run *r, const struct err *e)
{
	enum sandbox_death death = sandbox_dead(r->sb);
	const char *where = sandbox_where(r->sb);
	struct buf value;
	char text[200];

	r->over = true;
	snprintf(text, sizeof(text), "the script used up its %s",
		 sandbox_death_text(death));
	if (death == SANDBOX_STRETCH && where[0] != 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 ", at %s", where);
	buf_init(&value, 1024);
	run_error_value(&value, sandbox_death_name(death),
			death == SANDBOX_ALIVE && e != NULL ? e->msg : text);
	r->rn->hooks.ended(r->rn->hooks.arg, r, true, value.data, value.len);
	buf_release(&value);
}

/* It is read once more by the engine's Lua, written twice, and its bytes are stored: some
 * 5 ns for each of them. */
int run_encode(lua_State *L, int idx, int depth, struct buf *out, struct err *e)
{
	int64_t before = lua_fuel(L)->lib, parts, bytes;
	size_t start = out->len;
	int rc = bind_encode_within(L, idx, depth, out, e);

	if (rc != 0)
		return rc;
	bytes = (int64_t)(out->len - start);
	parts = lua_fuel(L)->lib - before - bytes / 8;
	if (lua_spend(L, bytes / 2 + (parts > 0 ? 2 * parts : 0)) != 0)
		return err_set(e, ERR_LIMIT, "the run ended while its value was "
			       "kept");
	return 0;
}
