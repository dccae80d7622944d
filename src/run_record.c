/* run_record.c -- the recorded part of a run: loaded, indexed, asked for. */
#include <stdlib.h>
#include <string.h>

#include "run_core.h"
#include "store_driver.h"

#define SEQ_MAX (1 << 24)		/* a record beyond is damaged */

/* ---- records ------------------------------------------------------------------ */

void run_free_records(struct run *r)
{
	int i;

	for (i = 0; i < r->records; i++) {
		free((char *)r->record[i].name);
		free((void *)r->record[i].data);
	}
	free(r->record);
	free(r->command_at);
}

static int copy_record(void *arg, const struct journal_row *row)
{
	struct run *r = arg;
	struct journal_row *grown, *to;
	void *data;

	if (row->run != r->id)
		return ERR_DAMAGED;
	if (r->records == r->record_room) {
		r->record_room = r->record_room ? 2 * r->record_room : 32;
		grown = realloc(r->record,
				(size_t)r->record_room * sizeof(*grown));
		if (grown == NULL)
			return ERR_NOMEM;
		r->record = grown;
	}
	to = &r->record[r->records];
	*to = *row;
	data = malloc(row->len ? row->len : 1);
	to->name = row->name != NULL ? strdup(row->name) : NULL;
	if (data == NULL || (row->name != NULL && to->name == NULL)) {
		free(data);
		free((char *)to->name);
		return ERR_NOMEM;
	}
	if (row->len > 0)
		memcpy(data, row->data, row->len);
	to->data = data;
	to->args = NULL;	/* a replay compares their hash */
	to->args_len = 0;
	r->records++;
	return 0;
}

struct load_op {
	struct op op;
	struct run *run;
	int64_t tail;
};

static int load_apply(struct db *db, struct op *op, struct err *e)
{
	struct load_op *l = (struct load_op *)op;
	int rc = db->driver->walk(db, l->tail, copy_record, l->run, e);

	if (rc == ERR_NOMEM)
		return err_set(e, rc, "no memory for a journal");
	if (rc == ERR_DAMAGED)
		return err_set(e, rc, "the journal of run %lld leads into "
			       "another run", (long long)l->run->id);
	return rc;
}

/* From here on the run had other sources. */
bool run_is_switch(const struct journal_row *row)
{
	return row->kind == JOURNAL_NOTE && row->name != NULL &&
	       strcmp(row->name, RUN_NOTE_SWITCH) == 0;
}

/* Commands by seq, so that a replay finds what it is compared with. */
static int index_commands(struct run *r, struct err *e)
{
	int32_t top = 0;
	int i;

	for (i = 0; i < r->records; i++) {
		const struct journal_row *row = &r->record[i];

		if (row->seq < 0 || row->seq > SEQ_MAX ||
		    (row->name == NULL && (row->kind == JOURNAL_STEP ||
					   row->kind == JOURNAL_INTENT)))
			return err_set(e, ERR_DAMAGED, "journal record %lld is "
				       "damaged", (long long)row->lsn);
		if (row->seq > top)
			top = row->seq;
	}
	r->command_top = top;
	r->command_at = calloc((size_t)top + 1, sizeof(*r->command_at));
	if (r->command_at == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a journal");
	for (i = 0; i < r->records; i++) {
		if (r->record[i].kind == JOURNAL_STEP ||
		    r->record[i].kind == JOURNAL_INTENT)
			r->command_at[r->record[i].seq] = i + 1;
		if (run_is_switch(&r->record[i]))
			r->fuel_from = r->record[i].lsn;
	}
	return 0;
}

int run_load(struct run *r, int64_t tail, struct err *e)
{
	struct load_op op = { .op = { .apply = load_apply }, .run = r,
			      .tail = tail };
	int rc = store_look(r->rn->store, &op.op, e), i, j;
	struct journal_row swap;

	if (rc != 0)
		return rc;
	for (i = 0, j = r->records - 1; i < j; i++, j--) {
		swap = r->record[i];
		r->record[i] = r->record[j];
		r->record[j] = swap;
	}
	if (r->records > 0) {
		r->tail = r->record[r->records - 1].lsn;
		r->now_ms = r->record[0].t_ms;
	}
	return index_commands(r, e);
}

const struct journal_row *run_recorded(const struct run *r, int32_t seq)
{
	if (seq > r->command_top || r->command_at == NULL ||
	    r->command_at[seq] == 0)
		return NULL;
	return &r->record[r->command_at[seq] - 1];
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

const struct journal_row *run_record(const struct run *r, int i)
{
	return &r->record[i];
}
