/* shuffle.c -- another allocator, by LD_PRELOAD: blocks come in sizes, at places and
 * in an order that no two processes share (SHUFFLE is the seed). What is freed lies
 * in a pond and goes back in any order, so that addresses are reused late and
 * elsewhere; a realloc always moves. Fresh memory holds noise. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

#define POND 61

static _Thread_local uint64_t state;
static _Thread_local void *pond[POND];

static uint64_t draw(void)
{
	static uint64_t seed;
	const char *text;

	if (seed == 0) {
		text = getenv("SHUFFLE");
		seed = text != NULL ? strtoull(text, NULL, 10) | 1 : 1;
	}
	if (state == 0)
		state = seed * 0x9e3779b97f4a7c15u + (uintptr_t)&state;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void *malloc(size_t n)
{
	size_t pad = n < ((size_t)1 << 40) ? draw() % 17 * 16 : 0;
	void *p = __libc_malloc(n + pad);

	if (p != NULL)
		memset(p, (int)(draw() & 0xff), n < 512 ? n : 512);
	return p;
}

void free(void *p)
{
	size_t at;
	void *old;

	if (p == NULL)
		return;
	at = draw() % POND;
	old = pond[at];
	pond[at] = p;
	__libc_free(old);
}

void *calloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	p = malloc(total);
	return p != NULL ? memset(p, 0, total) : NULL;
}

void *realloc(void *p, size_t n)
{
	size_t had = p != NULL ? malloc_usable_size(p) : 0;
	void *q;

	if (p != NULL && n == 0) {
		free(p);
		return NULL;
	}
	q = malloc(n);
	if (q != NULL && p != NULL) {
		memcpy(q, p, had < n ? had : n);
		free(p);
	}
	return q;
}
