#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "memory_inside.h"
#include "near.h"
#include "token.h"
#include "vec.h"
#include "words.h"

#define SHELVES_MAX 64		/* namespaces held at once ... */
#define SHELVES_BYTES ((size_t)1 << 30)	/* ... and their bytes    */

int memory_open(struct memory **out, struct store *s, struct err *e)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_set(e, ERR_NOMEM, "no memory for memory");
	m->store = s;
	pthread_mutex_init(&m->lock, NULL);
	names_init(&m->names);
	if ((m->stem = stem_new()) == NULL || (m->near = near_new()) == NULL) {
		memory_close(m);
		return err_set(e, ERR_NOMEM, "no memory for memory");
	}
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
	stem_free(m->stem);
	near_free(m->near);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int memory_shelf(struct memory *m, struct span ns, struct shelf **out,
		 struct err *e)
{
	struct shelf **at, *s;
	size_t n = 0, held = 0;
	int rc;

	for (at = &m->shelves; *at != NULL; at = &(*at)->next, n++) {
		s = *at;
		if (s->ns_n == ns.n && memcmp(s->ns, ns.p, ns.n) == 0) {
			*at = s->next;
			s->next = m->shelves;
			*out = m->shelves = s;
			return 0;
		}
		held += shelf_bytes(s);
		if ((n >= SHELVES_MAX || held > SHELVES_BYTES) &&
		    s->next == NULL) {
			*at = NULL;	/* the one unused for longest */
			shelf_free(s);
			break;
		}
	}
	if ((rc = shelf_new(&s, ns, &m->names, m->stem, e)) != 0)
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
	i->hash = token_hash(i->text.p, i->text.n);
	/* A model without a vector: it is to come from elsewhere. */
	if (i->vector.p != NULL || i->model.p != NULL ||
	    words_embed(i->text.p, i->text.n, v) == 0)
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
	struct memory_forgotten *told;
	bool dry;
	struct span reason;
	char bytes[];
};

static int forget_apply(struct db *db, struct op *op, struct err *e)
{
	struct forget_op *f = (struct forget_op *)op;
	struct memory_forgotten done;
	int rc = store_memory_forget(db, &f->which, f->dry, f->reason, &done, e);

	if (rc == 0 && f->told != NULL)
		*f->told = done;
	return rc;
}

static void just_free(struct op *op)
{
	free(op);
}

int memory_forget_op(struct op **out, const struct memory_which *which,
		     const char *reason, bool dry,
		     struct memory_forgotten *told, struct err *e)
{
	struct span why = { reason, reason ? strlen(reason) : 0 };
	struct forget_op *f;
	char *to;

	if (which->ns.n == 0)
		return err_set(e, ERR_INPUT, "forgetting needs a namespace");
	f = calloc(1, sizeof(*f) + which->ns.n + which->kind.n + which->key.n +
		   which->name.n + which->session.n + why.n + 1);
	if (f == NULL)
		return err_set(e, ERR_NOMEM, "no memory to forget");
	f->which = *which;
	f->reason = why;
	to = move(f->bytes, &f->which.ns);
	to = move(to, &f->which.kind);
	to = move(to, &f->which.key);
	to = move(to, &f->which.name);
	to = move(to, &f->which.session);
	move(to, &f->reason);
	f->op.apply = forget_apply;
	f->op.drop = just_free;
	f->told = told;
	f->dry = dry;
	*out = &f->op;
	return 0;
}

/* ---- another vector; closer together ---------------------------------------------- */

struct embed_op {
	struct op op;
	int64_t id;
	struct span ns, model, vector;
	char bytes[];
};

static int embed_apply(struct db *db, struct op *op, struct err *e)
{
	struct embed_op *v = (struct embed_op *)op;

	return store_memory_embed(db, v->ns, v->id, v->model, v->vector, e);
}

int memory_embed_op(struct op **out, struct span ns, int64_t id,
		    struct span model, struct span vector, struct err *e)
{
	struct embed_op *v;
	char *to;

	if (model.n == 0 || vector.n == 0 || vector.n > VEC_DIM_MAX)
		return err_set(e, ERR_INPUT, "a vector has a model and at most "
			       "%d numbers", VEC_DIM_MAX);
	v = calloc(1, sizeof(*v) + ns.n + model.n + vector.n);
	if (v == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a vector");
	v->id = id;
	v->ns = ns;
	v->model = model;
	v->vector = vector;
	to = move(v->bytes, &v->ns);
	to = move(to, &v->model);
	move(to, &v->vector);
	v->op.apply = embed_apply;
	v->op.drop = just_free;
	*out = &v->op;
	return 0;
}

struct compact_op {
	struct op op;
	int64_t *after, rows;
};

static int compact_apply(struct db *db, struct op *op, struct err *e)
{
	struct compact_op *c = (struct compact_op *)op;

	return store_memory_compact(db, c->after, c->rows, e);
}

int memory_compact_op(struct op **out, int64_t *after, int64_t rows,
		      struct err *e)
{
	struct compact_op *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "no memory to move memory");
	c->op.apply = compact_apply;
	c->op.drop = just_free;
	c->after = after;
	c->rows = rows;
	*out = &c->op;
	return 0;
}
