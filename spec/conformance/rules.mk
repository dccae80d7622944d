# make conformance SUITE=DIR: the test files of Lua 5.4.4 that stand in DIR, in sandboxes
# of a test program that may `load` text (spec/conformance/main.c); what a run must not have
# is cut and counted (spec/conformance/cuts.lua). ONLY=name plays one file.

conformance: $B/conformance	## Lua's own tests in the sandbox; SUITE=folder with them, ONLY=one file
	@$B/conformance spec/conformance/suite.lua '$(SUITE)' $(ONLY)

$B/conformance: spec/conformance/main.c $(OBJ) $(B)/lua/liblua.a
	$(CC) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -Isrc -o $@ $< \
		$(filter-out $B/main.o,$(OBJ)) $(EXPORT) \
		-Wl,--whole-archive $(B)/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

.PHONY: conformance
