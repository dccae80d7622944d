/* fuzz.h -- shared by the fuzz targets. */
#ifndef KEEL_FUZZ_H
#define KEEL_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A promise that did not hold ends the target; libFuzzer keeps the input. */
#define expect(what) \
	((what) ? (void)0 : fuzz_broken(#what, __FILE__, __LINE__))

static inline void fuzz_broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

#endif
