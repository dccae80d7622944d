/* sandbox_stock.c -- stock Lua as the raw side of `keel bench sandbox`.
 *
 * Compiled with the headers of the unedited source and joined with it into one
 * object (vendor/lua/rules.mk, stock_join), in which its names begin with stock_. */
#include "sandbox_bench.h"
#include "sandbox_bench_bare.h"

static const struct sandbox_bench_side stock = {
	"stock " LUA_RELEASE, bare_open, bare_run, bare_close
};

/* Before main: the bench finds this side in the place of its own. */
__attribute__((constructor)) static void take_the_raw_side(void)
{
	sandbox_bench_raw = &stock;
}
