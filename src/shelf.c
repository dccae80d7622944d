#include "shelf.h"

#include <stdlib.h>
#include <string.h>

#include "vec.h"

int shelf_new(struct shelf **out, struct span ns, struct names *names,
	      struct err *e)
{
	struct shelf *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->ns = malloc(ns.n + 1)) == NULL) {
		free(s);
		return err_set(e, ERR_NOMEM, "no memory for a namespace");
	}
	memcpy(s->ns, ns.p, ns.n);
	s->ns_n = ns.n;
	s->names = names;
	*out = s;
	return 0;
}

static void empty(struct shelf *s)
{
	free(s->ids);
	free(s->cards);
	free(s->rows);
	free(s->inverse);
	free(s->text);
	s->ids = NULL;
	s->cards = NULL;
	s->rows = NULL;
	s->inverse = s->text = NULL;
	s->n = s->cap = s->dim = s->stride = s->texts = 0;
	s->words = s->stamp = 0;
}

void shelf_free(struct shelf *s)
{
	if (s == NULL)
		return;
	empty(s);
	free(s->ns);
	free(s->model);
	free(s);
}

int shelf_model(struct shelf *s, struct span model, struct err *e)
{
	char *copy;

	if (s->model != NULL && s->model_n == model.n &&
	    memcmp(s->model, model.p, model.n) == 0)
		return 0;
	copy = malloc(model.n + 1);
	if (copy == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a namespace");
	memcpy(copy, model.p, model.n);
	empty(s);
	free(s->model);
	s->model = copy;
	s->model_n = model.n;
	return 0;
}

ptrdiff_t shelf_find(const struct shelf *s, int64_t id)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (s->ids[mid] == id)
			return (ptrdiff_t)mid;
		if (s->ids[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

/* ---- growing ------------------------------------------------------------------- */

static bool resize(void *array, size_t n, size_t size)
{
	void **p = array, *fresh = realloc(*p, n * size);

	if (fresh != NULL)
		*p = fresh;
	return fresh != NULL;
}

/* An array that has grown while another could not is only larger than it must
 * be: cap moves when all have. */
static int grow(struct shelf *s, struct err *e)
{
	size_t cap = s->cap ? s->cap + s->cap / 2 : 64;

	if (!resize(&s->ids, cap, sizeof(*s->ids)) ||
	    !resize(&s->cards, cap, sizeof(*s->cards)) ||
	    !resize(&s->inverse, cap, sizeof(*s->inverse)) ||
	    !resize(&s->text, cap, sizeof(*s->text)) ||
	    (s->stride > 0 && !resize(&s->rows, cap, s->stride)))
		return err_set(e, ERR_NOMEM, "no memory for %zu memories", cap);
	s->cap = cap;
	return 0;
}

/* The first vector of the model tells the dimension. */
static int take_dim(struct shelf *s, size_t dim, struct err *e)
{
	size_t stride = vec_stride(dim);
	int8_t *rows = calloc(s->cap, stride);

	if (rows == NULL)
		return err_set(e, ERR_NOMEM, "no memory for vectors");
	free(s->rows);
	s->rows = rows;
	s->dim = dim;
	s->stride = stride;
	return 0;
}

/* ---- taking rows in --------------------------------------------------------------- */

struct taking {
	struct shelf *s;
	int64_t stamp;
	bool hole;		/* an id came that should have come before */
};

static int number_of(struct names *names, struct span word, uint32_t *out,
		     struct err *e)
{
	int64_t n = names_put(names, word.p, word.n);

	if (n < 0)
		return err_set(e, ERR_NOMEM, "no memory for a name");
	*out = (uint32_t)n;
	return 0;
}

static int fill_card(struct shelf *s, struct card *c,
		     const struct memory_meta *m, struct err *e)
{
	int rc;

	if ((rc = number_of(s->names, m->kind, &c->kind, e)) != 0 ||
	    (rc = number_of(s->names, m->trust, &c->trust, e)) != 0 ||
	    (rc = number_of(s->names, m->session, &c->session, e)) != 0 ||
	    (rc = number_of(s->names, m->speaker, &c->speaker, e)) != 0)
		return rc;
	c->from = m->valid_from;
	c->to = m->valid_to;
	c->expires = m->expires;
	c->importance = (float)m->importance;
	c->words = m->words;
	c->layer = (uint8_t)m->layer;
	c->gone = m->gone;
	return 0;
}

static int fill_vector(struct shelf *s, size_t at, const struct memory_meta *m,
		       struct err *e)
{
	bool ours = m->vector.n > 0 && m->model.n == s->model_n &&
		memcmp(m->model.p, s->model, s->model_n) == 0;
	int rc;

	s->inverse[at] = 0;
	if (ours && s->dim == 0 && (rc = take_dim(s, m->vector.n, e)) != 0)
		return rc;
	if (s->stride == 0)
		return 0;
	memset(s->rows + at * s->stride, 0, s->stride);
	if (!ours || m->vector.n != s->dim)
		return 0;
	memcpy(s->rows + at * s->stride, m->vector.p, s->dim);
	s->inverse[at] = vec_inverse((const int8_t *)m->vector.p, s->dim);
	return 0;
}

static void count(struct shelf *s, const struct card *c, int sign)
{
	if (c->gone || c->words == 0)
		return;
	s->words += sign * c->words;
	s->texts += (size_t)sign;
}

static int take(void *arg, const struct memory_meta *m, int64_t stamp,
		struct err *e)
{
	struct taking *t = arg;
	struct shelf *s = t->s;
	bool fresh = s->n == 0 || m->id > s->ids[s->n - 1];
	ptrdiff_t at = fresh ? (ptrdiff_t)s->n : shelf_find(s, m->id);
	struct card card;
	int rc;

	if (at < 0) {
		t->hole = true;
		return 0;
	}
	if (fresh && s->n == s->cap && (rc = grow(s, e)) != 0)
		return rc;
	if ((rc = fill_card(s, &card, m, e)) != 0 ||
	    (rc = fill_vector(s, (size_t)at, m, e)) != 0)
		return rc;
	if (!fresh)
		count(s, &s->cards[at], -1);
	count(s, &card, 1);
	s->cards[at] = card;
	s->ids[at] = m->id;
	if (fresh)
		s->text[s->n++] = 0;
	if (stamp > t->stamp)
		t->stamp = stamp;
	return 0;
}

int shelf_sync(struct shelf *s, struct db *db, struct err *e)
{
	struct taking t = { s, 0, false };
	struct span ns = { s->ns, s->ns_n };
	int64_t number, stamp;
	int rc = store_memory_space(db, ns, &number, &stamp, &s->newest, e);

	if (rc != 0)
		return rc;
	if (number != s->number || stamp < s->stamp)
		empty(s);	/* another file under the same name */
	s->number = number;
	if (stamp == s->stamp)
		return 0;
	rc = store_memory_changes(db, number, s->stamp, take, &t, e);
	if (rc == 0 && t.hole) {
		empty(s);
		t.hole = false;
		rc = store_memory_changes(db, number, 0, take, &t, e);
	}
	if (rc == 0)
		s->stamp = t.stamp > stamp ? t.stamp : stamp;
	return rc;
}
