/* clock.h -- the only reader of time and chance.
 *
 * Everything above is handed the time, so that a replay can be told it and a
 * spec can turn it. */
#ifndef KEEL_CLOCK_H
#define KEEL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970-01-01 UTC; may jump. */
int64_t clock_now_ms(void);

/* Microseconds since an arbitrary start; never goes back. */
int64_t clock_mono_us(void);

/* CPU microseconds used by this process, all threads. */
int64_t clock_cpu_us(void);

/* The same of another process; false when nobody can tell. */
bool clock_cpu_of_us(long pid, int64_t *us);

/* CPU nanoseconds used by this thread. */
int64_t clock_thread_ns(void);

/* The moment `ms` from now, as pthread_cond_timedwait() wants it. */
void clock_deadline(int ms, struct timespec *at);

/* Fill n bytes with chance from the kernel. */
void clock_random(void *p, size_t n);

#endif
