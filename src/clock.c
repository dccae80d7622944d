#include "clock.h"

#include <stdlib.h>
#include <sys/random.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

bool clock_cpu_of_us(long pid, int64_t *us)
{
	struct timespec ts;
	clockid_t id;

	if (clock_getcpuclockid((pid_t)pid, &id) != 0 ||
	    clock_gettime(id, &ts) != 0)
		return false;
	*us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	return true;
}

void clock_deadline(int ms, struct timespec *at)
{
	clock_gettime(CLOCK_REALTIME, at);
	at->tv_nsec += ms % 1000 * 1000000;
	at->tv_sec += ms / 1000 + at->tv_nsec / 1000000000;
	at->tv_nsec %= 1000000000;
}

void clock_random(void *p, size_t n)
{
	unsigned char *to = p;

	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0)
			continue;	/* EINTR; no other error on Linux */
		to += got;
		n -= (size_t)got;
	}
}
