/* bind_bench.h -- core.bench: raw baselines and the process's own figures. */
#ifndef KEEL_BIND_BENCH_H
#define KEEL_BIND_BENCH_H

#include "bind.h"

int bind_open_bench(lua_State *L);

#endif
