# make torture: every allocation fails in turn, under both sanitizers. One scenario:
# make torture S=replay; one failure of it, for a debugger: make torture S='replay 17'.

TORTURE_WRAP := -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc \
		-Wl,--wrap=free -Wl,--wrap=strdup

torture:		## fail every allocation in turn; S=one scenario
	@$(MAKE) --no-print-directory B=build-asan OPT='$(SANITIZE)' build-asan/torture
	UBSAN_OPTIONS=print_stacktrace=1 build-asan/torture $S

$B/torture: $(wildcard spec/torture/*.c spec/torture/*.h) $(OBJ) $(B)/lua/liblua.a
	$(CC) $(WARN) $(CFLAGS) $(LUA_CFLAGS) -Isrc -Ispec/torture -rdynamic -o $@ \
		$(filter %.c,$^) $(filter-out $B/main.o,$(OBJ)) $(TORTURE_WRAP) \
		-Wl,--whole-archive $(B)/lua/liblua.a -Wl,--no-whole-archive $(LIBS)

.PHONY: torture
