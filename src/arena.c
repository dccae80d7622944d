/* arena.c -- blocks of 32 KiB from the kernel, cut into pages, cut into pieces.
 *
 * A block begins with the headers of its pages, so that the header of a piece is
 * found by its address, and the headers of one run lie together. Blocks come from
 * regions of 2 MiB, which the kernel may back by one huge page each: a thousand
 * states touched in turn otherwise miss the TLB with almost every access. The
 * first regions are left to small pages, so that a small engine stays small. */
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

static struct {
	pthread_mutex_t lock;
	struct arena_block *warm, *cold;	/* with memory; given back to the kernel */
	size_t warm_n, regions, held;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- blocks ------------------------------------------------------------------- */

/* A cold block cannot hold its own link: its memory is gone. So cold ones are
 * warmed by the link alone, one page each. */
static void add_region(void)
{
	char *p = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *q;
	size_t skip;

	if (p == MAP_FAILED)
		return;
	skip = (REGION - ((uintptr_t)p & (REGION - 1))) & (REGION - 1);
	if (skip > 0)
		munmap(p, skip);
	q = p + skip;
	munmap(q + REGION, REGION - skip);
	if (++pool.regions > PLAIN_REGIONS)
		madvise(q, REGION, MADV_HUGEPAGE);
	for (p = q + REGION; p > q; ) {
		struct arena_block *b;

		p -= BLOCK;
		b = (struct arena_block *)(void *)p;
		b->next = pool.cold;
		pool.cold = b;
	}
}

static struct arena_block *take_block(void)
{
	struct arena_block *b;

	pthread_mutex_lock(&pool.lock);
	if (pool.warm == NULL && pool.cold == NULL)
		add_region();
	if ((b = pool.warm) != NULL) {
		pool.warm = b->next;
		pool.warm_n--;
	} else if ((b = pool.cold) != NULL) {
		pool.cold = b->next;
		pool.held++;
	}
	pthread_mutex_unlock(&pool.lock);
	return b;
}

static void cool(struct arena_block *b)
{
	madvise((char *)b + 4096, BLOCK - 4096, MADV_DONTNEED);
	pool.held--;
	b->next = pool.cold;
	pool.cold = b;
}

static void give_block(struct arena_block *b)
{
	pthread_mutex_lock(&pool.lock);
	b->next = pool.warm;
	pool.warm = b;
	pool.warm_n++;
	while (pool.warm_n > KEEP && 2 * pool.warm_n > pool.held) {
		b = pool.warm;
		pool.warm = b->next;
		pool.warm_n--;
		cool(b);
	}
	pthread_mutex_unlock(&pool.lock);
}

size_t arena_kept_bytes(void)
{
	size_t n;

	pthread_mutex_lock(&pool.lock);
	n = pool.held * BLOCK;
	pthread_mutex_unlock(&pool.lock);
	return n;
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
		b = take_block();
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

	if (from > ARENA_SMALL && to > ARENA_SMALL)
		return resize_large(a, p, to);
	if (from <= ARENA_SMALL && to <= ARENA_SMALL &&
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

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		give_block(b);
	}
	while (a->large != NULL)
		free(unlink_large(a->large + 1));
	memset(a, 0, sizeof(*a));
}
