#include "postings.h"

#include <stdlib.h>
#include <string.h>

#include "token.h"

void postings_init(struct postings *p, struct stem *stem)
{
	memset(p, 0, sizeof(*p));
	p->stem = stem;
}

/* ---- words by their hash ------------------------------------------------ */

#define NUMBER_BITS 24
#define NUMBERS ((1u << NUMBER_BITS) - 1)

static uint64_t hash_of(const char *s, size_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ n, part;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&part, s, 8);
		h = (h ^ part) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	part = 0;
	memcpy(&part, s, n);
	h = (h ^ part) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

static const uint64_t *home_of(const struct word_map *m, uint64_t h)
{
	return &m->slot[(uint32_t)(h >> NUMBER_BITS) & (m->slots - 1)];
}

static uint64_t *slot_of(const struct word_map *m, uint64_t h)
{
	uint32_t i = (uint32_t)(h >> NUMBER_BITS) & (m->slots - 1);

	while (m->slot[i] != 0 && (m->slot[i] ^ h) >> NUMBER_BITS != 0)
		i = (i + 1) & (m->slots - 1);
	return &m->slot[i];
}

static uint32_t map_find(const struct word_map *m, uint64_t h)
{
	return m->slots ? (uint32_t)(*slot_of(m, h) & NUMBERS) : 0;
}

static int map_grow(struct word_map *m)
{
	struct word_map more = { NULL, m->n, m->slots ? 2 * m->slots : 256 };
	uint32_t i;

	if ((more.slot = calloc(more.slots, sizeof(*more.slot))) == NULL)
		return -1;
	for (i = 0; i < m->slots; i++)
		if (m->slot[i] != 0)
			*slot_of(&more, m->slot[i]) = m->slot[i];
	free(m->slot);
	*m = more;
	return 0;
}

/* The number is 1 to NUMBERS. -1 when memory is short. */
static int map_put(struct word_map *m, uint64_t h, uint32_t number)
{
	if (2 * (m->n + 1) > m->slots && map_grow(m) != 0)
		return -1;
	*slot_of(m, h) = (h & ~(uint64_t)NUMBERS) | number;
	m->n++;
	return 0;
}

/* ---- lists -------------------------------------------------------------- */

static void free_list(struct posting_list *l)
{
	free(l->bytes);
	free(l->step);
}

void postings_release(struct postings *p)
{
	struct stem *stem = p->stem;
	uint32_t i;

	for (i = 1; i <= p->stems_n; i++)
		free_list(&p->list[i]);
	free(p->list);
	free(p->scratch);
	free(p->written.slot);
	free(p->stems.slot);
	postings_init(p, stem);
}

static int no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for the words of a memory");
}

static int room_for(uint32_t n, uint32_t *cap, void *array, size_t size,
		    struct err *e)
{
	void **p = array, *grown;
	uint32_t to = *cap ? 2 * *cap : 16;

	if (n < *cap)
		return 0;
	if ((grown = realloc(*p, to * size)) == NULL)
		return no_memory(e);
	memset((char *)grown + *cap * size, 0, (to - *cap) * size);
	*p = grown;
	*cap = to;
	return 0;
}

/* A word that was never seen is stemmed, once. */
static int new_word(struct postings *p, const struct token *t, uint64_t h,
		    uint32_t *stem, struct err *e)
{
	size_t len;
	const char *s = stem_of(p->stem, t->word, t->n, &len);
	uint64_t of_stem = hash_of(s, len);
	int rc;

	*stem = map_find(&p->stems, of_stem);
	if (*stem == 0) {
		if (p->stems_n >= NUMBERS)
			return err_set(e, ERR_LIMIT, "too many different words"
				       " in a namespace of memory");
		rc = room_for(p->stems_n + 1, &p->stems_cap, &p->list,
			      sizeof(*p->list), e);
		if (rc != 0)
			return rc;
		if (map_put(&p->stems, of_stem, p->stems_n + 1) != 0)
			return no_memory(e);
		*stem = ++p->stems_n;
	}
	return map_put(&p->written, h, *stem) != 0 ? no_memory(e) : 0;
}

static int note_step(struct posting_list *l, struct err *e)
{
	int rc = room_for(l->steps, &l->steps_cap, &l->step, sizeof(*l->step), e);

	if (rc == 0)
		l->step[l->steps++] = (struct posting_step){ l->last, l->len };
	return rc;
}

static int put(struct postings *p, uint32_t stem, uint32_t text, uint32_t times,
	       struct err *e)
{
	struct posting_list *l = &p->list[stem];
	uint32_t v, cap;
	unsigned char *grown;
	int rc;

