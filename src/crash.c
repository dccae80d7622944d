#include "crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACES 128
#define NAME_BYTES 48

bool crash_armed;

static struct place {
	char name[NAME_BYTES];
	long passed;
} places[PLACES];
static int n_places;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char wanted[NAME_BYTES];
static long wanted_pass;
static const char *count_file;

static void count_out(void)
{
	FILE *f = fopen(count_file, "w");
	int i;

	if (f == NULL)
		return;
	for (i = 0; i < n_places; i++)
		fprintf(f, "%s %ld\n", places[i].name, places[i].passed);
	fclose(f);
}

__attribute__((constructor)) static void set_up(void)
{
	const char *text = getenv("KEEL_CRASH");
	size_t n = text != NULL ? strcspn(text, ":") : 0;

	count_file = getenv("KEEL_CRASH_COUNT");
	if (n > 0 && n < sizeof(wanted) && text[n] == ':') {
		memcpy(wanted, text, n);
		wanted_pass = strtol(text + n + 1, NULL, 10);
	}
	crash_armed = wanted_pass > 0 || count_file != NULL;
	if (count_file != NULL)
		atexit(count_out);
}

static struct place *place_of(const char *name)
{
	int i;

	for (i = 0; i < n_places; i++)
		if (strcmp(places[i].name, name) == 0)
			return &places[i];
	if (n_places == PLACES)
		return NULL;
	snprintf(places[n_places].name, NAME_BYTES, "%s", name);
	return &places[n_places++];
}

void crash_pass(const char *name)
{
	struct place *p;
	bool now;

	pthread_mutex_lock(&lock);
	p = place_of(name);
	now = p != NULL && ++p->passed == wanted_pass &&
	      strcmp(name, wanted) == 0;
	pthread_mutex_unlock(&lock);
	if (!now)
		return;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}
