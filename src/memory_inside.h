/* memory_inside.h -- shared by memory.c and recall.c; nobody else. */
#ifndef KEEL_MEMORY_INSIDE_H
#define KEEL_MEMORY_INSIDE_H

#include <pthread.h>

#include "memory.h"
#include "shelf.h"

struct memory {
	struct store *store;
	pthread_mutex_t lock;	/* guards all below: one search at a time */
	struct names names;
	struct stem *stem;
	struct near *near;
	struct shelf *shelves;	/* the last used first                    */
};

/* The namespace's shelf, empty when it is new. Called with the lock held. */
int memory_shelf(struct memory *m, struct span ns, struct shelf **out,
		 struct err *e);

#endif
