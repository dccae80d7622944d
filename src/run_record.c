/* run_record.c -- the recorded part of a run: found, indexed, read as it is needed.
 *
 * A journal is found by going back from its newest record. That first look keeps what
 * the replay must know of the whole: which record belongs to which command, and where
 * each CHUNK of records begins. The records themselves are read a chunk at a time when
 * the replay comes to them, and dropped when it has passed, so a journal takes four
 * bytes a record of memory however long it is. Chunks are counted from the newest
 * record: j is a record's distance from it, i (as the run counts) its distance from
 * the oldest. */
#include <stdlib.h>
#include <string.h>

#include "run_core.h"
#include "store_driver.h"

#define SEQ_MAX (1 << 24)		/* a record beyond is damaged */
#define CHUNK 512
#define BLOCK_FIRST ((size_t)2 << 10)
#define BLOCK ((size_t)32 << 10)

enum { ENOUGH = 1000, FOREIGN, BAD };	/* why a walk ended, beside errors */

struct block {				/* bytes of names and data */
	struct block *next;
	size_t used, size;
	char bytes[];
};

struct run_chunk {
	int64_t newest;			/* lsn of its newest record     */
	struct journal_row *row;	/* newest first; NULL: not here */
	int n;
	struct block *blocks;
};

/* ---- chunks ----------------------------------------------------------------- */

