#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "memory_inside.h"
#include "token.h"
#include "vec.h"
#include "words.h"

#define SHELVES_MAX 64		/* namespaces held at once */

int memory_open(struct memory **out, struct store *s, struct err *e)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_set(e, ERR_NOMEM, "no memory for memory");
	m->store = s;
	pthread_mutex_init(&m->lock, NULL);
	names_init(&m->names);
	*out = m;
	return 0;
}

void memory_close(struct memory *m)
{
	struct shelf *s, *next;

	if (m == NULL)
		return;
	for (s = m->shelves; s != NULL; s = next) {
		next = s->next;
		shelf_free(s);
	}
	names_release(&m->names);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int memory_shelf(struct memory *m, struct span ns, struct shelf **out,
		 struct err *e)
{
	struct shelf **at, *s;
	size_t n = 0;
	int rc;

	for (at = &m->shelves; *at != NULL; at = &(*at)->next, n++) {
		s = *at;
		if (s->ns_n == ns.n && memcmp(s->ns, ns.p, ns.n) == 0) {
			*at = s->next;
			s->next = m->shelves;
			*out = m->shelves = s;
			return 0;
		}
		if (n >= SHELVES_MAX && s->next == NULL) {
			*at = NULL;	/* the one unused for longest */
			shelf_free(s);
			break;
		}
	}
	if ((rc = shelf_new(&s, ns, &m->names, e)) != 0)
		return rc;
	s->next = m->shelves;
	*out = m->shelves = s;
	return 0;
}

/* ---- an item on its way to the store ---------------------------------------------- */

#define SPANS 12

struct put_op {
	struct op op;
	struct memory_item item;
	struct memory_put *result;
	int8_t vector[WORDS_DIM];
	char bytes[];		/* what the item's spans point to */
};

static void spans_of(struct memory_item *i, struct span *list[SPANS])
{
	struct span *all[SPANS] = {
		&i->ns, &i->kind, &i->key, &i->name, &i->text, &i->trust,
		&i->session, &i->speaker, &i->value, &i->tags, &i->source,
		&i->model
	};

	memcpy(list, all, sizeof(all));
}

static int count_words(struct span text)
{
	struct token_reader r;
	struct token t;
	int n = 0;

	token_read(&r, text.p, text.n);
	while (token_next(&r, &t))
		n++;
	return n;
}

static void describe(struct put_op *op)
{
	static const char model[] = WORDS_MODEL;
	struct memory_item *i = &op->item;
	float v[WORDS_DIM];

	if (i->text.p == NULL) {
		/* The bytes of a value are canonical: hash them as they are. */
		i->hash = token_hash(i->value.p, i->value.n);
		return;
	}
	i->words = count_words(i->text);
	i->hash = token_hash(i->text.p, i->text.n);
	if (i->vector.p != NULL || words_embed(i->text.p, i->text.n, v) == 0)
		return;
	vec_quantise(v, WORDS_DIM, op->vector);
	i->vector = (struct span){ (const char *)op->vector, WORDS_DIM };
	i->model = (struct span){ model, sizeof(model) - 1 };
}

static int check(const struct memory_item *i, struct err *e)
{
	if (i->ns.n == 0)
		return err_set(e, ERR_INPUT, "a memory needs a namespace");
	if (i->kind.n == 0)
		return err_set(e, ERR_INPUT, "a memory needs a kind");
	if (i->text.p == NULL && i->value.p == NULL)
		return err_set(e, ERR_INPUT, "a memory needs a text or a value");
	if (i->text.n > MEMORY_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "a text of %zu bytes is too long to "
			       "remember (at most %zu); split it", i->text.n,
			       MEMORY_TEXT_MAX);
	if (!codec_utf8((const unsigned char *)i->text.p, i->text.n))
		return err_set(e, ERR_INPUT, "a text is not UTF-8");
	if (i->layer < MEMORY_WORKING || i->layer > MEMORY_LONG)
		return err_set(e, ERR_INPUT, "no such layer of memory");
	if (!(i->importance >= 0 && i->importance <= 1))
		return err_set(e, ERR_INPUT, "importance is 0 to 1");
	if (i->vector.n > VEC_DIM_MAX || (i->vector.p && i->model.n == 0))
		return err_set(e, ERR_INPUT, "a vector has a model and at most "
			       "%d numbers", VEC_DIM_MAX);
	return 0;
}

static int put_apply(struct db *db, struct op *op, struct err *e)
{
	struct put_op *p = (struct put_op *)op;
	struct memory_put done = { 0, MEMORY_NEW };
	int rc = store_memory_put(db, &p->item, &done, e);

	if (rc == 0 && p->result != NULL)
		*p->result = done;
	return rc;
}

static void put_drop(struct op *op)
{
	free(op);
}

static char *move(char *to, struct span *s)
{
	if (s->p == NULL)
		return to;
	memcpy(to, s->p, s->n);
	s->p = to;
	return to + s->n;
}

int memory_put_op(struct op **out, const struct memory_item *item,
		  struct memory_put *result, struct err *e)
{
	struct memory_item copy = *item;
	struct span *list[SPANS];
	size_t bytes = item->vector.n + 1, i;
	struct put_op *p;
	char *to;
	int rc = check(item, e);

	if (rc != 0)
		return rc;
	spans_of(&copy, list);
	for (i = 0; i < SPANS; i++)
		bytes += list[i]->n;
	p = calloc(1, sizeof(*p) + bytes);
	if (p == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a memory");
	to = move(p->bytes, &copy.vector);
	for (i = 0; i < SPANS; i++)
		to = move(to, list[i]);
	p->item = copy;
	p->op.apply = put_apply;
	p->op.drop = put_drop;
	p->result = result;
	describe(p);
	*out = &p->op;
	return 0;
}

/* ---- forgetting ------------------------------------------------------------------ */

struct forget_op {
	struct op op;
	struct memory_which which;
	int64_t now_ms, *count;
	struct span reason;
	char bytes[];
};

static int forget_apply(struct db *db, struct op *op, struct err *e)
{
	struct forget_op *f = (struct forget_op *)op;
	int64_t n = 0;
	int rc = store_memory_forget(db, &f->which, f->now_ms, f->reason, &n, e);

	if (rc == 0 && f->count != NULL)
		*f->count = n;
	return rc;
}

static void forget_drop(struct op *op)
{
	free(op);
}

int memory_forget_op(struct op **out, const struct memory_which *which,
		     int64_t now_ms, const char *reason, int64_t *count,
		     struct err *e)
{
	struct span why = { reason, reason ? strlen(reason) : 0 };
	struct forget_op *f;
	char *to;

	if (which->ns.n == 0)
		return err_set(e, ERR_INPUT, "forgetting needs a namespace");
	f = calloc(1, sizeof(*f) + which->ns.n + which->kind.n + which->key.n +
		   which->name.n + why.n + 1);
	if (f == NULL)
		return err_set(e, ERR_NOMEM, "no memory to forget");
	f->which = *which;
	f->reason = why;
	to = move(f->bytes, &f->which.ns);
	to = move(to, &f->which.kind);
	to = move(to, &f->which.key);
	to = move(to, &f->which.name);
	move(to, &f->reason);
	f->op.apply = forget_apply;
	f->op.drop = forget_drop;
	f->now_ms = now_ms;
	f->count = count;
	*out = &f->op;
	return 0;
}
