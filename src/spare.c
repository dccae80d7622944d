#include "spare.h"

#include <stdlib.h>
#include <string.h>

#define STEP 64
#define LISTS (SPARE_MOST / STEP)
#define KEEP 512	/* of each size, for each thread */

#ifdef __SANITIZE_ADDRESS__
#define WATCHED 1
#else
#define WATCHED 0
#endif

struct piece {
	struct piece *next;
};

static _Thread_local struct {
	struct piece *first;
	int n;
} lists[LISTS];

void *spare_take(size_t n)
{
	size_t i = (n - 1) / STEP;
	struct piece *p;

	if (i >= LISTS || WATCHED)
		return malloc(n);
	p = lists[i].first;
	if (p == NULL)
		return malloc((i + 1) * STEP);
	lists[i].first = p->next;
	lists[i].n--;
	return p;
}

void *spare_zero(size_t n)
{
	void *p = spare_take(n);

	return p != NULL ? memset(p, 0, n) : NULL;
}

void spare_give(void *p, size_t n)
{
	size_t i = (n - 1) / STEP;
	struct piece *f = p;

	if (p == NULL)
		return;
	if (i >= LISTS || WATCHED || lists[i].n >= KEEP) {
		free(p);
		return;
	}
	f->next = lists[i].first;
	lists[i].first = f;
	lists[i].n++;
}
