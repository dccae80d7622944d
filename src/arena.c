/* arena.c -- a home, then blocks of 32 KiB cut into pages, cut into pieces.
 *
 * The home takes pieces of all sizes one behind the other, so that a run that has only
 * begun holds little more than what it asked for. A block begins with the headers of
 * its pages, so that the header of a piece is found by its address, and the headers of
 * one run lie together. Homes and blocks come from regions of 2 MiB, which the kernel
 * may back by one huge page each: a thousand states touched in turn otherwise miss the
 * TLB with almost every access. The first regions are left to small pages, so that a
 * small engine stays small. */
#include "arena.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK ((size_t)32 << 10)
#define REGION ((size_t)2 << 20)
#define PAGES (BLOCK / ARENA_PAGE)
#define HEAD 2			/* pages that hold the headers */
#define KEEP 128		/* free blocks whose memory is kept at hand; or
				 * as many as are in use                    */
#define PLAIN_REGIONS 4		/* that do not ask for huge pages           */

struct piece {
	struct piece *next;
};

struct arena_page {
	struct arena_page *next, **at;	/* in open[class], or in empty        */
	struct piece *freed;
	char *fresh, *end;		/* never used yet                     */
	uint16_t size, used;
	uint8_t class;
};

struct arena_large {		/* before a piece from malloc */
	struct arena_large *next, **at;
};

struct arena_block {
	struct arena_block *next;
	struct arena_page page[PAGES];
};

_Static_assert(sizeof(struct arena_block) <= (size_t)HEAD * ARENA_PAGE,
	       "the headers of a block need more pages");

struct free_block {
	struct free_block *next;
};

/* Homes, or blocks, that nobody uses. */
struct arena_pool {
	pthread_mutex_t lock;
	size_t size;
	struct free_block *warm, *cold;	/* with memory; given back to the kernel */
	size_t warm_n, regions, held;
};

static struct arena_pool homes[] = {
	[ARENA_PLAIN] = { .lock = PTHREAD_MUTEX_INITIALIZER, .size = 20 << 10 },
	[ARENA_ROOMY] = { .lock = PTHREAD_MUTEX_INITIALIZER, .size = 64 << 10 },
};
static struct arena_pool blocks = { .lock = PTHREAD_MUTEX_INITIALIZER,
				    .size = BLOCK };

/* ---- blocks ------------------------------------------------------------------- */

/* A cold block cannot hold its own link: its memory is gone. So cold ones are
 * warmed by the link alone, one page each. */
static void add_region(struct arena_pool *o)
{
	char *p = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *q;
	size_t skip, n = REGION / o->size;

	if (p == MAP_FAILED)
		return;
	skip = (REGION - ((uintptr_t)p & (REGION - 1))) & (REGION - 1);
	if (skip > 0)
		munmap(p, skip);
	q = p + skip;
	munmap(q + REGION, REGION - skip);
	if (++o->regions > PLAIN_REGIONS)
		madvise(q, REGION, MADV_HUGEPAGE);
	while (n-- > 0) {
		struct free_block *b = (void *)(q + n * o->size);

		b->next = o->cold;
		o->cold = b;
	}
}

static void *take_block(struct arena_pool *o)
{
	struct free_block *b;

	if (ARENA_SMALL == 0)
		return malloc(o->size);
	pthread_mutex_lock(&o->lock);
	if (o->warm == NULL && o->cold == NULL)
		add_region(o);
	if ((b = o->warm) != NULL) {
		o->warm = b->next;
		o->warm_n--;
	} else if ((b = o->cold) != NULL) {
		o->cold = b->next;
		o->held++;
	}
	pthread_mutex_unlock(&o->lock);
	return b;
}

static void cool(struct arena_pool *o, struct free_block *b)
{
	madvise((char *)b + 4096, o->size - 4096, MADV_DONTNEED);
	o->held--;
	b->next = o->cold;
	o->cold = b;
}

static void give_block(struct arena_pool *o, void *p)
{
	struct free_block *b = p;

	if (ARENA_SMALL == 0) {
		free(p);
		return;
	}
	pthread_mutex_lock(&o->lock);
	b->next = o->warm;
	o->warm = b;
	o->warm_n++;
	while (o->warm_n > KEEP && 2 * o->warm_n > o->held) {
		b = o->warm;
		o->warm = b->next;
		o->warm_n--;
		cool(o, b);
	}
	pthread_mutex_unlock(&o->lock);
}

static size_t held_bytes(struct arena_pool *o)
{
	size_t n;

	pthread_mutex_lock(&o->lock);
	n = o->held * o->size;
	pthread_mutex_unlock(&o->lock);
	return n;
}