	if (l->cap - l->len < 8) {
		cap = l->cap ? l->cap + l->cap / 2 + 8 : 8;
		if ((grown = realloc(l->bytes, cap)) == NULL)
			return no_memory(e);
		l->bytes = grown;
		l->cap = cap;
	}
	if (l->texts % POSTINGS_STEP == 0 && l->texts > 0 &&
	    (rc = note_step(l, e)) != 0)
		return rc;
	v = (text - (l->texts ? l->last : 0)) << 1 | (times > 1);
	for (; v >= 0x80; v >>= 7)
		l->bytes[l->len++] = (unsigned char)(v | 0x80);
	l->bytes[l->len++] = (unsigned char)v;
	if (times > 1)
		l->bytes[l->len++] = (unsigned char)(times < 255 ? times : 255);
	l->last = text;
	l->texts++;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int room_in_scratch(struct postings *p, size_t n, struct err *e)
{
	size_t cap = p->scratch_cap ? 2 * p->scratch_cap : 256;
	uint32_t *grown;

	if (n <= p->scratch_cap)
		return 0;
	if ((grown = realloc(p->scratch, cap * sizeof(*grown))) == NULL)
		return no_memory(e);
	p->scratch = grown;
	p->scratch_cap = cap;
	return 0;
}

#define AT_ONCE 32		/* words whose slots are fetched together */

/* Stems of the text's words, in their order, in scratch. */
static int gather(struct postings *p, const void *s, size_t n, size_t *count,
		  struct err *e)
{
	struct token_reader r;
	struct token t[AT_ONCE];
	uint64_t h[AT_ONCE];
	size_t some = AT_ONCE, i;
	int rc;

	*count = 0;
	token_read(&r, s, n);
	while (some == AT_ONCE) {
		for (some = 0; some < AT_ONCE && token_next(&r, &t[some]);
		     some++) {
			h[some] = hash_of(t[some].word, t[some].n);
			if (p->written.slots > 0)
				__builtin_prefetch(home_of(&p->written, h[some]));
		}
		if ((rc = room_in_scratch(p, *count + some, e)) != 0)
			return rc;
		for (i = 0; i < some; i++) {
			uint32_t stem = map_find(&p->written, h[i]);

			if (stem == 0 &&
			    (rc = new_word(p, &t[i], h[i], &stem, e)) != 0)
				return rc;
			__builtin_prefetch(&p->list[stem]);
			p->scratch[(*count)++] = stem;
		}
	}
	return 0;
}

static void sort_few(uint32_t *v, size_t n)
{
	size_t i, j;

	if (n > 64) {
		qsort(v, n, sizeof(*v), by_number);
		return;
	}
	for (i = 1; i < n; i++) {
		uint32_t x = v[i];

		for (j = i; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

int postings_add(struct postings *p, uint32_t text, const void *s, size_t n,
		 uint32_t *words, struct err *e)
{
	size_t count, i, same;
	int rc = gather(p, s, n, &count, e);

	if (rc != 0)
		return rc;
	*words = (uint32_t)count;
	for (i = 0; i < count; i++) {
		const struct posting_list *l = &p->list[p->scratch[i]];

		if (l->bytes != NULL)
			__builtin_prefetch(l->bytes + l->len, 1);
	}
	sort_few(p->scratch, count);
	for (i = 0; i < count && rc == 0; i += same) {
		for (same = 1; i + same < count &&
		     p->scratch[i + same] == p->scratch[i]; same++)
			;
		rc = put(p, p->scratch[i], text, (uint32_t)same, e);
	}
	return rc;
}

int postings_leap(const struct posting_list *l, struct posting *at, uint32_t text)
{
	uint32_t low = 0, high = l->steps, mid;

	while (low < high) {	/* the steps whose entry may be at or before it */
		mid = (low + high) / 2;
		if (l->step[mid].text < text)
			low = mid + 1;
		else
			high = mid;
	}
	if (low > 0 && l->bytes + l->step[low - 1].at > at->p) {
		at->p = l->bytes + l->step[low - 1].at;
		at->text = l->step[low - 1].text;
	}
	while (postings_next(at))
		if (at->text >= text)
			return 1;
	return 0;
}

uint32_t postings_stem(const struct postings *p, const char *word, size_t n)
{
	uint32_t known = map_find(&p->written, hash_of(word, n));
	const char *s;
	size_t len;

	if (known != 0)
		return known;
	s = stem_of(p->stem, word, n, &len);
	return map_find(&p->stems, hash_of(s, len));
}