static void drop_chunk(struct run_chunk *c)
{
	struct block *b, *next;

	for (b = c->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(c->row);
	c->row = NULL;
	c->blocks = NULL;
	c->n = 0;
}

void run_free_records(struct run *r)
{
	int k;

	for (k = 0; k < r->chunks; k++)
		drop_chunk(&r->chunk[k]);
	free(r->chunk);
	free(r->command_at);
}

static void *chunk_bytes(struct run_chunk *c, const void *p, size_t n)
{
	struct block *b = c->blocks;
	size_t size;

	if (b == NULL || n > b->size - b->used) {
		size = b == NULL ? BLOCK_FIRST : BLOCK;
		size = n > size ? n : size;
		b = malloc(sizeof(*b) + size);
		if (b == NULL)
			return NULL;
		b->used = 0;
		b->size = size;
		b->next = c->blocks;
		c->blocks = b;
	}
	b->used += n;
	return memcpy(b->bytes + b->used - n, p, n);
}

/* Most records are named as the one before. */
static const char *chunk_name(struct run_chunk *c, const char *name)
{
	const char *last = c->n > 0 ? c->row[c->n - 1].name : NULL;

	if (name == NULL || (last != NULL && strcmp(last, name) == 0))
		return name != NULL ? last : NULL;
	return chunk_bytes(c, name, strlen(name) + 1);
}

static int chunk_add(struct run_chunk *c, int most, const struct journal_row *row)
{
	struct journal_row to = *row;

	if (c->row == NULL)
		c->row = malloc((size_t)most * sizeof(*c->row));
	if (c->row == NULL)
		return ERR_NOMEM;
	to.name = chunk_name(c, row->name);
	to.data = chunk_bytes(c, row->len ? row->data : "", row->len);
	to.args = NULL;		/* a replay compares their hash */
	to.args_len = 0;
	if (to.data == NULL || (row->name != NULL && to.name == NULL))
		return ERR_NOMEM;
	c->row[c->n++] = to;
	return 0;
}

/* ---- the first look ------------------------------------------------------------ */

/* From here on the run had other sources. */
bool run_is_switch(const struct journal_row *row)
{
	return row->kind == JOURNAL_NOTE && row->name != NULL &&
	       strcmp(row->name, RUN_NOTE_SWITCH) == 0;
}

static bool is_command(const struct journal_row *row)
{
	return row->kind == JOURNAL_STEP || row->kind == JOURNAL_INTENT;
}

/* Room for the command of that number. */
static int grow_commands(struct run *r, int32_t seq)
{
	int32_t room = r->command_room ? r->command_room : 64;
	int *grown;

	while (room <= seq)
		room *= 2;
	if (room > r->command_room) {
		grown = realloc(r->command_at, (size_t)room * sizeof(*grown));
		if (grown == NULL)
			return ERR_NOMEM;
		memset(grown + r->command_room, 0,
		       (size_t)(room - r->command_room) * sizeof(*grown));
		r->command_at = grown;
		r->command_room = room;
	}
	return 0;
}

/* Commands by seq, so that a replay finds what it is compared with. */
static int index_row(struct run *r, const struct journal_row *row)
{
	if (row->seq < 0 || row->seq > SEQ_MAX ||
	    (row->name == NULL && is_command(row)))
		return BAD;
	if (r->records == 0)
		r->tail = row->lsn;
	if (run_is_switch(row) && r->switched < 0) {
		r->switched = r->records;
		r->fuel_from = row->lsn;
	}
	r->now_ms = row->t_ms;
	if (row->seq > r->command_top)
		r->command_top = row->seq;
	if (!is_command(row))
		return 0;
	r->risky += row->kind == JOURNAL_INTENT &&
		    row->effect == EFFECT_AT_MOST_ONCE;
	if (row->seq >= r->command_room && grow_commands(r, row->seq) != 0)
		return ERR_NOMEM;
	if (r->command_at[row->seq] == 0)
		r->command_at[row->seq] = r->records + 1;
	return 0;
}

static int next_chunk(struct run *r, int64_t lsn)
{
	struct run_chunk *grown;

	if (r->chunks == r->chunk_room) {
		r->chunk_room = r->chunk_room ? 2 * r->chunk_room : 4;
		grown = realloc(r->chunk, (size_t)r->chunk_room * sizeof(*grown));
		if (grown == NULL)
			return ERR_NOMEM;
		r->chunk = grown;
	}
	memset(&r->chunk[r->chunks], 0, sizeof(*r->chunk));
	r->chunk[r->chunks++].newest = lsn;
	return 0;
}

struct load_op {
	struct op op;
	struct run *run;
	int64_t from, last;	/* lsn to begin with, and of the last record */
	struct run_chunk *chunk;	/* to be filled ...                  */
	int most;			/* ... with so many records          */
};

static int found(void *arg, const struct journal_row *row)
{
	struct load_op *l = arg;
	struct run *r = l->run;
	int rc = row->run != r->id ? FOREIGN : index_row(r, row);

	l->last = row->lsn;
	if (rc == 0 && r->records % CHUNK == 0)
		rc = next_chunk(r, row->lsn);
	r->records += rc == 0;
	return rc;
}

static int explain(const struct load_op *l, int rc, struct err *e)
{
	switch (rc) {
	case ERR_NOMEM:
		return err_set(e, rc, "no memory for a journal");
	case FOREIGN:
		return err_set(e, ERR_DAMAGED, "the journal of run %lld leads "
			       "into another run", (long long)l->run->id);
	case BAD:
		return err_set(e, ERR_DAMAGED, "journal record %lld is damaged",
			       (long long)l->last);
	default:
		return rc;
	}
}

static int skim_apply(struct db *db, struct op *op, struct err *e)
{
	struct load_op *l = (struct load_op *)op;

	return explain(l, db->driver->skim(db, l->from, found, l, e), e);
}

/* ---- reading again ------------------------------------------------------------- */

static int filled(void *arg, const struct journal_row *row)
{
	struct load_op *l = arg;
	int rc = row->run != l->run->id ? FOREIGN
					: chunk_add(l->chunk, l->most, row);

	return rc != 0 ? rc : l->chunk->n == l->most ? ENOUGH : 0;
}

static int fill_apply(struct db *db, struct op *op, struct err *e)
{
	struct load_op *l = (struct load_op *)op;
	int rc = db->driver->walk(db, l->from, filled, l, e);

	return rc == ENOUGH ? 0 : explain(l, rc, e);
}

static int fill(struct run *r, struct run_chunk *c, struct err *e)
{
	int before = (int)(c - r->chunk) * CHUNK, left = r->records - before;
	struct load_op l = { .op = { .apply = fill_apply }, .run = r,
			     .from = c->newest, .chunk = c,
			     .most = left < CHUNK ? left : CHUNK };
	int rc = store_look(r->rn->store, &l.op, e);

	if (rc == 0 && c->n < l.most)
		rc = err_set(e, ERR_DAMAGED, "the journal of run %lld has "
			     "changed", (long long)r->id);
	if (rc != 0)
		drop_chunk(c);
	return rc;
}

int run_load(struct run *r, int64_t tail, struct err *e)
{
	struct load_op l = { .op = { .apply = skim_apply }, .run = r,
			     .from = tail };
	int rc;

	r->switched = -1;
	rc = store_look(r->rn->store, &l.op, e);
	if (rc == 0 && r->records > 0)	/* most runs have no other */
		rc = fill(r, &r->chunk[r->chunks - 1], e);
	return rc;
}

/* Nothing may be taken for the end of the record that is not. */
static void unreadable(struct run *r, const struct err *e)
{
	if (r->over)
		return;
	r->over = true;
	r->rn->hooks.store_failed(r->rn->hooks.arg, r, e);
}

static bool fill_now(struct run *r, struct run_chunk *c)
{
	struct err e;

	if (fill(r, c, &e) == 0)
		return true;
	unreadable(r, &e);
	return false;
}

/* Record i from the oldest; NULL when it cannot be read any more, and then the run
 * is over. */
const struct journal_row *run_record(struct run *r, int i)
{
	int j = r->records - 1 - i;
	struct run_chunk *c = &r->chunk[j / CHUNK];

	if (c->row == NULL && !fill_now(r, c))
		return NULL;
	return &c->row[j % CHUNK];
}

/* The newest chunk stays: what the run waits for is in it. */
void run_pass(struct run *r)
{
	int j = r->records - 1 - r->cursor++;

	if (j >= CHUNK && j % CHUNK == 0)
		drop_chunk(&r->chunk[j / CHUNK]);
}

void run_past_record(struct run *r)
{
	int k;

	for (k = 0; k < r->chunks; k++)
		if (r->chunk[k].row != NULL)
			drop_chunk(&r->chunk[k]);
}

const struct journal_row *run_recorded(struct run *r, int32_t seq)
{
	if (seq > r->command_top || seq >= r->command_room ||
	    r->command_at[seq] == 0)
		return NULL;
	return run_record(r, r->records - r->command_at[seq]);
}

const struct journal_row *run_left(struct run *r)
{
	int32_t seq, newest = 0;

	for (seq = r->seq + 1; seq <= r->command_top && seq < r->command_room;
	     seq++)
		if (r->command_at[seq] != 0 &&
		    (newest == 0 || r->command_at[seq] < r->command_at[newest]))
			newest = seq;
	return newest != 0 ? run_recorded(r, newest) : NULL;
}

const struct journal_row *run_switch(struct run *r)
{
	return r->records > 0 && r->switched >= 0
		? run_record(r, r->records - 1 - r->switched) : NULL;
}

int run_risky(const struct run *r)
{
	return r->risky;
}

/* ---- asking -------------------------------------------------------------------------------------- */

int64_t run_id(const struct run *r)
{
	return r->id;
}

int64_t run_tail(const struct run *r)
{
	return r->tail;
}

int run_steps(const struct run *r)
{
	return r->steps;
}

int64_t run_cost(const struct run *r)
{
	return r->cost;
}

int64_t run_now(const struct run *r)
{
	return r->now_ms;
}

int run_records(const struct run *r)
{
	return r->records;
}