size_t arena_kept_bytes(void)
{
	return held_bytes(&homes[ARENA_PLAIN]) + held_bytes(&homes[ARENA_ROOMY]) +
	       held_bytes(&blocks);
}

/* ---- pages ---------------------------------------------------------------------- */

static struct arena_page *page_of(const void *p)
{
	uintptr_t block = (uintptr_t)p & ~(uintptr_t)(BLOCK - 1);

	return &((struct arena_block *)block)->page[((uintptr_t)p - block) /
						    ARENA_PAGE];
}

static char *page_start(const struct arena_page *g)
{
	uintptr_t block = (uintptr_t)g & ~(uintptr_t)(BLOCK - 1);
	size_t i = (size_t)(g - ((struct arena_block *)block)->page);

	return (char *)block + i * ARENA_PAGE;
}

static void link_page(struct arena_page **list, struct arena_page *g)
{
	g->next = *list;
	g->at = list;
	if (g->next != NULL)
		g->next->at = &g->next;
	*list = g;
}

static void unlink_page(struct arena_page *g)
{
	*g->at = g->next;
	if (g->next != NULL)
		g->next->at = g->at;
	g->at = NULL;
}

static unsigned int class_of(size_t n)
{
	unsigned int top;

	if (n <= 256)
		return (unsigned int)((n + ARENA_STEP - 1) / ARENA_STEP) - 1;
	top = 63u - (unsigned int)__builtin_clzll(n - 1);	/* 8 */
	return 16 + (top - 8) * 4 + (unsigned int)((n - 1) >> (top - 2) & 3);
}

static size_t class_size(unsigned int c)
{
	if (c < 16)
		return ((size_t)c + 1) * ARENA_STEP;
	return ((size_t)1 << (8 + (c - 16) / 4)) / 4 * (5 + (c - 16) % 4);
}

static struct arena_page *new_page(struct arena *a, unsigned int class)
{
	struct arena_page *g = a->empty;
	struct arena_block *b;
	size_t i;

	if (g == NULL) {
		b = take_block(&blocks);
		if (b == NULL)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		for (i = PAGES; i-- > HEAD; )
			link_page(&a->empty, &b->page[i]);
		g = a->empty;
	}
	unlink_page(g);
	g->class = (uint8_t)class;
	g->size = (uint16_t)class_size(class);
	g->used = 0;
	g->freed = NULL;
	g->fresh = page_start(g);
	g->end = g->fresh + ARENA_PAGE;
	a->pages++;
	link_page(&a->open[class], g);
	return g;
}

/* ---- the home ------------------------------------------------------------------- */

void *arena_settle(enum arena_home size, size_t n)
{
	void *home = take_block(&homes[size]);

	return home == NULL ? NULL : memset(home, 0, n < homes[size].size
						     ? n : homes[size].size);
}

