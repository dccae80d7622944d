/* crash.h -- places where the process can be told to die, for the proof that it may.
 *
 * KEEL_CRASH=NAME:N in the environment kills the process (SIGKILL, nothing is tidied
 * up) at the Nth pass of the place NAME; KEEL_CRASH_COUNT=FILE writes at the end how
 * often each place was passed, a line "NAME N" each. Both are read once, when the
 * process starts. Without them a place costs a look at one flag.
 *
 * Names say where: "after_intent", "before_commit". Threads may pass at once. */
#ifndef KEEL_CRASH_H
#define KEEL_CRASH_H

#include <stdbool.h>

/* Whether anybody asked. */
extern bool crash_armed;

/* Pass the place `name` (copied). */
void crash_pass(const char *name);

#define CRASH_POINT(name)			\
	do {					\
		if (crash_armed)		\
			crash_pass(name);	\
	} while (0)

#endif
