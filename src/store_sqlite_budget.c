/* store_sqlite_budget.c -- the sums of budgets, in memory while a group is made.
 *
 * Every call changes the same few rows of budgets twice. The writer therefore keeps the
 * rows it met in memory, changes them there, and writes each changed one once, right
 * before the commit of the group. They are never ahead of the file for anybody: what is
 * in memory becomes true with the commit, or is forgotten with it (sqlite_budget_drop),
 * and a transaction that is refused alone takes its changes back (`undo`). What is held
 * by rows of the ledger is kept in the same way, so that settling one reads nothing. */
#include "store_sqlite_budget.h"

#include <stdlib.h>
#include <string.h>

#include "store_sqlite_rollup.h"

struct sqlite_budgets *sqlite_budgets_of(struct sqlite_db *db, struct err *e)
{
	if (db->budgets == NULL)
		db->budgets = calloc(1, sizeof(*db->budgets));
	if (db->budgets == NULL)
		err_set(e, ERR_NOMEM, "no memory for the ledger");
	return db->budgets;
}

/* FNV-1a */
static uint32_t hash_text(uint32_t h, const char *s)
{
	for (; *s != 0; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

#define HASH_SEED 2166136261u

static struct budget_row **id_bucket(struct sqlite_budgets *b, int64_t id)
{
	return &b->ids[(uint64_t)id % BUCKETS];
}

/* ---- undoing one transaction ------------------------------------------------ */

static struct undo *new_undo(struct sqlite_budgets *b, struct err *e)
{
	struct undo *more;
	int room = b->room != 0 ? 2 * b->room : 64;

	if (b->undos == b->room) {
		more = realloc(b->undo, (size_t)room * sizeof(*more));
		if (more == NULL) {
			err_set(e, ERR_NOMEM, "no memory for the ledger");
			return NULL;
		}
		b->undo = more;
		b->room = room;
	}
	return &b->undo[b->undos++];
}

int sqlite_budget_touch(struct sqlite_budgets *b, struct budget_row *row,
			struct err *e)
{
	struct undo *u = new_undo(b, e);

	if (u == NULL)
		return ERR_NOMEM;
	*u = (struct undo){ .budget = row, .was = *row };
	if (!row->dirty) {
		row->dirty = true;
		row->next_dirty = b->dirty;
		b->dirty = row;
	}
	return 0;
}

int sqlite_open_touch(struct sqlite_budgets *b, struct open_row *row,
		      bool smaller, struct err *e)
{
	struct undo *u = new_undo(b, e);

	if (u == NULL)
		return ERR_NOMEM;
	*u = (struct undo){ .open = row, .hold = row->hold, .ended = row->ended };
	if (smaller && !row->dirty) {
		row->dirty = true;
		row->next_dirty = b->dirty_open;
		b->dirty_open = row;
	}
	return 0;
}

void sqlite_budget_mark(struct sqlite_db *db)
{
	if (db->budgets == NULL)
		return;
	db->budgets->undos = 0;
	sqlite_rollup_mark(db->budgets->sums);
}

/* What is dirty stays so: to write a row as it was does no harm. */
void sqlite_budget_undo(struct sqlite_db *db)
{
	struct sqlite_budgets *b = db->budgets;
	struct undo *u;

	if (b == NULL)
		return;
	sqlite_rollup_undo(b->sums);
	while (b->undos > 0) {
		u = &b->undo[--b->undos];
		if (u->budget != NULL) {
			u->budget->limit = u->was.limit;
			u->budget->spent = u->was.spent;
			u->budget->held = u->was.held;
			u->budget->updated = u->was.updated;
		} else {
			u->open->hold = u->hold;
			u->open->ended = u->ended;
		}
	}
}

/* ---- what is kept ------------------------------------------------------------ */

static void free_budgets(struct sqlite_budgets *b)
{
	struct budget_row *row;
	int i;

	for (i = 0; i < BUCKETS; i++)
		while ((row = b->names[i]) != NULL) {
			b->names[i] = row->by_name;
			free(row);
		}
	memset(b->ids, 0, sizeof(b->ids));
	b->dirty = NULL;
	b->rows = 0;
}

static void free_open(struct sqlite_budgets *b, bool all)
{
	struct open_row *row, **at;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (at = &b->open[i]; (row = *at) != NULL; ) {
			if (!all && !row->ended) {
				at = &row->next;
				continue;
			}
			*at = row->next;
			free(row);
		}
	b->dirty_open = NULL;
}

void sqlite_budget_drop(struct sqlite_db *db)
{
	struct sqlite_budgets *b = db->budgets;

	if (b == NULL)
		return;
	free_budgets(b);
	free_open(b, true);
	sqlite_rollup_drop(b->sums);
	b->undos = 0;
	b->knows_last = false;
}

void sqlite_budget_release(struct sqlite_db *db)
{
	sqlite_budget_drop(db);
	if (db->budgets != NULL) {
		sqlite_rollup_release(db->budgets->sums);
		free(db->budgets->undo);
	}
	free(db->budgets);
	db->budgets = NULL;
}

static void keep_row(struct sqlite_budgets *b, struct budget_row *row)
{
	struct budget_row **at = &b->names[row->hash % BUCKETS];

	row->by_name = *at;
	*at = row;
	at = id_bucket(b, row->id);
	row->by_id = *at;
	*at = row;
	b->rows++;
}

static struct budget_row *new_row(const char *scope, const char *window,
				  int64_t start, struct err *e)
{
	size_t n = strlen(scope) + 1, m = strlen(window) + 1;
	struct budget_row *row = calloc(1, sizeof(*row) + n + m);

	if (row == NULL) {
		err_set(e, ERR_NOMEM, "no memory for the ledger");
		return NULL;
	}
	memcpy(row->scope, scope, n);
	row->window = memcpy(row->scope + n, window, m);
	row->start = start;
	row->hash = hash_text(hash_text(HASH_SEED, scope), window) ^
		    (uint32_t)start ^ (uint32_t)(start >> 32);
	return row;
}

static int64_t limit_column(sqlite3_stmt *st, int c)
{
	return sqlite3_column_type(st, c) == SQLITE_NULL
		? -1 : sqlite3_column_int64(st, c);
}

#define BUDGET_ROW "SELECT id, start, limit_money, limit_tokens, limit_calls," \
	" spent, tokens, calls, held, held_tokens, held_calls, updated, scope," \
	" span FROM budgets WHERE "

static struct budget_row *load_row(struct sqlite_budgets *b, sqlite3_stmt *st,
				   struct err *e)
{
	struct budget_row *row = new_row(
		(const char *)sqlite3_column_text(st, 12),
		(const char *)sqlite3_column_text(st, 13),
		sqlite3_column_int64(st, 1), e);

	if (row == NULL)
		return NULL;
	row->id = sqlite3_column_int64(st, 0);
	row->limit = (struct ledger_sum){ limit_column(st, 2),
		limit_column(st, 3), limit_column(st, 4) };
	row->spent = (struct ledger_sum){ sqlite3_column_int64(st, 5),
		sqlite3_column_int64(st, 6), sqlite3_column_int64(st, 7) };
	row->held = (struct ledger_sum){ sqlite3_column_int64(st, 8),
		sqlite3_column_int64(st, 9), sqlite3_column_int64(st, 10) };
	row->updated = sqlite3_column_int64(st, 11);
	keep_row(b, row);
	return row;
}

static struct budget_row *make_row(struct sqlite_db *db,
				   const struct ledger_line *line, struct err *e)
{
	struct sqlite_budgets *b = db->budgets;
	struct budget_row *row = new_row(line->scope, line->window, line->start, e);

	if (row == NULL)
		return NULL;
	if (!b->knows_last) {
		b->last_id = sqlite_number(db, "SELECT max(id) FROM budgets");
		b->knows_last = true;
	}
	row->id = ++b->last_id;
	row->is_new = true;
	keep_row(b, row);
	return row;
}

static bool is_line(const struct budget_row *row, const struct ledger_line *line)
{
	return row->start == line->start &&
	       strcmp(row->scope, line->scope) == 0 &&
	       strcmp(row->window, line->window) == 0;
}

struct budget_row *sqlite_budget_of(struct sqlite_db *db,
				      const struct ledger_line *line,
				      struct err *e)
{
	uint32_t h = hash_text(hash_text(HASH_SEED, line->scope), line->window) ^
		     (uint32_t)line->start ^ (uint32_t)(line->start >> 32);
	struct budget_row *row;
	sqlite3_stmt *st;

	for (row = db->budgets->names[h % BUCKETS]; row != NULL;
	     row = row->by_name)
		if (row->hash == h && is_line(row, line))
			return row;
	st = sqlite_kept(db, BUDGET_OF_LINE, BUDGET_ROW
			 "scope = ?1 AND span = ?2 AND start = ?3", e);
	if (st == NULL)
		return NULL;
	sqlite3_bind_text(st, 1, line->scope, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, line->window, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, line->start);
	switch (sqlite3_step(st)) {
	case SQLITE_ROW:
		row = load_row(db->budgets, st, e);
		break;
	case SQLITE_DONE:
		row = make_row(db, line, e);
		break;
	default:
		sqlite_err(db, e, "reading a budget");
	}
	sqlite3_reset(st);
	return row;
}

struct budget_row *sqlite_budget_at(struct sqlite_db *db, int64_t id,
				    struct err *e)
{
	struct budget_row *row = *id_bucket(db->budgets, id);
	sqlite3_stmt *st;

	while (row != NULL && row->id != id)
		row = row->by_id;
	if (row != NULL)
		return row;
	st = sqlite_kept(db, BUDGET_OF_ID, BUDGET_ROW "id = ?1", e);
	if (st == NULL)
		return NULL;
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_step(st) == SQLITE_ROW)
		row = load_row(db->budgets, st, e);
	else
		err_set(e, ERR_DAMAGED, "the ledger names a budget that is not "
			"there");
	sqlite3_reset(st);
	return row;
}

/* ---- open reservations --------------------------------------------------------- */

struct open_row *sqlite_open_keep(struct sqlite_budgets *b, const char *key,
				  int64_t id, struct ledger_sum hold,
				  const int64_t *lines, int count, struct err *e)
{
	size_t n = strlen(key) + 1, ids = (size_t)count * sizeof(*lines);
	struct open_row *row = malloc(sizeof(*row) + ids + n), **at;

	if (row == NULL) {
		err_set(e, ERR_NOMEM, "no memory for the ledger");
		return NULL;
	}
	*row = (struct open_row){ .id = id, .hold = hold, .count = count,
		.hash = hash_text(HASH_SEED, key) };
	memcpy(row->lines, lines, ids);
	row->key = memcpy((char *)row->lines + ids, key, n);
	at = &b->open[row->hash % BUCKETS];
	row->next = *at;
	*at = row;
	return row;
}

/* "[1,2]" */
static int read_lines(const char *text, int64_t lines[LEDGER_LINES])
{
	int n = 0;
	char *end;

	while (text != NULL && n < LEDGER_LINES && *text != 0 && *text != ']') {
		lines[n] = strtoll(text + 1, &end, 10);
		if (end == text + 1)
			break;
		n++;
		text = end;
	}
	return n;
}

struct open_row *sqlite_open_load(struct sqlite_db *db, const char *key,
				  const char *state, struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, LEDGER_OPEN, "SELECT id, money, tokens,"
		" calls, lines FROM ledger WHERE key = ?1 AND state = ?2", e);
	struct open_row *row = NULL;
	int64_t lines[LEDGER_LINES];
	int step, n;

	if (st == NULL)
		return NULL;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, state, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		n = read_lines((const char *)sqlite3_column_text(st, 4), lines);
		row = sqlite_open_keep(db->budgets, key, sqlite3_column_int64(st, 0),
			(struct ledger_sum){ sqlite3_column_int64(st, 1),
				sqlite3_column_int64(st, 2),
				sqlite3_column_int64(st, 3) }, lines, n, e);
	} else if (step == SQLITE_DONE) {
		err_set(e, ERR_CONFLICT, "this reservation ended already");
	} else {
		sqlite_err(db, e, "reading the ledger");
	}
	sqlite3_reset(st);
	return row;
}

