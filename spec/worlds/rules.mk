# make worlds: every script of spec/sandbox/ in worlds that differ in what no script may
# notice: addresses, environment, locale, zone, allocator, stack, and builds without
# optimisation and with sanitizers (WORLDS_ASAN=1). All bytes must be equal, but the time.

worlds: $B/keel $B/shuffle.so	## the sandbox scripts in other worlds, byte for byte; WORLDS_ASAN=1
	$(MAKE) --no-print-directory B=build-O0 OPT='-O0 -g' build-O0/keel
	$(if $(WORLDS_ASAN),$(MAKE) --no-print-directory B=build-asan OPT='$(SANITIZE)' build-asan/keel)
	$B/keel lua spec/worlds/main.lua $B build-O0/keel $(if $(WORLDS_ASAN),build-asan/keel)

.PHONY: worlds
