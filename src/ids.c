#include "ids.h"

#include <string.h>

static char *put32(char *to, uint64_t value, int letters)
{
	static const char set[] = "0123456789abcdefghjkmnpqrstvwxyz";
	int i;

	for (i = letters - 1; i >= 0; i--) {
		to[i] = set[value & 31];
		value >>= 5;
	}
	return to + letters;
}

void ids_make(const char *prefix, int64_t now_ms, uint64_t chance,
	      char out[IDS_TEXT + 1])
{
	size_t n = strlen(prefix);
	char *to = out;

	if (n > IDS_TEXT - 17)
		n = IDS_TEXT - 17;
	memcpy(to, prefix, n);
	to += n;
	*to++ = '_';
	to = put32(to, (uint64_t)now_ms, 9);
	to = put32(to, chance, 7);
	*to = 0;
}