struct open_row *sqlite_open_of(struct sqlite_db *db, const char *key,
				struct err *e)
{
	uint32_t h = hash_text(HASH_SEED, key);
	struct open_row *row;

	for (row = db->budgets->open[h % BUCKETS]; row != NULL; row = row->next)
		if (row->hash == h && strcmp(row->key, key) == 0)
			break;
	if (row == NULL)
		return sqlite_open_load(db, key, "reserved", e);
	if (!row->ended)
		return row;
	err_set(e, ERR_CONFLICT, "this reservation ended already");
	return NULL;
}

/* ---- the commit of a group ------------------------------------------------------------ */

static int write_budget(struct sqlite_db *db, const struct budget_row *row,
			struct err *e)
{
	sqlite3_stmt *st = row->is_new
		? sqlite_kept(db, BUDGET_PUT, "INSERT INTO budgets(limit_money,"
			" limit_tokens, limit_calls, spent, tokens, calls, held,"
			" held_tokens, held_calls, updated, id, scope, span, start)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
			" ?13, ?14)", e)
		: sqlite_kept(db, BUDGET_SET, "UPDATE budgets SET limit_money = ?1,"
			" limit_tokens = ?2, limit_calls = ?3, spent = ?4, tokens ="
			" ?5, calls = ?6, held = ?7, held_tokens = ?8, held_calls ="
			" ?9, updated = ?10 WHERE id = ?11", e);
	const struct ledger_sum *sums[] = { &row->limit, &row->spent, &row->held };
	int i, rc = 0;

