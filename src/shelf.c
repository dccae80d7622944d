#include "shelf.h"

#include <stdlib.h>
#include <string.h>

#include "vec.h"

#define MANY 100000		/* rows */

int shelf_new(struct shelf **out, struct span ns, struct names *names,
	      struct stem *stem, struct err *e)
{
	struct shelf *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->ns = malloc(ns.n + 1)) == NULL) {
		free(s);
		return err_set(e, ERR_NOMEM, "no memory for a namespace");
	}
	memcpy(s->ns, ns.p, ns.n);
	s->ns_n = ns.n;
	s->names = names;
	postings_init(&s->words, stem);
	*out = s;
	return 0;
}

static void empty(struct shelf *s)
{
	free(s->ids);
	free(s->cards);
	free(s->length);
	free(s->rows);
	free(s->inverse);
	free(s->signs);
	free(s->text);
	postings_release(&s->words);
	s->ids = NULL;
	s->cards = NULL;
	s->length = NULL;
	s->rows = NULL;
	s->inverse = s->text = NULL;
	s->signs = NULL;
	s->n = s->cap = s->dim = s->stride = s->texts = s->holes = 0;
	s->words_n = s->stamp = s->newest = 0;
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

static size_t sign_bytes(const struct shelf *s)
{
	return vec_sign_words(s->stride) * sizeof(*s->signs);
}

/* From so many rows on, vectors are looked at by their signs first. */
static int take_signs(struct shelf *s, struct err *e)
{
	size_t words = vec_sign_words(s->stride), i;

	if ((s->signs = malloc(s->cap * sign_bytes(s))) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for %zu memories", s->n);
	for (i = 0; i < s->n; i++)
		vec_signs(s->rows + i * s->stride, s->stride,
			  s->signs + i * words);
	return 0;
}

/* An array that has grown while another could not is only larger than it must
 * be: cap moves when all have. */
static int grow(struct shelf *s, struct err *e)
{
	size_t cap = s->cap ? s->cap + s->cap / 2 : 64;

	if (!resize(&s->ids, cap, sizeof(*s->ids)) ||
	    !resize(&s->cards, cap, sizeof(*s->cards)) ||
	    !resize(&s->length, cap, sizeof(*s->length)) ||
	    !resize(&s->inverse, cap, sizeof(*s->inverse)) ||
	    !resize(&s->text, cap, sizeof(*s->text)) ||
	    (s->stride > 0 && !resize(&s->rows, cap, s->stride)) ||
	    (s->signs != NULL && !resize(&s->signs, cap, sign_bytes(s))))
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

	memset(c, 0, sizeof(*c));
	if ((c->gone = m->gone))
		return 0;
	if ((rc = number_of(s->names, m->kind, &c->kind, e)) != 0 ||
	    (rc = number_of(s->names, m->trust, &c->trust, e)) != 0 ||
	    (rc = number_of(s->names, m->session, &c->session, e)) != 0 ||
	    (rc = number_of(s->names, m->speaker, &c->speaker, e)) != 0)
		return rc;
	c->from = m->valid_from;
	c->to = m->valid_to;
	c->expires = m->expires;
	c->importance = (float)m->importance;
	c->layer = (uint8_t)m->layer;
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
	if (ours && m->vector.n == s->dim) {
		memcpy(s->rows + at * s->stride, m->vector.p, s->dim);
		s->inverse[at] = vec_inverse((const int8_t *)m->vector.p, s->dim);
	}
	if (s->signs == NULL && at >= MANY && (rc = take_signs(s, e)) != 0)
		return rc;
	if (s->signs != NULL)
		vec_signs(s->rows + at * s->stride, s->stride,
			  s->signs + at * vec_sign_words(s->stride));
	return 0;
}

/* A row that is new to the shelf. */
static int take(void *arg, const struct memory_meta *m, struct err *e)
{
	struct shelf *s = arg;
	uint32_t words = 0;
	int rc;

	if ((s->n == s->cap && (rc = grow(s, e)) != 0) ||
	    (rc = fill_card(s, &s->cards[s->n], m, e)) != 0 ||
	    (rc = fill_vector(s, s->n, m, e)) != 0)
		return rc;
	if (m->text.p != NULL &&
	    (rc = postings_add(&s->words, (uint32_t)s->n, m->text.p, m->text.n,
			       &words, e)) != 0)
		return rc;
	s->length[s->n] = (uint16_t)(words < UINT16_MAX ? words : UINT16_MAX);
	s->words_n += s->length[s->n];
	s->texts += words > 0;
	s->ids[s->n] = m->id;
	s->text[s->n++] = 0;
	return 0;
}

/* A row that was here: its text is what it was, or it is gone. */
static int change(void *arg, const struct memory_meta *m, struct err *e)
{
	struct shelf *s = arg;
	ptrdiff_t at = shelf_find(s, m->id);
	int rc;

	if (at < 0 || s->cards[at].gone)
		return 0;
	if ((rc = fill_card(s, &s->cards[at], m, e)) != 0 ||
	    (rc = fill_vector(s, (size_t)at, m, e)) != 0)
		return rc;
	if (m->gone) {
		s->words_n -= s->length[at];
		s->texts -= s->length[at] > 0;
		s->holes++;
	}
	return 0;
}

int shelf_sync(struct shelf *s, struct db *db, struct err *e)
{
	struct memory_space now;
	struct span ns = { s->ns, s->ns_n };
	int rc = store_memory_space(db, ns, &now, e);

	if (rc != 0)
		return rc;
	/* Another file under the same name; or too much has gone by. */
	if (now.number != s->number || now.stamp < s->stamp ||
	    now.newest < s->newest || now.floor > s->stamp ||
	    s->holes > 1024 + s->n / 4)
		empty(s);
	s->number = now.number;
	if (now.number == 0)
		return 0;
	if (now.stamp != s->stamp && s->n > 0)
		rc = store_memory_changes(db, &now, s->stamp, s->newest, change,
					  s, e);
	if (rc == 0 && now.newest > s->newest)
		rc = store_memory_rows(db, &now, s->newest, take, s, e);
	if (rc != 0) {
		empty(s);	/* half of a change is none */
		return rc;
	}
	s->stamp = now.stamp;
	/* A row that came meanwhile is on the shelf already. */
	s->newest = s->n > 0 && s->ids[s->n - 1] > now.newest
		? s->ids[s->n - 1] : now.newest;
	return 0;
}

size_t shelf_bytes(const struct shelf *s)
{
	return s->cap * (sizeof(*s->ids) + sizeof(*s->cards) + s->stride +
			 (s->signs ? sign_bytes(s) : 0) +
			 sizeof(*s->length) + sizeof(*s->inverse) +
			 sizeof(*s->text)) + (size_t)s->words_n * 2;
}
