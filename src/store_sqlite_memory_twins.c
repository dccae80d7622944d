/* store_sqlite_memory_twins.c -- which rows may say the same: hashes in memory.
 *
 * An index of hashes in the file would be a page written anew for every row, at
 * random. So the writer keeps them itself, for the namespaces that it writes to:
 * open addressing, one word a row, the hash above and the id below. It is read
 * from the rows when a namespace is first written to. What it gives is a guess:
 * the row is read and compared, so an entry of a row that went, or that an undone
 * transaction had added, does no harm. */
#include "store_sqlite_memory.h"

#include <stdlib.h>
#include <string.h>

#define ID_BITS 33
#define ID_MASK (((uint64_t)1 << ID_BITS) - 1)
#define HELD 8			/* namespaces at once */

struct memory_twins {
	int64_t ns, used;
	uint64_t *slot;
	size_t slots, n;
};

static size_t start_of(const struct memory_twins *t, int64_t hash)
{
	return (uint64_t)hash * 0x9e3779b97f4a7c15u >> 20 & (t->slots - 1);
}

static void place(struct memory_twins *t, uint64_t entry)
{
	size_t i = start_of(t, (int64_t)(entry >> ID_BITS));

	while (t->slot[i] != 0)
		i = (i + 1) & (t->slots - 1);
	t->slot[i] = entry;
	t->n++;
}

static int grow(struct memory_twins *t, struct err *e)
{
	struct memory_twins more = *t;
	size_t i;

	more.slots = t->slots ? 2 * t->slots : 256;
	more.n = 0;
	more.slot = calloc(more.slots, sizeof(*more.slot));
	if (more.slot == NULL)
		return err_set(e, ERR_NOMEM, "no memory for what is known");
	for (i = 0; i < t->slots; i++)
		if (t->slot[i] != 0)
			place(&more, t->slot[i]);
	free(t->slot);
	*t = more;
	return 0;
}

static int add(struct memory_twins *t, int64_t hash, int64_t id, struct err *e)
{
	int rc = 3 * (t->n + 1) > 2 * t->slots ? grow(t, e) : 0;

	if (rc == 0)
		place(t, (uint64_t)hash << ID_BITS | ((uint64_t)id & ID_MASK));
	return rc;
}

static int load(struct sqlite_db *db, struct memory_twins *t, struct err *e)
{
	sqlite3_stmt *st = memory_statement(db, HASHES, e);
	int rc = 0, step = SQLITE_DONE;

	if (st == NULL)
		return memory_unprepared(e);
	sqlite3_bind_int64(st, 1, t->ns);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = add(t, sqlite3_column_int64(st, 1),
			 sqlite3_column_int64(st, 0), e);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sqlite_err(db, e, "reading what is known");
	sqlite3_reset(st);
	return rc;
}

static void empty(struct memory_twins *t)
{
	free(t->slot);
	memset(t, 0, sizeof(*t));
}

/* The namespace's, read when it is not held; in place of the one that was not used
 * for longest. */
static int twins_of(struct sqlite_db *db, int64_t ns, struct memory_twins **out,
		    struct err *e)
{
	struct memory_twins **all = memory_twins(db), *t;
	int64_t last = 0;
	size_t i, oldest = 0;
	int rc;

	if (*all == NULL && (*all = calloc(HELD, sizeof(**all))) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for what is known");
	t = *all;
	for (i = 0; i < HELD; i++)
		last = t[i].used > last ? t[i].used : last;
	for (i = 0; i < HELD; i++) {
		if (t[i].ns == ns && t[i].used > 0) {
			t[i].used = last + 1;
			*out = &t[i];
			return 0;
		}
		if (t[i].used < t[oldest].used)
			oldest = i;
	}
	empty(&t[oldest]);
	t[oldest].ns = ns;
	if ((rc = load(db, &t[oldest], e)) != 0) {
		empty(&t[oldest]);
		return rc;
	}
	t[oldest].used = last + 1;
	*out = &t[oldest];
	return 0;
}

int memory_twins_find(struct sqlite_db *db, int64_t ns, int64_t hash,
		      int (*each)(void *arg, int64_t id, bool *found,
				  struct err *e),
		      void *arg, struct err *e)
{
	struct memory_twins *t;
	bool found = false;
	size_t i;
	int rc = twins_of(db, ns, &t, e);

	if (rc != 0 || t->slots == 0)
		return rc;
	for (i = start_of(t, hash); t->slot[i] != 0 && !found && rc == 0;
	     i = (i + 1) & (t->slots - 1))
		if (t->slot[i] >> ID_BITS == (uint64_t)hash)
			rc = each(arg, (int64_t)(t->slot[i] & ID_MASK), &found,
				  e);
	return rc;
}

int memory_twins_add(struct sqlite_db *db, int64_t ns, int64_t hash, int64_t id,
		     struct err *e)
{
	struct memory_twins *t;
	int rc = twins_of(db, ns, &t, e);

	return rc != 0 ? rc : add(t, hash, id, e);
}

void memory_twins_free(struct memory_twins *all)
{
	size_t i;

	for (i = 0; all != NULL && i < HELD; i++)
		free(all[i].slot);
	free(all);
}
