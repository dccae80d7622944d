/* alloc.c -- the allocator that fails on order. */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "torture.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static _Thread_local long from, count, asked;
static _Thread_local bool armed;
static atomic_long live;

void torture_arm(long n, long failures)
{
	from = n;
	count = failures;
	asked = 0;
	armed = true;
}

long torture_disarm(void)
{
	armed = false;
	return asked;
}

long torture_live(void)
{
	return atomic_load(&live);
}

static bool refused(void)
{
	if (!armed)
		return false;
	asked++;
	if (asked < from || asked - from >= count)
		return false;
	errno = ENOMEM;
	return true;
}

static void *counted(void *p)
{
	if (p != NULL)
		atomic_fetch_add(&live, 1);
	return p;
}

void *__wrap_malloc(size_t n)
{
	return refused() ? NULL : counted(__real_malloc(n));
}

void *torture_safe_malloc(size_t n)
{
	return counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : counted(__real_calloc(n, size));
}

/* A block that is large enough already is given: shrinking never fails here. */
void *__wrap_realloc(void *p, size_t n)
{
	if (n == 0) {
		__wrap_free(p);
		return NULL;
	}
	if (p == NULL)
		return __wrap_malloc(n);
	if (n > malloc_usable_size(p) && refused())
		return NULL;
	return __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = __wrap_malloc(n);

	return copy != NULL ? memcpy(copy, s, n) : NULL;
}

void __wrap_free(void *p)
{
	if (p != NULL)
		atomic_fetch_sub(&live, 1);
	__real_free(p);
}