void arena_begin(struct arena *a, enum arena_home size, void *home, size_t n)
{
	memset(a, 0, sizeof(*a));
	a->from = &homes[size];
	a->home = home;
	a->bare = a->home + (n + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;
	a->pages = a->from->size / ARENA_PAGE;
}

static bool at_home(const struct arena *a, const void *p)
{
	return (uintptr_t)p - (uintptr_t)a->home < a->from->size;
}

/* n <= ARENA_AT_HOME bytes, or NULL. */
static void *take_home(struct arena *a, size_t n)
{
	unsigned int class = class_of(n);
	struct piece *p = a->loose[class];

	if (p != NULL) {
		a->loose[class] = p->next;
		return p;
	}
	n = class_size(class);
	if (n > (size_t)(a->home + a->from->size - a->bare))
		return NULL;
	p = (void *)a->bare;
	a->bare += n;
	return p;
}

static void give_home(struct arena *a, void *p, size_t n)
{
	unsigned int class = class_of(n);
	struct piece *f = p;

	f->next = a->loose[class];
	a->loose[class] = f;
}

/* ---- large pieces --------------------------------------------------------------------- */

static void *link_large(struct arena *a, struct arena_large *l)
{
	l->next = a->large;
	l->at = &a->large;
	if (l->next != NULL)
		l->next->at = &l->next;
	a->large = l;
	return l + 1;
}

static struct arena_large *unlink_large(void *p)
{
	struct arena_large *l = (struct arena_large *)p - 1;

	*l->at = l->next;
	if (l->next != NULL)
		l->next->at = l->at;
	return l;
}

static void *take_large(struct arena *a, size_t n)
{
	struct arena_large *l = malloc(sizeof(*l) + n);

	return l != NULL ? link_large(a, l) : NULL;
}

static void *resize_large(struct arena *a, void *p, size_t n)
{
	struct arena_large *l = unlink_large(p), *moved;

	moved = realloc(l, sizeof(*l) + n);
	if (moved != NULL)
		return link_large(a, moved);
	link_large(a, l);
	return NULL;
}

/* ---- pieces ------------------------------------------------------------------------ */

static bool full(const struct arena_page *g)
{
	return g->freed == NULL && g->fresh + g->size > g->end;
}

void *arena_take(struct arena *a, size_t n)
{
	unsigned int class;
	struct arena_page *g;
	void *p;

	if (n <= ARENA_AT_HOME && (p = take_home(a, n)) != NULL)
		return p;
	if (n > ARENA_SMALL)
		return take_large(a, n);
	class = class_of(n);
	g = a->open[class];
	if (g == NULL && (g = new_page(a, class)) == NULL)
		return NULL;
	if ((p = g->freed) != NULL) {
		g->freed = g->freed->next;
	} else {
		p = g->fresh;
		g->fresh += g->size;
	}
	g->used++;
	if (full(g))
		unlink_page(g);
	return p;
}

void arena_give(struct arena *a, void *p, size_t n)
{
	struct arena_page *g;
	struct piece *f = p;

	if (at_home(a, p)) {
		give_home(a, p, n);
		return;
	}
	if (n > ARENA_SMALL) {
		free(unlink_large(p));
		return;
	}
	g = page_of(p);
	if (g->at == NULL)
		link_page(&a->open[g->class], g);
	f->next = g->freed;
	g->freed = f;
	if (--g->used > 0)
		return;
	unlink_page(g);
	link_page(&a->empty, g);
	a->pages--;
}

void *arena_resize(struct arena *a, void *p, size_t from, size_t to)
{
	void *q;

	if (from > ARENA_SMALL && to > ARENA_SMALL && !at_home(a, p))
		return resize_large(a, p, to);
	if ((at_home(a, p) ? to <= ARENA_AT_HOME
			   : from <= ARENA_SMALL && to <= ARENA_SMALL) &&
	    class_of(from) == class_of(to))
		return p;
	q = arena_take(a, to);
	if (q == NULL)
		return NULL;
	memcpy(q, p, from < to ? from : to);
	arena_give(a, p, from);
	return q;
}

void arena_release(struct arena *a)
{
	struct arena_block *b, *next;
	struct arena_pool *from = a->from;
	char *home = a->home;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		give_block(&blocks, b);
	}
	while (a->large != NULL)
		free(unlink_large(a->large + 1));
	memset(a, 0, sizeof(*a));
	give_block(from, home);
}

/* ---- images ------------------------------------------------------------------------ */

struct arena_image {
	struct arena_pool *from;
	size_t words, pointers;
	uint64_t *word;		/* pointers count from the home's beginning */
	uint16_t *pointer;	/* which these are                          */
};

struct arena_image *arena_image_make(const struct arena *a, const struct arena *b)
{
	size_t bytes = (size_t)(a->bare - a->home), i;
	uint64_t there = (uintptr_t)a->home, other = (uintptr_t)b->home, x, y;
	struct arena_image *im;

	if (a->blocks || a->large || b->blocks || b->large || a->from != b->from ||
	    bytes != (size_t)(b->bare - b->home))
		return NULL;
	im = calloc(1, sizeof(*im));
	if (im == NULL)
		return NULL;
	im->from = a->from;
	im->words = bytes / sizeof(x);
	im->word = malloc(bytes);
	im->pointer = malloc(im->words * sizeof(*im->pointer));
	for (i = 0; im->word && im->pointer && i < im->words; i++) {
		memcpy(&x, a->home + i * sizeof(x), sizeof(x));
		memcpy(&y, b->home + i * sizeof(y), sizeof(y));
		if (x != y) {
			if (y - x != other - there || x - there > a->from->size)
				break;
			im->pointer[im->pointers++] = (uint16_t)i;
			x -= there;
		}
		im->word[i] = x;
	}
	if (im->word && im->pointer && i == im->words)
		return im;
	arena_image_free(im);
	return NULL;
}

void arena_image_free(struct arena_image *im)
{
	if (im == NULL)
		return;
	free(im->word);
	free(im->pointer);
	free(im);
}

size_t arena_image_bytes(const struct arena_image *im)
{
	return im->words * sizeof(*im->word);
}

void *arena_image_copy(const struct arena_image *im)
{
	uint64_t *home = take_block(im->from);
	size_t i;

	if (home == NULL)
		return NULL;
	memcpy(home, im->word, im->words * sizeof(*home));
	for (i = 0; i < im->pointers; i++)
		home[im->pointer[i]] += (uintptr_t)home;
	return home;
}
