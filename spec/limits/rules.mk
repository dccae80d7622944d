# make limits: each script of spec/limits under every cap, with both sanitizers.
# One script: make limits S=spec/limits/close.lua.

LIMITS_SCRIPTS := $(sort $(wildcard spec/limits/*.lua))

limits:			## scripts under every cap from nothing to enough; S=one script
	@$(MAKE) --no-print-directory B=build-asan OPT='$(SANITIZE)' build-asan/limits
	build-asan/limits $(or $S,$(LIMITS_SCRIPTS))
	build-asan/limits -s 97 $(or $S,$(LIMITS_SCRIPTS))

$B/limits: spec/limits/main.c $(OBJ) $(B)/lua/liblua.a
	$(CC) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -Isrc -o $@ $< $(filter-out $B/main.o,$(OBJ)) \
		-Wl,--whole-archive $(B)/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

.PHONY: limits
