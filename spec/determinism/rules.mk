# make determinism: N generated scripts played in real engines, played again from their
# journals under other allocators, clocks, addresses and collections, played afresh, and
# played with MUTANTS changes each, which must be noticed (spec/determinism/main.lua).

determinism: $B/keel $B/shuffle.so	## generated scripts, replayed elsewhere; N=1000 SEED=1
	$B/keel lua spec/determinism/main.lua --n $(or $N,1000) \
		--seed $(or $(SEED),1) --mutants $(or $(MUTANTS),3) \
		--build $B

$B/shuffle.so: spec/determinism/shuffle.c | $B/.deps
	$(CC) -std=c11 -D_GNU_SOURCE -O2 -fno-builtin -fPIC -shared -Wall -Wextra -o $@ $<

.PHONY: determinism
