#include "names.h"

#include <stdlib.h>
#include <string.h>

void names_init(struct names *t)
{
	memset(t, 0, sizeof(*t));
}

void names_release(struct names *t)
{
	uint32_t i;

	for (i = 1; i <= t->n; i++)
		free((char *)t->entry[i].text);
	free(t->entry);
	free(t->slot);
	names_init(t);
}

static uint64_t hash_of(const char *s, size_t len)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 1099511628211u;
	return h ^ h >> 32;
}

/* Where the word is, or the free slot where it would be. */
static struct name_slot *place(const struct names *t, uint64_t h, const char *s,
			       size_t len)
{
	uint32_t i = (uint32_t)h & (t->slots - 1), mark = (uint32_t)(h >> 32);

	while (t->slot[i].number != 0) {
		if (t->slot[i].mark == mark) {
			const struct name_entry *x =
				&t->entry[t->slot[i].number];

			if (x->hash == h && x->len == len &&
			    memcmp(x->text, s, len) == 0)
				break;
		}
		i = (i + 1) & (t->slots - 1);
	}
	return &t->slot[i];
}

static void put_at(struct name_slot *slot, uint64_t h, uint32_t number)
{
	slot->mark = (uint32_t)(h >> 32);
	slot->number = number;
}

uint32_t names_find(const struct names *t, const char *s, size_t len)
{
	if (t->slots == 0 || s == NULL)
		return 0;
	return place(t, hash_of(s, len), s, len)->number;
}

static int grow_slots(struct names *t)
{
	uint32_t slots = t->slots ? 2 * t->slots : 64, i;
	struct name_slot *fresh = calloc(slots, sizeof(*fresh)), *old = t->slot;

	if (fresh == NULL)
		return -1;
	t->slot = fresh;
	t->slots = slots;
	for (i = 1; i <= t->n; i++)
		put_at(place(t, t->entry[i].hash, t->entry[i].text,
			     t->entry[i].len), t->entry[i].hash, i);
	free(old);
	return 0;
}

static int grow(struct names *t)
{
	uint32_t cap = t->cap ? 2 * t->cap : 32;
	struct name_entry *fresh;

	if (2 * (t->n + 1) > t->slots && grow_slots(t) != 0)
		return -1;
	if (t->n + 1 < t->cap)
		return 0;
	fresh = realloc(t->entry, cap * sizeof(*fresh));
	if (fresh == NULL)
		return -1;
	t->entry = fresh;
	t->cap = cap;
	return 0;
}

int64_t names_put(struct names *t, const char *s, size_t len)
{
	uint32_t known = names_find(t, s, len);
	uint64_t h;
	char *copy;

	if (s == NULL || known != 0)
		return known;
	if (grow(t) != 0 || (copy = malloc(len + 1)) == NULL)
		return -1;
	memcpy(copy, s, len);
	copy[len] = 0;
	h = hash_of(s, len);
	t->n++;
	t->entry[t->n] = (struct name_entry){ h, copy, len };
	put_at(place(t, h, s, len), h, t->n);
	return t->n;
}
