#include "ledger_row.h"

#include <inttypes.h>
#include <stdio.h>

void ledger_money_text(int64_t picousd, char out[32])
{
	uint64_t whole = picousd < 0 ? 0 - (uint64_t)picousd : (uint64_t)picousd;
	int n;

	n = snprintf(out, 32, "%s$%" PRIu64 ".%012" PRIu64,
		     picousd < 0 ? "-" : "", whole / 1000000000000u,
		     whole % 1000000000000u);
	while (out[n - 1] == '0' && out[n - 3] != '.')
		out[--n] = 0;
}