	if (st == NULL)
		return ERR_IO;
	for (i = 0; i < 3; i++) {
		sqlite_bind_count(st, 3 * i + 1, sums[i]->money);
		sqlite_bind_count(st, 3 * i + 2, sums[i]->tokens);
		sqlite_bind_count(st, 3 * i + 3, sums[i]->calls);
	}
	sqlite3_bind_int64(st, 10, row->updated);
	sqlite3_bind_int64(st, 11, row->id);
	if (row->is_new) {
		sqlite3_bind_text(st, 12, row->scope, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 13, row->window, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 14, row->start);
	}
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "writing a budget");
	sqlite3_reset(st);
	return rc;
}

static int write_open(struct sqlite_db *db, const struct open_row *row,
		      struct err *e)
{
	sqlite3_stmt *st = sqlite_kept(db, LEDGER_HOLD, "UPDATE ledger SET money ="
		" ?2, tokens = ?3, calls = ?4 WHERE id = ?1", e);
	int rc = 0;

	if (st == NULL)
		return ERR_IO;
	sqlite3_bind_int64(st, 1, row->id);
	sqlite3_bind_int64(st, 2, row->hold.money);
	sqlite3_bind_int64(st, 3, row->hold.tokens);
	sqlite3_bind_int64(st, 4, row->hold.calls);
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = sqlite_err(db, e, "writing to the ledger");
	sqlite3_reset(st);
	return rc;
}

int sqlite_budget_write(struct sqlite_db *db, struct err *e)
{
	struct sqlite_budgets *b = db->budgets;
	struct budget_row *row;
	struct open_row *held;
	int rc = 0;

	if (b == NULL)
		return 0;
	for (; (row = b->dirty) != NULL && rc == 0; b->dirty = row->next_dirty) {
		rc = write_budget(db, row, e);
		row->dirty = row->is_new = false;
	}
	for (; (held = b->dirty_open) != NULL && rc == 0;
	     b->dirty_open = held->next_dirty) {
		if (!held->ended)
			rc = write_open(db, held, e);
		held->dirty = false;
	}
	return rc != 0 ? rc : sqlite_rollup_write(db, e);
}

/* What ended is forgotten; so is everything when it became much. */
void sqlite_budget_committed(struct sqlite_db *db)
{
	struct sqlite_budgets *b = db->budgets;

	if (b == NULL)
		return;
	b->undos = 0;
	if (b->ended > 0)
		free_open(b, false);
	b->ended = 0;
	if (b->rows > ROWS_MOST)
		free_budgets(b);
}

