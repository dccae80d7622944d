#include "bind_names.h"

#include <string.h>

#define FEW 32			/* these are put in their places one by one */

struct sorting {
	struct name *other;
	int (*pay)(void *arg, size_t units);
	void *arg;
};

/* Bytes from `at` on, the first one on top, zeros behind the last. */
static uint64_t word_at(const struct name *a, size_t at)
{
	size_t rest = a->n > at ? a->n - at : 0, i;
	const unsigned char *s = (const unsigned char *)a->s + at;
	uint64_t word = 0;

	if (rest >= 8) {
		memcpy(&word, s, 8);
		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			word = __builtin_bswap64(word);
		return word;
	}
	for (i = 0; i < rest; i++)
		word |= (uint64_t)s[i] << (56 - 8 * i);
	return word;
}

void bind_name_begin(struct name *a)
{
	a->word = word_at(a, 0);
}

static void insert_each(struct name *a, size_t n)
{
	struct name x;
	size_t i, j;

	for (i = 1; i < n; i++) {
		x = a[i];
		for (j = i; j > 0 && a[j - 1].word > x.word; j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

/* Not within sort(), which stands on the stack once for every eight bytes that two
 * names share. */
__attribute__((noinline))
static void by_byte(const struct name *from, struct name *to, size_t n,
		    int shift)
{
	uint32_t first[256] = { 0 }, sum = 0, count;
	size_t i;

	for (i = 0; i < n; i++)
		first[from[i].word >> shift & 255]++;
	for (i = 0; i < 256; i++) {
		count = first[i];
		first[i] = sum;
		sum += count;
	}
	for (i = 0; i < n; i++)
		to[first[from[i].word >> shift & 255]++] = from[i];
}

/* By the words alone: their bytes from the last to the first, without those that are
 * the same in all. */
static int by_words(struct sorting *s, struct name *a, size_t n)
{
	struct name *from = a, *to = s->other, *swap;
	uint64_t differ = 0;
	size_t i, passes = 0;
	int shift;

	if (n <= FEW) {
		insert_each(a, n);
		return 0;
	}
	for (i = 1; i < n; i++)
		differ |= a[i].word ^ a[0].word;
	for (shift = 0; shift < 64; shift += 8)
		passes += (differ >> shift & 255) != 0;
	if (s->pay(s->arg, passes * (n + 64)) != 0)
		return -1;
	for (shift = 0; shift < 64; shift += 8) {
		if ((differ >> shift & 255) == 0)
			continue;
		by_byte(from, to, n, shift);
		swap = from;
		from = to;
		to = swap;
	}
	if (from != a)
		memcpy(a, from, n * sizeof(*a));
	return 0;
}

/* How many bytes behind `at` all of them share. */
static size_t shared(const struct name *a, size_t n, size_t at)
{
	size_t most = a[0].n > at ? a[0].n - at : 0, i, k;

	for (i = 1; i < n && most > 0; i++) {
		if (a[i].n < at + most)
			most = a[i].n > at ? a[i].n - at : 0;
		for (k = 0; k + 8 <= most; k += 8)
			if (memcmp(a[0].s + at + k, a[i].s + at + k, 8) != 0)
				break;
		while (k < most && a[0].s[at + k] == a[i].s[at + k])
			k++;
		most = k;
	}
	return most;
}

static int sort(struct sorting *s, struct name *a, size_t n, size_t at);

/* Names that are alike in all bytes before `at`. */
static int sort_alike(struct sorting *s, struct name *a, size_t n, size_t at)
{
	size_t longest = 0, shortest = SIZE_MAX, i;

	for (i = 0; i < n; i++) {
		longest = a[i].n > longest ? a[i].n : longest;
		shortest = a[i].n < shortest ? a[i].n : shortest;
	}
	if (longest <= at)	/* only zeros tell them apart: no keys */
		return 0;
	shortest = shortest > at ? shortest - at : 0;
	if (s->pay(s->arg, n * (12 + (shortest >> 5))) != 0)
		return -1;
	at += shared(a, n, at);
	for (i = 0; i < n; i++)
		a[i].word = word_at(&a[i], at);
	return sort(s, a, n, at);
}

static int sort(struct sorting *s, struct name *a, size_t n, size_t at)
{
	size_t i, j;

	if (s->pay(s->arg, 3 * n) != 0 || by_words(s, a, n) != 0)
		return -1;
	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && a[j].word == a[i].word; j++)
			;
		if (j - i > 1 && sort_alike(s, a + i, j - i, at + 8) != 0)
			return -1;
	}
	return 0;
}

int bind_names_sort(struct name *a, struct name *other, size_t n,
		    int (*pay)(void *arg, size_t units), void *arg)
{
	struct sorting s = { other, pay, arg };

	return n > 1 ? sort(&s, a, n, 0) : 0;
}
